import { Logger, Module } from '@nestjs/common';
import { parseAllowedHosts } from '../config/allowed-hosts.js';
import { parseAllowedPrivate } from '../config/allowed-private.js';
import { DeliveryConfig, EgressConfig } from '../config/config.js';
import { CallbackHostStore } from './callback-host.store.js';
import { CallbackHosts } from './callback-hosts.js';
import { Egress } from './egress.js';
import { UrlPolicy } from './url-policy.js';
import { USER_AGENT } from '../config/version.js';

/** The guard of `http.request`: the callbacks' rules, narrowed by RINGBACK_HTTP_HOSTS. */
export class HttpRequestEgress extends Egress {}

/** Every request that leaves for a URL that a user gave goes through here. */
@Module({
  providers: [
    {
      provide: Egress,
      inject: [EgressConfig, DeliveryConfig],
      useFactory: (config: EgressConfig, deliveries: DeliveryConfig) =>
        new Egress({
          ...guard(config, undefined),
          userAgent: USER_AGENT,
          maxSocketsPerOrigin: deliveries.concurrency,
        }),
    },
    {
      provide: HttpRequestEgress,
      inject: [EgressConfig],
      useFactory: (config: EgressConfig) =>
        new HttpRequestEgress({
          ...guard(config, config.httpHosts === null ? [] : config.httpHosts),
          userAgent: USER_AGENT,
        }),
    },
    { provide: UrlPolicy, inject: [Egress], useFactory: (egress: Egress) => egress.policy },
    CallbackHostStore,
    CallbackHosts,
  ],
  exports: [Egress, HttpRequestEgress, UrlPolicy, CallbackHosts],
})
export class EgressModule {
  constructor({ allowedPrivate }: EgressConfig) {
    for (const range of parseAllowedPrivate(allowedPrivate).opensMetadata())
      new Logger('Egress').warn(
        `RINGBACK_ALLOWED_PRIVATE: ${range} lets every account call the metadata service of a cloud, which tells credentials: name the networks of your receivers instead`,
      );
  }
}

function guard(config: EgressConfig, hosts: readonly string[] | undefined) {
  const allowedPrivate = parseAllowedPrivate(config.allowedPrivate);
  const allowedHosts = parseAllowedHosts(config.allowedHosts);
  const policy = new UrlPolicy({ allowedPrivate, allowedHosts, allowHttp: config.allowHttp, hosts });
  return { allowedPrivate, allowedHosts, policy };
}
