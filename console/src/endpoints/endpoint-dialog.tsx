import type { ReactNode } from 'react';
import { type Query, send } from '../api.js';
import type { EndpointResponse } from '../api-types.js';
import { FormDialog, Labeled } from '../ui/form-dialog.js';
import { DEFAULT_EVENTS, EVENTS, fieldsGiven, PROFILES } from './endpoint-form.js';

/** Makes an endpoint, or changes one. */
export function EndpointDialog({
  current,
  query,
  onDone,
  onClose,
}: {
  current?: EndpointResponse;
  query: Query;
  onDone?: (made: EndpointResponse) => void;
  onClose: () => void;
}): ReactNode {
  const isPulled = current?.mode === 'pull';
  return (
    <FormDialog
      wide
      title={current ? 'Change the endpoint' : 'New endpoint'}
      verb={current ? 'Change' : 'Create'}
      onClose={onClose}
      onSubmit={async (given) => {
        const fields = fieldsGiven(given, current);
        const made = current
          ? await send<EndpointResponse>('PATCH', `/v1/endpoints/${current.id}`, fields, query)
          : await send<EndpointResponse>('POST', '/v1/endpoints', fields, query);
        onDone?.(made);
      }}
    >
      {!isPulled && (
        <Labeled label="URL" hint="An absolute https URL. What waits goes to the new one.">
          <input
            name="url"
            type="text"
            inputMode="url"
            className="mono"
            required
            defaultValue={current?.url ?? undefined}
            placeholder="https://example.com/hooks/ringback"
            spellCheck={false}
            autoFocus
          />
        </Labeled>
      )}
      <Labeled label="Description">
        <input name="description" type="text" maxLength={500} defaultValue={current?.description} />
      </Labeled>
      <fieldset className="checks">
        <legend>Events</legend>
        {EVENTS.map((event) => (
          <label key={event}>
            <input
              type="checkbox"
              name="events"
              value={event}
              defaultChecked={(current?.events ?? DEFAULT_EVENTS).includes(event)}
            />
            <code>{event}</code>
          </label>
        ))}
      </fieldset>
      <details>
        <summary>Pace, signature, headers</summary>
        <div className="form inside-details">
          <Pace current={current} />
          <Labeled label="Signature profile" hint="Every profile sends the three standard headers.">
            <select name="signature_profile" defaultValue={current?.signature_profile ?? 'standard'}>
              {PROFILES.map((profile) => (
                <option key={profile}>{profile}</option>
              ))}
            </select>
          </Labeled>
          <Headers current={current} />
        </div>
      </details>
    </FormDialog>
  );
}

function Pace({ current }: { current: EndpointResponse | undefined }): ReactNode {
  return (
    <div className="fields">
      {current?.mode !== 'pull' && (
        <>
          <Labeled label="Attempts at once" hint="1 to 1000; empty: the service’s own cap.">
            <input name="max_in_flight" inputMode="numeric" defaultValue={current?.max_in_flight ?? ''} />
          </Labeled>
          <Labeled label="Attempts a second" hint="Empty: as fast as they come.">
            <input name="rate_per_s" inputMode="decimal" defaultValue={current?.rate_per_s ?? ''} />
          </Labeled>
        </>
      )}
      <Labeled label="Leave the result out over" hint="Bytes of the body; empty: the service’s own limit.">
        <input name="thin_over" inputMode="numeric" defaultValue={current?.thin_over ?? ''} />
      </Labeled>
      <Labeled label="Retry schedule" hint="Seconds before attempt 2, 3, …; empty: the service’s own.">
        <input
          name="retry_schedule"
          defaultValue={current?.retry_schedule?.join(', ') ?? ''}
          placeholder="5, 300, 1800"
        />
      </Labeled>
    </div>
  );
}

function Headers({ current }: { current: EndpointResponse | undefined }): ReactNode {
  const has = (current?.headers.length ?? 0) > 0;
  return (
    <>
      <Labeled
        label="Headers"
        hint={
          has
            ? `Stored encrypted, never shown: ${current!.headers.map(({ key }) => key).join(', ')}. Empty leaves them.`
            : 'name: value, one on a line. Stored encrypted, never shown.'
        }
      >
        <textarea name="headers" rows={2} className="mono" placeholder="authorization: Bearer yours" />
      </Labeled>
      {has && (
        <div className="checks">
          <label>
            <input type="checkbox" name="no_headers" /> Send none of them any more
          </label>
        </div>
      )}
      {current?.mode !== 'pull' && <Receiver current={current} />}
    </>
  );
}

/** What is for receivers that are sent to. */
function Receiver({ current }: { current: EndpointResponse | undefined }): ReactNode {
  return (
    <>
      <Labeled
        label="Client certificate"
        hint={
          current?.client_certificate
            ? `${current.client_certificate.subject}, until ${current.client_certificate.ends_at}. Empty leaves it.`
            : 'PEM of certificate, chain and key, shown to receivers that ask who calls.'
        }
      >
        <textarea name="client_certificate" rows={2} className="mono" spellCheck={false} />
      </Labeled>
      <div className="checks">
        <label>
          <input type="checkbox" name="handshake" /> Ask the receiver first, and refuse a URL that doesn’t
          consent
        </label>
      </div>
    </>
  );
}
