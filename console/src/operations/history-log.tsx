import { type ReactNode, useLayoutEffect, useRef, useState } from 'react';
import type { HistoryEntryResponse } from '../api-types.js';
import { OthersText } from '../body-view.js';
import { beginning } from '../text-pieces.js';
import { Status } from '../ui/status.js';
import { span, utc } from '../words.js';

/** More rows than this make a page slow; the oldest of them are asked for. */
const SHOWN = 300;
const MAX_CHARACTERS = 4_000;

/** What happened, oldest first, with the time since the accept; it follows the newest entry as long as that is in sight. */
export function HistoryLog({ entries }: { entries: readonly HistoryEntryResponse[] }): ReactNode {
  const [all, setAll] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const begin = entries[0] ? Date.parse(entries[0].created_at) : 0;
  const shown = all ? entries : entries.slice(-SHOWN);
  useLayoutEffect(() => {
    if (frame.current && atEnd.current) frame.current.scrollTop = frame.current.scrollHeight;
  }, [entries]);
  return (
    <div
      ref={frame}
      className="log"
      role="log"
      aria-label="History"
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        atEnd.current = scrollHeight - scrollTop - clientHeight < 40;
      }}
    >
      {shown.length < entries.length && (
        <button type="button" className="button small" onClick={() => setAll(true)}>
          Show the {entries.length - shown.length} older ones
        </button>
      )}
      <ol>
        {shown.map((entry) => (
          <Entry key={entry.id} entry={entry} begin={begin} />
        ))}
      </ol>
    </div>
  );
}

function Entry({ entry, begin }: { entry: HistoryEntryResponse; begin: number }): ReactNode {
  const { kind, status, progress, text, stack, created_at: at } = entry;
  return (
    <li className={`log-entry ${kind}`}>
      <time dateTime={at} title={utc(at)}>
        +{span(Date.parse(at) - begin)}
      </time>
      <span className="log-kind">
        {kind === 'transition' && status !== null ? (
          <Status of={status} />
        ) : kind === 'progress' && progress !== null ? (
          <span className="quiet">{progress} %</span>
        ) : (
          <span className="quiet">log</span>
        )}
      </span>
      <span className="log-text">
        <OthersText text={beginning(text, MAX_CHARACTERS)} />
        {stack !== undefined && (
          <details>
            <summary>Stack</summary>
            <pre className="code">{stack}</pre>
          </details>
        )}
      </span>
    </li>
  );
}
