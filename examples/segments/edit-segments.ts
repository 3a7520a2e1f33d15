import { Readable } from 'node:stream';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsString, Length, ValidateNested } from 'class-validator';
import { type OperationContext, type OperationHandler, type OperationOutcome, OperationType } from 'ringback';
import { readOrFail } from './read-uploaded.js';

export class SegmentEdit {
  /** Id of the segment. */
  @IsString()
  @Length(1, 1000)
  id!: string;

  /** Its new translation. */
  @IsString()
  target!: string;
}

export class EditSegmentsInput {
  /** Id (media token) of an uploaded JSON, CSV or gettext PO file. */
  @IsString()
  @Length(1, 200)
  file!: string;

  /** What to change, by the ids of the segments. */
  @IsArray()
  @ArrayMaxSize(5000)
  @ValidateNested({ each: true })
  @Type(() => SegmentEdit)
  edits!: SegmentEdit[];
}

/** Changes translations of an uploaded file and gives it back as JSON. */
@OperationType<EditSegmentsInput>({
  name: 'segments.textedits',
  title: 'Edit segments',
  path: 'resources/segments/textedits',
  input: EditSegmentsInput,
})
export class EditSegmentsHandler implements OperationHandler<EditSegmentsInput> {
  async run({ file, edits }: EditSegmentsInput, context: OperationContext): Promise<OperationOutcome> {
    const { name, segments } = await readOrFail(file, context);
    const targets = new Map(edits.map(({ id, target }) => [id, target]));
    const edited = segments.map((segment) => ({
      id: segment.id,
      source: segment.source,
      target: targets.get(segment.id) ?? segment.target,
    }));
    const found = segments.filter(({ id }) => targets.has(id)).length;
    const stored = await context.saveFile(Readable.from([JSON.stringify(edited, null, 2)]), {
      name: `${name.replace(/\.[^.]+$/, '')}.json`,
      contentType: 'application/json',
    });
    return {
      file: stored.id,
      custom: { fileref: stored.id, filename: stored.name, segments: edited.length, edited: found },
      statusText: `Edited ${found} of ${edited.length} segments`,
    };
  }
}
