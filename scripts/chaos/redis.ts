import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Redis as Client } from 'ioredis';
import { freePort, hasEnded, type Leftovers } from '../processes/leftovers.js';
import { spawnRedis } from '../processes/redis.js';

/** The Redis of a campaign, which keeps nothing when it is killed. */
export class Redis {
  private constructor(
    private readonly binary: string,
    private readonly leftovers: Leftovers,
    private child: ChildProcess,
    public port: number,
  ) {}

  static async start(binary: string, leftovers: Leftovers): Promise<Redis> {
    const port = await freePort();
    return new Redis(binary, leftovers, await spawnRedis(binary, port, leftovers), port);
  }

  async kill(): Promise<void> {
    if (hasEnded(this.child)) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }

  /** An empty one, on another port. */
  async restart(): Promise<void> {
    this.port = await freePort();
    this.child = await spawnRedis(this.binary, this.port, this.leftovers);
  }

  /** Forgets everything; nothing when it isn't there. */
  async flush(): Promise<void> {
    const client = new Client(this.port, '127.0.0.1', {
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
      lazyConnect: true,
    });
    client.on('error', () => undefined);
    try {
      await client.flushall();
    } catch {
      // It is down, so it has nothing to forget.
    } finally {
      client.disconnect();
    }
  }
}
