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
  // A JSON body has at most 10,000 keys and items, and each edit is three of them.
  @ArrayMaxSize(3000)
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
    const task = { make: 'json', edits } as const;
    const { name, segments, edited, text } = await readOrFail(file, task, context);
    const stored = await context.saveFile(text, {
      name: `${name.replace(/\.[^.]+$/, '')}.json`,
      contentType: 'application/json',
    });
    return {
      file: stored.id,
      custom: { fileref: stored.id, filename: stored.name, segments, edited },
      statusText: `Edited ${edited} of ${segments} segments`,
    };
  }
}
