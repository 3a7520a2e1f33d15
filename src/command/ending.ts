import { CommanderError } from 'commander';
import { RingbackError } from '../client/index.js';
import { clean, cleanLines, json, styled } from './output.js';

/** What a script learns of a command's end. */
export const EXIT = { done: 0, failed: 1, misused: 2, unreached: 3 } as const;

/** The thing that was asked for failed: exit code 1. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
}

/** Nobody answered there: exit code 3. */
export class UnreachedError extends CommandError {
  override readonly name = 'UnreachedError';
}

/** The command was used wrongly, and nothing was done: exit code 2. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/** The exit code that tells of an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.misused;
  if (error instanceof UsageError) return EXIT.misused;
  if (error instanceof UnreachedError) return EXIT.unreached;
  return error instanceof RingbackError && error.code === 'unreachable' ? EXIT.unreached : EXIT.failed;
}

/** Says on stderr what went wrong and what mends it; with `--json` as one JSON document. */
export function tell(error: unknown, asJson: boolean): void {
  // Commander has said its own.
  if (error instanceof CommanderError) return;
  const { detail, code, fields, remedy } = wordsOf(error);
  if (asJson) {
    const problem = error instanceof RingbackError ? error.problem : { code, detail };
    process.stderr.write(json({ error: { ...problem, ...(remedy === null ? {} : { remedy }) } }));
    return;
  }
  const lines = [
    `${styled('red', 'ringback:', process.stderr)} ${detail}`,
    ...fields.map((field) => `  ${field}`),
    ...(remedy === null ? [] : [remedy]),
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
}

interface Words {
  readonly detail: string;
  readonly code: string;
  readonly fields: readonly string[];
  readonly remedy: string | null;
}

function wordsOf(error: unknown): Words {
  if (!(error instanceof RingbackError)) {
    const isOurs = error instanceof CommandError || error instanceof UsageError;
    const detail = isOurs ? error.message : error instanceof Error ? describe(error) : String(error);
    return { detail: cleanLines(detail), code: codeOf(error), fields: [], remedy: null };
  }
  return {
    detail: clean(error.message),
    code: error.code,
    // A single one is what the whole says.
    fields:
      error.errors.length < 2 ? [] : error.errors.map(({ path, message }) => clean(`${path}: ${message}`)),
    remedy: remedyOf(error),
  };
}

function codeOf(error: unknown): string {
  if (error instanceof UsageError) return 'usage';
  if (error instanceof UnreachedError) return 'unreachable';
  return error instanceof CommandError ? 'failed' : 'unexpected';
}

/** Of the file system: what failed and why; of others, the message. */
function describe(error: Error): string {
  const { code, path } = error as NodeJS.ErrnoException;
  return code !== undefined && path !== undefined ? `${path}: ${error.message}` : error.message;
}

function remedyOf({ status, code }: RingbackError): string | null {
  if (code === 'unreachable') return 'Look whether the service runs there, and whether --url is right.';
  if (status === 401) return 'Give a key that the service knows, by --key, RINGBACK_KEY or "ringback login".';
  if (status === 403) return 'Use a key whose scope allows it: "ringback keys make" makes one.';
  return null;
}
