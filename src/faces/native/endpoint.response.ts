import { accountShown, type Whose } from '../../accounts/whose.js';
import type { ShownCertificate } from '../../endpoints/endpoint-settings.js';
import type { EndpointEntity, EndpointMode } from '../../endpoints/endpoint.entity.js';
import type { EndpointStats, HourOfAttempts } from '../../endpoints/endpoint.store.js';
import type { EventType } from '../../endpoints/events.js';
import type { SignatureProfile } from '../../signing/signature.js';
import { ApiInteger, ApiTime } from '../../http/api-properties.js';

export class EndpointHeaderResponse {
  key: string;
  /** Always `[redacted]`. */
  value: string;
}

/** Of a client certificate what is no secret. */
export class ClientCertificateResponse {
  subject: string;
  /** From then on receivers refuse it. */
  @ApiTime()
  ends_at: string;
}

/** A receiver that an account registered: a callback URL, or a consumer that pulls. */
export class EndpointResponse {
  id: string;
  /** Whose it is; there where the request named an `account`. */
  account_id?: string;
  /** `pull`: its deliveries wait until a consumer asks for them. */
  mode: EndpointMode;
  /** Its query is shown only to keys with the scope `endpoints:write`. Null of a pull endpoint. */
  url: string | null;
  description: string;
  events: EventType[];
  headers: EndpointHeaderResponse[];
  retry_schedule: number[] | null;
  @ApiInteger()
  max_in_flight: number | null;
  rate_per_s: number | null;
  signature_profile: SignatureProfile;
  @ApiInteger()
  thin_over: number | null;
  client_certificate: ClientCertificateResponse | null;
  /** Of a pull endpoint: seconds; null: 30. */
  @ApiInteger()
  lease_s: number | null;
  /** Of a pull endpoint: it is deleted so many seconds after it was last pulled; null: it is kept. */
  @ApiInteger()
  ephemeral_s: number | null;
  /** Of a pull endpoint: when a consumer last asked, within some seconds; null: none did. */
  @ApiTime()
  last_pulled_at: string | null;
  @ApiTime()
  disabled_at: string | null;
  disabled_reason: string | null;
  @ApiTime()
  created_at: string;
  /** `whsec_…`; only in the answer that creates it. */
  secret?: string;

  static from(
    endpoint: EndpointEntity,
    {
      headerNames,
      certificate,
      secret,
      whose,
    }: {
      headerNames: readonly string[];
      certificate: ShownCertificate | null;
      secret?: string | undefined;
      whose?: Whose | undefined;
    },
  ): EndpointResponse {
    return {
      id: endpoint.id,
      ...accountShown(endpoint.accountId, whose),
      mode: endpoint.mode,
      url: endpoint.mode === 'pull' ? null : endpoint.url,
      description: endpoint.description,
      events: endpoint.events,
      headers: headerNames.map((key) => ({ key, value: '[redacted]' })),
      retry_schedule: endpoint.retrySchedule,
      max_in_flight: endpoint.maxInFlight,
      rate_per_s: endpoint.ratePerS,
      signature_profile: endpoint.signatureProfile,
      thin_over: endpoint.thinOver,
      client_certificate: certificate && {
        subject: certificate.subject,
        ends_at: certificate.endsAt.toISOString(),
      },
      lease_s: endpoint.leaseS,
      ephemeral_s: endpoint.ephemeralS,
      last_pulled_at: endpoint.pulledAt?.toISOString() ?? null,
      disabled_at: endpoint.disabledAt?.toISOString() ?? null,
      disabled_reason: endpoint.disabledReason,
      created_at: endpoint.createdAt.toISOString(),
      ...(secret === undefined ? {} : { secret }),
    };
  }
}

export class EndpointHourResponse {
  /** Start of the hour. */
  @ApiTime()
  hour: string;
  @ApiInteger()
  succeeded: number;
  @ApiInteger()
  failed: number;
  /** Milliseconds that 95 % of the attempts took at most. */
  @ApiInteger()
  p95_ms: number | null;
}

/** How an endpoint has done in the last 24 hours. */
export class EndpointStatsResponse {
  @ApiInteger()
  succeeded: number;
  @ApiInteger()
  failed: number;
  @ApiInteger()
  pending: number;
  /** Of the pending ones, those with an attempt under way. */
  @ApiInteger()
  in_flight: number;
  /** Of the pending ones, those that are held because it is disabled. */
  @ApiInteger()
  held: number;
  hours: EndpointHourResponse[];

  static from({ hours, ...owed }: EndpointStats): EndpointStatsResponse {
    const sum = (of: (hour: HourOfAttempts) => number): number =>
      hours.reduce((total, hour) => total + of(hour), 0);
    return {
      succeeded: sum((hour) => hour.succeeded),
      failed: sum((hour) => hour.failed),
      ...owed,
      hours: hours.map((hour) => ({
        ...hour,
        hour: hour.hour.toISOString(),
        p95_ms: hour.p95_ms === null ? null : Math.round(hour.p95_ms),
      })),
    };
  }
}

export class WebhookKeyResponse {
  endpoint_id: string;
  /** `whpk_…` */
  public_key: string;
}

export class WebhookKeysResponse {
  keys: WebhookKeyResponse[];
}
