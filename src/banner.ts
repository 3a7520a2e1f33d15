import { parseAllowedPrivate } from './config/allowed-private.js';
import type { RingbackConfig } from './config/config.js';
import { placeOf } from './config/postgres-url.js';
import { VERSION } from './config/version.js';
import { inboxUrl } from './console/inbox/inbox-url.js';

/** Where an admin key is to be had. */
export type KeyPlace =
  | { readonly kind: 'made'; readonly key: string; readonly path: string | null }
  | { readonly kind: 'kept'; readonly path: string }
  | { readonly kind: 'given' | 'unknown' };

/** What is known of a start besides its configuration. */
export interface Start {
  readonly isEmbedded: boolean;
  readonly place: KeyPlace;
  /** Logs in to the console, once; null where there is none. */
  readonly link: string | null;
  /** Why it isn't ready; null where it is. */
  readonly trouble: string | null;
}

/** What the service says of itself once it is ready. */
export function banner(config: RingbackConfig, { isEmbedded, place, link, trouble }: Start): string {
  const {
    http,
    egress,
    gateway,
    process: { roles },
  } = config;
  const where = http.docs ? `${http.publicUrl} (docs at ${http.publicUrl}/docs)` : http.publicUrl;
  const lines = ['', trouble === null ? `Ringback is ready: ${where}` : `Ringback listens: ${where}`];
  if (trouble !== null) lines.push(`It is not ready: ${trouble}.`);
  if (gateway.upstream !== undefined && roles.has('gateway'))
    lines.push(`The gateway in front of ${gateway.upstream}: ${gateway.publicUrl}`);
  if (isEmbedded && egress.allowedPrivate !== '')
    lines.push(`Callbacks may reach ${egress.allowedPrivate} here; production allows public addresses only.`);
  lines.push('', ...keyLines(place));
  if (link !== null)
    lines.push(
      '',
      `The console, by a link that logs in once, within ${config.console.linkS / 60} minutes:`,
      '',
      `  ${link}`,
    );
  lines.push(
    '',
    ...submitLines(config),
    '',
    `  curl -sS ${http.publicUrl}/v1/operations -H ${bearer(place)} -H 'Content-Type: application/json' \\`,
    `    -d '{"type":"echo","input":{"hello":"world"},"callback":{"url":"${callbackUrl(config)}"}}'`,
    '',
  );
  return lines.join('\n');
}

/** Where the shown operation calls back: to this service itself, where it has an inbox. */
function callbackUrl(config: RingbackConfig): string {
  return hasInbox(config) ? inboxUrl(config.http) : 'http://127.0.0.1:9000/';
}

function submitLines(config: RingbackConfig): string[] {
  if (!hasInbox(config))
    return ['Submit an operation that calls back (npm run receiver shows what arrives on port 9000):'];
  const { host, hostname, port } = new URL(inboxUrl(config.http));
  const address = hostname.replace(/^\[|\]$/g, '');
  const reachable = parseAllowedPrivate(config.egress.allowedPrivate).allows(address, Number(port));
  return [
    'Submit an operation that calls back, to the inbox of this service. It checks the signature, and the console shows it:',
    ...(reachable || config.egress.allowedHosts !== ''
      ? []
      : [`(Callbacks to this machine need RINGBACK_ALLOWED_PRIVATE=${host}, which is not set.)`]),
  ];
}

/** Whether this process takes callbacks itself. */
export function hasInbox({ console: { inbox }, process: { roles } }: RingbackConfig): boolean {
  return inbox && roles.has('api');
}

/** The same for programs: one line of the log, without any key. */
export function readyLine(
  { http, gateway, database, queue, process: { roles } }: RingbackConfig,
  { handlers, keyIds, trouble }: { handlers: string[]; keyIds: string[]; trouble: string | null },
): Record<string, unknown> {
  return {
    msg: trouble === null ? 'ready' : `not ready: ${trouble}`,
    version: VERSION,
    role: roles.size === 3 ? 'all' : [...roles].join(','),
    url: http.publicUrl,
    port: http.port,
    ...(gateway.upstream !== undefined && roles.has('gateway') ? { gateway_port: gateway.port } : {}),
    postgresql: placeOf(database.url),
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
