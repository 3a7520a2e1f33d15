import { type ReactNode, useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { get, type Query, send } from '../api.js';
import type { KnownSecretsResponse, SigningSecretResponse } from '../api-types.js';
import { typed } from '../form-text.js';
import { Ago } from '../ui/ago.js';
import { Action, AskedAction } from '../ui/action.js';
import { FormDialog, Labeled } from '../ui/form-dialog.js';
import { Id } from '../ui/id.js';
import { Problem } from '../ui/problem.js';
import { SecretOnce } from '../ui/secret-once.js';

/** Where an owner's secrets are read and changed. */
export interface SecretRoutes {
  readonly read: string;
  readonly list: string;
  readonly rotate: string;
}

export const ACCOUNT_SECRETS: SecretRoutes = {
  read: '/v1/signing-secret',
  list: '/v1/signing-secret/list',
  rotate: '/v1/signing-secret/rotate',
};

export function endpointSecrets(id: string): SecretRoutes {
  const endpoint = `/v1/endpoints/${id}`;
  return {
    read: `${endpoint}/secret`,
    list: `${endpoint}/secrets`,
    rotate: `${endpoint}/rotate-secret`,
  };
}

/** The secrets that sign for an owner: read, rotated, and old ones ended. */
export function SigningSecrets({
  title,
  of,
  query,
  children,
}: {
  title: string;
  of: SecretRoutes;
  query: Query;
  children: ReactNode;
}): ReactNode {
  const [shown, show] = useState<{ title: string; secret: string }>();
  const [rotating, setRotating] = useState(false);
  const { data, error } = useQuery({
    queryKey: ['secrets', of.list, query],
    queryFn: ({ signal }) => get<KnownSecretsResponse>(of.list, query, signal),
  });
  const read = async (): Promise<void> => {
    const { secret } = await get<SigningSecretResponse>(of.read, query);
    show({ title: 'Signing secret', secret });
  };
  return (
    <section className="card" aria-label={title}>
      <header>
        <h2>{title}</h2>
        <div className="buttons">
          <Action label="Show secret" className="small" run={read} changes={['audit']} />
          <button type="button" className="button small" onClick={() => setRotating(true)}>
            Rotate …
          </button>
        </div>
      </header>
      <div className="inside form">
        <p className="quiet">{children}</p>
        <Problem error={error} />
        <ul className="lines">
          {data?.data.map(({ id, current, signs_until, created_at }) => (
            <li key={id}>
              <Id id={id} />
              <span>
                {current ? 'signs, ' : 'co-signs, ends '}
                {current ? (
                  <>
                    made <Ago at={created_at} />
                  </>
                ) : (
                  <Ago at={signs_until} />
                )}
              </span>
              {!current && (
                <AskedAction
                  label="End now"
                  className="small danger"
                  run={() => send('DELETE', secretOf(of, id), undefined, query)}
                  ask={
                    <p>Receivers that still verify with this secret will refuse what is sent from now on.</p>
                  }
                />
              )}
            </li>
          ))}
        </ul>
      </div>
      {rotating && (
        <Rotate
          onClose={() => setRotating(false)}
          rotate={async (overlapS) => {
            const body = { overlap_s: overlapS };
            const { secret } = await send<SigningSecretResponse>('POST', of.rotate, body, query);
            show({ title: 'The new signing secret', secret });
          }}
        />
      )}
      {shown && (
        <SecretOnce {...shown} onClose={() => show(undefined)}>
          Give it to the receiver as it is, <code>whsec_</code> included. That it was shown is in the audit.
        </SecretOnce>
      )}
    </section>
  );
}

function Rotate({
  rotate,
  onClose,
}: {
  rotate: (overlapS: number) => Promise<void>;
  onClose: () => void;
}): ReactNode {
  return (
    <FormDialog
      title="Rotate the signing secret"
      verb="Rotate"
      onSubmit={(given) => rotate(Number(typed(given, 'overlap')))}
      onClose={onClose}
    >
      <p>
        A new secret signs from now on. The old ones sign beside it for a while, so that a receiver with
        either accepts; switch the receiver within that time.
      </p>
      <Labeled label="Old secrets co-sign for">
        <select name="overlap" defaultValue="86400">
          <option value="0">no time at all: the old one is known to strangers</option>
          <option value="3600">1 hour</option>
          <option value="86400">1 day</option>
          <option value="604800">7 days</option>
        </select>
      </Labeled>
    </FormDialog>
  );
}

/** Of an endpoint beside the list, of an account beside the secret. */
function secretOf({ list, read }: SecretRoutes, id: string): string {
  return `${list.endsWith('/list') ? read : list}/${id}`;
}
