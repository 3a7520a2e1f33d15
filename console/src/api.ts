import { RingbackError } from '../../src/client/error.js';
import { type Call, problemOf, retryAfterS, Transport } from '../../src/client/transport.js';
import { MOUNT } from './mount.js';
import { tellAway } from './service-state.js';

export { RingbackError };
export type Query = NonNullable<Call['query']>;

/** Every list of the API. */
export interface Page<T> {
  readonly data: readonly T[];
  readonly next_cursor: string | null;
}

/** Statuses of a proxy, or of a Ringback that has no database: nobody is there now. */
const AWAY = [0, 502, 503, 504];
/** Browsers don't let other sites' pages send it, whatever they make a visitor post. */
const CONSOLE = { 'x-ringback-console': '1' };

/**
 * One call is one try: what fails is shown at once, and asked again by who wanted it. `query` goes with every call: whose rows an
 * administrator looks at.
 */
export function transportWith(query: Query = {}): Transport {
  return new Transport({
    url: new URL('api', MOUNT).href,
    apiKey: null,
    tries: 1,
    fetch: (input, init) =>
      fetch(withQuery(input as string, query), {
        ...init,
        headers: { ...(init?.headers as object), ...CONSOLE },
      }),
  });
}

/** Of what asks for no account. */
export const transport = transportWith();

async function call<T>(call: Call, read: (response: Response) => Promise<T> | T): Promise<T> {
  try {
    const answer = await transport.send(call, read);
    tellAway(false);
    return answer;
  } catch (error) {
    if (error instanceof RingbackError) tellAway(AWAY.includes(error.status));
    throw error;
  }
}

export function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return call({ method: 'GET', path, query, signal, repeatable: true }, json<T>);
}

/** A change; an answer without a body is `undefined`. */
export function send<T>(
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  query: Query = {},
): Promise<T> {
  return call({ method, path, body, query, repeatable: false }, json<T>);
}

/** The answer itself, for what isn't JSON. */
export function bytes(path: string, query: Query = {}, signal?: AbortSignal): Promise<Response> {
  const headers = { accept: '*/*' };
  return call({ method: 'GET', path, query, headers, signal, repeatable: true }, (response) => response);
}

/** Where the browser itself can fetch it: a download. */
export function address(path: string, query: Query = {}): string {
  return withQuery(new URL(`api${path}`, MOUNT).href, query);
}

function withQuery(address: string, query: Query): string {
  const url = new URL(address);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, String(value));
  return url.href;
}

async function json<T>(response: Response): Promise<T> {
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** Sends a file as it is. */
export async function upload<T>(path: string, file: File, query: Query = {}): Promise<T> {
  const headers = { ...CONSOLE, 'content-type': file.type === '' ? 'application/octet-stream' : file.type };
  const response = await fetch(address(path, query), { method: 'POST', headers, body: file });
  if (!response.ok) throw new RingbackError(await problemOf(response), retryAfterS(response));
  return json<T>(response);
}
