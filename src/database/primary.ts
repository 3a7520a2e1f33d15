import { lookup } from 'node:dns/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { type NamedServer, serversOf } from '../config/postgres-url.js';
import { messageOf, NotWritableError, sqlState } from './database-errors.js';

/** What a server writes: in a cluster of servers, each promotion begins a timeline of a higher number. */
export interface Timeline {
  /** What the servers of one cluster have in common. */
  readonly cluster: string;
  readonly number: number;
}

/** A server by the address that its name led to; none for a socket of this machine. */
export interface Place extends NamedServer {
  readonly address: string | undefined;
}

/** A server that was found to take writes. */
export interface FoundServer extends Place {
  /** Undefined where it doesn't tell, as hosted ones may not. */
  readonly timeline: Timeline | undefined;
}

/** Connects to a server, and learns what it writes; rejects where it takes no writes. */
type Ask = (place: Place) => Promise<Timeline | undefined>;

/** How long a server is waited for before the next one is asked as well, ms. */
const HEAD_START_MS = 250;
/** How long nobody is asked again after a search that found nothing, ms: a crowd would sign in over and over. */
const AGAIN_MS = 250;

/** By the URL. All connections of a process go where the last search has led. */
const searches = new Map<string, Promise<FoundServer>>();
/** Where they were before, which is asked first; or last, where a statement was in vain there: the next one may be, too. */
const left = new Map<string, { readonly server: FoundServer; readonly inVain: boolean }>();
/** The last timeline that writes were seen to go to. */
const newest = new Map<string, Timeline>();

/** The server that takes writes among those of a URL: found once, and anew after `leave`. All who ask share the search. */
export function primaryOf(url: string, ask: Ask): Promise<FoundServer> {
  const known = searches.get(url);
  if (known !== undefined) return known;
  const search = find(url, ask);
  searches.set(url, search);
  search.catch(() => setTimeout(() => drop(url, search), AGAIN_MS).unref());
  return search;
}

/** Whoever connects next searches anew. What an earlier search had found changes nothing. `inVain`: a statement was. */
export function leave(url: string, search: Promise<FoundServer>, server: FoundServer, inVain: boolean): void {
  if (drop(url, search)) left.set(url, { server, inVain });
}

/** Whether what this search has found is where the writes go. */
export function isCurrent(url: string, search: Promise<FoundServer>): boolean {
  return searches.get(url) === search;
}

/** Whether two servers are known to write the same, so that one is another way to the other. */
export function isSame(one: Timeline | undefined, other: Timeline | undefined): boolean {
  return one !== undefined && one.cluster === other?.cluster && one.number === other.number;
}

function drop(url: string, search: Promise<FoundServer>): boolean {
  return searches.get(url) === search && searches.delete(url);
}

async function find(url: string, ask: Ask): Promise<FoundServer> {
  const before = left.get(url);
  const look = async (place: Place): Promise<FoundServer> => {
    const timeline = await ask(place);
    if (timeline) refuseOld(timeline, newest.get(url));
    return { ...place, timeline };
  };
  const wasAt = ({ host, port }: NamedServer): boolean =>
    host === before?.server.host && port === before.server.port;
  const servers = inTurn(serversOf(url), wasAt, before?.inVain);
  try {
    const server = await firstOf(servers, async (named) => {
      const places = inTurn(
        await placesOf(named),
        ({ address }) => address === before?.server.address,
        before?.inVain,
      );
      // One reason is enough for a name.
      return firstOf(places, look).catch((error: unknown) =>
        Promise.reject((error as AggregateError).errors[0] as Error),
      );
    });
    if (server.timeline) newest.set(url, server.timeline);
    tellOf(before?.server, server);
    return server;
  } catch (error) {
    throw noneOf(servers, (error as AggregateError).errors);
  }
}

/** A name may lead to several servers, of which one takes writes. */
async function placesOf(server: NamedServer): Promise<Place[]> {
  if (server.host.startsWith('/')) return [{ ...server, address: undefined }];
  const found = await lookup(server.host, { all: true });
  return found.map(({ address }) => ({ ...server, address }));
}

/** An old primary that comes back may believe that it is one: what it takes is lost. Another cluster's timelines tell nothing. */
function refuseOld(timeline: Timeline, seen: Timeline | undefined): void {
  if (timeline.cluster !== seen?.cluster || timeline.number >= seen.number) return;
  throw new NotWritableError(
    `it is an old primary, on timeline ${timeline.number}, and writes have gone to ${seen.number}: stop it, and make it a standby; where a backup was restored on purpose, restart Ringback`,
  );
}

/** What is found first. The next one is looked at when the one before it was in vain, or has had its head start. */
function firstOf<T, Found>(all: readonly T[], look: (one: T) => Promise<Found>): Promise<Found> {
  let found = false;
  let turn: Promise<unknown> = Promise.resolve();
  const looks = all.map((one) => {
    const looked = turn.then(async () => {
      if (found) throw new Error('another one was found');
      const result = await look(one);
      found = true;
      return result;
    });
    turn = turn.then(() => Promise.race([delay(HEAD_START_MS), looked.catch(() => undefined)]));
    return looked;
  });
  return Promise.any(looks);
}

/** The same, with where the writes were first, or last. */
function inTurn<T>(all: readonly T[], wasAt: (one: T) => boolean, isLast = false): readonly T[] {
  const rank = (one: T): number => Number(wasAt(one) === isLast);
  return all.toSorted((one, other) => rank(one) - rank(other));
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
