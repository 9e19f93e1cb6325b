// A real redis-server on a free loopback port, in a folder of its own, that keeps nothing: for tests. It ends with the test's process.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { freePorts } from '../../workers/stack/ports.ts';

export interface TestRedis {
  readonly port: number;
  readonly password: string;
  /** Asks the server itself, past the product. */
  client(): Promise<ReturnType<typeof clientOf>>;
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** Whoever was connected is cut off, and what it held is lost. */
  kill(): Promise<void>;
  /** The same address again, and nothing in it. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Whether there is one to start. Where there is none, its tests are left out, and say so; CI installs it. */
export const redisInstalled = spawnSync('redis-server', ['--version']).status === 0;
if (!redisInstalled)
  console.warn('SKIPPED: no redis-server; `apt-get install redis-server` (macOS: `brew install redis`)');

export const startRedis = async (): Promise<TestRedis> => {
  const folder = await mkdtemp(join(tmpdir(), 'perennial-redis-'));
  const [port = 0] = await freePorts(1);
  const password = 'k3Qz-9vXw_71LsdRt';
  let server = await launch(folder, port, password);
  const end = () => {
    server.kill('SIGKILL');
  };
  process.once('exit', end);
  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  };
  return {
    port,
    password,
    client: () => clientOf(port, password).connect(),
    signal: (name) => void server.kill(name),
    kill,
    restart: async () => {
      await kill();
      server = await launch(folder, port, password);
    },
    stop: async () => {
      process.off('exit', end);
      await kill();
      await rm(folder, { recursive: true });
    },
  };
};

const clientOf = (port: number, password: string) => createClient({ socket: { host: '127.0.0.1', port }, password });

const launch = async (folder: string, port: number, password: string): Promise<ChildProcess> => {
  const settings = {
    bind: '127.0.0.1',
    port: String(port),
    dir: folder,
    save: '',
    appendonly: 'no',
    requirepass: password,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const chunk of server.stdout.setEncoding('utf8')) {
    said += String(chunk);
    if (said.includes('Ready to accept connections')) break;
  }
  if (server.exitCode !== null || !said.includes('Ready to accept'))
    throw new Error(`redis-server did not start: ${said}`);
  return server;
};
