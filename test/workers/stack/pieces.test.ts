// The small pieces under the stack: marks of processes, ports, logs, the run file, pauses between revivals.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../../environments/environment.ts';
import { logFile, openLog, tail } from '../../../workers/stack/logs.ts';
import { partsOf } from '../../../workers/stack/parts.ts';
import { freePorts, requireFree } from '../../../workers/stack/ports.ts';
import { isAlive, markOf, memoryOf, terminate } from '../../../workers/stack/processes.ts';
import { type RunFile, readRunFile, removeRunFile, writeRunFile } from '../../../workers/stack/run-file.ts';
import { stackStatus } from '../../../workers/stack/status.ts';
import { pauseBefore } from '../../../workers/stack/supervised.ts';

const home = mkdtempSync(join(tmpdir(), 'perennial-pieces-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe('process marks', () => {
  it('tell a process from a later one of the same number', async () => {
    const mark = await markOf(process.pid);
    expect(mark?.pid).toBe(process.pid);
    expect(await isAlive(mark)).toBe(true);
    expect(await isAlive({ pid: process.pid, started: 'at another time' })).toBe(false);
    expect(await isAlive(undefined)).toBe(false);
    expect(await markOf(2 ** 30)).toBeUndefined();
  });

  it('count memory of a process and of what it started', async () => {
    const alone = await memoryOf(process.pid, false);
    expect(alone).toBeGreaterThan(10_000_000);
    expect(await memoryOf(process.pid)).toBeGreaterThanOrEqual(alone * 0.5);
    expect(await memoryOf(2 ** 30)).toBe(0);
  });

  it('end a process that will not listen', async () => {
    const deaf = spawn(process.execPath, ['-e', "process.on('SIGTERM',()=>{});console.log(1);setInterval(()=>{},9)"]);
    await new Promise((said) => deaf.stdout.once('data', said));
    const mark = await markOf(deaf.pid ?? 0);
    if (mark === undefined) throw new Error('no mark');
    await terminate({ ...mark, started: 'at another time' }, 100);
    expect(await isAlive(mark)).toBe(true);
    await terminate(mark, 200);
    expect(await isAlive(mark)).toBe(false);
    expect(deaf.signalCode ?? (await new Promise((ended) => deaf.once('exit', (_, signal) => ended(signal))))).toBe(
      'SIGKILL',
    );
  });
});

describe('ports', () => {
  it('free ones differ and pass; a taken one is named with its setting', async () => {
    const ports = await freePorts(6);
    expect(new Set(ports).size).toBe(6);
    const wanted = ports.map((port, i) => ({ port, setting: `PERENNIAL_PORT_${i}` }));
    await requireFree(wanted);
    const blocker = createServer();
    await new Promise<void>((open) => blocker.listen(ports[4], '127.0.0.1', open));
    await expect(requireFree(wanted)).rejects.toThrow(
      expect.objectContaining({ code: 'CONFLICT', message: expect.stringContaining('PERENNIAL_PORT_4') }),
    );
    blocker.close();
  });

  it('of the parts carry the settings that move them', () => {
    const [a, b, c, d, e] = [40_001, 40_002, 40_003, 40_004, 40_005];
    const moved = {
      PERENNIAL_PORT_POSTGRES: a,
      PERENNIAL_PORT_TEMPORAL: b,
      PERENNIAL_PORT_TEMPORAL_UI: c,
      PERENNIAL_PORT_MLFLOW: d,
      PERENNIAL_PORT_API: e,
    };
    const parts = Object.values(partsOf(loadEnvironment('dev', { PERENNIAL_HOME: home, DATABASE_URL: '', ...moved })));
    const found = parts.flatMap(({ ports }) => ports.map(({ setting, port }) => [setting, port]));
    expect(Object.fromEntries(found)).toEqual(moved);
  });
});

describe('logs', () => {
  it('show their last lines, and none where there is no file', async () => {
    const file = logFile(home, 'part');
    const log = await openLog(file);
    await log.write(Array.from({ length: 9_999 }, (_, i) => `line ${i}`).join('\n'));
    await log.close();
    expect(await tail(file, 2)).toEqual(['line 9997', 'line 9998']);
    expect(await tail(join(home, 'none'), 2)).toEqual([]);
  });

  it('are put aside when large', async () => {
    const file = logFile(home, 'large');
    await writeFile(file, Buffer.alloc(17 * 1024 * 1024));
    await (await openLog(file)).close();
    expect((await readFile(file)).length).toBe(0);
    expect((await readFile(`${file}.1`)).length).toBe(17 * 1024 * 1024);
  });
});

describe('the run file', () => {
  const run: RunFile = { environments: ['dev'], supervisor: { pid: 2 ** 30, started: 'x' }, state: 'up', parts: [] };

  it('comes back as written; another version’s file counts as none', async () => {
    expect(await readRunFile(home)).toBeUndefined();
    await writeRunFile(home, run);
    expect(await readRunFile(home)).toEqual(run);
    await mkdir(join(home, 'run'), { recursive: true });
    await writeFile(join(home, 'run', 'stack.json'), '{"state":"of the art"}');
    expect(await readRunFile(home)).toBeUndefined();
    await removeRunFile(home);
    await removeRunFile(home);
  });

  it('of a dead supervisor means that the stack is down', async () => {
    await writeRunFile(home, run);
    const environment = loadEnvironment('dev', { PERENNIAL_HOME: home });
    expect(await stackStatus(environment)).toMatchObject({ state: 'down', parts: [] });
  });
});

describe('pauses between revivals', () => {
  it('grow to half a minute and no further', () => {
    expect([0, 1, 2, 3].map(pauseBefore)).toEqual([250, 500, 1_000, 2_000]);
    for (const attempt of [5, 20, 1e6]) expect(pauseBefore(attempt)).toBe(5_000);
  });
});
