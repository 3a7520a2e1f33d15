import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { now, type Spread, spreadOf } from './figures.js';
import type { ServiceProcess } from './service.js';

/** Callbacks of the neighbour that hang, each at a URL of its own. */
const HANGING = 16;
/** Callbacks whose time is taken together. */
const HEALTHY = 6;
const ROUNDS = 20;
/** The neighbour's attempts hang for 15 s: what is measured beside them comes before that, but for the first round. */
const BESIDE_MS = 12_000;
const HEAD_START_MS = 500;
/** What a round may take at the most, so that one which waits for the neighbour is measured too. */
const ROUND_MS = 200_000;

/** First submit → last of six callbacks received: alone, and beside a neighbour's that hang at the same origin. */
export interface SharedOrigin {
  readonly alone: Spread;
  readonly beside: Spread;
}

/** Two accounts have their receivers at one origin, as at a host of webhooks, and those of one begin to hang. */
export async function measureSharedOrigin(service: ServiceProcess): Promise<SharedOrigin> {
  await using host = await SharedHost.listen();
  const [hanging, healthy] = [await keyOf(service, 'hangs'), await keyOf(service, 'answers')];
  const round = async (): Promise<number> => {
    const startedAt = now();
    const arrived = host.next(HEALTHY);
    for (const status of await submit(service, healthy, host.urls('ok', HEALTHY)))
      if (status !== 202) throw new Error(`a submit was answered ${status}`);
    return (await arrived) - startedAt;
  };
  const rounds = async (untilMs: number): Promise<Spread> => {
    const took = [await round()];
    while (took.length < ROUNDS && now() < untilMs) took.push(await round());
    return spreadOf(took);
  };
  await round();
  const alone = await rounds(Infinity);
  await submit(service, hanging, host.urls('hang', HANGING));
  await pause(HEAD_START_MS);
  return { alone, beside: await rounds(now() + BESIDE_MS) };
}

/** Answers `/ok…` at once and `/hang…` never. */
class SharedHost implements AsyncDisposable {
  private awaited: { left: number; arrived: (at: number) => void } | undefined;

  private constructor(private readonly server: Server) {}

  static async listen(): Promise<SharedHost> {
    const server = createServer({ keepAliveTimeout: 30_000 });
    const host = new SharedHost(server);
    server.on('request', (request, response: ServerResponse) => {
      request.resume();
      if (!request.url!.startsWith('/ok')) return;
      response.end();
      host.take();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return host;
  }

  urls(name: string, count: number): string[] {
    const { port } = this.server.address() as AddressInfo;
    return Array.from({ length: count }, (_, number) => `http://127.0.0.1:${port}/${name}${number}`);
  }

  /** Resolves with the time of the last of so many arrivals. */
  next(count: number): Promise<number> {
    return new Promise((arrived, failed) => {
      const late = setTimeout(() => failed(new Error(`no callback within ${ROUND_MS / 1000} s`)), ROUND_MS);
      this.awaited = { left: count, arrived: (at) => (clearTimeout(late), arrived(at)) };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.server.close(), 'close');
    this.server.closeAllConnections();
    await closed;
  }

  private take(): void {
    if (this.awaited && --this.awaited.left === 0) this.awaited.arrived(now());
  }
}

async function submit(
  service: ServiceProcess,
  key: string,
  callbacks: readonly string[],
): Promise<readonly number[]> {
  return Promise.all(
    callbacks.map(async (url) => {
      const response = await post(service, key, '/v1/operations', { type: 'echo', callback: { url } });
      await response.arrayBuffer();
      return response.status;
    }),
  );
}

async function keyOf(service: ServiceProcess, name: string): Promise<string> {
  const account = await (await post(service, service.key, '/v1/accounts', { name })).json();
  const { id } = account as { id: string };
  const scopes = ['operations:write'];
  const made = await post(service, service.key, `/v1/accounts/${id}/keys`, { name: 'bench', scopes });
  return ((await made.json()) as { key: string }).key;
}

function post({ url }: ServiceProcess, key: string, path: string, body: object): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}
