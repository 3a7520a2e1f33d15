import type { ReactNode } from 'react';

const SPANS = [
  ['3600', 'Last hour'],
  ['86400', 'Last 24 hours'],
  ['604800', 'Last 7 days'],
  ['2592000', 'Last 30 days'],
] as const;

/** What a choice means, as the two ends of a filter. */
export interface Range {
  readonly after: string | undefined;
  readonly before: string | undefined;
}

const SHOWN = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

/** Chooses a span of time; one that was dragged over the histogram is shown as it is. */
export function TimeRange({
  range,
  onChange,
}: {
  range: Range;
  onChange: (range: Range) => void;
}): ReactNode {
  const { after, before } = range;
  const isSet = after !== undefined || before !== undefined;
  const shown = (at: string | undefined, missing: string): string =>
    at === undefined ? missing : SHOWN.format(new Date(at));
  return (
    <select
      aria-label="Time"
      className={isSet ? 'filter set' : 'filter'}
      value={isSet ? 'set' : ''}
      onChange={({ target }) => {
        if (target.value === '') onChange({ after: undefined, before: undefined });
        else if (target.value !== 'set') {
          const from = new Date(Date.now() - Number(target.value) * 1000);
          onChange({ after: from.toISOString(), before: undefined });
        }
      }}
    >
      <option value="">Any time</option>
      {SPANS.map(([seconds, name]) => (
        <option key={seconds} value={seconds}>
          {name}
        </option>
      ))}
      {isSet && <option value="set">{`${shown(after, '…')} – ${shown(before, 'now')}`}</option>}
    </select>
  );
}
