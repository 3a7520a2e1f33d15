import type { Command } from 'commander';
import { given, span } from './arguments.js';
import { accountOption, connect, connected, type ConnectOptions } from './connection.js';
import { type Attempt, attemptLine } from './delivery-facts.js';
import { CommandError } from './ending.js';
import { type Endpoint, printEndpoint } from './endpoint-facts.js';
import { examples } from './examples.js';
import { printJson, write } from './output.js';

interface ActionOptions extends ConnectOptions {
  readonly account?: string;
  readonly overlap?: number;
}

/** Adds what can be done with an endpoint beyond changing it. */
export function actions(command: Command): void {
  for (const [name, words] of [
    ['enable', 'Enables an endpoint, and sends what was paused.'],
    ['disable', 'Disables an endpoint: its deliveries are paused.'],
  ] as const) {
    const switched = command.command(name).description(words).argument('<id>', 'of the endpoint');
    connected(accountOption(switched)).action(async (id: string, options: ActionOptions) => {
      const { url } = connect(options);
      const endpoint = await call<Endpoint>(options, 'POST', pathOf(id, name));
      if (options.json) printJson(endpoint);
      else printEndpoint(endpoint, url);
    });
    examples(switched, `endpoints ${name} ep_…`);
  }
  addTest(command);
  addSecrets(command);
}

function addTest(command: Command): void {
  const test = command
    .command('test')
    .description('Sends a signed sample to an endpoint now, and shows how that went.')
    .argument('<id>', 'of the endpoint');
  connected(accountOption(test)).action(async (id: string, options: ActionOptions) => {
    const attempt = await call<Attempt>(options, 'POST', pathOf(id, 'test'));
    if (options.json) printJson(attempt);
    else write(`${attemptLine(attempt)}\n`);
    if (attempt.outcome !== 'delivered') throw new CommandError('the sample did not arrive');
  });
  examples(test, 'endpoints test ep_…');
}

function addSecrets(command: Command): void {
  const secret = command
    .command('secret')
    .description(
      'Prints the secret that signs what an endpoint is told; without an id, that of the account’s callbacks.',
    )
    .argument('[id]', 'of the endpoint');
  connected(accountOption(secret)).action(async (id: string | undefined, options: ActionOptions) => {
    print(options, await call<Secret>(options, 'GET', id === undefined ? OWN : pathOf(id, 'secret')));
  });
  examples(secret, 'endpoints secret', 'endpoints secret ep_…');

  const rotate = command
    .command('rotate-secret')
    .description('Makes a new secret that signs from now on, and prints it; older ones co-sign for a while.')
    .argument('[id]', 'of the endpoint; without it, of the account’s callbacks')
    .option('--overlap <span>', 'for how long older ones co-sign at the most; a day otherwise', span);
  connected(accountOption(rotate)).action(async (id: string | undefined, options: ActionOptions) => {
    const body = given({ overlap_s: options.overlap });
    print(
      options,
      await call<Secret>(
        options,
        'POST',
        id === undefined ? `${OWN}/rotate` : pathOf(id, 'rotate-secret'),
        body,
      ),
    );
  });
  examples(rotate, 'endpoints rotate-secret ep_… --overlap 7d');
}

interface Secret {
  readonly secret: string;
}

function print({ json }: ActionOptions, { secret }: Secret): void {
  if (json) printJson({ secret });
  else write(`${secret}\n`);
}

/** The secret of the account's own callbacks. */
const OWN = '/v1/signing-secret';

function pathOf(id: string, action: string): string {
  return `/v1/endpoints/${encodeURIComponent(id)}/${action}`;
}

function call<T>(options: ActionOptions, method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
  const { api } = connect(options);
  const query = path.startsWith(OWN) ? {} : { account: options.account };
  return api.json({ method, path, query, body, repeatable: method === 'GET' });
}
