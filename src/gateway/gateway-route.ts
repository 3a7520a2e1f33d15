import { partName, queryParts, queryValues } from '../http/raw-query.js';
import { originForm } from '../http/request-target.js';
import { isRespondAsync } from './upstream-headers.js';

/** What the gateway needs to know of a request to say whose it is. */
export interface RouteInput {
  readonly method: string;
  /** The request target as it came. */
  readonly target: string;
  readonly contentType: string | undefined;
  readonly prefer: string | undefined;
  readonly batchPaths: readonly string[];
}

/**
 * Whose a request is. `own`: Ringback's, with the target without its version prefix. `array`: made in the background as a batch where
 * its body is an array, else passed. With `batches`, an array is a batch, and any other body a request's.
 */
export type GatewayRoute =
  | { readonly kind: 'own'; readonly target: string }
  | { readonly kind: 'pass' | 'array' }
  | { readonly kind: 'background'; readonly batches: boolean; readonly prefers: boolean }
  | { readonly kind: 'refused'; readonly field: string; readonly message: string };

const OWN = /^(?:\/v\d+(?:\.\d+)?)?(\/bgrs(?:[/?].*)?)$/s;
/** The retention class of what the gateway takes; the path of a result begins with it. */
export const RETENTION = 'keep1m';
/** The path that `result` shows, and no other below /media: that is the upstream's. */
const RESULT = new RegExp(
  String.raw`^(?:/v\d+(?:\.\d+)?)?/media/${RETENTION}\.bgrs\.([0-9a-f]{32})\.result\.[\w-]+(\?.*)?$`,
  's',
);
const BATCH_METHODS = new Set(['POST', 'PUT', 'DELETE']);

/** Says whose a request is by its head: Ringback's own, the upstream's at once, or the upstream's in the background. */
export function routeOf(input: RouteInput): GatewayRoute {
  const { target } = input;
  if (!target.startsWith('/'))
    return { kind: 'refused', field: 'url', message: 'must be a path: this is no forward proxy' };
  const plain = originForm(target);
  const own = ownTarget(plain);
  if (own !== undefined) return { kind: 'own', target: own };
  const asked = queryValue(target, 'bgrs');
  if (asked !== undefined && /^(?:no|0|false)$/.test(asked)) return { kind: 'pass' };
  if (asked !== undefined && !/^(?:yes|1)$/.test(asked))
    return { kind: 'refused', field: 'bgrs', message: 'must be yes or 1, or no, 0 or false' };
  const batches =
    BATCH_METHODS.has(input.method) &&
    /^application\/json\s*(?:;|$)/i.test(input.contentType ?? '') &&
    input.batchPaths.includes(plain.split('?')[0]!);
  const prefers = (input.prefer ?? '').split(',').some(isRespondAsync);
  if (asked !== undefined || prefers) return { kind: 'background', batches, prefers };
  return { kind: batches ? 'array' : 'pass' };
}

function ownTarget(target: string): string | undefined {
  const result = RESULT.exec(target);
  return result ? `/bgrs/${result[1]}/result${result[2] ?? ''}` : OWN.exec(target)?.[1];
}

/** The first value of a parameter of the target's query, decoded. */
export function queryValue(target: string, name: string): string | undefined {
  return queryValues(target, name)[0];
}

/** The target without the parameters that were meant for Ringback; the rest byte for byte. */
export function upstreamTarget(target: string): string {
  return without(target, (name) => (name === 'bgrs' || name === 'callbackurl' ? null : undefined));
}

/** The target for people: the value of `_token` struck out, and the query of `callbackurl`, which may hold a secret too. */
export function shownTarget(target: string): string {
  return without(target, (name, part) => {
    if (name === '_token') return '_token=***';
    return name === 'callbackurl' ? part.replace(/(\?|%3f).*$/is, '$1***') : undefined;
  });
}

function without(target: string, change: (name: string, part: string) => string | null | undefined): string {
  if (!target.includes('?')) return target;
  const all = queryParts(target);
  const kept = all.flatMap((part) => {
    const changed = change(partName(part), part);
    return changed === null ? [] : [changed ?? part];
  });
  const path = target.slice(0, target.indexOf('?'));
  // A lone ? stays where it was the caller's own.
  return kept.length === 0 && all.length > 0 ? path : `${path}?${kept.join('&')}`;
}
