import { lookup } from 'node:dns/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { type NamedServer, serversOf } from '../config/postgres-url.js';
import { messageOf, NotWritableError, sqlState } from './database-errors.js';

/** A server that was found, by the address that its name led to; none for a socket of this machine. */
export interface FoundServer extends NamedServer {
  readonly address: string | undefined;
}

/** Connects to a server; rejects where it takes no writes. */
type Ask = (server: FoundServer) => Promise<void>;

/** How long a server is waited for before the next one is asked as well, ms. */
const HEAD_START_MS = 250;
/** How long nobody is asked again after a search that found nothing, ms: a crowd would sign in over and over. */
const AGAIN_MS = 250;

/** By the URL. All connections of a process go where the last search has led. */
const searches = new Map<string, Promise<FoundServer>>();
/** Where they were before, and no longer wanted to be: asked last, as it may still accept what it cannot keep. */
const left = new Map<string, FoundServer>();

/** The server that takes writes among those of a URL: found once, and anew after `leave`. All who ask share the search. */
export function primaryOf(url: string, ask: Ask): Promise<FoundServer> {
  const known = searches.get(url);
  if (known !== undefined) return known;
  const search = find(url, ask);
  searches.set(url, search);
  search.catch(() => setTimeout(() => drop(url, search), AGAIN_MS).unref());
  return search;
}

/** Whoever connects next searches anew. What an earlier search had found changes nothing. */
export function leave(url: string, search: Promise<FoundServer>, server: FoundServer): void {
  if (drop(url, search)) left.set(url, server);
}

/** Whether what this search has found is where the writes go. */
export function isCurrent(url: string, search: Promise<FoundServer>): boolean {
  return searches.get(url) === search;
}

function drop(url: string, search: Promise<FoundServer>): boolean {
  return searches.get(url) === search && searches.delete(url);
}

async function find(url: string, ask: Ask): Promise<FoundServer> {
  const before = left.get(url);
  const servers = withLast(serversOf(url), ({ host, port }) => host === before?.host && port === before.port);
  let found = false;
  const asked = servers.map(async (server, index) => {
    await delay(index * HEAD_START_MS);
    if (found) throw new Error('another one was found');
    const writable = await firstAddress(server, ask, before?.address);
    found = true;
    return writable;
  });
  try {
    const server = await Promise.any(asked);
    tellOf(before, server);
    return server;
  } catch (error) {
    throw noneOf(servers, (error as AggregateError).errors);
  }
}

/** A name may lead to several servers, of which one takes writes. */
async function firstAddress(server: NamedServer, ask: Ask, before: string | undefined): Promise<FoundServer> {
  const isSocket = server.host.startsWith('/');
  const found = isSocket ? [] : await lookup(server.host, { all: true });
  const addresses = isSocket ? [undefined] : found.map(({ address }) => address);
  let fault: unknown;
  for (const address of withLast(addresses, (one) => one === before)) {
    const candidate = { ...server, address };
    try {
      await ask(candidate);
      return candidate;
    } catch (error) {
      fault ??= error;
    }
  }
  throw fault;
}

/** The same, with what is to be last there. */
function withLast<T>(all: readonly T[], isLast: (one: T) => boolean): readonly T[] {
  return all.toSorted((one, other) => Number(isLast(one)) - Number(isLast(other)));
}

function tellOf(before: FoundServer | undefined, { host, port, address }: FoundServer): void {
  if (before === undefined || (before.host === host && before.port === port && before.address === address))
    return;
  new Logger('Database').warn(
    `PostgreSQL has moved: ${host}${port === '' ? '' : `:${port}`} takes the writes`,
  );
}

/** Where all refuse alike, the user's password for instance, waiting mends nothing: the error says so by its code. */
function noneOf(servers: readonly NamedServer[], errors: readonly unknown[]): NotWritableError {
  const [state] = errors.map(sqlState);
  const inWords = servers.map(
    ({ host, port }, index) => `${host}${port === '' ? '' : `:${port}`} (${messageOf(errors[index])})`,
  );
  return new NotWritableError(
    `none of these servers takes writes: ${inWords.join(', ')}`,
    errors.every((error) => sqlState(error) === state) ? state : undefined,
  );
}
