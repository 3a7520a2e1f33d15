import { type ReactNode, useEffect } from 'react';
import { utc } from '../words.js';

/** So many pages are looked at without being asked, where they hold too little to fill a screen. */
const UNASKED = 20;
const FULL = 20;

interface Pages {
  readonly data: { readonly pages: readonly { readonly data: readonly unknown[] }[] } | undefined;
  readonly hasNextPage: boolean;
  readonly isFetchingNextPage: boolean;
  readonly isFetchNextPageError: boolean;
  readonly fetchNextPage: () => Promise<unknown>;
}

/**
 * A button for older rows where there are. Pages of a rare filter come short, since each looks at so many rows only: they are
 * read on until there is something to see.
 */
export function MoreRows({ list, oldest }: { list: Pages; oldest: string | undefined }): ReactNode {
  const { data, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = list;
  const pages = data?.pages ?? [];
  const rows = pages.reduce((sum, page) => sum + page.data.length, 0);
  const goesOn =
    hasNextPage && !isFetchingNextPage && !isFetchNextPageError && rows < FULL && pages.length < UNASKED;
  useEffect(() => {
    if (goesOn) void fetchNextPage();
  }, [goesOn, pages.length, fetchNextPage]);
  if (!hasNextPage) return null;
  return (
    <p className="more">
      <button
        type="button"
        className="button"
        disabled={isFetchingNextPage}
        onClick={() => void fetchNextPage()}
      >
        {isFetchingNextPage ? 'Looking …' : 'Show older ones'}
      </button>
      {oldest !== undefined && <span className="quiet"> than {utc(oldest)}</span>}
    </p>
  );
}
