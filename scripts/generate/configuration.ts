import { COMMAND_VARIABLES } from '../../src/config/command-env.js';
import { SETTINGS } from '../../src/config/env.js';
import type { Setting } from '../../src/config/settings.js';

const settings = Object.values<Setting<unknown>>(SETTINGS);

/** docs/configuration.md: every environment variable, its default and what it is for. */
export function configurationPage(): string {
  const rows = settings.map(
    (setting) => `| \`${setting.name}\` | ${cell(fallbackOf(setting))} | ${cell(setting.description)} |`,
  );
  return [
    '<!-- Generated from src/config/slices by `npm run generate`; change it there. -->',
    '',
    '# Configuration',
    '',
    'Ringback is configured by environment variables and by nothing else. All of them are read at boot: a wrong value ends',
    'the start with a message that names every variable that is wrong. An empty variable counts as unset, but for',
    '`RINGBACK_ALLOWED_PRIVATE`, where empty means none.',
    '',
    '| variable | default | what it is for |',
    '| --- | --- | --- |',
    ...rows,
    '',
    '## Of the command',
    '',
    'The commands of [`ringback`](command.md) that talk to a service read these, and `RINGBACK_DATA_DIR`; the service reads none of them.',
    '',
    '| variable | what it is for |',
    '| --- | --- |',
    ...Object.entries(COMMAND_VARIABLES).map(([name, text]) => `| \`${name}\` | ${cell(text)} |`),
    '',
  ].join('\n');
}

/** .env.example: the same, as a file to copy. */
export function envExample(): string {
  const entries = settings.map((setting) => {
    const note = setting.fallback === undefined ? ` Default: ${setting.fallbackNote ?? 'none'}.` : '';
    return [...wrapped(setting.description + note), `#${setting.name}=${setting.fallback ?? ''}`, ''].join(
      '\n',
    );
  });
  return [
    '# Generated from src/config/slices by `npm run generate`; change it there.',
    '# Every setting with its default. Copy to .env, uncomment what you change, and start with `node --env-file=.env dist/src/main.js`.',
    '',
    ...entries,
  ].join('\n');
}

function fallbackOf({ fallback, fallbackNote }: Setting<unknown>): string {
  return fallbackNote ?? `\`${fallback}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

/** Comment lines of at most 110 characters. */
function wrapped(text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    if (`# ${lines.at(-1)} ${word}`.length > 110) lines.push('');
    lines[lines.length - 1] = `${lines.at(-1)} ${word}`;
  }
  return lines.map((line) => `#${line}`);
}
