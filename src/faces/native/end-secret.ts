import { Problem } from '../../http/problem.js';
import type { SigningSecrets } from '../../signing/signing-secrets.store.js';

/** Ends an old secret of the account or of its endpoint, or says why it can't. */
export async function endSecret(
  secrets: SigningSecrets,
  accountId: string,
  endpointId: string | null,
  secretId: string,
): Promise<void> {
  const ended = await secrets.end(accountId, endpointId, secretId);
  if (ended === 'ended') return;
  const message =
    ended === 'current'
      ? 'is the current secret: rotate first, then end the old one'
      : `there is no signing secret ${secretId.slice(0, 60)} that signs here`;
  const [status, code] = ended === 'current' ? [409, 'secret-current'] : [404, 'secret-not-found'];
  throw new Problem(status as number, code as string, message, { errors: [{ path: 'secret_id', message }] });
}
