import { Module } from '@nestjs/common';
import { parseAllowedHosts } from '../config/allowed-hosts.js';
import { parseAllowedPrivate } from '../config/allowed-private.js';
import { EgressConfig } from '../config/config.js';
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
      inject: [EgressConfig],
      useFactory: (config: EgressConfig) =>
        new Egress({
          ...guard(config, undefined),
          userAgent: USER_AGENT,
          // Deliveries have caps of their own: a lower one here would spend an attempt's time in a queue that nobody sees.
          maxSocketsPerOrigin: Infinity,
        }),
    },
    {
      provide: HttpRequestEgress,
      inject: [EgressConfig],
      useFactory: (config: EgressConfig) =>
        new HttpRequestEgress({ ...guard(config, config.httpHosts), userAgent: USER_AGENT }),
    },
    { provide: UrlPolicy, inject: [Egress], useFactory: (egress: Egress) => egress.policy },
    CallbackHostStore,
    CallbackHosts,
  ],
  exports: [Egress, HttpRequestEgress, UrlPolicy, CallbackHosts],
})
export class EgressModule {}

function guard(config: EgressConfig, hosts: readonly string[] | undefined) {
  const allowedPrivate = parseAllowedPrivate(config.allowedPrivate);
  const allowedHosts = parseAllowedHosts(config.allowedHosts);
  const policy = new UrlPolicy({ allowedPrivate, allowedHosts, allowHttp: config.allowHttp, hosts });
  return { allowedPrivate, allowedHosts, policy };
}
