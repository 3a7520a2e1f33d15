import type { Flow } from '../operations/flow/flow.js';

/** The operation type of a message. */
export const MESSAGE = 'qstash.message';

/** How often, and when, a message may start at once: as its flow key says. */
export interface MessageFlow {
  readonly key: string;
  readonly parallelism: number | null;
  readonly rate: number | null;
  readonly periodS: number | null;
}

/** What callers are shown of a message as the digest of it alone. */
export interface Redaction {
  readonly body: boolean;
  /** Names in the form of `headerName`, or all of them. */
  readonly headers: true | readonly string[];
}

/** A request that is to be made, and how it is made again where it fails: of a message, or of its callback. */
export interface Sending {
  readonly url: string;
  readonly method: string;
  /** Names in the form of `headerName`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Retries after the first attempt; null: as many as its message has, or the default. */
  readonly retries: number | null;
  /** Expression of milliseconds; null: the default. */
  readonly retryDelay: string | null;
  /** Seconds that an attempt may take; null: the default. */
  readonly timeoutS: number | null;
  readonly labels: readonly string[];
  readonly flow: MessageFlow | null;
  readonly redact: Redaction | null;
}

/** Tells the end of a message. */
export interface MessageCallback extends Sending {
  readonly delayS: number | null;
}

/** Input of `qstash.message`: an HTTP request that is made until a 2xx ends it, or its retries are used up. */
export interface Message extends Sending {
  /** As it came where it is UTF-8, else base64 in `bodyBase64`; neither: there is none. */
  readonly body?: string;
  readonly bodyBase64?: string;
  /** Told how the message ended, in any way. */
  readonly callback: MessageCallback | null;
  /** Told that it failed. */
  readonly failureCallback: MessageCallback | null;
  /** Of the URL group that it was sent to, and of the endpoint in it. */
  readonly topicName: string | null;
  readonly endpointName: string | null;
  readonly queueName: string | null;
  /** Of the schedule that made it, in QStash's words. */
  readonly scheduleId: string | null;
  /** Address of who published it. */
  readonly callerIp: string | null;
  /** The message that this one tells the end of. */
  readonly sourceMessageId?: string;
}

const DEFAULT_RETRIES = 3;
/** Seconds of an attempt where nobody says. */
const DEFAULT_TIMEOUT_S = 7_200;

/** The flow key of a message, as the engine takes it; null: none. */
export function flowOf({ flow }: Pick<Sending, 'flow'>): Flow | null {
  if (flow === null) return null;
  const { key, parallelism, rate, periodS } = flow;
  return { key, parallelism, rate, periodS: rate === null ? null : (periodS ?? 1) };
}

/** How often a message is retried. */
export function retriesOf({ retries }: Pick<Sending, 'retries'>): number {
  return retries ?? DEFAULT_RETRIES;
}

/** How long an attempt may take, seconds. */
export function timeoutOf({ timeoutS }: Pick<Sending, 'timeoutS'>): number {
  return timeoutS ?? DEFAULT_TIMEOUT_S;
}

/** The bytes of a message's body; null where it has none. */
export function bodyOf({ body, bodyBase64 }: Pick<Message, 'body' | 'bodyBase64'>): Buffer | null {
  if (bodyBase64 !== undefined) return Buffer.from(bodyBase64, 'base64');
  return body === undefined ? null : Buffer.from(body);
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as a message keeps them: nothing where there are none. */
export function asBody(bytes: Buffer): Pick<Message, 'body' | 'bodyBase64'> {
  if (bytes.length === 0) return {};
  try {
    return { body: UTF_8.decode(bytes) };
  } catch {
    return { bodyBase64: bytes.toString('base64') };
  }
}

/** A header's name as QStash writes it: `x-my-header` is `X-My-Header`. */
export function headerName(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (first) => first.toUpperCase());
}

/** A message's id for callers, of the id of its operation. */
export function messageId(rid: string): string {
  return `msg_${rid}`;
}

/** The id of the operation that a message's id, or an id in the dead letter queue, stands for; null where it can't be one. */
export function ridOf(id: string): string | null {
  return /^(?:msg_|dlq_)?([0-9a-f]{32})$/.exec(id)?.[1] ?? null;
}
