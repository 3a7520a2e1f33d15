import { Injectable } from '@nestjs/common';
import { HttpConfig } from '../config/config.js';
import { Egress, explainEgressError } from '../egress/egress.js';
import { EndpointRefusedError } from './endpoint.errors.js';

const TIMEOUT_MS = 10_000;

/**
 * Asks a receiver whether it wants callbacks from here (CloudEvents HTTP 1.1 Web Hooks, section 4: OPTIONS with
 * `WebHook-Request-Origin`; the answer names us or `*` in `WebHook-Allowed-Origin`, and may bound the rate).
 */
@Injectable()
export class OwnershipHandshake {
  constructor(
    private readonly egress: Egress,
    private readonly http: HttpConfig,
  ) {}

  /** The rate that the receiver allows, per second; null: any. Refuses the endpoint where the receiver doesn't consent. */
  async ask(url: string, clientCertificate?: string): Promise<{ ratePerS: number | null }> {
    const origin = new URL(this.http.publicUrl).hostname;
    const answer = await this.options(url, origin, clientCertificate);
    const allowed = answer.headers['webhook-allowed-origin'];
    if (
      answer.status < 200 ||
      answer.status > 299 ||
      (allowed !== '*' && String(allowed).toLowerCase() !== origin.toLowerCase())
    ) {
      const message = `did not consent: its OPTIONS must answer 2xx with WebHook-Allowed-Origin: ${origin}`;
      throw new EndpointRefusedError('handshake-failed', [{ path: 'url', message }]);
    }
    const rate = String(answer.headers['webhook-allowed-rate'] ?? '*');
    if (rate === '*') return { ratePerS: null };
    // Requests a minute.
    const perMinute = /^[1-9]\d{0,6}$/.test(rate.trim()) ? Number(rate) : 1;
    return { ratePerS: perMinute / 60 };
  }

  private async options(url: string, origin: string, clientCertificate: string | undefined) {
    try {
      const headers = { 'webhook-request-origin': origin, 'webhook-request-rate': '*' };
      const answer = await this.egress.request({
        url,
        method: 'OPTIONS',
        headers,
        clientCertificate,
        timeoutMs: TIMEOUT_MS,
        maxResponseBytes: 65_536,
      });
      answer.body.on('error', () => undefined).destroy();
      return answer;
    } catch (error) {
      const message = `could not be asked: ${explainEgressError(error)}`;
      throw new EndpointRefusedError('handshake-failed', [{ path: 'url', message }]);
    }
  }
}
