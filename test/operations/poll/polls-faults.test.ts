import { expect, it } from 'vitest';
import { newDatabase, rowsOf } from '../../support/database.js';
import { JobApi } from '../../support/job-api.js';
import { Service, sharedBy } from '../../support/service.js';

const JOBS = 40;
const POLLS = 12;

it(
  'Jobs are polled to their end although the processes that poll them are killed in between, and none twice at once',
  { timeout: 60_000 },
  async () => {
    await using api = await JobApi.start();
    const database = await newDatabase();
    const shared = { ...sharedBy(database), RINGBACK_JOB_POLL_MIN_S: '0.1' };
    await using first = await Service.start(shared);
    await using second = await Service.start(shared);
    await rowsOf(database, 'UPDATE account SET slots = 100');
    const input = {
      ...{ method: 'POST', url: `${api.url}/v1/predictions?polls=${POLLS}` },
      poll: { preset: 'replicate', every_s: 0.3 },
    };
    const operations = Array.from({ length: JOBS }, () => ({ type: 'http.request', input }));
    await first.client.post('/v1/operations/batch', { operations });
    const polls = (): number => [...api.jobs.values()].reduce((sum, job) => sum + job.polls.length, 0);
    // What had no answer yet when its worker died is no job's, and a POST is not repeated.
    await expect
      .poll(() => rowsOf(database, 'SELECT FROM live_poll'), { timeout: 20_000 })
      .toHaveLength(JOBS);
    await expect.poll(polls, { timeout: 20_000 }).toBeGreaterThan(JOBS);
    await second.end('SIGKILL');
    await expect.poll(polls, { timeout: 20_000 }).toBeGreaterThan(2 * JOBS);
    await using third = await Service.start(shared);
    await first.end('SIGKILL');
    const ended = (): Promise<unknown[]> =>
      rowsOf(database, `SELECT FROM operation_end WHERE state = 'Finished'`);
    await expect.poll(ended, { timeout: 30_000 }).toHaveLength(JOBS);
    expect((await third.client.get('/v1/ledger')).body.operations).toMatchObject({
      finished: JOBS,
      failed: 0,
    });
    expect([...api.jobs.values()].filter(({ overlaps }) => overlaps > 0)).toEqual([]);
    expect(api.jobs.size).toBe(JOBS);
  },
);
