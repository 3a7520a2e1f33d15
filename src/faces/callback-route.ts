import type { Route } from '../http/openapi-routes.js';

export type Content = Record<string, { schema: { $ref: string } }>;

const HEADERS = {
  'webhook-id': 'The id of the delivery: the same on every attempt, so that repeats can be told',
  'webhook-timestamp': 'Seconds since 1970 of this attempt',
  'webhook-signature':
    '`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; one per valid secret, separated by one space (Standard Webhooks)',
  'ringback-attempt': '1, 2, 3, …',
};

/** What a receiver gets, as a route of its own: signed, and repeated until it answers with a 2xx. */
export function callbackRoute({
  operationId,
  summary,
  content,
}: {
  operationId: string;
  summary: string;
  content: Content;
}): Route {
  return {
    operationId,
    tags: ['webhooks'],
    summary,
    security: [],
    parameters: Object.entries(HEADERS).map(([name, description]) => ({
      name,
      in: 'header',
      required: true,
      description,
      schema: { type: 'string' },
    })),
    requestBody: { required: true, content },
    responses: {
      '2XX': { description: 'Received: it is not sent again' },
      410: { description: 'Not wanted any more: the delivery ends, and an endpoint is disabled' },
      default: { description: 'It is tried again by the schedule' },
    },
  };
}
