import type { Role } from './env.js';

// Abstract classes, so that a slice is its own injection token and a constructor names just what it needs.

/** Where this process listens and how it is reached from outside. */
export abstract class HttpConfig {
  abstract readonly host: string;
  abstract readonly port: number;
  /** Base of absolute links, without a trailing slash. */
  abstract readonly publicUrl: string;
  /** Whether `/docs` and the OpenAPI document are served. */
  abstract readonly docs: boolean;
  /** Seconds that a request body may stand still. */
  abstract readonly bodyIdleS: number;
  /** Bytes a second that a request body must come with, over any window of so many seconds; 0 for any rate. */
  abstract readonly bodyMinRate: number;
  abstract readonly bodyRateWindowS: number;
  /** Seconds that nothing of a large answer may be taken by its caller. */
  abstract readonly answerIdleS: number;
  /** Connections that a listener may have open at once, in all and of one client address. */
  abstract readonly connections: number;
  abstract readonly connectionsPerAddress: number;
}

/** The PostgreSQL that owns every row. */
export abstract class DatabaseConfig {
  abstract readonly url: string;
  abstract readonly poolSize: number;
}

/** The BullMQ backend: Redis where URLs are given, else PostgreSQL. */
export abstract class QueueConfig {
  abstract readonly redisUrls: readonly string[];
}

/** What this process runs. */
export abstract class ProcessConfig {
  abstract readonly roles: ReadonlySet<Role>;
  abstract readonly handlers: readonly string[];
  abstract readonly shutdownGraceS: number;
}

/** The engine's timings and limits for operations. Durations are seconds unless the name says ms. */
export abstract class OperationConfig {
  abstract readonly concurrency: number;
  abstract readonly leaseS: number;
  /** Whether what has room begins in the commit that makes it, without a dispatch. */
  abstract readonly fastStart: boolean;
  abstract readonly redispatchS: number;
  abstract readonly pollMs: number;
  /** What a handler gets to stop in when its operation is canceled. */
  abstract readonly cancelGraceS: number;
  /** Bytes: a larger body of a callback leaves the result out, where nothing else is asked for. */
  abstract readonly thinOver: number;
  /** Whether an operation whose caller doesn't say is `ack_by_poll`. */
  abstract readonly ackByPoll: boolean;
  /** Answers that an account may have held at once, long-polls and streams, per process. */
  abstract readonly heldPerAccount: number;
  /** Seconds between the heartbeats of a stream. */
  abstract readonly heartbeatS: number;
  /** Retention class → seconds. */
  abstract readonly retention: ReadonlyMap<string, number>;
}

/** The engine's timings and limits for callbacks. Durations are seconds unless the name says ms. */
export abstract class DeliveryConfig {
  abstract readonly concurrency: number;
  abstract readonly originInFlight: number;
  abstract readonly leaseS: number;
  /** Whether what has room begins in the commit that makes it, without a dispatch. */
  abstract readonly fastStart: boolean;
  abstract readonly redispatchS: number;
  abstract readonly pollMs: number;
  abstract readonly timeoutS: number;
  /** After so long no further attempt is planned. */
  abstract readonly deadlineS: number;
  /** Seconds before attempt 2, 3, … */
  abstract readonly schedule: readonly number[];
}

/** What requests that leave for a user's URL may reach. */
export abstract class EgressConfig {
  abstract readonly allowedPrivate: string;
  /** Internal names that may be called, as RINGBACK_ALLOWED_HOSTS holds them. */
  abstract readonly allowedHosts: string;
  abstract readonly allowHttp: boolean;
  /** The proxy through which they leave, credentials included; undefined: none. */
  abstract readonly proxy: string | undefined;
  /** Whether names are left to that proxy. */
  abstract readonly proxyResolves: boolean;
  /** PEMs of authorities that are trusted besides the usual ones. */
  abstract readonly ca: readonly string[];
  /** The hosts that `http.request` may call; undefined: any public one; null: none, the type is disabled. */
  abstract readonly httpHosts: readonly string[] | undefined | null;
  /** The most of a response that `http.request` keeps, bytes. */
  abstract readonly httpBytes: number;
  /** Host names an account may bring up a minute with its callback URLs. */
  abstract readonly newHostsPerMinute: number;
}

