import { Controller, Get, Header, Param } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import { ApiProblem } from '../../http/api-answers.js';
import { EndpointsService } from '../../endpoints/endpoints.service.js';
import { Problem } from '../../http/problem.js';
import { WebhookKeysResponse } from './endpoint.response.js';

@ApiTags('endpoints')
@Controller('.well-known/webhook-keys')
export class WebhookKeysController {
  constructor(private readonly endpoints: EndpointsService) {}

  /**
   * The public key of an endpoint with the profile `standard+ed25519`. It is no secret, and no API key is needed: who asks knows
   * the endpoint's id.
   */
  @Get(':id')
  @ApiOperation({ operationId: 'getWebhookKeys' })
  @ApiProblem(404, 'There is no such endpoint, or it has no public key')
  @ApiProblem(503, 'PostgreSQL cannot be reached')
  @Header('cache-control', 'public, max-age=300')
  async read(@Param('id') id: string): Promise<WebhookKeysResponse> {
    const key = await this.endpoints.publicKey(id);
    if (key !== null) return { keys: [{ endpoint_id: id, public_key: key }] };
    const message = `there is no endpoint ${id.slice(0, 60)} with a public key`;
    throw new Problem(404, 'endpoint-not-found', message, { errors: [{ path: 'id', message }] });
  }
}
