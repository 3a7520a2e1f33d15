import { Injectable, type Type } from '@nestjs/common';
import { getSchemaPath, type OpenAPIObject } from '@nestjs/swagger';
import { OpenApiPart } from '../../http/openapi-part.js';
import { callbackRoute, type Content } from '../callback-route.js';
import { DeliveryExhaustedEvent, EndpointDisabledEvent, OperationEvent } from './webhook.response.js';

/** What endpoints are told, by the event that they ask for. */
const WEBHOOKS: Record<string, { model: Type; summary: string }> = {
  'operation.finished': { model: OperationEvent, summary: 'An operation is Finished' },
  'operation.failed': { model: OperationEvent, summary: 'An operation has Failed' },
  'operation.canceled': { model: OperationEvent, summary: 'An operation is Canceled' },
  'delivery.exhausted': { model: DeliveryExhaustedEvent, summary: 'A delivery was given up' },
  'endpoint.disabled': { model: EndpointDisabledEvent, summary: 'Another endpoint was disabled' },
};

/** The webhooks of the native face, and the callback of a submit. */
@Injectable()
export class NativeOpenApi extends OpenApiPart {
  override readonly models = Object.values(WEBHOOKS).map(({ model }) => model);

  describe(document: OpenAPIObject): void {
    document.webhooks = Object.fromEntries(
      Object.entries(WEBHOOKS).map(([event, { model, summary }]) => [
        event,
        { post: callbackRoute({ operationId: idOf(event), summary, content: jsonOf(model) }) },
      ]),
    );
    document.paths['/v1/operations']!.post!.callbacks = {
      ended: {
        '{$request.body#/callback/url}': {
          post: callbackRoute({
            operationId: 'onOperationEnded',
            summary: 'The operation has ended',
            content: jsonOf(OperationEvent),
          }),
        },
      },
    };
  }
}

/** `operation.finished` → `onOperationFinished`. */
function idOf(event: string): string {
  return `on.${event}`.replace(/\.([a-z])/g, (_, first: string) => first.toUpperCase());
}

function jsonOf(model: Type): Content {
  return { 'application/json': { schema: { $ref: getSchemaPath(model) } } };
}
