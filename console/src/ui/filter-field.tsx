import { type ReactNode, useEffect, useId, useState } from 'react';

/** A filter by a text, taken over on Enter or when it loses the focus; `suggested` are values that are frequent now. */
export function FilterField({
  label,
  value,
  suggested = [],
  onChange,
  width,
}: {
  label: string;
  value: string | undefined;
  suggested?: readonly string[];
  onChange: (value: string | undefined) => void;
  width?: number;
}): ReactNode {
  const [text, setText] = useState(value ?? '');
  const id = useId();
  useEffect(() => setText(value ?? ''), [value]);
  const commit = (next: string): void => {
    const trimmed = next.trim();
    if (trimmed !== (value ?? '')) onChange(trimmed === '' ? undefined : trimmed);
  };
  return (
    <>
      <input
        className={text === '' ? 'filter' : 'filter set'}
        type="search"
        aria-label={label}
        placeholder={label}
        value={text}
        list={suggested.length > 0 ? id : undefined}
        spellCheck={false}
        style={{ width: width ?? 150 }}
        onChange={({ target }) => {
          setText(target.value);
          // Chosen from the list, or emptied: nothing more is typed.
          if (target.value === '' || suggested.includes(target.value)) commit(target.value);
        }}
        onBlur={({ target }) => commit(target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') commit(event.currentTarget.value);
        }}
      />
      {suggested.length > 0 && (
        <datalist id={id}>
          {suggested.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
    </>
  );
}
