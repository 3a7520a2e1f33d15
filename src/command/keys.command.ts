import { type Command, InvalidArgumentError } from 'commander';
import { SCOPES } from '../accounts/scopes.js';
import type { Account } from '../client/index.js';
import type { Transport } from '../client/transport.js';
import { future, given } from './arguments.js';
import { connect, connected, type ConnectOptions } from './connection.js';
import { examples } from './examples.js';
import { clean, type Column, localTime, printFacts, printJson, printTable, write } from './output.js';
import { rowsOf } from './pages.js';

interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly key?: string;
}

interface KeysOptions extends ConnectOptions {
  readonly account?: string;
}

const COLUMNS: readonly Column<ApiKey>[] = [
  { head: 'ID', of: ({ id }) => id },
  { head: 'NAME', of: ({ name }) => name },
  { head: 'CREATED', of: (key) => localTime(key.created_at) },
  { head: 'LAST USED', of: (key) => localTime(key.last_used_at) },
  { head: 'EXPIRES', of: (key) => localTime(key.expires_at) },
  { head: 'SCOPES', of: ({ scopes }) => scopes.join(', ') },
];

/** `ringback keys list | make | revoke`. */
export function define(command: Command): void {
  examples(command, 'keys list', 'keys make "acme backend" --scope operations:write', 'keys make --help');
  const list = command
    .command('list', { isDefault: true })
    .description('Lists the keys of an account, without their text.');
  ofAccount(list).action(async ({ account, ...options }: KeysOptions) => {
    const { api } = connect(options);
    const keys = await rowsOf<ApiKey>(api, await pathOf(api, account), {}, Infinity);
    if (options.json) printJson(keys);
    else printTable(keys, COLUMNS, 'The account has no key.');
  });
  examples(list, 'keys list', 'keys list --account acc_… --json');

  const make = command
    .command('make')
    .description('Makes a key; its text is shown this once.')
    .argument('<name>', 'for people')
    .requiredOption('--scope <list>', `what it may do, by comma: ${SCOPES.join(', ')}`, scopesOf)
    .option('--expires <time>', 'when it ends: in 90d, or 2027-01-31T12:00:00Z; never otherwise', future);
  ofAccount(make).action(makeKey);
  examples(make, 'keys make "acme backend" --scope operations:write,operations:read --expires 90d');

  const revoke = command
    .command('revoke')
    .description('Revokes a key: it is refused everywhere within 5 s.')
    .argument('<key>', 'id of the key');
  ofAccount(revoke).action(async (id: string, { account, ...options }: KeysOptions) => {
    const { api } = connect(options);
    const path = `${await pathOf(api, account)}/${encodeURIComponent(id)}`;
    await api.send({ method: 'DELETE', path, repeatable: false }, () => undefined);
    if (options.json) printJson({ id, revoked: true });
    else write(`${clean(id)} is revoked.\n`);
  });
  examples(revoke, 'keys revoke key_…');
}

function ofAccount(command: Command): Command {
  return connected(
    command.option('--account <id>', 'of another account, with the scope admin; that of --key otherwise'),
  );
}

async function makeKey(
  name: string,
  { account, scope, expires, ...options }: KeysOptions & { scope: string[]; expires?: string },
): Promise<void> {
  const { api } = connect(options);
  const path = await pathOf(api, account);
  const body = { name, scopes: scope, ...given({ expires_at: expires }) };
  const made = await api.json<ApiKey>({ method: 'POST', path, body, repeatable: false });
  if (options.json) printJson(made);
  else
    printFacts({
      id: made.id,
      name: made.name,
      scopes: made.scopes.join(', '),
      expires: localTime(made.expires_at),
      key: `${made.key} (shown this once)`,
    });
}

/** Of the account that is named, or that of the key. */
async function pathOf(api: Transport, account: string | undefined): Promise<string> {
  const id =
    account ?? (await api.json<Account>({ method: 'GET', path: '/v1/account', repeatable: true })).id;
  return `/v1/accounts/${encodeURIComponent(id)}/keys`;
}

/** Reads scopes by comma; more of them where the option comes again. */
function scopesOf(text: string, before: readonly string[] | undefined): string[] {
  const asked = text.split(',').map((scope) => scope.trim());
  const wrong = asked.find((scope) => !(SCOPES as readonly string[]).includes(scope));
  if (wrong !== undefined)
    throw new InvalidArgumentError(`${JSON.stringify(wrong)} is none of ${SCOPES.join(', ')}.`);
  return [...(before ?? []), ...asked];
}
