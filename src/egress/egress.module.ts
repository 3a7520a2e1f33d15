import { Logger, Module } from '@nestjs/common';
import { parseAllowedPrivate } from '../config/allowed-private.js';
import { EgressConfig } from '../config/config.js';
import { CallbackHostStore } from './callback-host.store.js';
import { CallbackHosts } from './callback-hosts.js';
import { Egress } from './egress.js';
import { EgressProxy } from './egress-proxy.js';
import { guardOptions } from './guard-options.js';
import { UrlPolicy } from './url-policy.js';
import { USER_AGENT } from '../config/version.js';

const PROXY = Symbol('EgressProxy');

/** The guard of `http.request`: the callbacks' rules, narrowed by RINGBACK_HTTP_HOSTS. */
export class HttpRequestEgress extends Egress {}

/** Every request that leaves for a URL that a user gave goes through here. */
@Module({
  providers: [
    {
      provide: Egress,
      inject: [EgressConfig, PROXY],
      useFactory: (config: EgressConfig, proxy: EgressProxy | null) =>
        new Egress({
          ...guardOptions(config, proxy, undefined),
          userAgent: USER_AGENT,
          // Deliveries have caps of their own: a lower one here would spend an attempt's time in a queue that nobody sees.
          maxSocketsPerOrigin: Infinity,
        }),
    },
    {
      provide: HttpRequestEgress,
      inject: [EgressConfig, PROXY],
      useFactory: (config: EgressConfig, proxy: EgressProxy | null) =>
        new HttpRequestEgress({
          ...guardOptions(config, proxy, config.httpHosts === null ? [] : config.httpHosts),
          userAgent: USER_AGENT,
        }),
    },
    {
      provide: PROXY,
      inject: [EgressConfig],
      useFactory: ({ proxy, proxyResolves }: EgressConfig) => {
        if (proxy === undefined) return null;
        const made = new EgressProxy(proxy, proxyResolves);
        const msg = 'requests to URLs that users gave leave through a proxy';
        new Logger('Egress').log({ msg, proxy: made.shown, resolves: made.resolves });
        return made;
      },
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
