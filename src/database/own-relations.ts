import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../../sql/foundation/', import.meta.url);

/** The tables and sequences that the foundation makes, as it names them. */
export function ownRelations(): string[] {
  return readdirSync(FOLDER).flatMap((file) => {
    const text = readFileSync(new URL(file, FOLDER), 'utf8');
    return [...text.matchAll(/^CREATE (?:TABLE|SEQUENCE) (\w+)/gm)].map(([, name]) => name!);
  });
}