/** Keys that encrypt at rest, as RINGBACK_SECRET_KEYS holds them. */
export abstract class SecretConfig {
  abstract readonly keys: string;
  /** Whether bodies of requests that are made later are sealed at rest as well. */
  abstract readonly sealBodies: boolean;
}

/** Accounts' defaults and the first admin key. */
export abstract class AccountConfig {
  abstract readonly slots: number;
  /** RINGBACK_API_KEY; without one, a key is made when the database has none; null makes none. */
  abstract readonly firstKey: string | undefined | null;
  /** Bytes, Waiting operations and requests a second of an account that has no quotas of its own; 0 for any. */
  abstract readonly quotaBytes: number;
  abstract readonly quotaWaiting: number;
  abstract readonly requestsPerS: number;
  /** Wrong credentials that one address may send a minute, per process. */
  abstract readonly triesPerMinute: number;
}

/** The trm face. */
export abstract class TrmConfig {
  /** Whether ended operations show `requestid` 0 on poll and callback too. */
  abstract readonly zeroId: boolean;
  /** Whether fields that nobody knows are refused. */
  abstract readonly strict: boolean;
  /** Requests an account may make an hour, per process. */
  abstract readonly requestsPerHour: number;
  /** Seconds after its last use when an auth token ends. */
  abstract readonly tokenIdleS: number;
}

/** A bucket of an S3-compatible store, and where in it. */
export interface S3Place {
  readonly bucket: string;
  /** What every key begins with, without a slash at its end; may be empty. */
  readonly prefix: string;
  /** Of a server other than AWS. */
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
}

/** Where files are stored. */
export abstract class FilesConfig {
  /** Used where `s3` names no bucket. */
  abstract readonly folder: string;
  abstract readonly s3: S3Place | undefined;
  /** Seconds that an upload is kept. */
  abstract readonly keptS: number;
}

/** What is deleted when. */
export abstract class HousekeepingConfig {
  /** Seconds between rounds. */
  abstract readonly everyS: number;
  /** Seconds after an operation's end until its row, history and deliveries go. */
  abstract readonly historyS: number;
  /** Seconds that an entry of the audit is kept. */
  abstract readonly auditS: number;
}

/** The gateway in front of a provider's API, and the bgrs face on it. */
export abstract class GatewayConfig {
  /** Scheme, host and port; undefined: no gateway. */
  abstract readonly upstream: string | undefined;
  abstract readonly port: number;
  /** Base of absolute links, without a trailing slash. */
  abstract readonly publicUrl: string;
  /** How long nothing may move on a request that is passed through, or arrives for the background. */
  abstract readonly idleS: number;
  /** Says whether a caller's headers are a valid credential. */
  abstract readonly authUrl: string | undefined;
  /** No credential is needed. */
  abstract readonly open: boolean;
  abstract readonly batchPaths: readonly string[];
  abstract readonly types: 'strings' | 'numbers';
  abstract readonly sharing: 'any' | 'owner';
}

/** All slices together, as `ConfigModule.forRoot` takes them. */
export interface RingbackConfig {
  http: HttpConfig;
  database: DatabaseConfig;
  queue: QueueConfig;
  process: ProcessConfig;
  operations: OperationConfig;
  deliveries: DeliveryConfig;
  egress: EgressConfig;
  secrets: SecretConfig;
  accounts: AccountConfig;
  files: FilesConfig;
  trm: TrmConfig;
  housekeeping: HousekeepingConfig;
  gateway: GatewayConfig;
}
