import { Readable } from 'node:stream';
import { arrayBuffer } from 'node:stream/consumers';
import type { OperationContext } from 'ringback';
import type { BilingualTask, Summary } from './bilingual-task.js';
import { performHere, performInThread, SMALL } from './perform-in-thread.js';
import { type BilingualFile, MAX_FILE_BYTES } from './read-segments.js';
import { UnreadableFileError } from './segment.js';
import type { Piece } from './write-xliff.js';

/** An uploaded file that has been read, and what is being made of it. */
export interface Uploaded extends Summary {
  name: string;
  /** To be read to its end, or destroyed. */
  text: Readable;
}

/**
 * Reads an uploaded bilingual file and performs a task on it, beside the event loop where it is large; an
 * `UnreadableFileError` says what is wrong with it. `onPiece` is told of each piece of the text.
 */
export async function readUploaded(
  id: string,
  task: BilingualTask,
  context: OperationContext,
  onPiece: (piece: Piece) => void = () => undefined,
): Promise<Uploaded> {
  const opened = await context.openFile(id);
  const { name, size } = opened;
  if (size > MAX_FILE_BYTES) {
    // Asked before a byte is read: the file must not be held in memory to find out.
    opened.stream.destroy();
    throw new UnreadableFileError(name, `the file is larger than ${MAX_FILE_BYTES} bytes: split it`);
  }
  const steps = begin(opened, task, context);
  // The first step comes when the file is read: nothing is stored of one that can't be.
  const summary = (await steps.next()).value as Summary;
  return { name, ...summary, text: textOf(steps, onPiece) };
}

/** The same, where a file that can't be read ends the operation as Failed. */
export async function readOrFail(...given: Parameters<typeof readUploaded>): Promise<Uploaded> {
  try {
    return await readUploaded(...given);
  } catch (error) {
    if (error instanceof UnreadableFileError) given[2].fail(error.code, error.message);
    throw error;
  }
}

type Steps = AsyncGenerator<Summary | Piece, void>;
type Opened = Awaited<ReturnType<OperationContext['openFile']>>;

function begin(opened: Opened, task: BilingualTask, context: OperationContext): Steps {
  if (opened.size <= SMALL) return performHere(() => load(opened), task);
  // It may wait long for a thread: neither its bytes nor a connection to the storage are held meanwhile.
  opened.stream.destroy();
  return performInThread(async () => load(await context.openFile(opened.id)), task, context.signal);
}

async function load({ name, contentType, stream }: Opened): Promise<BilingualFile> {
  return { name, contentType, bytes: new Uint8Array(await arrayBuffer(stream)) };
}

function textOf(steps: Steps, onPiece: (piece: Piece) => void): Readable {
  const iterator: AsyncIterator<string> = {
    next: async () => {
      const { done, value } = await steps.next();
      if (done === true) return { done, value: undefined };
      onPiece(value as Piece);
      return { done: false, value: (value as Piece).text };
    },
    // Also where nothing of it was read: its thread ends.
    return: async () => ({ done: true, value: await steps.return() }),
  };
  return Readable.from({ [Symbol.asyncIterator]: () => iterator });
}
