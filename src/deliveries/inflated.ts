import { constants, createBrotliDecompress, createUnzip, type Unzip } from 'node:zlib';

/** Decoders by `Content-Encoding` (RFC 9110, 8.4.1). Those of other names may want far more memory than what they are given. */
const DECODERS: Readonly<Record<string, (chunkSize: number) => Unzip>> = {
  gzip: unzip,
  'x-gzip': unzip,
  deflate: unzip,
  br: (chunkSize) => createBrotliDecompress({ chunkSize, finishFlush: constants.BROTLI_OPERATION_FLUSH }),
};

/** A body that was cut off is no fault: what there is of it is wanted. */
function unzip(chunkSize: number): Unzip {
  return createUnzip({ chunkSize, finishFlush: constants.Z_SYNC_FLUSH });
}

/**
 * The beginning of an encoded body in clear, for the log: some receivers compress although they are asked not to. Stops behind
 * `most` bytes, whatever more there would be. What is cut off, or is not encoded as its name says, gives as much as can be read;
 * null: nothing.
 */
export async function inflated(
  bytes: Uint8Array,
  encoding: string | undefined,
  most: number,
): Promise<{ bytes: Buffer; more: boolean } | null> {
  const name = encoding?.trim().toLowerCase() ?? '';
  const make = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined;
  if (make === undefined || bytes.length === 0) return null;
  const decoder = make(most + 1);
  const chunks: Uint8Array[] = [];
  let length = 0;
  decoder.on('data', (chunk: Uint8Array) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length > most) decoder.destroy();
  });
  decoder.on('error', () => undefined).end(bytes);
  // Not `once` of node:events: that rejects by an error.
  await new Promise((resolve) => decoder.once('close', resolve));
  if (length === 0) return null;
  // One byte more, so that whoever makes text of it sees that it is cut.
  return { bytes: Buffer.concat(chunks).subarray(0, most + 1), more: length > most };
}
