import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ArrayMaxSize, IsArray, IsOptional, IsString, Matches } from 'class-validator';
import { zipSync } from 'fflate';
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

/** Zips the files of an order. */
@OperationType<ZipOrderInput>({
  name: 'orders.files.zip',
  title: 'Zip an order’s files',
  path: 'orders/{id}/files/all/zip',
  input: ZipOrderInput,
})
export class ZipOrderHandler implements OperationHandler<ZipOrderInput> {
  async run({ id, files = [] }: ZipOrderInput, context: OperationContext): Promise<OperationOutcome> {
    const entries: Record<string, Uint8Array> = {
      'order.json': new TextEncoder().encode(JSON.stringify({ order: id, files: files.length }, null, 2)),
    };
    for (const [index, file] of files.entries()) {
      const { stream, name } = await context.openFile(file);
      entries[`${index + 1}-${name}`] = await buffer(stream);
      context.progress((90 * (index + 1)) / files.length, `Read ${index + 1} of ${files.length}`);
    }
    const zip = await context.saveFile(Readable.from([zipSync(entries)]), {
      name: `order-${id}.zip`,
      contentType: 'application/zip',
    });
    // Some clients look for `filetoken`, others for `fileref`.
    return { file: zip.id, custom: { fileref: zip.id, filetoken: zip.id, filename: zip.name } };
  }
}
