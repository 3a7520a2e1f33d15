/** What is written down. */
export const AUDIT_ACTIONS = [
  'key.created',
  'key.revoked',
  'account.created',
  'account.changed',
  'account.disabled',
  'account.deleted',
  'secret.read',
  'secret.rotated',
  'secret.ended',
  'endpoint.created',
  'endpoint.changed',
  'endpoint.deleted',
  'endpoint.enabled',
  'endpoint.disabled',
  'bulk.started',
  'recovery.canceled',
  'operation.rerun',
  'operation.canceled',
  'operation.erased',
  'delivery.redelivered',
  'delivery.canceled',
  'login.succeeded',
  'login.failed',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];
