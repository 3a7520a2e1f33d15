import { readdirSync, readFileSync } from 'node:fs';

/** Of SQL that makes tables: the first migration's, and those after it. */
const FOLDERS = ['foundation', 'changes'].map((name) => new URL(`../../sql/${name}/`, import.meta.url));

/** The tables and sequences that migrations make, as they name them. */
export function ownRelations(): string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(folder).flatMap((file) => {
      const text = readFileSync(new URL(file, folder), 'utf8');
      return [...text.matchAll(/^CREATE (?:TABLE|SEQUENCE) (\w+)/gm)].map(([, name]) => name!);
    }),
  );
}
