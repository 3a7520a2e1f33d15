import type { ReactNode } from 'react';
import type { AccountResponse } from '../api-types.js';
import { typed } from '../form-text.js';
import { Labeled } from '../ui/form-dialog.js';

export const SCOPES = [
  ['operations:write', 'submit, cancel and rerun operations'],
  ['operations:read', 'see operations, deliveries and endpoints'],
  ['endpoints:write', 'make and change endpoints, see and rotate signing secrets'],
  ['deliveries:redeliver', 'send deliveries again, or give them up'],
  ['keys:write', 'make and revoke the account’s own keys, with no scope that it lacks'],
  ['work', 'run the account’s operations of declared types, as a worker'],
  ['admin', 'everything, in all accounts'],
] as const;

/** Null takes what the settings of the service say. */
export interface AccountFields {
  name: string;
  slots?: number;
  quota_bytes: number | null;
  quota_waiting: number | null;
  requests_per_s: number | null;
}

export function accountFields(given: FormData): AccountFields {
  const number = (name: string): number | null => {
    const value = typed(given, name);
    return value === '' ? null : Number(value);
  };
  const slots = number('slots');
  return {
    name: typed(given, 'name'),
    ...(slots === null ? {} : { slots }),
    quota_bytes: number('quota_bytes'),
    quota_waiting: number('quota_waiting'),
    requests_per_s: number('requests_per_s'),
  };
}

export function AccountFormFields({ current }: { current?: AccountResponse }): ReactNode {
  return (
    <>
      <Labeled label="Name" hint="1 to 100 letters, digits, spaces or . _ @ -">
        <input name="name" required maxLength={100} defaultValue={current?.name} autoFocus />
      </Labeled>
      <Labeled label="Slots" hint="Operations that may be Executing at once; empty: the service’s default.">
        <input name="slots" type="number" min={1} max={100_000} defaultValue={current?.slots} />
      </Labeled>
      <details>
        <summary>Quotas</summary>
        <div className="form inside-details">
          <p className="hint">Empty: what the settings of the service say. 0: any.</p>
          <div className="fields">
            <Labeled label="Bytes stored">
              <input name="quota_bytes" type="number" min={0} defaultValue={current?.quota_bytes ?? ''} />
            </Labeled>
            <Labeled label="Operations waiting">
              <input name="quota_waiting" type="number" min={0} defaultValue={current?.quota_waiting ?? ''} />
            </Labeled>
            <Labeled label="Requests a second">
              <input
                name="requests_per_s"
                type="number"
                min={0}
                step="any"
                defaultValue={current?.requests_per_s ?? ''}
              />
            </Labeled>
          </div>
        </div>
      </details>
    </>
  );
}
