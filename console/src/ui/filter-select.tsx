import type { ReactNode } from 'react';

/** A filter by one of few values; `label` is what is said where none is chosen, such as `Any error`. */
export function FilterSelect({
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
  return (
    <select
      aria-label={label.replace('Any ', 'By ')}
      className={chosen === undefined ? 'filter' : 'filter set'}
      value={chosen ?? ''}
      onChange={({ target }) => onChange(target.value === '' ? undefined : target.value)}
    >
      <option value="">{label}</option>
      {values.map((value) => (
        <option key={value} value={value}>
          {value}
        </option>
      ))}
      {chosen !== undefined && !values.includes(chosen) && <option value={chosen}>{chosen}</option>}
    </select>
  );
}
