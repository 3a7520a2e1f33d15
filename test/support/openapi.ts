import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { Answer, Client } from './client.js';

/** What tests need to know of a document. */
export interface Document {
  openapi: string;
  servers: { url: string }[];
  tags: { name: string }[];
  paths: Record<string, Record<string, Route>>;
  webhooks: Record<string, { post: Route }>;
  components: Record<'schemas' | 'responses' | 'securitySchemes', Record<string, any>>;
}

export interface Route {
  operationId: string;
  summary: string;
  tags: string[];
  security: Record<string, string[]>[];
  parameters?: { name: string; in: string; required?: boolean }[];
  requestBody?: { content: Record<string, MediaType> };
  responses: Record<string, { $ref?: string; content?: Record<string, MediaType> }>;
  callbacks?: Record<string, Record<string, { post: Route }>>;
}

interface MediaType {
  schema: any;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

/** Every route, by `GET /v1/operations/{id}`. */
export function routesOf(document: Document): Map<string, Route> {
  return new Map(
    Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, route]) => [`${method.toUpperCase()} ${path}`, route] as const),
    ),
  );
}

/** Judges a service's answers, and callbacks, by its document. */
export class Judge {
  /** Routes that were asked successfully. */
  readonly succeeded = new Set<string>();
  private readonly ajv: Ajv2020;

  private constructor(
    readonly document: Document,
    private readonly client: Client,
  ) {
    this.ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(this.ajv);
    this.ajv.addSchema(closed(document), 'document');
  }

  static async of(client: Client): Promise<Judge> {
    return new Judge((await client.get('/openapi.json')).body as Document, client);
  }

  /** Requests a route; `faults` are what the document doesn't say of its answer. */
  async request(
    name: string,
    { path = {}, query = '', body, headers }: Asked = {},
  ): Promise<Answer & { faults: string[] }> {
    const [method, template] = name.split(' ') as [string, string];
    const url = template.replace(/\{(\w+)\}/g, (_, parameter: string) => path[parameter] ?? 'missing');
    const answer = await this.client.request(method, url + query, body, headers);
    if (answer.status < 300) this.succeeded.add(name);
    return { ...answer, faults: this.faults(name, answer) };
  }

  /** What the document doesn't say of this answer. */
  faults(name: string, { status, headers, body }: Answer): string[] {
    const route = routesOf(this.document).get(name)!;
    const given = route.responses[status] ?? route.responses['default']!;
    const response = given.$ref ? this.document.components.responses[given.$ref.split('/').at(-1)!] : given;
    const type = headers.get('content-type')?.split(';')[0];
    if (type === undefined) return response.content ? [`${status} has no body`] : [];
    const content = response.content?.[type] ?? response.content?.['*/*'];
    if (!content) return [`${status} has no ${type}`];
    if (content.schema.format === 'binary' || type === 'text/plain' || type === 'text/event-stream')
      return [];
    return this.wrong(content.schema, body).map((fault) => `${status} ${fault}`);
  }

  /** What is wrong with a value by a schema of the document. */
  wrong(schema: object, value: unknown): string[] {
    const validate = this.ajv.compile(absolute(schema)) as ValidateFunction;
    if (validate(value)) return [];
    return validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
  }
}

interface Asked {
  path?: Record<string, string>;
  query?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** The document with every object closed: what it doesn't name is a fault. */
function closed(document: Document): object {
  return JSON.parse(JSON.stringify(document), (_, value) =>
    value?.type === 'object' && value.properties && value.additionalProperties === undefined
      ? { ...value, additionalProperties: false }
      : (value as unknown),
  ) as object;
}

/** A schema of the document may stand alone then. */
function absolute(schema: unknown): any {
  return JSON.parse(JSON.stringify(schema), (key, value: unknown) =>
    key === '$ref' && typeof value === 'string' ? `document${value}` : value,
  );
}
