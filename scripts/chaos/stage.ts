import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { type Build, TODAY } from '../processes/build.js';
import type { Leftovers } from '../processes/leftovers.js';
import { Door, lowPort } from './door.js';
import type { PostFact, ProcessFact } from './facts.js';
import { ACCOUNT_SLOTS } from './load-plan.js';
import { Postgres } from './postgres.js';
import { Receiver } from './receivers.js';
import { REMOTE_TYPE } from './remote-workers.js';
import { Redis } from './redis.js';
import { RingbackProcess } from './ringback-process.js';
import { FRONTS, LEASE_S, PROCESS_NAMES, type ProcessName, PROCESSES, RECEIVERS } from './schedule.js';
import { Upstream } from './upstream.js';

/** Seals what is sealed at rest. */
export const SECRET_KEY = { id: 'k1', key: Buffer.alloc(32, 7) };
const HANDLERS = 'dist/scripts/chaos/handlers.js';
export const ADMIN_KEY = 'rb_chaos_0123456789abcdefghijklmnop';
const BOOT_MS = 60_000;
/** Long enough in sum to outlast every fault, so that no delivery is Exhausted by them. */
const RETRY_SCHEDULE = [0.2, 0.5, 1, 2, 3, 5, 5, 5, 10, 10, 10, 10, 10, 10];
export const MAX_ATTEMPTS = RETRY_SCHEDULE.length + 1;
const ENDPOINT_PATH = '/endpoint';

/** An account of the load. */
export interface Account {
  readonly id: string;
  readonly key: string;
  readonly slots: number;
  /** The endpoint that is told of each of its operations. */
  readonly endpoint: string | null;
}

/** All parts of a campaign on one backend: every one of them real, and started by the campaign. */
export class Stage {
  readonly processes = new Map<ProcessName, RingbackProcess>();
  readonly receivers: Receiver[] = [];
  readonly accounts: Account[] = [];
  readonly posts: PostFact[] = [];
  readonly processFaults: ProcessFact[] = [];
  /** Fronts that requests are sent to, and how many each has to answer. */
  readonly inService = new Set<ProcessName>(FRONTS);
  readonly answering = new Map<ProcessName, number>();
  private readonly secrets = new Map<string, Webhook>();

  private constructor(
    readonly postgres: Postgres,
    readonly redis: Redis | null,
    readonly upstream: Upstream,
    private readonly leftovers: Leftovers,
    private readonly folder: string,
    private readonly logs: string,
  ) {}

  /** Starts everything and resolves once every process is ready. */
  static async open(
    redisBinary: string | null,
    leftovers: Leftovers,
    logs?: string,
    build = TODAY,
  ): Promise<Stage> {
    const folder = await leftovers.folder('data');
    if (logs !== undefined) await mkdir(logs, { recursive: true });
    const stage = new Stage(
      await Postgres.start(leftovers),
      redisBinary === null ? null : await Redis.start(redisBinary, leftovers),
      await Upstream.start(),
      leftovers,
      folder,
      logs ?? folder,
    );
    try {
      for (let place = 0; place < RECEIVERS; place++)
        stage.receivers.push(await Receiver.start(stage.posts, stage.secrets));
      // One after another: the first one makes the tables.
      for (const name of PROCESS_NAMES) await stage.startProcess(name, build);
      for (const slots of ACCOUNT_SLOTS) await stage.makeAccount(slots);
      const remote = { title: 'Run by a remote worker, and noted', tries: 20, retry: { backoff_s: [0.2] } };
      await stage.admin('PUT', `/v1/operation-types/${REMOTE_TYPE}`, remote);
      return stage;
    } catch (error) {
      stage.abandon();
      throw error;
    }
  }

  readonly adminKey = ADMIN_KEY;

  get notes(): string {
    return join(this.folder, 'notes');
  }

  process(name: ProcessName): RingbackProcess {
    return this.processes.get(name)!;
  }

  /** A callback URL of an account; `item` comes back with the operation's row. */
  callbackUrl(receiver: number, account: number, item: number): string {
    return `${this.receivers[receiver]!.url}/callback/${account}?n=${item}`;
  }

