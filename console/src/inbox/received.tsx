import type { ReactNode } from 'react';
import { Link } from '@tanstack/react-router';
import { BodyView, OthersText } from '../body-view.js';
import type { ReceivedCallback } from '../inbox.js';
import { Id } from '../ui/id.js';
import { utc } from '../words.js';

/** One callback as it came, and what its signature was compared with. */
export function Received({ of }: { of: ReceivedCallback }): ReactNode {
  const { delivery_id: delivery, operation_id: operation, body, body_base64: bytes } = of;
  return (
    <>
      <section className="card" aria-label="Signature">
        <header>
          <h2>Signature</h2>
          <span className={`status ${of.verified ? 'good' : 'bad'}`}>
            {of.verified ? 'verified' : 'not verified'}
          </span>
        </header>
        <div className="inside form">
          <Signature of={of} />
        </div>
      </section>
      <section className="card" aria-label="Request">
        <header>
          <h2>
            POST <OthersText text={of.path} />
          </h2>
          <span className="quiet">{utc(of.received_at)}</span>
        </header>
        <div className="inside form">
          {(delivery !== null || operation !== null) && (
            <p>
              {delivery !== null && (
                <Link to="/deliveries/$id" params={{ id: delivery }}>
                  Delivery <Id id={delivery} />
                </Link>
              )}
              {delivery !== null && operation !== null && ', '}
              {operation !== null && (
                <Link to="/operations/$id" params={{ id: operation }}>
                  operation <Id id={operation} />
                </Link>
              )}
            </p>
          )}
          <table className="pairs" aria-label="Request headers">
            <tbody>
              {of.headers.map(([name, value], index) => (
                // A header may come twice.
                <tr key={`${name} ${index}`}>
                  <th scope="row">
                    <OthersText text={name} />
                  </th>
                  <td>
                    <OthersText text={value} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {bytes === null ? (
            <BodyView label="body" body={body} />
          ) : (
            <BodyView label="body in base64" body={bytes} note="no text: as base64" />
          )}
        </div>
      </section>
    </>
  );
}

function Signature({ of: { signature, body } }: { of: ReceivedCallback }): ReactNode {
  const { reason, secret_of: owner, signed_before: head, given, expected } = signature;
  return (
    <>
      {reason !== null && (
        <p className="verdict bad">
          <OthersText text={reason} />
        </p>
      )}
      {head !== null && (
        <>
          <p className="quiet">
            What was signed, with the secret of {owner === null ? 'nobody known' : <Id id={owner} />}:
          </p>
          <pre className="code" tabIndex={0} role="region" aria-label="Signed string">
            <b>
              <OthersText text={head} />
            </b>
            <OthersText text={(body ?? '').slice(0, SHOWN_BODY)} />
            {(body ?? '').length > SHOWN_BODY && <span className="quiet"> …</span>}
          </pre>
        </>
      )}
      <table className="pairs" aria-label="What was compared">
        <tbody>
          {given.map(({ text, matches }) => (
            <tr key={text}>
              <th scope="row">
                came{matches === true ? ', matches' : matches === false ? ', matches none' : ''}
              </th>
              <td>
                <OthersText text={text} />
              </td>
            </tr>
          ))}
          {expected?.map((text) => (
            <tr key={text}>
              <th scope="row">expected</th>
              <td>
                <OthersText text={text} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {expected === null && (
        <p className="quiet">
          What was expected is shown to keys that may read the secret (endpoints:write).
        </p>
      )}
    </>
  );
}

const SHOWN_BODY = 400;
