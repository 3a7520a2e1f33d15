import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { Command } from 'commander';
import { given } from './arguments.js';
import { accountOption, connect, connected, type ConnectOptions } from './connection.js';
import { CommandError, UsageError } from './ending.js';
import { examples } from './examples.js';
import { cleanLines, printJson, write } from './output.js';

interface ResultOptions extends ConnectOptions {
  readonly account?: string;
  readonly output?: string;
}

/** `ringback result ID`: the bytes, as they come. */
export function define(command: Command): void {
  command
    .argument('<id>', 'of the operation')
    .option('-o, --output <file>', 'writes the file once all of it is there; without it, to stdout');
  connected(accountOption(command)).action(
    async (id: string, { account, output, ...options }: ResultOptions) => {
      if (options.json && output === undefined)
        throw new UsageError('--json tells of the file that -o writes: "ringback get" prints a JSON result');
      const { client } = connect(options);
      const response = await client.result(id, given({ account }));
      const type = response.headers.get('content-type') ?? '';
      if (output === undefined) refuseBinary(type);
      // As others' texts anywhere: what it is on a terminal must not be commands to it.
      if (output === undefined && process.stdout.isTTY) return write(cleanLines(await response.text()));
      const body = Readable.fromWeb(response.body as ReadableStream);
      if (output === undefined) {
        await unbroken(pipeline(body, process.stdout, { end: false }));
        return;
      }
      await store(body, output);
      const { size: bytes } = await stat(output);
      if (options.json) printJson({ file: output, bytes, content_type: type });
      else process.stderr.write(`${output}: ${bytes.toLocaleString('en')} bytes, ${type}\n`);
    },
  );
  examples(
    command,
    'result c9b45ec9453241365a0b037bcb181463 -o pl.xlf',
    'result c9b45ec9453241365a0b037bcb181463 | jq .',
  );
}

/** What is no text could leave a terminal unusable. */
function refuseBinary(type: string): void {
  if (!process.stdout.isTTY || /^text\/|json|xml/i.test(type)) return;
  throw new UsageError(`the result is ${type}: name a file by -o, or send it to a program by |`);
}

/** A file that is there is whole: what breaks off leaves what was there before. */
async function store(body: Readable, path: string): Promise<void> {
  const fresh = `${path}.${process.pid}.part`;
  try {
    await unbroken(pipeline(body, createWriteStream(fresh, { flush: true })));
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

async function unbroken(piped: Promise<void>): Promise<void> {
  try {
    await piped;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // A reader that has seen enough.
    if (code === 'EPIPE') return;
    throw new CommandError(
      error instanceof TypeError ? `the connection broke before the end: try again (${message})` : message,
    );
  }
}
