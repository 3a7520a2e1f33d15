import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Receiver as Verifier } from '@upstash/qstash';
import { Driver, PYTHON } from '../../clients/drivers.js';
import type { Received, Receiver } from '../../support/receiver.js';

const DRIVER = fileURLToPath(new URL('./driver.py', import.meta.url));

/** Whether Upstash's Python client is there: see CONTRIBUTING.md. */
export const HAS_PYTHON = PYTHON !== undefined && existsSync(join(PYTHON, 'bin/python'));

/** Upstash's TypeScript client, as its users make it. */
export function upstash(url: string, token: string): Client {
  return new Client({ baseUrl: `${url}/qstash`, token, retry: false, enableTelemetry: false });
}

/** Upstash's Python client, in a process of its own. */
export class Python implements AsyncDisposable {
  private constructor(private readonly driver: Driver) {}

  static start(url: string, token: string): Python {
    const env = { BASE_URL: `${url}/qstash`, TOKEN: token, PYTHONDONTWRITEBYTECODE: '1' };
    return new Python(Driver.start(join(PYTHON!, 'bin/python'), [DRIVER], env));
  }

  /** Calls `queue.get` and its like by the names of arguments; throws what the client throws. */
  async call(call: string, args: object = {}): Promise<any> {
    const { value, error } = await this.driver.call(call, args, {});
    if (!error) return value;
    const { name, message } = error as { name: string; message: string };
    throw Object.assign(new Error(message), { name });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.driver[Symbol.asyncDispose]();
  }
}

/** The signing keys of an account. */
export interface SigningKeys {
  readonly current: string;
  readonly next: string;
}

/** Where a message arrived, as its sender names it. */
export function urlOf(receiver: Receiver, { path }: Pick<Received, 'path'>): string {
  return `http://127.0.0.1:${receiver.port}${path}`;
}

/** Verifies what arrived with the receivers of both packages; throws where the signature is wrong. */
export async function verifyWith(
  { current, next }: SigningKeys,
  receiver: Receiver,
  received: Received,
  python?: Python,
): Promise<void> {
  const signature = String(received.headers['upstash-signature']);
  const url = urlOf(receiver, received);
  const { body } = received;
  await new Verifier({ currentSigningKey: current, nextSigningKey: next }).verify({ signature, body, url });
  await python?.call('verify', { current, next, signature, body, url });
}
