/**
 * Operation types on files, which `RINGBACK_HANDLERS=dist/examples/handlers.js npm start` serves. They need two libraries
 * that Ringback itself does not; a checkout has them. Elsewhere: `npm install csv-parse fflate`.
 */
import { Module } from '@nestjs/common';
import { IsString, Length, ValidateBy } from 'class-validator';
import { type OperationContext, type OperationHandler, type OperationOutcome, OperationType } from 'ringback';
import { CheckDocumentsHandler } from './documents/check-documents.js';
import { ZipOrderHandler } from './orders/zip-order.js';
import { EditSegmentsHandler } from './segments/edit-segments.js';
import { readOrFail } from './segments/read-uploaded.js';

/** A BCP 47 language tag, such as `en`, `pt-BR` or `zh-Hans`. */
function IsLanguageTag(): PropertyDecorator {
  return ValidateBy({
    name: 'isLanguageTag',
    validator: {
      validate: isLanguageTag,
      defaultMessage: () => 'must be a BCP 47 language tag, such as en, pt-BR or zh-Hans',
    },
  });
}

function isLanguageTag(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 64) return false;
  try {
    return Intl.getCanonicalLocales(value).length === 1;
  } catch {
    return false;
  }
}

export class SegmentsExportInput {
  /** Id of an uploaded JSON, CSV or gettext PO file. */
  @IsString()
  @Length(1, 200)
  file!: string;

  /** BCP 47 tag of the sources: `en`. */
  @IsLanguageTag()
  source_language!: string;

  /** BCP 47 tag of the translations: `fr`. */
  @IsLanguageTag()
  target_language!: string;
}

/** Exports an uploaded bilingual file as XLIFF 1.2. */
@OperationType<SegmentsExportInput>({
  name: 'segments.export',
  title: 'Export segments as XLIFF',
  path: 'resources/segments/view/export',
  input: SegmentsExportInput,
  // A broken file fails for good below; another try is for a disk or a database that was away.
  tries: 3,
  backoffS: [1, 5],
  timeoutS: 600,
})
export class SegmentsExportHandler implements OperationHandler<SegmentsExportInput> {
  async run(input: SegmentsExportInput, context: OperationContext): Promise<OperationOutcome> {
    const { name, segments, text } = await readOrFail(
      input.file,
      { make: 'xliff', sourceLanguage: input.source_language, targetLanguage: input.target_language },
      context,
      ({ done, total }) => context.progress((100 * done) / total, `Exporting ${done} of ${total}`),
    );
    const file = await context.saveFile(text, {
      name: `${name.replace(/\.[^.]+$/, '')}.${input.target_language}.xlf`,
      contentType: 'application/xliff+xml',
    });
    context.log(`Exported ${segments} segments of ${name}`);
    return {
      file: file.id,
      custom: { fileref: file.id, filename: file.name, segments },
      statusText: `Exported ${segments} segments`,
    };
  }
}

/** What `RINGBACK_HANDLERS=dist/examples/handlers.js` loads. */
@Module({
  providers: [SegmentsExportHandler, EditSegmentsHandler, CheckDocumentsHandler, ZipOrderHandler],
})
export default class ExampleHandlersModule {}
