import type { LoggerService, LogLevel } from '@nestjs/common';
import { type DestinationStream, type Logger, pino } from 'pino';
import { prettyLine } from './pretty-line.js';

const REDACTED = [
  'authorization',
  '*.authorization',
  'headers',
  '*.headers',
  'key',
  '*.key',
  'secret',
  '*.secret',
  'body',
  '*.body',
  'input',
  '*.input',
];

/** Nest's logger as lines, of JSON or for people; secrets and payloads never reach it whole. */
export class LineLogger implements LoggerService {
  private readonly pino: Logger;

  constructor(level: string, format: 'json' | 'pretty') {
    this.pino = pino(
      {
        level,
        base: undefined,
        redact: { paths: REDACTED, censor: '[redacted]' },
        timestamp: pino.stdTimeFunctions.isoTime,
      },
      format === 'pretty' ? forPeople() : stdout(),
    );
  }

  log(message: unknown, ...rest: unknown[]): void {
    // Nest's own start-up lines are of no use to operators.
    const context = rest.at(-1);
    if (typeof context === 'string' && NEST.has(context)) this.pino.debug(fields(message, rest));
    else this.pino.info(fields(message, rest));
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.pino.error(fields(message, rest));
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.pino.warn(fields(message, rest));
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.pino.debug(fields(message, rest));
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.pino.trace(fields(message, rest));
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.pino.fatal(fields(message, rest));
  }

  setLogLevels(_levels: LogLevel[]): void {
    // RINGBACK_LOG_LEVEL rules.
  }
}

const NEST = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** At once, so that what was said before an end is there. */
function stdout(): DestinationStream {
  return pino.destination({ dest: 1, sync: true });
}

function forPeople(): DestinationStream {
  const out = stdout();
  return { write: (line) => out.write(`${prettyLine(line)}\n`) };
}

function fields(message: unknown, rest: unknown[]): object {
  const context = typeof rest.at(-1) === 'string' ? { context: rest.at(-1) } : {};
  const stack = rest.length > 1 && typeof rest[0] === 'string' ? { stack: rest[0] } : {};
  if (message instanceof Error) return { ...context, msg: message.message, stack: message.stack };
  return typeof message === 'object' && message !== null
    ? { ...context, ...stack, ...message }
    : { ...context, ...stack, msg: String(message) };
}
