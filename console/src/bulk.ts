import { send, type Query } from './api.js';

/** At most so many requests at a time for what was selected by hand. */
const AT_ONCE = 6;

/** How many a bulk action would concern. */
export async function countBulk(kind: Kind, action: string, filter: Query): Promise<number> {
  const body = { action, filter, dry_run: true };
  return (await send<{ matched: number }>('POST', `/v1/${kind}/bulk`, body)).matched;
}

/** Begins a bulk action on all that the filter finds; answers the operation that does it. */
export function beginBulk(kind: Kind, action: string, filter: Query): Promise<{ id: string }> {
  return send('POST', `/v1/${kind}/bulk`, { action, filter });
}

type Kind = 'operations' | 'deliveries';

/** What became of some that were selected by hand. */
export interface Done {
  readonly done: number;
  readonly refused: readonly { readonly id: string; readonly error: unknown }[];
}

/** Does it with each; one that is refused doesn't stop the others. */
export async function each(ids: Iterable<string>, act: (id: string) => Promise<unknown>): Promise<Done> {
  const left = [...ids];
  const refused: { id: string; error: unknown }[] = [];
  let done = 0;
  const work = async (): Promise<void> => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      try {
        await act(id);
        done++;
      } catch (error) {
        refused.push({ id, error });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { done, refused };
}
