import { ArrayMaxSize, ArrayMinSize, IsArray, IsString, Length } from 'class-validator';
import {
  type OperationContext,
  OperationError,
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from 'ringback';
import { readUploaded } from '../segments/read-uploaded.js';
import { UnreadableFileError } from '../segments/segment.js';

export class CheckDocumentsInput {
  /** Ids (media tokens) of uploaded bilingual files. */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @Length(1, 200, { each: true })
  files!: string[];
}

/** What became of one file. */
type Checked =
  | { name: string; success: true; fileref: string; segments: number }
  | { name: string; success: false; error: string };

/** Reads uploaded files and counts their segments. A file that can't be read is named; the others are done all the same. */
@OperationType<CheckDocumentsInput>({
  name: 'documents.check',
  title: 'Check uploaded documents',
  path: 'documents/check',
  input: CheckDocumentsInput,
})
export class CheckDocumentsHandler implements OperationHandler<CheckDocumentsInput> {
  async run({ files: ids }: CheckDocumentsInput, context: OperationContext): Promise<OperationOutcome> {
    const files: Checked[] = [];
    for (const [index, id] of ids.entries()) {
      files.push(await check(id, context));
      context.progress((100 * (index + 1)) / ids.length, `Checked ${index + 1} of ${ids.length}`);
    }
    const bad = files.filter(({ success }) => !success).length;
    return { custom: { files }, statusText: bad === 0 ? 'All files are good' : `${bad} files are bad` };
  }
}

async function check(id: string, context: OperationContext): Promise<Checked> {
  try {
    const { name, segments, text } = await readUploaded(id, { make: 'count' }, context);
    text.destroy();
    return { name, success: true, fileref: id, segments };
  } catch (error) {
    const missing = error instanceof OperationError && error.code === 'file_not_found';
    if (!missing && !(error instanceof UnreadableFileError)) throw error;
    return { name: id, success: false, error: error.message };
  }
}
