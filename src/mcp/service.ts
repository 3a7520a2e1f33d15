import type { RingbackClient } from '../client/index.js';
import type { Transport } from '../client/transport.js';

/** The Ringback that the tools talk to. */
export interface ServiceOptions {
  readonly url: string;
  readonly client: RingbackClient;
  readonly api: Transport;
  /** Whose rows are read, for keys with the scope `admin`; the key's own account by default. */
  readonly account?: string | undefined;
}

/** What of an endpoint tells why its deliveries stand as they do. */
export interface Endpoint {
  readonly id: string;
  readonly url: string;
  readonly disabled_at: string | null;
  readonly disabled_reason: string | null;
}

/** Reads for the tools. It always names an account: who does looks on, and acknowledges no operation by reading its end. */
export class Service {
  private readonly base: string;
  private asked: Promise<string> | undefined;

  constructor(private readonly options: ServiceOptions) {
    this.base = options.url.replace(/\/+$/, '');
  }

  get client(): RingbackClient {
    return this.options.client;
  }

  /** Of what the tools tell of. */
  console(path: string): string {
    return `${this.base}/console/${path}`;
  }

  /** Id of the account whose rows are read. */
  account(): Promise<string> {
    if (this.options.account !== undefined) return Promise.resolve(this.options.account);
    // Asked again where it failed.
    this.asked ??= this.client
      .account()
      .then(({ id }) => id)
      .catch((error: unknown) => {
        this.asked = undefined;
        throw error;
      });
    return this.asked;
  }

  /** JSON of a route, as the account sees it; undefined values are left out of the query. */
  async read<T>(path: string, query: Readonly<Record<string, string | number | undefined>> = {}): Promise<T> {
    const account = await this.account();
    return this.options.api.json<T>({ method: 'GET', path, query: { ...query, account }, repeatable: true });
  }

  /** The first rows of a list. */
  async page<T>(path: string, query: Readonly<Record<string, string | number | undefined>>): Promise<T[]> {
    return (await this.read<{ data: T[] }>(path, query)).data;
  }
}
