import type { ReactNode } from 'react';

/** Values of which several can be chosen, by comma in the address; none chosen means any. */
export function FilterChips({
  label,
  values,
  chosen,
  onChange,
}: {
  label: string;
  values: readonly string[];
  chosen: string | undefined;
  onChange: (chosen: string | undefined) => void;
}): ReactNode {
  const set = new Set(chosen?.split(',').filter((value) => value !== ''));
  const toggle = (value: string): void => {
    const next = new Set(set);
    if (!next.delete(value)) next.add(value);
    onChange(next.size === 0 ? undefined : values.filter((each) => next.has(each)).join(','));
  };
  return (
    <div className="chips" role="group" aria-label={label}>
      <button
        type="button"
        className="chip"
        aria-pressed={set.size === 0}
        onClick={() => onChange(undefined)}
      >
        All
      </button>
      {values.map((value) => (
        <button
          key={value}
          type="button"
          className="chip"
          aria-pressed={set.has(value)}
          onClick={() => toggle(value)}
        >
          {value}
        </button>
      ))}
    </div>
  );
}
