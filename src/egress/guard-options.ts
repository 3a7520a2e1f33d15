import { parseAllowedHosts } from '../config/allowed-hosts.js';
import { parseAllowedPrivate } from '../config/allowed-private.js';
import type { EgressConfig } from '../config/config.js';
import type { EgressProxy } from './egress-proxy.js';
import { UrlPolicy } from './url-policy.js';

/** What a guard lets through by the settings; `hosts` narrows the names, undefined to none of them. */
export function guardOptions(
  config: EgressConfig,
  proxy: EgressProxy | null,
  hosts: readonly string[] | undefined,
) {
  const allowedPrivate = parseAllowedPrivate(config.allowedPrivate);
  const allowedHosts = parseAllowedHosts(config.allowedHosts);
  const policy = new UrlPolicy({ allowedPrivate, allowedHosts, allowHttp: config.allowHttp, hosts });
  return { allowedPrivate, allowedHosts, policy, proxy: proxy ?? undefined, roots: config.ca };
}
