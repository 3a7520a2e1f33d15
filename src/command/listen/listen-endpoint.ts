import { RingbackError } from '../../client/index.js';
import type { Transport } from '../../client/transport.js';
import { given } from '../arguments.js';
import { rowsOf } from '../pages.js';

/** Seconds after its last pull for which the endpoint of a listener that was killed is kept. */
const KEPT_S = 86_400;
/** The same of one that other listeners may share, once one of them has ended: long enough for them to see to it. */
const HANDED_ON_S = 60;
/** Says that a listener has taken up the endpoint of another that may still run. */
const SHARED = ' (shared)';
/** What a description takes. */
const MOST_NAME = 400;

/** An endpoint as the routes show it. */
interface Endpoint {
  readonly id: string;
  readonly mode?: string;
  readonly description: string;
  readonly events: readonly string[];
  readonly ephemeral_s: number | null;
  readonly disabled_at: string | null;
  readonly created_at: string;
  readonly secret?: string;
}

/** Which endpoint a listener wants. */
export interface Wanted {
  readonly name: string;
  /** Undefined: the ends of operations, or what the endpoint has that is taken up. */
  readonly events: readonly string[] | undefined;
}

/**
 * The pull endpoint of a listener, known by its name: who was killed and starts again takes the same one up, with what waits at it.
 * Two of one name share it. It is deleted on a clean end, unless another may still listen.
 */
export class ListenEndpoint {
  private constructor(
    private readonly api: Transport,
    readonly id: string,
    /** Whether it was there already. */
    readonly isTakenUp: boolean,
    readonly events: readonly string[],
    private told: string | undefined,
  ) {}

  /** Takes up the endpoint of this name, or makes it. */
  static async open(api: Transport, { name, events }: Wanted): Promise<ListenEndpoint> {
    const description = descriptionOf(name);
    const known = await find(api, description);
    if (known) return ListenEndpoint.takeUp(api, known, description, events);
    const made = await api.json<Endpoint>({
      method: 'POST',
      path: '/v1/endpoints',
      body: given({ mode: 'pull', description, ephemeral_s: KEPT_S, events }),
      repeatable: false,
    });
    // Somebody of the same name may have made one at the same time: the older one is everybody's.
    const first = await find(api, description);
    if (!first || first.id === made.id)
      return new ListenEndpoint(api, made.id, false, made.events, made.secret);
    await remove(api, made.id);
    return ListenEndpoint.takeUp(api, first, description, events);
  }

  private static async takeUp(
    api: Transport,
    { id, disabled_at: disabledAt }: Endpoint,
    description: string,
    events: readonly string[] | undefined,
  ): Promise<ListenEndpoint> {
    const body = given({ description: description + SHARED, ephemeral_s: KEPT_S, events });
    const changed = await api.json<Endpoint>({
      method: 'PATCH',
      path: pathOf(id),
      body,
      repeatable: true,
    });
    if (disabledAt !== null)
      await api.json({ method: 'POST', path: `${pathOf(id)}/enable`, repeatable: true });
    return new ListenEndpoint(api, id, true, changed.events, undefined);
  }

  /** The secret that signs what it is told; `again`: after a rotation. */
  async secret(again = false): Promise<string> {
    if (this.told === undefined || again)
      this.told = (
        await this.api.json<{ secret: string }>({
          method: 'GET',
          path: `${pathOf(this.id)}/secret`,
          repeatable: true,
        })
      ).secret;
    return this.told;
  }

  /** Sees to it that it is kept, where another listener has handed it on. */
  async keep(): Promise<void> {
    const { ephemeral_s: keptS } = await this.read();
    if (keptS !== KEPT_S) await this.change({ ephemeral_s: KEPT_S });
  }

  /** After the last pull: deletes it, or hands it on to others that may listen. */
  async leave(): Promise<'deleted' | 'handed on'> {
    try {
      const { description } = await this.read();
      if (description.endsWith(SHARED)) {
        await this.change({ ephemeral_s: HANDED_ON_S });
        return 'handed on';
      }
      await remove(this.api, this.id);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    return 'deleted';
  }

  private read(): Promise<Endpoint> {
    return this.api.json({ method: 'GET', path: pathOf(this.id), repeatable: true });
  }

  private change(body: object): Promise<Endpoint> {
    return this.api.json({ method: 'PATCH', path: pathOf(this.id), body, repeatable: true });
  }
}

function descriptionOf(name: string): string {
  return `ringback listen: ${name.slice(0, MOST_NAME)}`;
}

/** The oldest one of this description. */
async function find(api: Transport, description: string): Promise<Endpoint | undefined> {
  const named = await rowsOf<Endpoint>(api, '/v1/endpoints', {}, Infinity, (one) =>
    isNamed(one, description),
  );
  return named.reduce<Endpoint | undefined>(
    (first, one) => (first && isOlder(first, one) ? first : one),
    undefined,
  );
}

function isNamed({ mode, description }: Endpoint, wanted: string): boolean {
  return mode === 'pull' && (description === wanted || description === wanted + SHARED);
}

function isOlder(one: Endpoint, other: Endpoint): boolean {
  return one.created_at < other.created_at || (one.created_at === other.created_at && one.id < other.id);
}

async function remove(api: Transport, id: string): Promise<void> {
  await api.send({ method: 'DELETE', path: pathOf(id), repeatable: true }, () => undefined);
}

function isGone(error: unknown): boolean {
  return error instanceof RingbackError && error.status === 404;
}

function pathOf(id: string): string {
  return `/v1/endpoints/${encodeURIComponent(id)}`;
}
