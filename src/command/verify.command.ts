import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import { RingbackError } from '../client/index.js';
import { several, span, textOf } from './arguments.js';
import type { Finding } from './arrived-signature.js';
import { connect, connected, type Connection, type ConnectOptions } from './connection.js';
import { findDelivery } from './delivery.command.js';
import { CommandError, UsageError } from './ending.js';
import { examples } from './examples.js';
import { clean, printJson, styled, write } from './output.js';
import { diagnose, type Diagnosis, type Known } from './signature-diagnosis.js';

interface VerifyOptions extends ConnectOptions {
  readonly secret?: readonly string[];
  readonly headers: string;
  readonly tolerance: number;
}

/** `ringback verify < body`: which part of a signature is wrong. */
export function define(command: Command): void {
  command
    .requiredOption('--headers <headers>', 'of the callback: JSON, "name: value" lines, or @file with either')
    .option('--secret <secret>', 'whsec_…; may be repeated; that of the account of --key otherwise', several)
    .option('--tolerance <span>', 'how old it may be', span, 300);
  connected(command).action(verify);
  examples(
    command,
    'verify --secret whsec_… --headers @headers.txt < body.json',
    `verify --secret whsec_… --headers '{"webhook-id":"dlv_…","webhook-timestamp":"1790000000","webhook-signature":"v1,…"}' < body.json`,
  );
  command.addHelpText(
    'after',
    '\nWhere the service is known too, what it has of the delivery tells which part is wrong.\nExit code 0: the signature is right; 1: it is not.',
  );
}

async function verify(options: VerifyOptions): Promise<void> {
  const headers = headersIn(textOf(options.headers, '--headers'));
  if (process.stdin.isTTY) throw new UsageError('the body comes by stdin: ringback verify … < body.json');
  const body = await buffer(process.stdin);
  const service = serviceOf(options);
  const secrets = options.secret ?? [await secretOf(service)];
  const toleranceS = options.tolerance;
  const arrived = { headers, body, secrets, now: Date.now(), toleranceS };
  const first = diagnose(arrived);
  // Only where it helps: a signature that is right needs no service.
  const id = headers['webhook-id'];
  const known = first.isValid || !service || !id ? undefined : await knownOf(service, id);
  const diagnosis = known === undefined ? first : diagnose(arrived, known);
  if (options.json) printJson(told(diagnosis));
  else print(diagnosis);
  const wrong = diagnosis.findings.filter(({ isRight }) => isRight === false).map(({ part }) => part);
  if (!diagnosis.isValid)
    throw new CommandError(`the signature is not right${wrong.length > 0 ? `: ${wrong.join(', ')}` : ''}`);
}

/** Headers of JSON, or of lines, in lower case. */
export function headersIn(text: string): Record<string, string> {
  const pairs = text.trimStart().startsWith('{') ? pairsOfJson(text) : pairsOfLines(text);
  return Object.fromEntries(pairs.map(([name, value]) => [name.trim().toLowerCase(), value.trim()]));
}

function pairsOfJson(text: string): [string, string][] {
  try {
    const values = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return values.map(([name, value]) => [name, String(Array.isArray(value) ? value[0] : value)]);
  } catch (error) {
    throw new UsageError(`--headers is no JSON: ${(error as Error).message}`);
  }
}

/** A request line, or what follows the headers, is no header. */
function pairsOfLines(text: string): [string, string][] {
  const [head = ''] = text.split(/\r?\n\r?\n/);
  const lines = head.split(/\r?\n/).filter((line) => /^[!#$%&'*+.^_`|~\w-]+\s*:/.test(line));
  if (lines.length === 0) throw new UsageError('--headers has no "name: value" line');
  return lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]);
}

/** Null where none is known: what arrived is looked at alone then. */
function serviceOf(options: VerifyOptions): Connection | null {
  try {
    return connect(options);
  } catch (error) {
    if (!(error instanceof UsageError) || options.url !== undefined || options.profile !== undefined)
      throw error;
    return null;
  }
}

async function secretOf(service: Connection | null): Promise<string> {
  if (!service) throw new UsageError('no secret is known: give --secret, or --url and --key of the service');
  const path = '/v1/signing-secret';
  return (await service.api.json<{ secret: string }>({ method: 'GET', path, repeatable: true })).secret;
}

/** Undefined where the service can't be asked, null where it has no such delivery. */
async function knownOf({ api }: Connection, id: string): Promise<Known | null | undefined> {
  try {
    const { body, signing_fingerprints: fingerprints } = await findDelivery(api, id);
    return { body, fingerprints };
  } catch (error) {
    if (!(error instanceof RingbackError)) throw error;
    return error.code === 'delivery-not-found' ? null : undefined;
  }
}

function told({ isValid, findings }: Diagnosis): object {
  const parts = findings.map(({ part, isRight, text }) => ({ part, ok: isRight, text }));
  return { ok: isValid, wrong: parts.filter(({ ok }) => ok === false).map(({ part }) => part), parts };
}

function print({ isValid, findings }: Diagnosis): void {
  for (const finding of findings)
    write(`${markOf(finding)}  ${finding.part.padEnd(8)}  ${clean(finding.text)}\n`);
  if (isValid) write(`${styled('green', 'The signature is right.')}\n`);
}

function markOf({ isRight }: Finding): string {
  if (isRight === null) return styled('yellow', '?');
  return isRight ? styled('green', '✓') : styled('red', '✗');
}
