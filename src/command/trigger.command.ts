import { randomBytes } from 'node:crypto';
import { Argument, type Command } from 'commander';
import { EVENT_TYPES, type EventType } from '../endpoints/events.js';
import { type Sample, sampleOf } from './sample-event.js';
import { RingbackError } from '../client/index.js';
import { USER_AGENT } from '../config/version.js';
import { newSigningSecret, signStandard } from '../signing/signature.js';
import { headersOf, jsonOf, several } from './arguments.js';
import { connect, connected, type ConnectOptions } from './connection.js';
import { CommandError, UnreachedError, UsageError } from './ending.js';
import { examples } from './examples.js';
import { clean, cleanLines, printJson, spanWords, styled, write } from './output.js';

interface TriggerOptions extends ConnectOptions {
  readonly to: string;
  readonly data?: string;
  readonly secret?: string;
  readonly header?: readonly string[];
}

/** What a receiver may take, as of the service. */
const TIMEOUT_MS = 15_000;
const MOST_SHOWN = 16_384;

/** `ringback trigger EVENT --to URL`: a signed sample, sent from this machine. */
export function define(command: Command): void {
  command
    .addArgument(new Argument('<event>', 'what is told').choices(EVENT_TYPES))
    .requiredOption('--to <url>', 'where it is sent, from this machine')
    .option('--data <json>', 'members that data has otherwise: JSON, @file, or @- for stdin')
    .option(
      '--secret <secret>',
      'whsec_…; that of the account of --key otherwise, or a new one, which is shown',
    )
    .option('--header <header>', '"name: value", sent along; may be repeated', several);
  connected(command).action(trigger);
  examples(
    command,
    'trigger operation.finished --to http://localhost:3000/hook',
    `trigger operation.failed --data '{"correlation":"order 17"}' --to http://localhost:3000/hook --secret whsec_…`,
  );
  command.addHelpText('after', '\nExit code 0: it was answered 2xx; 1: otherwise; 3: nobody answered.');
}

interface Sent {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly duration_ms: number;
}

async function trigger(event: EventType, options: TriggerOptions): Promise<void> {
  const url = urlOf(options.to);
  const data = options.data === undefined ? {} : jsonOf(options.data, '--data');
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new UsageError('--data is no object: give members, as in {"correlation":"order 17"}');
  const { secret, isNew } = await secretOf(options);
  const sent = signed(url, sampleOf(event, data), secret, options.header);
  if (!options.json) {
    if (isNew) process.stderr.write(`No secret is known here; it is signed with this one: ${secret}\n\n`);
    printSent(sent);
  }
  const answered = await post(sent);
  if (options.json) printJson({ ...(isNew ? { secret } : {}), sent, answered });
  else printAnswer(answered);
  if (answered.status < 200 || answered.status > 299)
    throw new CommandError(
      `the receiver answered ${answered.status}, which is no 2xx: a delivery would be tried again`,
    );
}

function urlOf(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new UsageError(`--to ${JSON.stringify(text)} is no URL: give one with http:// or https://`);
}

/** The one that is given, that of the account, or where no service is known, a new one. */
async function secretOf(options: TriggerOptions): Promise<{ secret: string; isNew: boolean }> {
  if (options.secret !== undefined) return { secret: options.secret, isNew: false };
  try {
    const { api } = connect(options);
    const { secret } = await api.json<{ secret: string }>({
      method: 'GET',
      path: '/v1/signing-secret',
      repeatable: true,
    });
    return { secret, isNew: false };
  } catch (error) {
    const isNamed = options.url !== undefined || options.profile !== undefined || options.key !== undefined;
    const isNowhere = error instanceof UsageError || (error instanceof RingbackError && error.status === 0);
    if (isNamed || !isNowhere) throw error;
    return { secret: newSigningSecret(), isNew: true };
  }
}

function signed(url: string, sample: Sample, secret: string, more: readonly string[] | undefined): Sent {
  const body = JSON.stringify(sample);
  const id = `dlv_${randomBytes(16).toString('hex')}`;
  const timestamp = Math.floor(Date.now() / 1000);
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'user-agent': USER_AGENT,
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatureOf(secret, { id, timestamp, body }),
    ...(sample.type.startsWith('operation.') ? { 'ringback-operation': sample.data.id } : {}),
    'ringback-attempt': '1',
  };
  for (const { key, value } of headersOf(more)) headers[key.toLowerCase()] = value;
  return { url, headers, body };
}

function signatureOf(secret: string, signable: { id: string; timestamp: number; body: string }): string {
  try {
    return signStandard({ ...signable, secrets: [secret] });
  } catch {
    throw new UsageError(
      '--secret is none: it is whsec_ and base64, as "ringback endpoints secret" shows it',
    );
  }
}

async function post({ url, headers, body }: Sent): Promise<Answered> {
  const from = performance.now();
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: text.slice(0, MOST_SHOWN),
      duration_ms: Math.round(performance.now() - from),
    };
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? `${message} (${cause.message})` : message;
    throw new UnreachedError(`no answer from ${url}: ${why}; look whether something listens there`);
  }
}

function printSent({ url, headers, body }: Sent): void {
  write(`${styled('bold', `POST ${clean(url)}`)}\n${linesOf(headers)}\n${cleanLines(body)}\n\n`);
}

function printAnswer({ status, headers, body, duration_ms: ms }: Answered): void {
  const colour = status >= 200 && status <= 299 ? 'green' : 'red';
  write(`${styled(colour, `HTTP ${status}`)} after ${spanWords(ms)}\n${linesOf(headers)}`);
  if (body !== '') write(`\n${cleanLines(body).trimEnd()}\n`);
}

function linesOf(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${styled('dim', clean(name))}: ${clean(value)}\n`)
    .join('');
}
