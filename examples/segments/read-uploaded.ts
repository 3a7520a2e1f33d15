import { buffer } from 'node:stream/consumers';
import type { OperationContext } from 'ringback';
import { MAX_FILE_BYTES, readSegments } from './read-segments.js';
import { type Segment, UnreadableFileError } from './segment.js';

/** The segments of an uploaded bilingual file; an `UnreadableFileError` says what is wrong with it. */
export async function readUploaded(
  id: string,
  context: OperationContext,
): Promise<{ name: string; segments: Segment[] }> {
  const { stream, name, size, contentType } = await context.openFile(id);
  if (size > MAX_FILE_BYTES) {
    // Asked before a byte is read: the file must not be held in memory to find out.
    stream.destroy();
    throw new UnreadableFileError(name, `the file is larger than ${MAX_FILE_BYTES} bytes: split it`);
  }
  return { name, segments: readSegments({ name, bytes: await buffer(stream), contentType }) };
}

/** The same, where a file that can't be read ends the operation as Failed. */
export async function readOrFail(
  id: string,
  context: OperationContext,
): Promise<{ name: string; segments: Segment[] }> {
  try {
    return await readUploaded(id, context);
  } catch (error) {
    if (error instanceof UnreadableFileError) context.fail(error.code, error.message);
    throw error;
  }
}
