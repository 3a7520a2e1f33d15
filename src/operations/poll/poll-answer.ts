import type { IncomingHttpHeaders } from 'node:http';

/** An answer of another API, as far as it is read to see how a job stands there. */
export class PollAnswer {
  private parsed: { readonly json: unknown } | undefined;

  constructor(
    readonly status: number,
    readonly headers: IncomingHttpHeaders,
    /** The body, or its beginning where it is longer than what is read of one. */
    readonly body: Buffer,
    /** Whether that is all of it. */
    readonly whole = true,
  ) {}

  /** The body as JSON; undefined where it is none. */
  get json(): unknown {
    this.parsed ??= { json: this.whole ? parse(this.body) : undefined };
    return this.parsed.json;
  }
}

function parse(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    return undefined;
  }
}
