import { compareClocks } from './clock.js';
import { type Check, green, red, yellow } from './finding.js';
import type { Surroundings } from './surroundings.js';

const ANSWER_MS = 4_000;

/** What a running service says of itself, and its clock. */
export const service: Check<Surroundings> = {
  name: 'service',
  run: async ({ url, now }) => {
    const answer = await ask(url);
    if (!answer)
      return [
        yellow(
          `no service answers at ${url}: start one, or name the one that runs by --url${/\/\/(127\.0\.0\.1|localhost)\b/.test(url) ? '' : ', and look whether something stands between'}`,
        ),
      ];
    const checks = Object.entries(answer.checks);
    const found = checks
      .filter(([, text]) => text !== 'ok')
      .map(([name, text]) => (name === 'workers' ? yellow : red)(`${url} is not well, ${name}: ${text}`));
    const date = Date.parse(answer.date ?? '');
    const clocks = Number.isNaN(date) ? [] : [compareClocks(now(), date + 500, `that of ${url}`)];
    return [
      ...(found.length > 0 ? found : [green(`${url} is ready`)]),
      ...clocks.filter(({ level }) => level !== 'green'),
    ];
  },
};

/** Whether a Ringback listens there. */
export async function looksLikeRingback(url: string): Promise<boolean> {
  return (await ask(url)) !== null;
}

interface Answer {
  readonly checks: Readonly<Record<string, string>>;
  readonly date: string | null;
}

/** What readiness says; null where nobody answers as a Ringback does. */
async function ask(url: string): Promise<Answer | null> {
  try {
    const response = await fetch(`${url.replace(/\/+$/, '')}/health/ready`, {
      signal: AbortSignal.timeout(ANSWER_MS),
      redirect: 'manual',
    });
    const body = (await response.json()) as { checks?: Record<string, string> } | null;
    const checks = body?.checks;
    return typeof checks?.['postgresql'] === 'string' ? { checks, date: response.headers.get('date') } : null;
  } catch {
    return null;
  }
}
