import { RingbackError } from '../client/index.js';
import { CommandError } from './ending.js';
import { clean, type Column, counted, printJson, printTable, styled } from './output.js';

interface Acting<Row> {
  readonly json: boolean;
  readonly columns: readonly Column<Row>[];
  readonly act: (id: string) => Promise<Row>;
}

/**
 * Acts on one after the other and prints what became of them. One that is refused stops no other; a service that isn't
 * reached stops all.
 */
export async function eachOf<Row>(
  ids: readonly string[],
  { json, columns, act }: Acting<Row>,
): Promise<void> {
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
    if (rows.length > 0) printTable(rows, columns, '');
    for (const { id, error } of refused)
      process.stderr.write(`${styled('red', clean(id), process.stderr)}  ${clean(error.message)}\n`);
  }
  if (refused.length > 0) throw new CommandError(`${counted(refused.length, 'was', 'were')} refused`);
}
