import type { CallToolResult, ToolAnnotations } from '@modelcontextprotocol/sdk/types.js';
import type { z } from 'zod';
import { RingbackError } from '../client/index.js';
import type { Service } from './service.js';

/** One tool: what it takes, and what it answers as text. */
export interface Tool<Shape extends z.ZodRawShape = z.ZodRawShape> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Shape;
  readonly annotations: ToolAnnotations;
  readonly run: (given: z.infer<z.ZodObject<Shape>>, service: Service) => Promise<readonly string[]>;
}

/** A tool whose arguments have the types of its input. */
export function tool<Shape extends z.ZodRawShape>(given: Tool<Shape>): Tool {
  return given as unknown as Tool;
}

/** Of what changes nothing. */
export const READS: ToolAnnotations = { readOnlyHint: true, openWorldHint: false };

/** Runs a tool; what the service refuses is an answer too, with the remedy. */
export async function answer(
  { run }: Tool,
  given: Record<string, unknown>,
  service: Service,
): Promise<CallToolResult> {
  try {
    return { content: [{ type: 'text', text: (await run(given, service)).join('\n') }] };
  } catch (error) {
    if (!(error instanceof RingbackError)) throw error;
    return { content: [{ type: 'text', text: inWords(error) }], isError: true };
  }
}

function inWords(error: RingbackError): string {
  return [
    `${error.code}: ${error.message}`,
    ...error.errors.map(({ path, message }) => `${path}: ${message}`),
    ...remedyOf(error),
  ].join('\n');
}

function remedyOf({ status, code }: RingbackError): string[] {
  if (code === 'unreachable')
    return [
      'Look whether the service runs, and whether --url of "ringback mcp" is right; "ringback doctor" says more.',
    ];
  if (status === 401)
    return [
      'The key of "ringback mcp" is not known there: give another by --key, RINGBACK_KEY or "ringback login".',
    ];
  if (status === 403) return ['The key of "ringback mcp" lacks a scope: give one that has it.'];
  return [];
}
