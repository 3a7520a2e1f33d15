import type { Command } from 'commander';
import { given } from './arguments.js';
import { confirmed, yesOption } from './confirm.js';
import { accountOption, connect, connected, type ConnectOptions } from './connection.js';
import { actions } from './endpoint-actions.js';
import { UsageError } from './ending.js';
import { ENDPOINT_COLUMNS, type Endpoint, printEndpoint } from './endpoint-facts.js';
import { type EndpointSettings, settingOptions, settingsOf } from './endpoint-settings.js';
import { examples } from './examples.js';
import { clean, printJson, printTable, write } from './output.js';
import { rowsOf } from './pages.js';

interface EndpointOptions extends ConnectOptions, EndpointSettings {
  readonly account?: string;
  readonly url?: string;
  readonly yes?: boolean;
  readonly pull?: boolean;
}

/** `ringback endpoints list | get | make | change | delete | enable | disable | test | secret | rotate-secret`. */
export function define(command: Command): void {
  examples(command, 'endpoints list', 'endpoints make https://example.com/hooks', 'endpoints make --help');
  const list = command.command('list', { isDefault: true }).description('Lists the endpoints.');
  connected(accountOption(list)).action(async ({ account, ...options }: EndpointOptions) => {
    const { api } = connect(options);
    const rows = await rowsOf<Endpoint>(api, '/v1/endpoints', { account }, Infinity);
    if (options.json) printJson(rows);
    else printTable(rows, ENDPOINT_COLUMNS, 'The account has no endpoint.');
  });
  examples(list, 'endpoints list', `endpoints list --account '*' --json`);

  const get = command.command('get').description('Shows an endpoint.').argument('<id>', 'of the endpoint');
  connected(accountOption(get)).action((id: string, options: EndpointOptions) => call(options, 'GET', id));
  examples(get, 'endpoints get ep_…');

  const make = command
    .command('make')
    .description('Registers a URL for the account’s events; its secret is shown.')
    .argument('[url]', 'where events are sent')
    .option('--pull', 'has no URL: what it is told waits until a consumer asks for it');
  connected(settingOptions(make)).action(async (to: string | undefined, options: EndpointOptions) => {
    if ((to === undefined) !== (options.pull === true))
      throw new UsageError('give the URL where events are sent, or --pull, which has none');
    await call(options, 'POST', null, {
      ...(to === undefined ? { mode: 'pull' } : { url: to }),
      ...settingsOf(options),
    });
  });
  examples(
    make,
    'endpoints make https://example.com/hooks --description "orders"',
    `endpoints make https://example.com/hooks --events operation.failed,delivery.exhausted --retry-schedule 5,60,3600`,
    'endpoints make --pull --description "the warehouse"',
  );

  const change = command
    .command('change')
    .description('Changes what is given of an endpoint; deliveries that wait follow it.')
    .argument('<id>', 'of the endpoint')
    .option('--to <url>', 'where events are sent from now on');
  connected(accountOption(settingOptions(change))).action(
    async (id: string, options: EndpointOptions & { to?: string }) => {
      await call(options, 'PATCH', id, { ...given({ url: options.to }), ...settingsOf(options) });
    },
  );
  examples(change, 'endpoints change ep_… --max-in-flight 5 --rate-per-s 10');

  const remove = command
    .command('delete')
    .description('Deletes an endpoint, and cancels what was still owed to it; the log stays.')
    .argument('<id>', 'of the endpoint');
  connected(accountOption(yesOption(remove))).action(async (id: string, options: EndpointOptions) => {
    confirmed(options.yes, 'deletes the endpoint and cancels what is still owed to it');
    const { api } = connect(options);
    const query = { account: options.account };
    await api.send({ method: 'DELETE', path: pathOf(id), query, repeatable: false }, () => undefined);
    if (options.json) printJson({ id, deleted: true });
    else write(`${clean(id)} is deleted.\n`);
  });
  examples(remove, 'endpoints delete ep_… --yes');
  actions(command);
}

function pathOf(id: string | null): string {
  return id === null ? '/v1/endpoints' : `/v1/endpoints/${encodeURIComponent(id)}`;
}

/** Makes a call that answers an endpoint, and prints that. */
async function call(
  options: EndpointOptions,
  method: 'GET' | 'POST' | 'PATCH',
  id: string | null,
  body?: object,
): Promise<void> {
  const { api, url } = connect(options);
  const query = { account: options.account };
  const endpoint = await api.json<Endpoint>({
    method,
    path: pathOf(id),
    query,
    body,
    repeatable: method !== 'POST',
  });
  if (options.json) printJson(endpoint);
  else printEndpoint(endpoint, url);
}
