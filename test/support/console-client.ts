import { Client, type Answer } from './client.js';

/** Asks as the console's own page does, with the cookie that the browser keeps. */
export class ConsoleClient {
  private readonly client: Client;
  cookie: string | undefined;

  constructor(url: string) {
    this.client = new Client(url, '');
  }

  /** Logged in with a key. */
  static async of(url: string, key: string): Promise<ConsoleClient> {
    const client = new ConsoleClient(url);
    const answer = await client.login({ key });
    if (answer.status !== 201) throw new Error(`login answered ${answer.status}: ${answer.text}`);
    return client;
  }

  async login(
    by: { key: string } | { login: string } | object,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const answer = await this.request('POST', '/session', by, headers);
    this.cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? this.cookie;
    return answer;
  }

  get(path: string, headers?: Record<string, string>): Promise<Answer> {
    return this.request('GET', path, undefined, headers);
  }

  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.request('POST', path, body, headers);
  }

  /** What is below `/console/api`. */
  request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return this.client.request(method, `/console/api${path}`, body, {
      'x-ringback-console': '1',
      'sec-fetch-site': 'same-origin',
      ...(this.cookie === undefined ? {} : { cookie: this.cookie }),
      ...headers,
    });
  }
}
