import type { RingbackConfig } from './config/config.js';
import { VERSION } from './config/version.js';

/** Where an admin key is to be had. */
export type KeyPlace =
  | { readonly kind: 'made'; readonly key: string; readonly path: string | null }
  | { readonly kind: 'kept'; readonly path: string }
  | { readonly kind: 'given' | 'unknown' };

/** What the service says of itself once it is ready. */
export function banner(
  { http, egress, gateway, process: { roles } }: RingbackConfig,
  isEmbedded: boolean,
  place: KeyPlace,
  trouble: string | null,
): string {
  const where = http.docs ? `${http.publicUrl} (docs at ${http.publicUrl}/docs)` : http.publicUrl;
  const lines = ['', trouble === null ? `Ringback is ready: ${where}` : `Ringback listens: ${where}`];
  if (trouble !== null) lines.push(`It is not ready: ${trouble}.`);
  if (gateway.upstream !== undefined && roles.has('gateway'))
    lines.push(`The gateway in front of ${gateway.upstream}: ${gateway.publicUrl}`);
  if (isEmbedded && egress.allowedPrivate !== '')
    lines.push(`Callbacks may reach ${egress.allowedPrivate} here; production allows public addresses only.`);
  lines.push('', ...keyLines(place));
  lines.push(
    '',
    'Submit an operation that calls back (npm run receiver shows what arrives on port 9000):',
    '',
    `  curl -sS ${http.publicUrl}/v1/operations -H ${bearer(place)} -H 'Content-Type: application/json' \\`,
    `    -d '{"type":"echo","input":{"hello":"world"},"callback":{"url":"http://127.0.0.1:9000/"}}'`,
    '',
  );
  return lines.join('\n');
}

/** The same for programs: one line of the log, without any key. */
export function readyLine(
  { http, gateway, database, queue, process: { roles } }: RingbackConfig,
  { handlers, keyIds, trouble }: { handlers: string[]; keyIds: string[]; trouble: string | null },
): Record<string, unknown> {
  const { host, pathname } = new URL(database.url);
  return {
    msg: trouble === null ? 'ready' : `not ready: ${trouble}`,
    version: VERSION,
    role: roles.size === 3 ? 'all' : [...roles].join(','),
    url: http.publicUrl,
    port: http.port,
    ...(gateway.upstream !== undefined && roles.has('gateway') ? { gateway_port: gateway.port } : {}),
    postgresql: `${host}${pathname}`,
    queue: queue.redisUrls.length > 0 ? 'redis' : 'postgresql',
    handlers,
    key_ids: keyIds,
  };
}

const ANOTHER = 'For a new one, start with RINGBACK_API_KEY="rb_$(openssl rand -hex 24)".';

function keyLines(place: KeyPlace): string[] {
  switch (place.kind) {
    case 'made': {
      const kept =
        place.path === null ? 'It is stored nowhere else.' : `It is also in ${place.path}, for you alone.`;
      return [`Your first API key, shown this once: ${place.key}`, `${kept} ${ANOTHER}`];
    }
    case 'kept':
      return [`Your first API key is in ${place.path}. ${ANOTHER}`];
    case 'given':
      return [
        'Your first API key is that of RINGBACK_API_KEY, as long as it is set. To replace it, change the variable and start again.',
      ];
    case 'unknown':
      return [`API keys are shown only when they are made. ${ANOTHER}`];
    default:
      return place satisfies never;
  }
}

function bearer(place: KeyPlace): string {
  if (place.kind === 'kept') return `"Authorization: Bearer $(cat '${place.path}')"`;
  return `'Authorization: Bearer ${place.kind === 'made' ? place.key : 'rb_YOUR_KEY'}'`;
}
