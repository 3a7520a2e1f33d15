import { Controller, Get, Header } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import { ApiProblem } from '../../http/api-answers.js';
import { EndpointsService } from '../../endpoints/endpoints.service.js';
import { WebhookKeyResponse, WebhookKeysResponse } from './endpoint.response.js';

@ApiTags('endpoints')
@Controller('.well-known/webhook-keys')
export class WebhookKeysController {
  constructor(private readonly endpoints: EndpointsService) {}

  /** The public keys of endpoints with the profile `standard+ed25519`. Public keys are no secret: no API key is needed. */
  @Get()
  @ApiOperation({ operationId: 'listWebhookKeys' })
  @ApiProblem(503, 'PostgreSQL cannot be reached')
  @Header('cache-control', 'public, max-age=300')
  async list(): Promise<WebhookKeysResponse> {
    const keys = await this.endpoints.publicKeys();
    return {
      keys: keys.map(({ endpointId, publicKey }): WebhookKeyResponse => ({
        endpoint_id: endpointId,
        public_key: publicKey,
      })),
    };
  }
}
