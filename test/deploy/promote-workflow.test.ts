// CI promotes: the workflow is sound, its script calls commands and flags that exist, and each exit code comes out as what it means.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const SCRIPT = 'deploy/ci/promote.sh';
const Step = z.strictObject({
  name: z.string().optional(),
  id: z.string().optional(),
  uses: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  if: z.string().optional(),
  run: z.string().optional(),
});
const Job = z.strictObject({
  if: z.string(),
  'runs-on': z.string(),
  environment: z.string(),
  permissions: z.record(z.string(), z.enum(['read', 'write'])),
  concurrency: z.strictObject({ group: z.string(), 'cancel-in-progress': z.boolean().optional() }),
  env: z.record(z.string(), z.string()),
  steps: z.array(Step),
});
const Workflow = z.strictObject({
  name: z.string(),
  on: z.strictObject({
    pull_request: z.null(),
    push: z.strictObject({ branches: z.tuple([z.literal('main')]) }),
    release: z.strictObject({ types: z.tuple([z.literal('published')]) }),
  }),
  permissions: z.strictObject({ contents: z.literal('read') }),
  env: z.record(z.string(), z.string()),
  jobs: z.strictObject({ compare: Job, promote: Job }),
});

const workflow = Workflow.parse(parse(readFileSync('.github/workflows/promote.yml', 'utf8')));
const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
const commands = steps.flatMap(({ run }) => run ?? []);

const helpOf = (words: readonly string[]): string =>
  execFileSync('node', ['cli/perennial.mjs', ...words, '--help'], { encoding: 'utf8' });

/** Runs the script with a stand-in for the program that tells how it was called and ends as it is told. */
const script = (
  words: readonly string[],
  codes: Readonly<Record<string, number>> = {},
  more: Record<string, string> = {},
) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'perennial-ci-'));
  const stand = path.join(folder, 'perennial');
  const cases = Object.entries(codes).map(([model, code]) => `*" ${model} "*) exit ${code} ;;`);
  writeFileSync(stand, `#!/bin/sh\necho "called: $*"\ncase " $* " in ${cases.join(' ')} esac\n`);
  chmodSync(stand, 0o755);
  const { status, stdout } = spawnSync(SCRIPT, [...words], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, PERENNIAL: stand, ...more },
  });
  rmSync(folder, { recursive: true });
  return { status, lines: stdout.trim().split('\n') };
};

describe('the workflow', () => {
  it('calls the script with what it understands', () => {
    const calls = commands.flatMap((text) =>
      [...text.matchAll(/deploy\/ci\/promote\.sh (\w+)/g)].map(([, verb]) => verb),
    );
    expect(calls.toSorted()).toEqual(['diff', 'promote']);
  });

  it('hands values to shells as variables, never as text', () => {
    for (const text of commands) expect(text).not.toContain('${{');
  });

  it('keeps secrets with the environments, and gives them to no fork', () => {
    const secrets = Object.values(workflow.jobs).flatMap(({ env }) =>
      Object.values(env).filter((value) => value.includes('secrets.')),
    );
    expect(secrets.length).toBe(2);
    expect(Object.values(workflow.env).join()).not.toContain('secrets.');
    expect(workflow.jobs.compare.if).toContain('head.repo.full_name == github.repository');
  });

  it('asks staging on a merge and prod on a release, one after the other', () => {
    const { promote } = workflow.jobs;
    expect(promote.env.TARGET).toContain("github.event_name == 'release' && 'prod' || 'staging'");
    expect(promote.environment).toBe(promote.env.TARGET);
    expect(promote.concurrency['cancel-in-progress']).toBeUndefined();
  });

  it('fails with the reasons on a refusal, and is neutral while it waits', () => {
    const [waits, refused] = ['waits for approval', 'refused or failed'].map((name) =>
      steps.find((step) => step.name === name),
    );
    expect(waits?.if).toContain("== '4'");
    expect(waits?.run).toContain('conclusion=neutral');
    expect(refused?.if).toContain("!= '0'");
    expect(refused?.run).toContain('exit "$CODE"');
  });
});

describe('the script', () => {
  it('calls commands and flags that the program has', () => {
    const text = readFileSync(SCRIPT, 'utf8').replace(/^\s*#.*$/gm, '');
    const calls = [...text.matchAll(/^\s*perennial (\w+) (.*)$/gm)].map(([, command = '', rest = '']) => ({
      command,
      rest,
    }));
    expect(calls.map(({ command }) => command)).toEqual(['diff', 'promote']);
    for (const { command, rest } of calls) {
      const help = helpOf([command]);
      const flags = [...`${rest} ${command === 'promote' ? '--dry-run --by' : ''}`.matchAll(/--[a-z-]+/g)].map(
        ([flag]) => flag,
      );
      expect(flags.length).toBeGreaterThan(0);
      for (const flag of flags) expect(help).toContain(flag);
    }
  });

  it('asks for the comparison in Markdown', () => {
    expect(script(['diff', 'dev', 'staging'])).toEqual({ status: 0, lines: ['called: diff dev staging --markdown'] });
  });

  it('promotes each model, and says of each what came of it', () => {
    const { status, lines } = script(['promote', 'staging', '--dry-run', 'shop/a', 'shop/b']);
    expect(status).toBe(0);
    expect(lines).toEqual([
      'called: promote shop/a --to staging --dry-run',
      '✔ shop/a is in staging',
      'called: promote shop/b --to staging --dry-run',
      '✔ shop/b is in staging',
    ]);
  });

  it('asks in the name of a person', () => {
    const { lines } = script(['promote', 'prod', 'shop/a'], {}, { BY: 'mara' });
    expect(lines[0]).toBe('called: promote shop/a --to prod --by mara');
  });

  it.each([
    ['a wait outlasts a success', { 'shop/a': 0, 'shop/b': 4 }, 4],
    ['a refusal outweighs a wait', { 'shop/a': 4, 'shop/b': 3 }, 3],
    ['a fault outweighs a refusal', { 'shop/a': 1, 'shop/b': 3 }, 1],
    ['in any order', { 'shop/a': 3, 'shop/b': 1 }, 1],
  ])('%s', (_name, codes, expected) => {
    const { status, lines } = script(['promote', 'prod', 'shop/a', 'shop/b'], codes);
    expect(status).toBe(expected);
    expect(lines.filter((line) => line.startsWith('called')).length).toBe(2);
  });

  it.each([[[]], [['promote']], [['promote', 'dev', 'shop/a']], [['promote', 'prod']], [['diff', 'dev']]])(
    'refuses %j',
    (words) => {
      expect(script(words).status).toBe(2);
    },
  );
});
