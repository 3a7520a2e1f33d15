/** A response with its body read. */
export interface Answer<T = any> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
  readonly text: string;
}

/** Talks to a Ringback over HTTP, as an integrator would. */
export class Client {
  constructor(
    readonly url: string,
    readonly key: string,
  ) {}

  withKey(key: string): Client {
    return new Client(this.url, key);
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        // None of a client whose key is empty.
        ...(this.key === '' ? {} : { authorization: `Bearer ${this.key}` }),
        ...(body === undefined || body instanceof FormData ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : {
            body:
              typeof body === 'string' || body instanceof Uint8Array || body instanceof FormData
                ? body
                : JSON.stringify(body),
          }),
    } as RequestInit);
    const text = await response.text();
    const json = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: json && text !== '' ? JSON.parse(text) : text,
    };
  }

  get(path: string, headers?: Record<string, string>): Promise<Answer> {
    return this.request('GET', path, undefined, headers);
  }

  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.request('POST', path, body, headers);
  }

  /** Submits an operation that must be accepted. */
  async submit(operation: Record<string, unknown>, headers?: Record<string, string>): Promise<any> {
    const answer = await this.post('/v1/operations', operation, headers);
    if (answer.status !== 202 && answer.status !== 200)
      throw new Error(`submit answered ${answer.status}: ${answer.text}`);
    return answer.body;
  }

  /** The operation once it has ended, or after `waitS`. */
  async ended(id: string, waitS = 20): Promise<any> {
    return (await this.get(`/v1/operations/${id}?wait=${waitS}`)).body;
  }

  /** The deliveries of an operation. */
  async deliveries(id: string): Promise<any[]> {
    return (await this.get(`/v1/operations/${id}/deliveries`)).body.data;
  }

  async delivery(id: string): Promise<any> {
    return (await this.get(`/v1/deliveries/${id}`)).body;
  }

  async signingSecret(): Promise<string> {
    return (await this.get('/v1/signing-secret')).body.secret;
  }
}
