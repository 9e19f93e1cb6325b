// One part under supervision: started, waited for, revived with growing pauses when it dies, stopped. For the supervisor.
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { openLog } from './logs.ts';
import type { Launch, Part } from './parts.ts';
import { markOf, terminate } from './processes.ts';
import type { PartReport } from './run-file.ts';

const probeEveryMs = 150;
/** A part that lived this long is not failing repeatedly: its next pause is short again. */
const steadyMs = 2_000;

/** Milliseconds to wait before the nth revival in a row (from 0): 0.25 s, doubled each time, at most 5 s. */
export const pauseBefore = (attempt: number): number => Math.min(5_000, 250 * 2 ** Math.min(attempt, 10));

interface Life {
  readonly child: ChildProcess;
  readonly bornAt: number;
  saidReady: boolean;
  /** Why it ended; undefined while it runs. */
  end: string | undefined;
  readonly ended: Promise<void>;
}

export class Supervised {
  readonly part: Part;
  report: PartReport;
  private readonly changed: () => void;
  private life: Life | undefined;
  private stopping = false;
  private starting: Promise<void> = Promise.resolve();
  private reviving: Promise<void> = Promise.resolve();

  constructor(part: Part, log: string, changed: () => void) {
    this.part = part;
    this.changed = changed;
    const { name, external, address } = part;
    this.report = { name, state: 'waiting', external, address, restarts: 0, log };
  }

  /** Resolves once the part is up and settled; rejects where its first start fails, and then leaves no process. */
  start(): Promise<void> {
    this.starting = this.startFirst();
    return this.starting;
  }

  /** Resolves once its process is gone, also one that was just being started. No revival follows. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.end();
    await Promise.allSettled([this.starting, this.reviving]);
    await this.end();
    const { process: _gone, ...rest } = this.report;
    this.report = rest.state === 'failed' ? rest : { ...rest, state: 'stopped' };
    this.changed();
  }

  private async startFirst(): Promise<void> {
    try {
      this.refuseWhenStopping();
      this.set({ state: 'starting' });
      if (!this.part.external) await this.part.prepare();
      await this.bringUp(() => this.part.settle());
    } catch (error) {
      await this.end();
      if (!this.stopping) this.set({ state: 'failed', problem: messageOf(error) });
      throw error;
    }
  }

  private refuseWhenStopping(): void {
    if (this.stopping) throw new Error('stopped while starting');
  }

  private async bringUp(settle?: () => Promise<unknown>): Promise<void> {
    this.refuseWhenStopping();
    this.life = this.part.external ? undefined : await this.launch();
    const version = await this.comeUp(this.life);
    await settle?.();
    this.set({ state: 'up', version });
    const life = this.life;
    if (life !== undefined) void life.ended.then(() => this.fell(life));
  }

  private async launch(): Promise<Life> {
    const life = await spawnLife(await this.part.launch(), this.report.log);
    const mark = life.child.pid === undefined ? undefined : await markOf(life.child.pid);
    this.set({ state: 'starting', ...(mark === undefined ? {} : { process: mark }) });
    return life;
  }

  private async comeUp(life: Life | undefined): Promise<string> {
    const begin = Date.now();
    for (;;) {
      this.refuseWhenStopping();
      if (life?.end !== undefined) throw new Error(`it ended: ${life.end}`);
      try {
        return await this.part.probe({
          saidReady: life?.saidReady ?? true,
          ageMs: Date.now() - (life?.bornAt ?? begin),
        });
      } catch (error) {
        const waited = Date.now() - begin;
        if (waited > this.part.startMs) {
          throw new Error(`it did not come up in ${Math.round(waited / 1000)} s: ${messageOf(error)}`, {
            cause: error,
          });
        }
      }
      await sleep(probeEveryMs);
    }
  }

  private fell(life: Life): void {
    if (this.stopping) return;
    const { process: _gone, ...rest } = this.report;
    this.report = { ...rest, state: 'restarting', problem: life.end ?? 'it ended' };
    this.changed();
    this.reviving = this.revive(Date.now() - life.bornAt > steadyMs ? 0 : this.report.restarts);
  }

  private async revive(firstAttempt: number): Promise<void> {
    for (let attempt = firstAttempt; !this.stopping; attempt += 1) {
      await this.pause(pauseBefore(attempt));
      if (this.stopping) return;
      try {
        this.set({ restarts: this.report.restarts + 1 });
        return await this.bringUp();
      } catch (error) {
        await this.end();
        if (!this.stopping) this.set({ state: 'restarting', problem: messageOf(error) });
      }
    }
  }

  // In short steps, so that stopping need not wait out a long pause.
  private async pause(ms: number): Promise<void> {
    const until = Date.now() + ms;
    while (!this.stopping && Date.now() < until) await sleep(Math.min(100, ms));
  }

  private async end(): Promise<void> {
    const life = this.life;
    if (life === undefined || life.end !== undefined) return;
    const mark = life.child.pid === undefined ? undefined : await markOf(life.child.pid);
    if (mark !== undefined) await terminate(mark, this.part.stopMs, this.part.stopSignal);
    await life.ended;
  }

  private set(change: Partial<PartReport>): void {
    this.report = { ...this.report, ...change };
    this.changed();
  }
}

const spawnLife = async ({ file, args, variables, cwd, owner, speaks }: Launch, log: string): Promise<Life> => {
  const output = await openLog(log);
  await output.write(`--- started ${new Date().toISOString()}\n`);
  const stdio = ['ignore', output.fd, output.fd, ...(speaks ? (['ipc'] as const) : [])] as const;
  const child = spawn(file, [...args], { cwd, env: { ...variables }, stdio: [...stdio], ...owner });
  const ended = new Promise<void>((resolve) => {
    const close = (why: string) => {
      life.end ??= why;
      resolve();
    };
    child.once('error', (error) => close(error.message));
    child.once('exit', (code, signal) => close(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  const life: Life = { child, bornAt: Date.now(), saidReady: false, end: undefined, ended };
  child.on('message', (message) => {
    if (message === 'ready') life.saidReady = true;
  });
  await output.close();
  return life;
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
