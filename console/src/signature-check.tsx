import { type ReactNode, useEffect, useId, useState } from 'react';
import {
  checkSignature,
  type ExpectedHeader,
  signedHead,
  type SignatureResult,
  type SignedAttempt,
} from './signature.js';
import { beginning } from './text-pieces.js';
import { OthersText } from './body-view.js';

/** So much of the body is enough to see what was signed. */
const SHOWN_BODY = 400;

interface Props {
  readonly attempt: SignedAttempt;
  /** `signing_fingerprints` of the delivery. */
  readonly fingerprints?: readonly string[] | undefined;
  /** The signature header, where it is known: the inbox has it, the log of deliveries never. */
  readonly header?: string | undefined;
}

/** Paste a secret, see what was signed and whether it matches; nothing of it leaves the page. */
export function SignatureCheck({ attempt, fingerprints, header }: Props) {
  const id = useId();
  const [secret, setSecret] = useState('');
  const [pasted, setPasted] = useState('');
  const given = header ?? pasted;
  const result = useSignature(secret, attempt, given, fingerprints);
  return (
    <section className="signature-check" aria-labelledby={`${id}-title`}>
      <h3 id={`${id}-title`}>Signature check</h3>
      <p className="quiet">
        Computed in this page: neither the secret nor the signature is sent anywhere, or kept.
      </p>
      <label htmlFor={`${id}-secret`}>Signing secret, or public key</label>
      <input
        id={`${id}-secret`}
        type="text"
        className="mono"
        value={secret}
        placeholder="whsec_… or whpk_…"
        autoComplete="off"
        spellCheck={false}
        onChange={({ target }) => setSecret(target.value)}
      />
      {header === undefined && (
        <>
          <label htmlFor={`${id}-header`}>Signature header that the receiver got (optional)</label>
          <input
            id={`${id}-header`}
            type="text"
            className="mono"
            value={pasted}
            placeholder="v1,…"
            autoComplete="off"
            spellCheck={false}
            onChange={({ target }) => setPasted(target.value)}
          />
        </>
      )}
      <Signed attempt={attempt} />
      <div role="status">{secret.trim() !== '' && result && <Verdict result={result} />}</div>
    </section>
  );
}

function useSignature(
  secret: string,
  { id, timestamp, body }: SignedAttempt,
  header: string,
  fingerprints: readonly string[] | undefined,
): SignatureResult | undefined {
  const [result, setResult] = useState<SignatureResult>();
  useEffect(() => {
    let isStale = false;
    const check = async () => {
      const checked =
        secret.trim() === ''
          ? undefined
          : await checkHere(secret, { id, timestamp, body }, { header, fingerprints });
      if (!isStale) setResult(checked);
    };
    void check();
    return () => {
      isStale = true;
    };
  }, [secret, id, timestamp, body, header, fingerprints]);
  return result;
}

async function checkHere(...given: Parameters<typeof checkSignature>): Promise<SignatureResult> {
  // Browsers give WebCrypto to secure pages only.
  if (!globalThis.isSecureContext)
    return {
      kind: 'malformed',
      why: 'This browser computes signatures on https pages only, or on localhost.',
    };
  try {
    return await checkSignature(...given);
  } catch {
    return { kind: 'malformed', why: 'This browser can’t compute this kind of signature.' };
  }
}

function Signed({ attempt }: { attempt: SignedAttempt }) {
  const body = typeof attempt.body === 'string' ? attempt.body : new TextDecoder().decode(attempt.body);
  const rest = body.length - SHOWN_BODY;
  return (
    <>
      <p className="label">Signed string</p>
      <pre className="code" tabIndex={0} role="region" aria-label="Signed string">
        <b>{signedHead(attempt)}</b>
        <OthersText text={beginning(body, SHOWN_BODY)} />
        {rest > 0 && <span className="quiet"> … {rest.toLocaleString('en')} characters more</span>}
      </pre>
    </>
  );
}

const SENTENCES = {
  match: {
    header: 'Matches: this made the signature that the receiver got.',
    fingerprint: 'Matches: this is a secret that signs this delivery.',
  },
  no_match: {
    header: 'No match: this did not make the signature that the receiver got.',
    fingerprint: 'No match: this is none of the secrets that sign this delivery now.',
  },
} as const;

function Verdict({ result }: { result: SignatureResult }): ReactNode {
  if (result.kind === 'malformed') return <p className="verdict bad">{result.why}</p>;
  const { verdict, by, expected } = result;
  const [standard, ...others] = expected;
  return (
    <>
      {verdict === 'unknown' || by === null ? (
        <p className="verdict">Paste the signature that the receiver got, to see whether this made it.</p>
      ) : (
        <p className={`verdict ${verdict === 'match' ? 'good' : 'bad'}`}>{SENTENCES[verdict][by]}</p>
      )}
      {standard && <ExpectedHeaders headers={[standard]} />}
      {others.length > 0 && (
        <details>
          <summary>What it makes with other signature profiles</summary>
          <ExpectedHeaders headers={others} />
        </details>
      )}
    </>
  );
}

function ExpectedHeaders({ headers }: { headers: readonly ExpectedHeader[] }): ReactNode {
  return (
    <table className="pairs" aria-label="What this secret makes of it">
      <tbody>
        {headers.map(({ name, value }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>
              <code>{value}</code>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
