/** What an API key may do. `admin` may do everything. */
export const SCOPES = [
  'operations:write',
  'operations:read',
  'endpoints:write',
  'deliveries:redeliver',
  'keys:write',
  'work',
  'admin',
] as const;

export type Scope = (typeof SCOPES)[number];
