import type { ReactNode } from 'react';
import type { Control, Field, FormValues } from '../schema-fields.js';
import { UploadButton } from './upload-button.js';

interface Props {
  readonly fields: readonly Field[];
  readonly values: FormValues;
  readonly errors: Readonly<Record<string, string>>;
  readonly onChange: (name: string, value: string | boolean) => void;
}

const FORMS: Partial<Record<Control, string>> = { lines: 'One on a line.', json: 'As JSON.' };

/** A field for each property of an input. */
export function InputForm({ fields, values, errors, onChange }: Props): ReactNode {
  return fields.map((field) => (
    <FieldRow
      key={field.name}
      field={field}
      value={values[field.name] ?? ''}
      error={errors[field.name]}
      onChange={(value) => onChange(field.name, value)}
    />
  ));
}

interface RowProps {
  readonly field: Field;
  readonly value: string | boolean;
  readonly error: string | undefined;
  readonly onChange: (value: string | boolean) => void;
}

function FieldRow({ field, value, error, onChange }: RowProps): ReactNode {
  const { name, description, isRequired, control } = field;
  const id = `input-${name}`;
  const hint = `${id}-hint`;
  return (
    <div className="field">
      <label htmlFor={id}>
        {name} {!isRequired && <span className="quiet">optional</span>}
      </label>
      <div className="with-button">
        <FieldControl
          id={id}
          hint={hint}
          field={field}
          value={value}
          isWrong={error !== undefined}
          onChange={onChange}
        />
        {control === 'text' && /(^|_)file$/.test(name) && (
          <UploadButton onUploaded={({ id: file }) => onChange(file)} />
        )}
      </div>
      <span className="hint" id={hint}>
        {error === undefined ? (
          <>{[description, FORMS[control]].filter(Boolean).join(' ')}</>
        ) : (
          <span className="wrong">{error}</span>
        )}
      </span>
    </div>
  );
}

interface ControlProps {
  readonly id: string;
  readonly hint: string;
  readonly field: Field;
  readonly value: string | boolean;
  readonly isWrong: boolean;
  readonly onChange: (value: string | boolean) => void;
}

function FieldControl({ id, hint, field, value, isWrong, onChange }: ControlProps): ReactNode {
  const { control, choices, isRequired, schema } = field;
  const same = { id, 'aria-describedby': hint, 'aria-invalid': isWrong };
  if (control === 'checkbox')
    return (
      <input
        {...same}
        type="checkbox"
        checked={value === true}
        onChange={({ target }) => onChange(target.checked)}
      />
    );
  const text = String(value);
  if (control === 'choice')
    return (
      <select {...same} value={text} onChange={({ target }) => onChange(target.value)}>
        <option value="">{isRequired ? 'Choose one' : 'Leave it out'}</option>
        {choices.map((choice) => (
          <option key={JSON.stringify(choice)} value={JSON.stringify(choice)}>
            {typeof choice === 'string' ? choice : JSON.stringify(choice)}
          </option>
        ))}
      </select>
    );
  if (control === 'lines' || control === 'json')
    return (
      <textarea
        {...same}
        rows={3}
        className="mono"
        spellCheck={false}
        value={text}
        onChange={({ target }) => onChange(target.value)}
      />
    );
  return (
    <input
      {...same}
      type="text"
      inputMode={control === 'number' ? 'decimal' : 'text'}
      placeholder={placeholderOf(schema.minimum, schema.maximum)}
      value={text}
      onChange={({ target }) => onChange(target.value)}
    />
  );
}

function placeholderOf(minimum: number | undefined, maximum: number | undefined): string | undefined {
  if (minimum === undefined && maximum === undefined) return undefined;
  if (maximum === undefined) return `from ${minimum}`;
  return minimum === undefined ? `to ${maximum}` : `${minimum} to ${maximum}`;
}
