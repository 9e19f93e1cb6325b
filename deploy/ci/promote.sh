#!/usr/bin/env bash
# What a build machine does with promotions; the GitHub workflow calls it, and any other system can. Addresses and passwords come from
# the environment variables of the program (README): TEMPORAL_ADDRESS, DATABASE_URL, PERENNIAL_POSTGRES_PASSWORD_DEVELOPER, and the rest.
#
#   deploy/ci/promote.sh diff <from> <to>                               Markdown for a pull request, to standard output
#   deploy/ci/promote.sh promote <staging|prod> [--dry-run] <model>...  asks each model's champion up; every outcome is told
#
# Exit codes of `promote`: 0 all promoted · 3 at least one refused, its reasons are above · 4 none refused, at least one waits for approval ·
# anything else: a fault. PERENNIAL names another command than `npx perennial`; BY who asks.
set -euo pipefail

fail() {
  echo "$1" >&2
  exit 2
}

perennial() {
  # One or more words.
  ${PERENNIAL:-npx perennial} "$@"
}

compare() {
  [ $# -eq 2 ] || fail 'usage: promote.sh diff <from> <to>'
  perennial diff "$1" "$2" --markdown
}

promote() {
  local to=${1:-} more=() worst=0 code
  case $to in staging | prod) shift ;; *) fail 'usage: promote.sh promote <staging|prod> [--dry-run] <model>...' ;; esac
  if [ "${1:-}" = --dry-run ]; then
    more=(--dry-run)
    shift
  fi
  # Whoever asks may not approve: a robot asks in the name of the person who merged.
  if [ -n "${BY:-}" ]; then more+=(--by "$BY"); fi
  [ $# -gt 0 ] || fail 'name at least one model, such as ecommerce-intelligence/propensity'
  for model in "$@"; do
    code=0
    perennial promote "$model" --to "$to" ${more[@]+"${more[@]}"} || code=$?
    case $code in
      0) echo "✔ $model is in $to" ;;
      3) echo "✘ $model was refused by $to" ;;
      4) echo "○ $model waits for approval into $to" ;;
      *) echo "✘ $model: the command failed with $code" ;;
    esac
    worst=$(worse "$worst" "$code")
  done
  return "$worst"
}

# A fault counts more than a refusal, a refusal more than a wait.
worse() {
  local code
  for code in "$1" "$2"; do case $code in 0 | 3 | 4) ;; *) echo "$code" && return ;; esac; done
  for code in 3 4; do if [ "$1" = "$code" ] || [ "$2" = "$code" ]; then echo "$code" && return; fi; done
  echo 0
}

verb=${1:-}
[ $# -eq 0 ] || shift
case $verb in
  diff) compare "$@" ;;
  promote) promote "$@" ;;
  *) fail 'usage: promote.sh diff|promote …' ;;
esac