  /** Asks as the admin; throws unless the answer is a 2xx. */
  async admin<Answer>(method: string, path: string, body?: object, key = ADMIN_KEY): Promise<Answer> {
    const answer = await fetch(this.process('whole').url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as Answer;
  }

  /** No process is started again: whoever started them may end them. */
  abandon(): void {
    for (const process of this.processes.values()) process.abandon();
  }

  async close(): Promise<void> {
    const processes = [...this.processes.values()];
    for (const process of processes) process.resume();
    await Promise.all(processes.map((process) => process.terminate()));
    await Promise.all(this.receivers.map((receiver) => receiver.close()));
    for (const { place } of processes) await Promise.all([place.postgres.close(), place.redis?.close()]);
    this.upstream.close();
    await this.redis?.kill();
    await this.postgres.stop();
  }

  /** Settings of a command that is run beside the processes. */
  commandSettings(): Record<string, string> {
    return {
      ...this.settings(),
      DATABASE_URL: this.postgres.urlAt(this.postgres.port),
      ...(this.redis ? { REDIS_URL: `redis://127.0.0.1:${this.redis.port}` } : {}),
    };
  }

  private async startProcess(name: ProcessName, build: Build): Promise<void> {
    const place = {
      port: await lowPort(),
      gatewayPort: await lowPort(),
      postgres: await Door.to(this.postgres.port),
      redis: this.redis && (await Door.to(this.redis.port)),
    };
    const env = (): Record<string, string> => ({
      ...this.settings(),
      RINGBACK_HANDLERS: join(process.build.folder, HANDLERS),
      PORT: String(place.port),
      RINGBACK_GATEWAY_PORT: String(place.gatewayPort),
      RINGBACK_ROLE: PROCESSES[name],
      DATABASE_URL: this.postgres.urlAt(place.postgres.port),
      ...(place.redis ? { REDIS_URL: `redis://127.0.0.1:${place.redis.port}` } : {}),
    });
    const log = join(this.logs, `${name}.log`);
    const process = new RingbackProcess(name, place, env, this.leftovers, this.processFaults, log);
    process.build = build;
    this.processes.set(name, process);
    process.start();
    if (!(await process.readyWithin(BOOT_MS)))
      throw new Error(
        `the process ${name} was not ready within ${BOOT_MS / 1000} s: ${log} has what it said`,
      );
  }

  /** Settings that make faults quick to get over. */
  private settings(): Record<string, string> {
    return {
      RINGBACK_API_KEY: ADMIN_KEY,
      RINGBACK_SECRET_KEYS: `${SECRET_KEY.id}:${SECRET_KEY.key.toString('base64')}`,
      RINGBACK_ALLOWED_PRIVATE: '127.0.0.0/8',
      RINGBACK_CALLBACK_TIMEOUT_S: '3',
      RINGBACK_LEASE_S: String(LEASE_S),
      RINGBACK_REDISPATCH_S: '2',
      RINGBACK_POLL_MS: '200',
      RINGBACK_RETRY_SCHEDULE: RETRY_SCHEDULE.join(','),
      RINGBACK_SHUTDOWN_GRACE_S: '1',
      RINGBACK_SCHEDULES_PER_ACCOUNT: '1000000',
      RINGBACK_JOB_POLL_MIN_S: '0.2',
      RINGBACK_TRM_REQUESTS_PER_HOUR: '10000000',
      RINGBACK_LOG_LEVEL: 'warn',
      RINGBACK_DATA_DIR: this.folder,
      RINGBACK_UPSTREAM: this.upstream.url,
      CHAOS_NOTES: this.notes,
    };
  }

  private async makeAccount(slots: number): Promise<void> {
    const place = this.accounts.length;
    const { id } = await this.admin<{ id: string }>('POST', '/v1/accounts', { name: `of ${slots}`, slots });
    const scopes = ['operations:write', 'operations:read', 'endpoints:write'];
    const { key } = await this.admin<{ key: string }>('POST', `/v1/accounts/${id}/keys`, {
      name: 'chaos',
      scopes,
    });
    const { secret } = await this.admin<{ secret: string }>('GET', '/v1/signing-secret', undefined, key);
    this.secrets.set(`/callback/${place}`, new Webhook(secret));
    let endpoint: string | null = null;
    if (place === ACCOUNT_SLOTS.length - 1) {
      const url = `${this.receivers[0]!.url}${ENDPOINT_PATH}`;
      const made = await this.admin<{ id: string; secret: string }>('POST', '/v1/endpoints', { url }, key);
      this.secrets.set(ENDPOINT_PATH, new Webhook(made.secret));
      endpoint = made.id;
    }
    this.accounts.push({ id, key, slots, endpoint });
  }
}
