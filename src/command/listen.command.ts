import { hostname } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { RingbackClient } from '../client/index.js';
import { commaList } from './arguments.js';
import { connect, connected, type ConnectOptions } from './connection.js';
import { EXIT } from './ending.js';
import { examples } from './examples.js';
import { Forwarder, targetUrl } from './listen/forward.js';
import { heardJson, heardLine } from './listen/heard-line.js';
import { Listener } from './listen/listener.js';
import { toldOutages } from './listen/told-outages.js';
import { write } from './output.js';

interface ListenOptions extends ConnectOptions {
  readonly forward?: string;
  readonly events?: readonly string[];
  readonly type?: readonly string[];
  readonly name?: string;
  readonly timeout: number;
  readonly concurrency: number;
  readonly insecure?: boolean;
}

/** Seconds by which a lease outlives a forward, for the acknowledgement. */
const LEASE_MARGIN_S = 15;

/** `ringback listen`. */
export function define(command: Command): void {
  command
    .description(
      'Receives callbacks on a machine that nothing can reach: pulls them, checks their signatures, prints them, forwards them, and tells the log what was answered. A listener that was killed and starts again under its name misses nothing; its endpoint is kept for a day.',
    )
    .option(
      '--forward <url>',
      'POSTs each to this server, byte for byte, with its own headers; a 2xx takes it',
    )
    .option('--events <events>', 'of these events, by comma; the ends of operations by default', commaList)
    .option(
      '--type <types>',
      'only of operations of these types, by comma; the others are taken unseen',
      commaList,
    )
    .option(
      '--name <name>',
      'of this listener; by default this host and folder. Two of one name share the work',
    )
    .option('--timeout <seconds>', 'for the answer of the server that is forwarded to', whole(1, 3_000), 15)
    .option('--concurrency <count>', 'forwarded at once', whole(1, 500), 20)
    .option('--insecure', 'takes whatever certificate that server shows');
  connected(command).action(listen);
  examples(
    command,
    'listen',
    'listen --forward http://localhost:3000/hook',
    'listen --events operation.failed,delivery.exhausted --json | jq .body',
    'listen --forward 3000 --type segments.export --name staging',
  );
}

async function listen(options: ListenOptions): Promise<void> {
  const { api, url: service, key } = connect(options);
  const name = options.name ?? `${hostname()} ${process.cwd()}`;
  const timeoutMs = options.timeout * 1000;
  const url = options.forward === undefined ? null : targetUrl(options.forward);
  const forwarder = url && new Forwarder({ url, timeoutMs, insecure: options.insecure === true });
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  const stop = untilSignal();
  // With its own patience: who listens waits outages out.
  const client = new RingbackClient({ url: service, apiKey: key, fetch: toldOutages(note, stop) });
  const listener = await Listener.open(
    { client, api },
    {
      wanted: { name, events: options.events },
      types: options.type ?? null,
      forwarder,
      leaseS: options.timeout + LEASE_MARGIN_S,
      concurrency: options.concurrency,
      stop,
      heard: (one) => write(options.json ? heardJson(one) : heardLine(one, forwarder !== null)),
      note,
    },
  );
  const { id, isTakenUp, events } = listener.opened;
  const what = url ? `, forwarding to ${url.origin}${url.pathname}` : '';
  note(`The endpoint ${id} ${isTakenUp ? 'was taken up with what waits at it' : 'was made'}; name: ${name}`);
  note(`Listening for ${events.join(', ')}${what}. Ctrl-C ends it.`);
  try {
    await listener.listen();
  } finally {
    forwarder?.close();
  }
  const left = await listener.leave();
  if (left === 'handed on')
    note('The endpoint is left to other listeners of this name, or ends in a minute.');
}

/** Fires at the first signal; at the second, nothing is waited for: what is under way comes again. */
function untilSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(EXIT.failed);
      stop.abort();
    });
  return stop.signal;
}

function whole(min: number, max: number): (given: string) => number {
  return (given) => {
    const value = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It is a whole number from ${min} to ${max}.`);
  };
}
