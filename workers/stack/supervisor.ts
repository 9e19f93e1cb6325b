// The detached process that owns a stack: starts its parts in order, revives what dies, stops all on SIGTERM.
// Started by startStack as `node --import tsx workers/stack/supervisor.ts --env dev,staging --parts postgres,temporal`.
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { PerennialError } from '../../core/errors.ts';
import {
  type Environment,
  type EnvironmentName,
  environmentsIn,
  loadEnvironment,
} from '../../environments/environment.ts';
import { logFile } from './logs.ts';
import { partsOf } from './parts.ts';
import { isAlive, markOf, type ProcessMark } from './processes.ts';
import { type PartName, partNames, type RunFile, readRunFile, removeRunFile, writeRunFile } from './run-file.ts';
import { Supervised } from './supervised.ts';

const optionsSchema = z.strictObject({
  env: z.string().transform(environmentsIn),
  parts: z.string().transform((text) => z.array(z.enum(partNames)).parse(text.split(','))),
  /** The stack lives no longer than this process; for tests. */
  owner: z.coerce.number().int().optional(),
});

class Stack {
  private readonly environment: Environment;
  private readonly served: readonly EnvironmentName[];
  private readonly self: ProcessMark;
  private readonly parts: ReadonlyMap<PartName, Supervised>;
  private state: RunFile['state'] = 'starting';
  private writing: Promise<void> = Promise.resolve();
  private ending: Promise<void> | undefined;

  constructor(
    served: readonly EnvironmentName[],
    environment: Environment,
    names: readonly PartName[],
    self: ProcessMark,
  ) {
    this.served = served;
    this.environment = environment;
    this.self = self;
    const table = partsOf(environment, served);
    const report = () => this.write();
    this.parts = new Map(
      partNames
        .filter((name) => names.includes(name))
        .map((name) => [name, new Supervised(table[name], logFile(environment.home, name), report)]),
    );
  }

  /** Starts each part as soon as what it needs is up. One that fails ends the whole. */
  async start(): Promise<void> {
    this.write();
    const started = new Map<PartName, Promise<void>>();
    for (const [name, supervised] of this.parts) {
      const needs = supervised.part.needs.flatMap((need) => started.get(need) ?? []);
      started.set(
        name,
        Promise.all(needs).then(() => supervised.start()),
      );
    }
    try {
      await Promise.all(started.values());
      if (this.ending === undefined) this.setState('up');
    } catch (error) {
      if (this.ending === undefined) await this.fail(error);
    }
  }

  // The reports stay on file, so that `up` can say which part failed and why.
  private async fail(error: unknown): Promise<void> {
    this.setState('failed');
    console.error(error);
    await this.stopParts();
    await this.writing;
    process.exit(1);
  }

  /** Stops each part once nothing that needs it runs any more, then the process itself. */
  end(): Promise<void> {
    this.ending ??= this.close();
    return this.ending;
  }

  private async close(): Promise<void> {
    this.setState('stopping');
    await this.stopParts();
    await this.writing;
    await removeRunFile(this.environment.home);
    process.exit(0);
  }

  private async stopParts(): Promise<void> {
    const stopped = new Map<PartName, Promise<void>>();
    for (const [name, supervised] of [...this.parts].reverse()) {
      const dependents = [...this.parts.values()].filter(({ part }) => part.needs.includes(name));
      const gone = Promise.all(dependents.map(({ part }) => stopped.get(part.name)));
      stopped.set(
        name,
        gone.then(() => supervised.stop()),
      );
    }
    await Promise.all(stopped.values());
  }

  private setState(state: RunFile['state']): void {
    this.state = state;
    this.write();
  }

  // One write after another. A full disk must not take the servers down: it is logged, and the next change tries again.
  private write(): void {
    const { environment, served, self, parts } = this;
    const content = (): RunFile => ({
      environments: [...served],
      supervisor: self,
      state: this.state,
      parts: [...parts.values()].map(({ report }) => report),
    });
    this.writing = this.writing.then(() => writeRunFile(environment.home, content())).catch(console.error);
  }
}

const run = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { env: { type: 'string' }, parts: { type: 'string' }, owner: { type: 'string' } },
  });
  const { env, parts, owner } = optionsSchema.parse(values);
  const environment = loadEnvironment(env[0]);
  const [self, other] = [await markOf(process.pid), await readRunFile(environment.home)];
  if (self === undefined) throw new PerennialError('UNAVAILABLE', 'The supervisor cannot see its own process');
  if (await isAlive(other?.supervisor)) {
    throw new PerennialError('CONFLICT', 'Another supervisor already runs here', {
      field: 'home',
      value: environment.home,
    });
  }
  const stack = new Stack(env, environment, parts, self);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void stack.end());
  if (owner !== undefined) outliveNot(owner, stack);
  await stack.start();
};

// A test that was killed must not leave servers behind.
const outliveNot = (owner: number, stack: Stack): void => {
  const mark = markOf(owner);
  setInterval(async () => {
    if (!(await isAlive(await mark))) await stack.end();
  }, 1_000);
};

await run();
