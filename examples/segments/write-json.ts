import type { Segment } from './segment.js';
import type { Piece } from './write-xliff.js';

const PIECE = 200;

/** Writes the array of `{ id, source, target }` that `readJson` reads, in pieces. */
export function* writeJson(segments: readonly Segment[]): Generator<Piece, void> {
  const total = segments.length;
  for (let at = 0; at < total; at += PIECE) {
    const items = segments.slice(at, at + PIECE).map(({ id, source, target }) => ({ id, source, target }));
    const done = at + items.length;
    // Without the brackets of this part.
    const text = JSON.stringify(items, null, 2).slice(1, -2);
    yield { text: `${at === 0 ? '[' : ','}${text}${done === total ? '\n]' : ''}`, done, total };
  }
}
