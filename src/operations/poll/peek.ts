import { Readable } from 'node:stream';

/** The beginning of a stream, and the stream again with that in it. */
export interface Peeked {
  readonly start: Buffer;
  /** Whether the beginning is all of it. */
  readonly whole: boolean;
  readonly stream: Readable;
}

/** Reads up to `most` bytes ahead, and perhaps a chunk more. A stream that fails by then fails this; later, the one that is given back. */
export async function peek(stream: Readable, most: number): Promise<Peeked> {
  const rest = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const chunks: Buffer[] = [];
  let size = 0;
  let whole = false;
  while (size <= most) {
    const { value, done } = await rest.next();
    if (done === true) {
      whole = true;
      break;
    }
    size += value.length;
    chunks.push(value);
  }
  return { start: Buffer.concat(chunks), whole, stream: Readable.from(all(chunks, whole ? null : rest)) };
}

async function* all(chunks: readonly Buffer[], rest: AsyncIterator<Buffer> | null): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
    if (rest === null) return;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    // Whoever reads no further lets the connection go.
    await rest?.return?.();
  }
}
