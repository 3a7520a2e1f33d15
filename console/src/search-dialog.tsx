import { type ReactNode, type RefObject, useId, useState } from 'react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useAccountQuery } from './account-scope.js';
import { address, get, type Page, type Query } from './api.js';
import { Problem } from './ui/problem.js';

/** Something that was found, by any id or by its correlation. */
export interface Hit {
  readonly kind: 'operation' | 'delivery' | 'endpoint' | 'file' | 'account';
  readonly id: string;
  readonly label: string;
}

function search(q: string, account: Query, signal?: AbortSignal): Promise<Page<Hit>> {
  return get('/v1/search', { q, ...account }, signal);
}

/** Finds anything by its id, an operation also by its correlation; Enter opens the first hit, arrows choose another one. */
export function SearchDialog({ dialog }: { dialog: RefObject<HTMLDialogElement | null> }): ReactNode {
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  const account = useAccountQuery();
  const open = useOpen();
  const list = useId();
  const q = text.trim();
  const { data, error, isFetching } = useQuery({
    queryKey: ['search', q, account],
    queryFn: ({ signal }) => search(q, account, signal),
    enabled: q !== '',
    placeholderData: keepPreviousData,
  });
  const hits = q === '' ? [] : (data?.data ?? []);

  function go(hit: Hit | undefined): void {
    if (!hit) return;
    dialog.current?.close();
    open(hit);
  }
  // Not what is shown, which may be of the text before the last letter.
  const enter = async (): Promise<void> => {
    if (q === '') return;
    const found = await search(q, account).catch(() => null);
    go(found?.data[chosen] ?? found?.data[0]);
  };

  return (
    <dialog
      ref={dialog}
      className="dialog search"
      aria-label="Find"
      closedby="any"
      onClose={() => setText('')}
    >
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        <input
          type="search"
          aria-label="An id or a correlation"
          placeholder="An id or a correlation: order 17, 559, dlv_…"
          value={text}
          autoFocus
          spellCheck={false}
          role="combobox"
          aria-expanded={hits.length > 0}
          aria-controls={list}
          aria-activedescendant={hits.length > 0 ? `${list}-${chosen}` : undefined}
          onChange={({ target }) => {
            setText(target.value);
            setChosen(0);
          }}
          onKeyDown={(event) => {
            const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
            if (by === undefined || hits.length === 0) return;
            event.preventDefault();
            setChosen((chosen + by + hits.length) % hits.length);
          }}
        />
      </form>
      <ul id={list} role="listbox" aria-label="Found" className="hits">
        {hits.map((hit, at) => (
          <li
            key={`${hit.kind} ${hit.id}`}
            id={`${list}-${at}`}
            role="option"
            aria-selected={at === chosen}
            onClick={() => go(hit)}
          >
            <span className="kind">{hit.kind}</span> <span className="label">{hit.label}</span>{' '}
            <code className="quiet">{hit.id}</code>
          </li>
        ))}
      </ul>
      <Problem error={error} />
      <p className="quiet" role="status">
        {q === ''
          ? 'Operations by id, request_id or correlation; deliveries, endpoints and files by id.'
          : hits.length === 0 && !isFetching && !error
            ? 'Nothing has this id or this correlation. Both are compared whole.'
            : null}
      </p>
    </dialog>
  );
}

function useOpen(): (hit: Hit) => void {
  const navigate = useNavigate();
  const account = useAccountQuery();
  return ({ kind, id }) => {
    switch (kind) {
      case 'operation':
        return void navigate({ to: '/operations/$id', params: { id } });
      case 'delivery':
        return void navigate({ to: '/deliveries/$id', params: { id } });
      case 'endpoint':
        return void navigate({ to: '/endpoints/$id', params: { id } });
      case 'account':
        return void navigate({ to: '/accounts/$id', params: { id } });
      case 'file':
        return void window.open(address(`/v1/files/${encodeURIComponent(id)}/content`, account));
      default:
        return kind satisfies never;
    }
  };
}
