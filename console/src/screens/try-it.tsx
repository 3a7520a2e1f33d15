import { type FormEvent, type ReactNode, useMemo, useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { get, type Page, send } from '../api.js';
import type { OperationResponse, OperationTypeResponse } from '../api-types.js';
import { OthersText } from '../body-view.js';
import { typed } from '../form-text.js';
import { useInbox } from '../inbox.js';
import { fieldsOf, initialValues, readInput, readJson, type Schema } from '../schema-fields.js';
import { useMay } from '../session.js';
import { InputForm } from '../try-it/input-form.js';
import { Watch } from '../try-it/watch.js';
import { Empty } from '../ui/empty.js';
import { Labeled } from '../ui/form-dialog.js';
import { Problem } from '../ui/problem.js';

/** Submits an operation of any type by a form, and shows what becomes of it. */
export function TryIt(): ReactNode {
  const { type: chosen } = useSearch({ from: '/try' });
  const navigate = useNavigate({ from: '/try' });
  const [watched, watch] = useState<string>();
  const { data, error } = useQuery({
    queryKey: ['operation-types'],
    queryFn: ({ signal }) => get<Page<OperationTypeResponse>>('/v1/operation-types', {}, signal),
    staleTime: 60_000,
  });
  const types = data?.data ?? [];
  const type = types.find(({ name }) => name === chosen) ?? types[0];
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>Try it</h1>
      </div>
      <Problem error={error} />
      {data && !type && (
        <Empty title="No operation type yet">
          <p>Handlers are ES modules that RINGBACK_HANDLERS names.</p>
        </Empty>
      )}
      {type && (
        <div className="columns even">
          <section className="card" aria-label="Operation">
            <header>
              <label htmlFor="type">Operation type</label>
              <select
                id="type"
                value={type.name}
                onChange={({ target }) => void navigate({ search: { type: target.value } })}
              >
                {types.map(({ name }) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
              {type.title !== type.name && (
                <span className="quiet">
                  <OthersText text={type.title} />
                </span>
              )}
            </header>
            <Submission key={type.name} type={type} onSubmitted={watch} />
          </section>
          {watched === undefined ? (
            <Empty title="Nothing submitted yet">
              <p>What becomes of it is shown here, as it happens.</p>
            </Empty>
          ) : (
            <Watch key={watched} id={watched} />
          )}
        </div>
      )}
    </div>
  );
}

function Submission({
  type,
  onSubmitted,
}: {
  type: OperationTypeResponse;
  onSubmitted: (id: string) => void;
}): ReactNode {
  const mayWrite = useMay('operations:write');
  const { inbox } = useInbox();
  const fields = useMemo(() => fieldsOf(type.input_schema as Schema), [type]);
  const [values, setValues] = useState(() => initialValues(fields ?? []));
  const [json, setJson] = useState(fields ? '' : '{}');
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [problem, setProblem] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);

  const read = (): { input: unknown } | null => {
    const { value, error } = readJson(json);
    const said = fields
      ? readInput(fields, values)
      : { input: value, errors: error === null ? null : { json: error } };
    setErrors(said.errors ?? {});
    return said.errors === null ? { input: said.input } : null;
  };
  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const said = read();
    if (!said) return;
    setBusy(true);
    setProblem(null);
    const url = typed(given, 'callback');
    const correlation = typed(given, 'correlation');
    const body = {
      type: type.name,
      ...said,
      ...(url === '' ? {} : { callback: { url } }),
      ...(correlation === '' ? {} : { correlation }),
    };
    try {
      const { id } = await send<OperationResponse>('POST', '/v1/operations', body);
      onSubmitted(id);
    } catch (failure) {
      setProblem(failure);
    }
    setBusy(false);
  }
  return (
    <form className="inside form" noValidate onSubmit={(event) => void submit(event)}>
      {fields ? (
        <InputForm
          fields={fields}
          values={values}
          errors={errors}
          onChange={(name, value) => setValues((before) => ({ ...before, [name]: value }))}
        />
      ) : (
        <Labeled label="Input" hint={errors['json'] ?? 'Any JSON: the type says nothing of it.'}>
          <textarea
            rows={5}
            className="mono"
            spellCheck={false}
            value={json}
            aria-invalid={errors['json'] !== undefined}
            onChange={({ target }) => setJson(target.value)}
          />
        </Labeled>
      )}
      <hr />
      <Labeled
        label="Callback URL"
        hint={inbox ? 'The inbox of this service takes and shows it.' : 'Optional.'}
      >
        <input name="callback" type="text" inputMode="url" className="mono" defaultValue={inbox?.url} />
      </Labeled>
      <Labeled label="Correlation" hint="Optional: yours, to find it by.">
        <input name="correlation" type="text" maxLength={512} />
      </Labeled>
      <Problem error={problem} />
      <div className="buttons">
        <button
          type="submit"
          className="button primary"
          disabled={busy || !mayWrite}
          title={mayWrite ? undefined : 'Your key lacks the scope operations:write'}
        >
          Submit
        </button>
      </div>
    </form>
  );
}
