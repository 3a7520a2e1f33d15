import { RingbackError } from '../client/index.js';
import { CommandError } from './ending.js';
import { clean, counted, printJson, styled } from './output.js';

interface Acting<Row> {
  readonly json: boolean;
  readonly act: (id: string) => Promise<Row>;
  /** Prints, for people, what became of those that were taken. */
  readonly print: (rows: readonly Row[]) => unknown;
}

/**
 * Acts on one after the other, prints what became of them, and answers it. One that is refused stops no other, and is exit code 1
 * in the end; a service that isn't reached stops all.
 */
export async function eachOf<Row>(ids: readonly string[], { json, act, print }: Acting<Row>): Promise<Row[]> {
  const rows: Row[] = [];
  const refused: { id: string; error: RingbackError }[] = [];
  for (const id of ids) {
    try {
      rows.push(await act(id));
    } catch (error) {
      if (!(error instanceof RingbackError) || error.code === 'unreachable' || ids.length === 1) throw error;
      refused.push({ id, error });
    }
  }
  if (json) printJson([...rows, ...refused.map(({ id, error: { problem } }) => ({ id, error: problem }))]);
  else {
    print(rows);
    for (const { id, error } of refused)
      process.stderr.write(`${styled('red', clean(id), process.stderr)}  ${clean(error.message)}\n`);
  }
  if (refused.length > 0)
    throw new CommandError(`${refused.length} of ${counted(ids.length, 'was', 'were')} refused`);
  return rows;
}
