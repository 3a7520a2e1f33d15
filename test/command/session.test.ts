import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { App, freePort, TEST_KEY } from '../support/app.js';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
const RECEIVER = fileURLToPath(new URL('../../examples/receiver.ts', import.meta.url));
/** Of the README, which the service and the receiver have by default. */
const [SERVICE_PORT, RECEIVER_PORT] = ['8080', '9000'];

/** The terminal session of the README: each command with what it printed. */
async function session(): Promise<{ command: string; printed: string }[]> {
  const [, text] = /```console\n(.*?)```/s.exec(await readFile('README.md', 'utf8'))!;
  return text!
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const end = step.indexOf('\n');
      return { command: step.slice(0, end), printed: step.slice(end + 1) };
    });
}

/** What every run has otherwise: ids, times and how long things took. */
class Run {
  /** Ids of the README by those of this run. */
  private readonly known = new Map<string, string>();

  constructor(private readonly ports: ReadonlyMap<string, string>) {}

  /** A command of the README, about what this run has. */
  command(text: string): string {
    for (const [ours, theirs] of this.known) text = text.replaceAll(theirs, ours);
    for (const [ours, theirs] of this.ports) text = text.replaceAll(`:${theirs}`, `:${ours}`);
    return text;
  }

  /** What was printed, with the README's ids where they stand at the same place. */
  printed(text: string, expected: string): string {
    const theirs = idsOf(expected);
    for (const [at, id] of idsOf(text).entries())
      if (theirs[at] !== undefined && !this.known.has(id)) this.known.set(id, theirs[at]);
    for (const [ours, id] of this.known) text = text.replaceAll(ours, id);
    for (const [ours, port] of this.ports) text = text.replaceAll(`:${ours}`, `:${port}`);
    return text;
  }
}

const idsOf = (text: string): string[] => [...new Set(text.match(/[0-9a-f]{32}/g))];

/** Times, and how long things took, are nobody's to repeat. */
const timeless = (text: string): string =>
  text
    .replaceAll(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+Z)?/g, 'TIME')
    .replaceAll(/(?<=after )\d+(\.\d)? m?s/g, 'SPAN');

/** Resolves once every delivery has had an attempt: a person is slower than that. */
async function attempted({ client }: App): Promise<void> {
  const unknown = async () =>
    (await client.get('/v1/deliveries?status=Pending')).body.data.filter(
      ({ error }: { error: unknown }) => error === null,
    );
  await expect.poll(unknown).toEqual([]);
}

it('The terminal session of the README is what the commands print', async () => {
  await using app = await App.start({ deliveries: { schedule: [3600] } });
  const port = String(await freePort());
  const run = new Run(
    new Map([
      [new URL(app.client.url).port, SERVICE_PORT!],
      [port, RECEIVER_PORT!],
    ]),
  );
  const environment = { PATH: process.env.PATH, RINGBACK_URL: app.client.url, RINGBACK_KEY: TEST_KEY };
  let receiver: ChildProcess | undefined;
  let output = '';
  try {
    for (const { command, printed } of await session()) {
      await attempted(app);
      const from = output.length;
      if (command.endsWith('&')) {
        receiver = spawn(process.execPath, [RECEIVER], { env: { PATH: process.env.PATH, PORT: port } });
        receiver.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()));
        await expect.poll(() => output).toContain('Waiting for callbacks on');
      } else {
        const script = `ringback() { "${process.execPath}" "${MAIN}" "$@"; }; npx() { "$@"; }\n${run.command(command)} 2>&1`;
        const child = spawn('bash', ['-c', script], { env: environment });
        child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
        await once(child, 'close');
      }
      const said = run.printed(output.slice(from), printed);
      expect(
        `$ ${command}\n${timeless(said)}`,
        `the README is stale; this is what it prints now:\n${said}`,
      ).toBe(`$ ${command}\n${timeless(printed)}`);
    }
    expect(output).toContain('Delivered');
  } finally {
    receiver?.kill();
  }
});
