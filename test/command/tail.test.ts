import { describe, expect, it } from 'vitest';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { ringback } from '../support/command.js';
import { newDatabase } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { RunningCommand } from '../support/running-command.js';

describe('ringback tail', () => {
  it('shows what ends and what is delivered, each on a line', async () => {
    await using receiver = await Receiver.answering(503, 200);
    await using app = await App.start();
    await using all = RunningCommand.start(['tail'], app.client);
    await using failed = RunningCommand.start(['tail', '--failed', '--type', 'echo', '--json'], app.client);
    await using other = RunningCommand.start(['tail', '--type', 'sleep, http.request', '--json'], app.client);
    await expect.poll(() => all.stderr).toContain('Ctrl-C');
    const see = async (): Promise<number> => {
      await app.client.submit({ type: 'sleep', input: { seconds: 0 } });
      return Math.min(all.lines.length, other.lines.length);
    };
    // From its first line on, each sees everything.
    await expect.poll(see).toBeGreaterThan(0);
    const { id, request_id: requestId } = await app.client.submit({
      type: 'echo',
      correlation: 'order\u001b[2J17',
      callback: { url: receiver.url },
    });
    await expect.poll(() => failed.lines.length).toBe(1);
    const [{ id: delivery }] = await app.client.deliveries(id);
    await expect.poll(() => all.lines.filter((line) => line.includes(delivery)).length).toBe(2);
    const time = String.raw`\d\d:\d\d:\d\d`;
    const ofIt = all.lines.filter((line) => line.includes(id) || line.includes(delivery));
    expect(ofIt).toEqual([
      expect.stringMatching(
        new RegExp(`^${time}  Finished   ${id}  #${requestId}  echo  order\ufffd\\[2J17$`),
      ),
      expect.stringMatching(
        new RegExp(
          `^${time}  failed     ${delivery}  operation.finished  ${receiver.url}  attempt 1  HTTP 503  \\d+ ms  again at ${time}$`,
        ),
      ),
      expect.stringMatching(
        new RegExp(
          `^${time}  delivered  ${delivery}  operation.finished  ${receiver.url}  attempt 2  HTTP 200  \\d+ ms$`,
        ),
      ),
    ]);
    expect(JSON.parse(failed.lines[0]!)).toMatchObject({
      kind: 'attempt.made',
      attempt: { operation_id: id, type: 'echo', http_status: 503 },
    });
    expect(other.lines.map((line) => JSON.parse(line).operation.type as string)).not.toContain('echo');
  });

  it('goes on where it was when the service was away', async () => {
    const url = await newDatabase();
    const port = await freePort();
    const overrides = { database: { url }, http: { port, publicUrl: `http://127.0.0.1:${port}` } };
    await using stack = new AsyncDisposableStack();
    const first = await App.start(overrides);
    const tail = stack.use(RunningCommand.start(['tail', '--json'], first.client));
    const ids: string[] = [];
    const submit = async (app: App): Promise<number> => {
      ids.push((await app.client.submit({ type: 'echo' })).id);
      return tail.lines.length;
    };
    await expect.poll(() => submit(first)).toBeGreaterThan(0);
    const known = (JSON.parse(tail.lines[0]!) as { operation: { id: string } }).operation.id;
    await first[Symbol.asyncDispose]();
    const second = stack.use(await App.start(overrides));
    await submit(second);
    const seen = (): string[] => tail.lines.map((line) => JSON.parse(line).operation.id as string);
    await expect
      .poll(() => seen().toSorted(), { timeout: 20_000 })
      .toEqual(ids.slice(ids.indexOf(known)).toSorted());
  });

  it('says at once that there is no service, or no right to look', async () => {
    const env = { RINGBACK_URL: `http://127.0.0.1:${await freePort()}`, RINGBACK_KEY: TEST_KEY };
    expect(await ringback(['tail'], { env })).toMatchObject({ code: 3, stdout: '' });
    await using app = await App.start();
    const refused = await ringback(['tail'], {
      env: { RINGBACK_URL: app.client.url, RINGBACK_KEY: 'rb_wrong' },
    });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
  });
});
