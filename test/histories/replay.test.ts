// Workflow code must go on replaying every history it ever wrote; and the check itself must catch code that does not.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { workflowBundle } from '../../workers/bundle.ts';
import * as workflows from '../../workflows/index.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const recorded = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.json'));
// Inside the project, so that copies of the sources find their packages.
const scratch = mkdtempSync(path.join(ROOT, '.replay-'));

beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const replay = async (codePath: string, name: string): Promise<void> => {
  const history = JSON.parse(readFileSync(path.join(import.meta.dirname, name), 'utf8'));
  await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, name.replace('.json', ''));
};

/** The workflows with one file changed. */
const mutant = async (file: string, change: (text: string) => string): Promise<string> => {
  const root = mkdtempSync(path.join(scratch, 'mutant-'));
  for (const room of ['core', 'workflows', 'activities'])
    cpSync(path.join(ROOT, room), path.join(root, room), { recursive: true });
  const target = path.join(root, 'workflows', file);
  const before = readFileSync(target, 'utf8');
  const after = change(before);
  expect(after).not.toBe(before);
  writeFileSync(target, after);
  return (await workflowBundle(root, root)).codePath;
};

describe('recorded histories', () => {
  it('cover every workflow type', () => {
    const types = recorded.map(
      (name) =>
        JSON.parse(readFileSync(path.join(import.meta.dirname, name), 'utf8')).events[0]
          .workflowExecutionStartedEventAttributes.workflowType.name,
    );
    expect(new Set(types)).toEqual(new Set(Object.keys(workflows)));
  });

  it.each(recorded)(
    '%s replays',
    async (name) => {
      const { codePath } = await workflowBundle(ROOT, scratch);
      await replay(codePath, name);
    },
    60_000,
  );
});

describe('a change that breaks running workflows is caught', () => {
  it('in score: features online before the scores', async () => {
    const swap = (text: string) =>
      text
        .replace('.scoreModel.', '.LATER.')
        .replace('.materializeFeatures.', '.scoreModel.')
        .replace('.LATER.', '.materializeFeatures.');
    const codePath = await mutant('score.ts', swap);
    await expect(replay(codePath, 'first-score-propensity.json')).rejects.toThrow(/[Nn]ondeterminism|Determinism/);
  }, 60_000);

  it('in score: features online after the scores', async () => {
    const codePath = await mutant('score.ts', (text) => text.replace("wf.patched('online beside scoring')", 'false'));
    await expect(replay(codePath, 'first-score-propensity.json')).rejects.toThrow(/[Nn]ondeterminism|Determinism/);
  }, 60_000);

  it('in score: no answers made ahead', async () => {
    const codePath = await mutant('score.ts', (text) => text.replace("wf.patched('answers made ahead')", 'false'));
    await expect(replay(codePath, 'first-score-propensity.json')).rejects.toThrow(/[Nn]ondeterminism|Determinism/);
  }, 60_000);

  it('in ingest: one chunk after the other', async () => {
    const codePath = await mutant('ingest.ts', (text) => text.replace("wf.patched('chunks side by side')", 'false'));
    await expect(replay(codePath, 'first-ingest.json')).rejects.toThrow(/[Nn]ondeterminism|Determinism/);
  }, 60_000);

  it('in transform: a table left out', async () => {
    const codePath = await mutant('transform.ts', (text) =>
      text.replace('of brief.tables)', 'of brief.tables.slice(1))'),
    );
    await expect(replay(codePath, 'first-transform.json')).rejects.toThrow(/[Nn]ondeterminism|Determinism/);
  }, 60_000);

  it('in maintain: files deleted before snapshots expire', async () => {
    const codePath = await mutant('maintain.ts', (text) =>
      text
        .replace('heavy.expireSnapshots.', 'heavy.LATER.')
        .replace('heavy.cleanUpFiles.', 'heavy.expireSnapshots.')
        .replace('heavy.LATER.', 'heavy.cleanUpFiles.'),
    );
    await expect(replay(codePath, 'maintain.json')).rejects.toThrow(/[Nn]ondeterminism|Determinism/);
  }, 60_000);

  it('in maintain: tokens left to lie', async () => {
    const codePath = await mutant('maintain.ts', (text) => text.replace("wf.patched('purge tokens')", 'false'));
    await expect(replay(codePath, 'maintain.json')).rejects.toThrow(/[Nn]ondeterminism|Determinism/);
  }, 60_000);

  it('in run: a stage left out', async () => {
    const codePath = await mutant('run.ts', (text) =>
      text.replace('inTurn(planned.brief.models, scoreOne)', 'inTurn([], scoreOne)'),
    );
    await expect(replay(codePath, 'first.json')).rejects.toThrow(/[Nn]ondeterminism|Determinism/);
  }, 60_000);

  it('in promote: the evidence not looked at again after the approval', async () => {
    const codePath = await mutant('promote.ts', (text) =>
      text.replace('({ frozen, verdict } = await saga.look(approved));', 'break;'),
    );
    await expect(replay(codePath, 'promote-prod.json')).rejects.toThrow(/[Nn]ondeterminism|Determinism/);
  }, 60_000);
});
