import { createPrivateKey, X509Certificate } from 'node:crypto';

/** What may be told of a certificate. */
export interface ShownCertificate {
  readonly subject: string;
  readonly endsAt: Date;
}

/** A text is no certificate that TLS could show; the message names the remedy. */
export class ClientCertificateError extends Error {
  override readonly name = 'ClientCertificateError';
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/;
const KEY = /-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----[^]+?-----END \1-----/;

/** Reads a PEM of a certificate, its chain if it has one, and its key; refuses one that no receiver could accept. */
export function readClientCertificate(pem: string, now = new Date()): ShownCertificate {
  const certificate = certificateOf(pem);
  const key = KEY.exec(pem);
  if (key === null) throw new ClientCertificateError('holds no private key: append it, as PEM');
  if (key[1] === 'ENCRYPTED PRIVATE KEY' || key[0].includes('ENCRYPTED'))
    throw new ClientCertificateError('has an encrypted private key: give it without a passphrase');
  let fits: boolean;
  try {
    fits = certificate.checkPrivateKey(createPrivateKey(key[0]));
  } catch {
    throw new ClientCertificateError('has a private key that cannot be read: give it as PEM');
  }
  if (!fits)
    throw new ClientCertificateError(
      'has a private key of another certificate: the first one must be its own',
    );
  const shown = toShown(certificate);
  if (shown.endsAt <= now)
    throw new ClientCertificateError(`has ended at ${shown.endsAt.toISOString()}: give one that is good`);
  return shown;
}

/** What may be told of a PEM that was read before. */
export function showClientCertificate(pem: string): ShownCertificate {
  return toShown(certificateOf(pem));
}

function certificateOf(pem: string): X509Certificate {
  const [first] = CERTIFICATE.exec(pem) ?? [];
  if (first === undefined)
    throw new ClientCertificateError(
      'holds no certificate: give the PEM of the certificate, its chain and its key',
    );
  try {
    return new X509Certificate(first);
  } catch {
    throw new ClientCertificateError('has a certificate that cannot be read: give it as PEM');
  }
}

function toShown({ subject, validTo }: X509Certificate): ShownCertificate {
  return { subject: (subject ?? '').split('\n').join(', '), endsAt: new Date(validTo) };
}
