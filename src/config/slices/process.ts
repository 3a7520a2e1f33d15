import { resolve } from 'node:path';
import {
  commaList,
  existingFiles,
  number,
  oneOf,
  optional,
  setting,
  SettingError,
  text,
  url,
} from '../settings.js';
import { sliceOf } from '../slice.js';

/** The parts of Ringback that a process can be. */
export type Role = 'api' | 'worker' | 'gateway';

function roles(value: string): ReadonlySet<Role> {
  const known: readonly string[] = ['api', 'worker', 'gateway'];
  const asked = commaList(value);
  if (asked.includes('all')) return new Set<Role>(['api', 'worker', 'gateway']);
  const wrong = asked.find((role) => !known.includes(role));
  if (wrong !== undefined || asked.length === 0)
    throw new SettingError(`"${wrong ?? value}" is none of all, ${known.join(', ')}`);
  return new Set(asked as Role[]);
}

const SETTINGS = {
  roles: setting(
    'RINGBACK_ROLE',
    'all',
    'What this process does: `all`, or a comma list of `api`, `worker`, `gateway`.',
    roles,
  ),
  handlers: setting(
    'RINGBACK_HANDLERS',
    '',
    'ES modules with operation handlers, a comma list relative to the working directory. The default export of each is a Nest module.',
    existingFiles,
    'none',
  ),
  drainS: setting(
    'RINGBACK_DRAIN_S',
    '0',
    'Seconds that a process with the role `api` or `gateway` serves on after SIGTERM, while readiness is red already: the time that balancers take to see it. 5 to 15 in a cluster.',
    number(0, 3600, false),
  ),
  shutdownGraceS: setting(
    'RINGBACK_SHUTDOWN_GRACE_S',
    '3',
    'Seconds that running handlers get to finish on SIGTERM before their AbortSignal fires.',
    number(0, 3600, false),
  ),
};

/** Of the program around the slices: read by what starts it. */
const OF_THE_PROGRAM = {
  nodeEnv: setting(
    'NODE_ENV',
    'development',
    'With `production`, Ringback listens on every interface by default and refuses to boot without RINGBACK_SECRET_KEYS, on an embedded database, or without RINGBACK_API_KEY where the database has no other key. Any other value counts as `development`, and a start warns of one that is neither that nor `test`.',
    text,
  ),
  dataDir: setting(
    'RINGBACK_DATA_DIR',
    '.ringback',
    'Folder of the embedded database, stored files and generated keys.',
    (value) => resolve(value),
  ),
  logLevel: setting(
    'RINGBACK_LOG_LEVEL',
    'info',
    'Least level that is logged.',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
  ),
  logFormat: setting(
    'RINGBACK_LOG_FORMAT',
    'auto',
    'How the log is written: `json`, `pretty` (a line for people of each event), or `auto`, which is `pretty` on a terminal outside of production and `json` elsewhere.',
    oneOf('auto', 'pretty', 'json'),
  ),
  tracesTo: optional(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'none: no spans are recorded',
    'Where traces are sent by OTLP over HTTP, `http://collector:4318`.',
    url('http:', 'https:'),
  ),
  serviceName: setting('OTEL_SERVICE_NAME', 'ringback', 'The name of this service in traces.', text),
};

/** What this process runs. */
export abstract class ProcessConfig extends sliceOf(SETTINGS, OF_THE_PROGRAM) {}
