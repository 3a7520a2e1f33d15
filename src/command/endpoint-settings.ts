import { type Command, Option } from 'commander';
import { EVENT_TYPES } from '../endpoints/events.js';
import { given, headersOf, number, several, span, textOf } from './arguments.js';
import { UsageError } from './ending.js';

/** What an endpoint can have otherwise than by default. */
export interface EndpointSettings {
  readonly events?: string;
  readonly description?: string;
  readonly header?: readonly string[];
  readonly retrySchedule?: string;
  readonly maxInFlight?: number;
  readonly ratePerS?: number;
  readonly thinOver?: number;
  readonly signatureProfile?: string;
  readonly clientCertificate?: string;
  readonly handshake?: boolean;
  readonly lease?: number;
  readonly ephemeral?: number;
}

/** Adds the options that make and change have in common. */
export function settingOptions(command: Command): Command {
  return command
    .option('--events <list>', `of ${EVENT_TYPES.join(', ')}; several by comma`)
    .option('--description <text>', 'for people')
    .option('--header <header>', '"name: value", sent with every attempt; may be repeated', several)
    .option('--retry-schedule <list>', 'seconds before attempt 2, 3, …, by comma')
    .option('--max-in-flight <number>', 'attempts at once', number)
    .option('--rate-per-s <number>', 'attempts a second', number)
    .option('--thin-over <bytes>', 'larger bodies leave the result out', number)
    .addOption(
      new Option('--signature-profile <profile>', 'how attempts are signed').choices([
        'standard',
        'standard+ed25519',
        'github',
        'stripe',
      ]),
    )
    .option(
      '--client-certificate <@file>',
      'PEM of a certificate and its key, for receivers that ask for one',
    )
    .option('--handshake', 'asks the receiver first')
    .option('--lease <span>', 'of a pull endpoint: how long a consumer has for what it pulled', span)
    .option('--ephemeral <span>', 'of a pull endpoint: deletes it that long after it was last pulled', span);
}

/** The settings as the routes take them. */
export function settingsOf(options: EndpointSettings): object {
  return given({
    events: options.events?.split(',').map((event) => event.trim()),
    description: options.description,
    headers: options.header && headersOf(options.header),
    retry_schedule: options.retrySchedule === undefined ? undefined : scheduleOf(options.retrySchedule),
    max_in_flight: options.maxInFlight,
    rate_per_s: options.ratePerS,
    thin_over: options.thinOver,
    signature_profile: options.signatureProfile,
    client_certificate:
      options.clientCertificate === undefined
        ? undefined
        : textOf(options.clientCertificate, '--client-certificate'),
    handshake: options.handshake,
    lease_s: options.lease,
    ephemeral_s: options.ephemeral,
  });
}

function scheduleOf(text: string): number[] {
  const seconds = text.split(',').map(Number);
  if (text.trim() === '' || seconds.some((each) => !Number.isFinite(each)))
    throw new UsageError('--retry-schedule: give seconds, by comma, as in 5,60,3600');
  return seconds;
}
