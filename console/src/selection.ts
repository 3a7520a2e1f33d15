import { useMemo, useState } from 'react';

/** Which rows of a list are chosen. */
export interface Selection {
  readonly ids: ReadonlySet<string>;
  /** Not only those that are shown: all that the filter finds. */
  readonly isAll: boolean;
  readonly toggle: (id: string) => void;
  readonly toggleShown: () => void;
  readonly chooseAll: () => void;
  readonly clear: () => void;
}

/** Chosen rows; another filter begins anew, and rows that are gone are chosen no longer. */
export function useSelection(rows: readonly { readonly id: string }[], filter: unknown): Selection {
  const key = JSON.stringify(filter);
  const [chosen, setChosen] = useState({ key, ids: new Set<string>(), isAll: false });
  const current = chosen.key === key ? chosen : { key, ids: new Set<string>(), isAll: false };
  return useMemo(() => {
    const shown = new Set(rows.map(({ id }) => id));
    const ids = current.ids.intersection(shown);
    const set = (next: Set<string>, isAll = false): void => setChosen({ key, ids: next, isAll });
    return {
      ids,
      isAll: current.isAll,
      toggle: (id) => set(ids.symmetricDifference(new Set([id]))),
      toggleShown: () => set(ids.size === shown.size ? new Set() : shown),
      chooseAll: () => set(shown, true),
      clear: () => set(new Set()),
    };
  }, [rows, chosen, key]);
}
