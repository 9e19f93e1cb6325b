// Texts by key in a Redis that several processes share, each for a while. For serving, which can do without it at any moment.
import { createClient } from '@redis/client';

export interface RedisPlace {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Empty: the server's default user. */
  readonly user: string;
  /** Empty: none. */
  readonly password: string;
  readonly database: number;
}

const CONNECT_MS = 2_000;
const RECONNECT_MS = 500;
const PING_MS = 2_000;
/** A connection on which nothing came for so long, not even the answer to a ping, is given up and made anew. */
const SILENT_MS = 5_000;
/** Commands under way at most: a server that hangs must not fill our memory. */
const MAX_COMMANDS = 10_000;

/** Connects by itself, and again when the connection breaks; until then each call fails at once. Errors are the client's own. */
export class RedisTexts {
  private readonly client: ReturnType<typeof clientOf>;

  /** `onTrouble` hears of it when the connection cannot be made or breaks, once until it stands again. */
  constructor(place: RedisPlace, onTrouble: (error: Error) => void) {
    this.client = clientOf(place);
    let told = false;
    const tell = (error: Error) => {
      if (!told) onTrouble(error);
      told = true;
    };
    this.client.on('error', tell);
    this.client.on('ready', () => {
      told = false;
    });
    this.client.connect().catch(tell);
  }

  /** In the order of the keys; null: not there. */
  get(keys: readonly string[]): Promise<readonly (string | null)[]> {
    return this.client.mGet([...keys]);
  }

  async set(texts: ReadonlyMap<string, string>, seconds: number): Promise<void> {
    const expiration = { type: 'EX', value: seconds } as const;
    await Promise.all([...texts].map(([key, text]) => this.client.set(key, text, { expiration })));
  }

  connected(): boolean {
    return this.client.isReady;
  }

  close(): void {
    if (this.client.isOpen) this.client.destroy();
  }
}

const clientOf = ({ host, port, tls, user, password, database }: RedisPlace) => {
  const waits = { connectTimeout: CONNECT_MS, reconnectStrategy: RECONNECT_MS, socketTimeout: SILENT_MS };
  return createClient({
    socket: tls ? { host, port, tls, servername: host, ...waits } : { host, port, ...waits },
    ...(user !== '' && { username: user }),
    ...(password !== '' && { password }),
    database,
    name: 'perennial-serving',
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_COMMANDS,
    pingInterval: PING_MS,
  });
};
