import { memo, useMemo, useState } from 'react';
import { hexRows } from './hex-rows.js';
import { isJson, jsonPieces } from './json-pieces.js';
import { beginning, type Piece, pieces, SHOWN_AT_FIRST } from './text-pieces.js';
import { Copy } from './ui/copy.js';
import { count, size } from './words.js';

type View = 'json' | 'text' | 'hex';

const VIEWS: readonly View[] = ['json', 'text', 'hex'];
const NAMES = { json: 'JSON', text: 'Text', hex: 'Hex' } as const;
/** Characters that a byte takes in a hex view, with what stands beside it. */
const HEX_SHARE = 4;

/** What somebody else wrote, within a line: shown as text, with marks for what is not seen. */
export function OthersText({ text }: { text: string }) {
  return (
    <bdi className="others">
      <Pieces of={pieces(text)} />
    </bdi>
  );
}

/** A body as text, as JSON on lines of its own, or as bytes; a large one by parts, so that the page stays quick. */
export function BodyView({ label, body, note }: { label: string; body: string | null; note?: string }) {
  const json = useMemo(() => body !== null && isJson(body), [body]);
  const [chosen, choose] = useState<View>();
  const [shown, setShown] = useState(SHOWN_AT_FIRST);
  if (body === null || body === '') return <p className="quiet">{body === null ? 'Not there.' : 'Empty.'}</p>;
  const view = chosen ?? (json ? 'json' : 'text');
  return (
    <div className="body-view">
      <div className="body-tools">
        <fieldset className="segments" aria-label={`Show ${label} as`}>
          {VIEWS.filter((one) => one !== 'json' || json).map((one) => (
            <button key={one} type="button" aria-pressed={one === view} onClick={() => choose(one)}>
              {NAMES[one]}
            </button>
          ))}
        </fieldset>
        <span className="quiet">
          {[size(new TextEncoder().encode(body).length), note].filter(Boolean).join(', ')}
        </span>
        <Copy text={body} />
      </div>
      <Part label={label} body={body} view={view} shown={shown} />
      {shown < body.length && (
        <button type="button" className="button small" onClick={() => setShown(shown * 4)}>
          Show more: the first {count(shown)} of {count(body.length)} characters are shown
        </button>
      )}
    </div>
  );
}

/** Headers, each on a row of its own. */
export function HeadersTable({
  label,
  headers,
}: {
  label: string;
  headers: Readonly<Record<string, unknown>> | null;
}) {
  const rows = Object.entries(headers ?? {});
  if (rows.length === 0) return <p className="quiet">{headers === null ? 'Not there.' : 'None.'}</p>;
  return (
    <table className="pairs" aria-label={label}>
      <tbody>
        {rows.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">
              <OthersText text={beginning(name, SHOWN_AT_FIRST)} />
            </th>
            <td>
              <OthersText text={beginning(headerText(value), SHOWN_AT_FIRST)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const Part = memo(function Part({
  label,
  body,
  view,
  shown,
}: {
  label: string;
  body: string;
  view: View;
  shown: number;
}) {
  return (
    // Focusable, so that keys scroll it.
    <pre className={`code ${view}`} tabIndex={0} role="region" aria-label={label}>
      {view === 'hex' ? <Hex body={body} shown={shown} /> : <Pieces of={piecesOf(body, view, shown)} />}
    </pre>
  );
});

function piecesOf(body: string, view: View, shown: number): readonly Piece[] {
  return view === 'json' ? jsonPieces(body, shown).pieces : pieces(beginning(body, shown));
}

function Hex({ body, shown }: { body: string; shown: number }) {
  const bytes = new TextEncoder().encode(beginning(body, shown / HEX_SHARE));
  return hexRows(bytes, bytes.length).map(({ offset, hex, text }) => (
    <span className="hex-row" key={offset}>
      <span className="quiet">{offset}</span>
      {`  ${hex.padEnd(48)}  ${text}\n`}
    </span>
  ));
}

function Pieces({ of }: { of: readonly Piece[] }) {
  return of.map(({ text, kind, title }, index) =>
    kind === 'plain' ? (
      text
    ) : (
      // Pieces have no name of their own, and never move.
      <span key={index} className={kind === 'mark' ? 'mark-of' : kind} title={title}>
        {text}
      </span>
    ),
  );
}

function headerText(value: unknown): string {
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
