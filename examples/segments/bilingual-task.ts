import { type BilingualFile, readSegments } from './read-segments.js';
import { writeJson } from './write-json.js';
import { type Piece, writeXliff } from './write-xliff.js';

/** What is to be made of an uploaded file. */
export type BilingualTask =
  | { readonly make: 'xliff'; readonly sourceLanguage: string; readonly targetLanguage: string }
  | { readonly make: 'json'; readonly edits: readonly { readonly id: string; readonly target: string }[] }
  | { readonly make: 'count' };

/** What is known of a file once it is read. */
export interface Summary {
  segments: number;
  /** How many of them were edited. */
  edited: number;
}

/** Reads a file, tells what is in it, then writes what is asked for in pieces; throws `UnreadableFileError`. */
export function* perform(file: BilingualFile, task: BilingualTask): Generator<Summary | Piece, void> {
  const { format, segments } = readSegments(file);
  const targets = new Map(task.make === 'json' ? task.edits.map(({ id, target }) => [id, target]) : []);
  const edited = segments.filter(({ id }) => targets.has(id));
  yield { segments: segments.length, edited: edited.length };
  if (task.make === 'xliff')
    yield* writeXliff(segments, {
      ...task,
      original: file.name,
      datatype: format === 'po' ? 'po' : 'plaintext',
    });
  if (task.make !== 'json') return;
  for (const segment of edited) segment.target = targets.get(segment.id)!;
  yield* writeJson(segments);
}
