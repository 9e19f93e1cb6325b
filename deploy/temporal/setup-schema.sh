#!/bin/sh
# Creates or upgrades Temporal's two databases, and may run any number of times. Password: SQL_PASSWORD. For docker-compose.yml.
set -eu

for name in temporal visibility; do
  database=temporal
  [ "$name" = temporal ] || database=temporal_visibility
  tool="temporal-sql-tool --plugin postgres12 --ep postgres --port 5432 --user perennial --db $database"
  $tool create
  $tool setup-schema --version 0.0
  $tool update-schema --schema-dir "/etc/temporal/schema/postgresql/v12/$name/versioned"
done
