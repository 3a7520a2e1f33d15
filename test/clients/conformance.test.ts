import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisUrls } from '../support/database.js';
import { CONFORMANCE, type Driver, type DriverOutcome, LANGUAGES } from './drivers.js';

/** One call, what is sent for it and answered, and what the caller must get. */
interface Case {
  readonly name: string;
  readonly call: string;
  readonly args: Record<string, unknown>;
  readonly options?: Record<string, unknown>;
  readonly exchanges?: readonly unknown[];
  readonly gives?: unknown;
  readonly fails?: object;
  readonly updates?: object[];
  /** Seconds that it must take. */
  readonly at_least_s?: number;
}

interface Recorded {
  play(recorded: Case): { url: string; faults(): string[] };
  close(): Promise<void>;
}

const CASES = readdirSync(join(CONFORMANCE, 'cases'))
  .toSorted()
  .flatMap((file) => JSON.parse(readFileSync(join(CONFORMANCE, 'cases', file), 'utf8')) as Case[]);

interface Outcome extends DriverOutcome {
  readonly faults: string[];
  readonly seconds: number;
}

async function drive(driver: Driver, server: Recorded): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  for (const one of CASES) {
    const play = server.play(one);
    const options = { url: play.url, api_key: 'rb_conformance', backoff_s: 0.01, ...one.options };
    const from = performance.now();
    const outcome = await driver.call(one.call, one.args, options);
    outcomes.set(one.name, {
      ...outcome,
      faults: play.faults(),
      seconds: (performance.now() - from) / 1000,
    });
  }
  return outcomes;
}

// What a client makes of recorded answers has nothing to do with the queue.
describe.skipIf(redisUrls().length > 0)('The conformance suite', () => {
  let server: Recorded;
  const outcomes = new Map<string, Map<string, Outcome>>();
  beforeAll(async () => {
    const { startRecorded } = (await import(join(CONFORMANCE, 'server.mjs'))) as {
      startRecorded: () => Promise<Recorded>;
    };
    server = await startRecorded();
    await Promise.all(
      LANGUAGES.filter(({ there }) => there).map(async ({ name, start }) => {
        await using driver = await start();
        outcomes.set(name, await drive(driver, server));
      }),
    );
  }, 120_000);
  afterAll(() => server.close());

  describe.each(LANGUAGES)('in $name', ({ name, there }) => {
    it.skipIf(!there).each(CASES)('$name', (one) => {
      const { value, error, updates, faults, seconds } = outcomes.get(name)!.get(one.name)!;
      expect(faults).toEqual([]);
      if (one.fails) expect(error).toMatchObject(one.fails);
      else {
        expect(error).toBeUndefined();
        if (typeof one.gives === 'object' && one.gives !== null) expect(value).toMatchObject(one.gives);
        else expect(value).toEqual(one.gives);
      }
      if (one.updates) expect(updates).toMatchObject(one.updates);
      expect(seconds).toBeGreaterThanOrEqual(one.at_least_s ?? 0);
    });
  });
});
