import type { ReactNode } from 'react';
import type { TopValue } from '../stats.js';
import { compact } from '../words.js';

/** The most frequent values, each a ready filter. */
export function TopValues({
  title,
  values,
  chosen,
  onChoose,
}: {
  title: string;
  values: readonly TopValue[];
  chosen: string | undefined;
  onChoose: (value: string | undefined) => void;
}): ReactNode {
  const most = Math.max(1, ...values.map(({ count }) => count));
  return (
    <section className="top-values" aria-label={title}>
      <h3>{title}</h3>
      {values.length === 0 && <p className="quiet">None</p>}
      <ul>
        {values.slice(0, 5).map(({ value, count }) => (
          <li key={value}>
            <button
              type="button"
              aria-pressed={chosen === value}
              onClick={() => onChoose(chosen === value ? undefined : value)}
              title={value}
            >
              <span className="top-bar" style={{ width: `${(100 * count) / most}%` }} />
              <span className="top-value">{value}</span>
              <span className="top-count">{compact(count)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
