import { setTimeout as pause } from 'node:timers/promises';
import autocannon from 'autocannon';
import { type Spread, spreadOf } from './figures.js';
import type { ToGatewayHelper } from './gateway.process.js';
import type { BenchOptions } from './options.js';
import { ask, freePort, type Leftovers } from './processes.js';
import { startService, stopService } from './service.js';
import { residentMb } from './usage.js';

const CONNECTIONS = 20;
const ROUNDS = 3;
const ROUND_S = 3;
const ANSWERS = 300;
const GAP_MS = 10;
const HELPER_MS = 10_000;
const BIG_MS = 120_000;

/** What the gateway costs: pass-through against the proxy library alone, background answers, a large response kept. */
export async function benchGateway(options: BenchOptions, leftovers: Leftovers): Promise<void> {
  const upstream = await helper({ ask: 'upstream' }, leftovers);
  const proxy = await helper({ ask: 'proxy', target: upstream }, leftovers);
  const port = await freePort();
  const service = await startService(options, leftovers, {
    settings: { RINGBACK_UPSTREAM: upstream, RINGBACK_GATEWAY_PORT: String(port) },
  });
  try {
    const gateway = `http://127.0.0.1:${port}`;
    const headers = { 'x-ringback-key': service.key };
    const { alone, through } = await passThrough(proxy, gateway);
    const idle = await answers(`${gateway}/x`, headers);
    const background = await answers(`${gateway}/slow?bgrs=yes`, headers);
    const grown = await keepBig(gateway, headers, service.pid);
    console.log(
      [
        '| figure | value |',
        '|---|---|',
        `| pass-through, requests/s: proxy library alone; gateway; ratio | ${alone.toFixed(0)}; ${through.toFixed(0)}; **${(through / alone).toFixed(2)}** |`,
        `| a request passed through when idle, p50 / p95 / p99 | ${shown(idle)} |`,
        `| bgrs answer while the upstream takes 3 s, p50 / p95 / p99 | ${shown(background)} |`,
        `| memory grown by keeping a response of 200 MB | ${grown.toFixed(0)} MB |`,
      ].join('\n'),
    );
  } finally {
    await stopService(service, leftovers);
  }
}

/** By turns, so that what else the machine does falls on both. */
async function passThrough(proxy: string, gateway: string): Promise<{ alone: number; through: number }> {
  const rates = { alone: 0, through: 0 };
  await rate(proxy);
  await rate(gateway);
  for (let round = 0; round < ROUNDS; round++) {
    rates.alone += (await rate(proxy)) / ROUNDS;
    rates.through += (await rate(gateway)) / ROUNDS;
  }
  return rates;
}

async function rate(url: string): Promise<number> {
  const { requests, errors, non2xx } = await autocannon({
    url: `${url}/x`,
    connections: CONNECTIONS,
    duration: ROUND_S,
  });
  if (errors + non2xx > 0) throw new Error(`${errors + non2xx} requests failed at ${url}`);
  return requests.average;
}

/** One request at a time. */
async function answers(url: string, headers: Record<string, string>): Promise<Spread> {
  const times: number[] = [];
  for (let count = 0; count < ANSWERS; count++) {
    const startedAt = performance.now();
    const response = await fetch(url, { headers });
    await response.text();
    times.push(performance.now() - startedAt);
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    await pause(GAP_MS);
  }
  return spreadOf(times);
}

async function keepBig(gateway: string, headers: Record<string, string>, pid: number): Promise<number> {
  const before = residentMb(pid) ?? 0;
  let most = before;
  const { request } = (await (await fetch(`${gateway}/big?bgrs=yes`, { headers })).json()) as {
    request: string;
  };
  for (const deadline = Date.now() + BIG_MS; Date.now() < deadline; await pause(20)) {
    most = Math.max(most, residentMb(pid) ?? 0);
    const rows = (await (await fetch(`${gateway}/bgrs/${request}`, { headers })).json()) as {
      status_name: string;
    }[];
    if (rows[0]!.status_name === 'finished') return most - before;
  }
  throw new Error('the large response was not kept in time');
}

async function helper(question: ToGatewayHelper, leftovers: Leftovers): Promise<string> {
  const port = await ask<number>(leftovers.fork('gateway.process.js'), question, HELPER_MS);
  return `http://127.0.0.1:${port}`;
}

function shown({ p50, p95, p99 }: Spread): string {
  return `${[p50, p95, p99].map((ms) => ms.toFixed(1)).join(' / ')} ms`;
}
