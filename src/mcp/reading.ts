import { z } from 'zod';
import type { Delivery, HistoryEntry, Operation } from '../client/types.js';
import { deliveryLine, operationLine, operationLines } from './shown.js';
import { READS, type Tool, tool } from './tools.js';
import { shortened } from './words.js';

const LIMIT = z.number().int().min(1).max(50).default(10).describe('rows at the most');
const OPERATION = z.string().min(1).describe('id of the operation: 32 hex digits');

const list = tool({
  name: 'list',
  title: 'List operations',
  description: 'Lists operations, the newest first: what ran, failed or waits. Narrow it by what is given.',
  input: {
    status: z
      .string()
      .optional()
      .describe('Waiting, Executing, Finished, Failed, Canceled; several by comma'),
    type: z.string().optional().describe('operation types; several by comma'),
    error_code: z.string().optional(),
    correlation: z.string().optional().describe("the submitter's own id"),
    callback_state: z
      .string()
      .optional()
      .describe('Pending, Delivered, Exhausted, Canceled; several by comma'),
    created_after: z.string().optional().describe('RFC 3339'),
    limit: LIMIT,
  },
  annotations: READS,
  run: async (given, service) => {
    const rows = await service.page<Operation>('/v1/operations', { ...given, order: 'desc' });
    return [
      ...(rows.length === 0 ? ['No operation is like that.'] : rows.map(operationLine)),
      `Console: ${service.console('operations')}`,
    ];
  },
});

const get = tool({
  name: 'get',
  title: 'Show an operation',
  description:
    'Shows one operation as it stands: state, progress, error, result and callback. Reading it changes nothing.',
  input: { id: OPERATION },
  annotations: READS,
  run: async ({ id }, service) =>
    operationLines(await service.read<Operation>(`/v1/operations/${encodeURIComponent(id)}`), service),
});

const history = tool({
  name: 'history',
  title: "Show an operation's history",
  description:
    'Shows what happened to an operation, in order: its states, its progress, and what its handler logged.',
  input: {
    id: OPERATION,
    limit: z.number().int().min(1).max(200).default(50).describe('entries at the most'),
  },
  annotations: READS,
  run: async ({ id, limit }, service) => {
    const entries = await service.page<HistoryEntry>(`/v1/operations/${encodeURIComponent(id)}/history`, {
      limit,
    });
    return [...entries.map(entryLine), `Console: ${service.console(`operations/${id}`)}`];
  },
});

function entryLine({ created_at: at, kind, status, progress, text }: HistoryEntry): string {
  const what = kind === 'transition' ? `→ ${status}` : kind === 'progress' ? `${progress} %` : 'log';
  return `${at} ${what}: ${shortened(text, 300)}`;
}

const deliveries = tool({
  name: 'deliveries',
  title: 'List callbacks',
  description:
    'Lists deliveries, the callbacks that were or are to be made, the newest first. "explain" says why one failed.',
  input: {
    operation: z.string().optional().describe('id of the operation whose callbacks they are'),
    endpoint: z.string().optional().describe('id of the endpoint: ep_…'),
    status: z
      .string()
      .optional()
      .describe('Pending, Delivered, Exhausted (given up), Canceled; several by comma'),
    origin: z.string().optional().describe('scheme, host and port of the receiver: https://example.com'),
    error: z
      .string()
      .optional()
      .describe(
        'how the last attempt failed: http_5xx, connect_refused, dns_error, tls_error, response_timeout …',
      ),
    since: z.string().optional().describe('RFC 3339'),
    limit: LIMIT,
  },
  annotations: READS,
  run: async (given, service) => {
    const rows = await service.page<Delivery>('/v1/deliveries', { ...given, order: 'desc' });
    return [
      ...(rows.length === 0 ? ['No delivery is like that.'] : rows.map(deliveryLine)),
      `Console: ${service.console('deliveries')}`,
    ];
  },
});

/** Tools that read rows as they are. */
export const READING: readonly Tool[] = [list, get, history, deliveries];
