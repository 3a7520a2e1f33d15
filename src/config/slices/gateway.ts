import { boolean, commaList, number, oneOf, optional, origin, setting, url } from '../settings.js';
import { sliceOf } from '../slice.js';

const SETTINGS = {
  upstream: optional(
    'RINGBACK_UPSTREAM',
    'none: no gateway',
    "The provider's API behind the gateway: scheme, host and port, `http://127.0.0.1:3000`. Workers need it too.",
    origin,
  ),
  port: setting('RINGBACK_GATEWAY_PORT', '8081', 'Port of the gateway.', number(1, 65_535)),
  idleS: setting(
    'RINGBACK_GATEWAY_IDLE_S',
    '600',
    'Seconds that a request which is passed through may stand still, without a byte to or from the upstream: then it is answered 502, or cut. The body of one for the background is bounded by RINGBACK_BODY_IDLE_S as well.',
    number(0.1, 86_400, false),
  ),
  authUrl: optional(
    'RINGBACK_GATEWAY_AUTH_URL',
    'none: only API keys are credentials',
    "Asked with the caller's headers whether they are a valid credential: a 2xx says yes, and its `X-User-Id` becomes `user_id`.",
    url('http:', 'https:'),
  ),
  open: setting(
    'RINGBACK_GATEWAY_OPEN',
    'false',
    'Background requests and reads at the gateway need no credential.',
    boolean,
  ),
  poll: optional(
    'RINGBACK_GATEWAY_POLL',
    'none: an answer is the result',
    'How the upstream runs jobs of its own: where the answer to a background request names one that runs, it is polled until it ends, and its result is that of the request. A preset of `poll`: `http-202`, `azure`, `google-lro`, `fhir`, `replicate`, `openai-batch`, `wordbee` or `bear`.',
    oneOf('http-202', 'azure', 'google-lro', 'fhir', 'replicate', 'openai-batch', 'wordbee', 'bear'),
  ),
  batchPaths: setting(
    'RINGBACK_BATCH_PATHS',
    '/batch',
    'Paths of the gateway where a JSON array is a list of requests, a comma list.',
    commaList,
  ),
  types: setting(
    'RINGBACK_BGRS_TYPES',
    'strings',
    'Values in the bgrs face: `strings`, or `numbers` where they are numbers.',
    oneOf('strings', 'numbers'),
  ),
  sharing: setting(
    'RINGBACK_BGRS_SHARING',
    'any',
    'Who may read an operation of the bgrs face by its rid: `any` valid credential, or its `owner`.',
    oneOf('any', 'owner'),
  ),
};

const ASKED = {
  publicUrl: optional(
    'RINGBACK_GATEWAY_PUBLIC_URL',
    'http://HOST:RINGBACK_GATEWAY_PORT',
    'Base of the links to the gateway: `Location`, and the progress URL that the upstream gets.',
    url('http:', 'https:'),
  ),
};

/** The gateway in front of a provider's API, and the bgrs face on it. */
export abstract class GatewayConfig extends sliceOf(SETTINGS, ASKED) {
  /** Base of absolute links, without a trailing slash. */
  abstract readonly publicUrl: string;
}
