import { spawn } from 'node:child_process';
import { emitKeypressEvents } from 'node:readline';
import { styleText } from 'node:util';
import { AccountsService, DEFAULT_ACCOUNT } from './accounts/accounts.service.js';
import { hasInbox } from './banner.js';
import { inboxUrl } from './console/inbox/inbox-url.js';
import { readSubmission } from './faces/native/submission.js';
import { Submissions } from './operations/accept/submissions.service.js';
import { type Running, serve } from './serve.js';

const KEYS = 'Keys: t triggers a sample operation, o opens the console, q quits.';

/** Runs the service with keys for those who try things out, until `q`, a signal or the end of the process that started it. */
export async function dev(): Promise<void> {
  const running = await serve();
  // Nobody would be left to end it.
  process.on('disconnect', () => void running.end(0));
  process.on('SIGHUP', () => void running.end(0));
  if (process.stdin.isTTY) heed(running);
}

function heed(running: Running): void {
  const { stdin } = process;
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  // However it ends, the terminal is as it was.
  process.on('exit', () => stdin.setRawMode(false));
  stdin.on('keypress', (_text: string | undefined, { name, ctrl }: { name?: string; ctrl: boolean }) => {
    press(running, ctrl ? `ctrl-${name}` : name).catch((error: unknown) =>
      say(styleText('red', `That failed: ${error instanceof Error ? error.message : String(error)}`)),
    );
  });
  say(KEYS);
}

async function press(running: Running, key: string | undefined): Promise<void> {
  switch (key) {
    case 't':
      return trigger(running);
    case 'o':
      return open(running);
    case 'q':
    case 'ctrl-c':
    case 'ctrl-d':
      return running.end(0);
    case 'return':
      return say('');
    default:
      return say(KEYS);
  }
}

/** Submits an operation that calls back to the inbox of this service, whose log tells the rest. */
async function trigger({ app, config }: Running): Promise<void> {
  const { http } = config;
  if (!hasInbox(config))
    return say('This process has no inbox: RINGBACK_ROLE needs api, and RINGBACK_CONSOLE=true.');
  const accountId = await app.get(AccountsService).ensure(DEFAULT_ACCOUNT);
  const sample = { type: 'echo', input: { hello: 'world' }, callback: { url: inboxUrl(http) } };
  const submission = await readSubmission(accountId, sample, null, null);
  const { operation } = (await app.get(Submissions).accept(submission)).view;
  say(
    `Submitted an echo: ${http.publicUrl}${config.console.isOn ? '/console/operations' : '/v1/operations'}/${operation.rid}`,
  );
}

/** Opens the console by a link that logs in; prints it where nothing can open it. */
async function open({ link, config }: Running): Promise<void> {
  const url = await link();
  if (url === null)
    return say('There is no console: RINGBACK_CONSOLE is off, or this process has no role api.');
  const [program, ...given] = OPENERS[process.platform] ?? ['xdg-open'];
  const minutes = config.console.linkS / 60;
  const show = (): void =>
    say(`Nothing here opens it; the link logs in once, within ${minutes} minutes: ${url}`);
  const opener = spawn(program!, [...given, url], { stdio: 'ignore', detached: true });
  opener.once('error', show);
  opener.once('exit', (code) => {
    if (code !== 0) show();
  });
  opener.unref();
}

const OPENERS: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
