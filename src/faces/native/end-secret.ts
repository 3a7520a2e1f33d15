import { Problem } from '../../http/problem.js';

/** Says why a secret wasn't ended; nothing where it was. */
export function checkEnded(ended: 'ended' | 'current' | null, secretId: string): void {
  if (ended === 'ended') return;
  const isCurrent = ended === 'current';
  const message = isCurrent
    ? 'is the current secret: rotate first, then end the old one'
    : `there is no signing secret ${secretId.slice(0, 60)} that signs here`;
  throw new Problem(
    isCurrent ? 409 : 404,
    isCurrent ? 'secret-current' : 'secret-not-found',
    isCurrent ? `secret_id ${message}` : message,
    { errors: [{ path: 'secret_id', message }] },
  );
}
