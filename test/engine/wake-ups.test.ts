import { expect, it } from 'vitest';
import { WakeUps } from '../../src/engine/wake-ups.js';
import { OperationWaits } from '../../src/operations/read/operation-waits.js';
import { App } from '../support/app.js';

it('Ends are told to other processes only while somebody waits there', { timeout: 60_000 }, async () => {
  await using one = await App.start();
  await using other = await App.start({ database: { url: one.databaseUrl } });
  const [ending, waiting] = [one.nest.get(OperationWaits), other.nest.get(OperationWaits)];
  const heard: string[] = [];
  const asked: string[] = [];
  const marks: string[] = [];
  other.nest.get(WakeUps).on('ended', (ids) => heard.push(...ids));
  other.nest.get(WakeUps).on('work', (signs) => marks.push(...signs));
  one.nest.get(WakeUps).on('wanted', (ids) => asked.push(...ids));
  // Messages of a process come in their order, so what came before the mark has been heard with it, or never comes.
  const mark = async (name: string): Promise<void> => {
    await expect
      .poll(() => {
        one.nest.get(WakeUps).tell('work', name);
        return marks;
      })
      .toContain(name);
  };

  const { body } = await one.client.post('/v1/operations', { type: 'external', input: {} });
  const id = String(body.request_id);
  await mark('both hear');
  ending.ended(id);
  await mark('nobody waits');
  expect(heard).toEqual([]);

  // It goes on, so nothing but a message ends the wait before its time.
  const waited = waiting.wait(id, 50_000, waiting.now);
  await expect.poll(() => asked.length).toBeGreaterThan(0);
  ending.ended(id);
  await waited;
  expect(heard).toEqual([id]);
});
