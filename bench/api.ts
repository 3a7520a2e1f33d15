import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceProcess } from './service.js';

const POLL_MS = 50;
const LOGGED_MS = 30_000;

/** What a path of the service answers, as JSON; throws on anything but 2xx. */
export async function read<Answer>({ url, key }: ServiceProcess, path: string): Promise<Answer> {
  const response = await fetch(url + path, { headers: { authorization: `Bearer ${key}` } });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer;
}

/** Resolves once no delivery is pending: the last attempt of each is in the log. */
export async function allLogged(service: ServiceProcess): Promise<void> {
  for (const deadline = Date.now() + LOGGED_MS; Date.now() < deadline; await pause(POLL_MS)) {
    const { data } = await read<{ data: unknown[] }>(service, '/v1/deliveries?status=Pending&limit=1');
    if (data.length === 0) return;
  }
  throw new Error(`deliveries are still pending ${LOGGED_MS / 1000} s after the last callback's arrival`);
}
