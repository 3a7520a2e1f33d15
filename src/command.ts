import { VERSION } from './config/version.js';

/** What the arguments of `ringback` ask for. */
export type Command =
  | { readonly kind: 'serve' }
  | { readonly kind: 'reseal' }
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'misused'; readonly text: string };

const USAGE = `Usage: ringback [serve]
       ringback secrets reseal
       ringback --version | --help

Runs slow API operations in the background and rings back, signed, when they end.

  serve           runs the service until SIGTERM or Ctrl-C; what no argument does too
  secrets reseal  seals what is encrypted at rest anew with the first of RINGBACK_SECRET_KEYS,
                  and says which others may go
  -v, --version   prints the version
  -h, --help      prints this

Settings are environment variables, listed in docs/configuration.md:

  PORT=8090 DATABASE_URL=postgres://user:password@host:5432/database ringback`;

/** Reads the arguments; whatever isn't known starts nothing. */
export function readCommand(given: readonly string[]): Command {
  const isReseal = given[0] === 'secrets' && given[1] === 'reseal';
  if (isReseal && given.length === 2) return { kind: 'reseal' };
  const [first, ...others] = isReseal ? given.slice(1) : given;
  const unknown = others[0] ?? first;
  if (others.length === 0) {
    if (first === undefined || first === 'serve') return { kind: 'serve' };
    if (first === '--version' || first === '-v') return { kind: 'say', text: VERSION };
    if (first === '--help' || first === '-h' || first === 'help') return { kind: 'say', text: USAGE };
  }
  return {
    kind: 'misused',
    text: `ringback: ${JSON.stringify(unknown)} is not understood: "ringback --help" says what is, and settings are environment variables`,
  };
}
