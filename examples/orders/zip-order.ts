import { pipeline, Readable } from 'node:stream';
import { crc32, createDeflateRaw } from 'node:zlib';
import { ArrayMaxSize, IsArray, IsOptional, IsString, Matches } from 'class-validator';
import { Zip, type ZipInputFile } from 'fflate';
import { type OperationContext, type OperationHandler, type OperationOutcome, OperationType } from 'ringback';

export class ZipOrderInput {
  /** The order's number, from the path. */
  @Matches(/^[\w-]{1,50}$/, { message: 'id must be an order number' })
  id!: string;

  /** Ids (media tokens) of the files to take in, besides the order itself. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(20)
  @IsString({ each: true })
  files?: string[];
}

/** Zips the files of an order, of whatever size: neither they nor the archive are ever in memory. */
@OperationType<ZipOrderInput>({
  name: 'orders.files.zip',
  title: 'Zip an order’s files',
  path: 'orders/{id}/files/all/zip',
  input: ZipOrderInput,
})
export class ZipOrderHandler implements OperationHandler<ZipOrderInput> {
  async run(input: ZipOrderInput, context: OperationContext): Promise<OperationOutcome> {
    const zip = await context.saveFile(Readable.from(zipped(contents(input, context))), {
      name: `order-${input.id}.zip`,
      contentType: 'application/zip',
    });
    // Some clients look for `filetoken`, others for `fileref`.
    return { file: zip.id, custom: { fileref: zip.id, filetoken: zip.id, filename: zip.name } };
  }
}

interface Content {
  name: string;
  stream: Readable;
}

async function* contents(
  { id, files = [] }: ZipOrderInput,
  context: OperationContext,
): AsyncGenerator<Content> {
  const order = JSON.stringify({ order: id, files: files.length }, null, 2);
  yield { name: 'order.json', stream: Readable.from([Buffer.from(order)]) };
  for (const [index, file] of files.entries()) {
    const { stream, name } = await context.openFile(file);
    yield { name: `${index + 1}-${name}`, stream };
    context.progress((90 * (index + 1)) / files.length, `Read ${index + 1} of ${files.length}`);
  }
}

/** Node compresses in threads of its own; between two parts the event loop turns. */
async function* zipped(contents: AsyncIterable<Content>): AsyncGenerator<Uint8Array> {
  const parts: Uint8Array[] = [];
  const zip = new Zip((_, part) => void parts.push(part));
  for await (const { name, stream } of contents) {
    const entry: ZipInputFile = { filename: name, size: 0, crc: 0, compression: 8 };
    zip.add(entry);
    // An error comes out of the last stream.
    const deflated = pipeline(stream, counting(entry), createDeflateRaw(), () => undefined);
    for await (const part of deflated) {
      entry.ondata!(null, part as Uint8Array<ArrayBuffer>, false);
      yield* parts.splice(0);
    }
    entry.ondata!(null, new Uint8Array(), true);
  }
  zip.end();
  yield* parts.splice(0);
}

function counting(entry: ZipInputFile): (parts: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array> {
  return async function* (parts) {
    for await (const part of parts) {
      entry.size += part.length;
      entry.crc = crc32(part, entry.crc);
      yield part;
    }
  };
}
