import {
  type Attributes,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { VERSION } from '../config/version.js';

/** W3C Trace Context, version 00: trace id, parent id, flags. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;
/** A later version begins with the same, and may say more after it (3.2.2). */
const LATER = /^(?!00|ff)[0-9a-f]{2}(-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})(?:-|$)/;

const tracer = trace.getTracer('ringback', VERSION);

/** A caller's `traceparent` header as version 00, where it is one (W3C Trace Context, 3.2); else null: a broken one is as none. */
export function traceparentOf(header: unknown): string | null {
  if (typeof header !== 'string') return null;
  const version00 = header.replace(LATER, '00$1\n').split('\n', 1)[0]!;
  return TRACEPARENT.test(version00) ? version00 : null;
}

/** The trace that code of this process is in, as its own OpenTelemetry knows it; null where there is none. */
export function activeTraceparent(): string | null {
  const span = trace.getActiveSpan();
  return span === undefined ? null : format(span);
}

/** A step of a trace. Without an exporter it records nothing, and passes the caller's trace on as it came. */
export class Step {
  private constructor(
    private readonly span: Span,
    /** What is handed on: this step where it is recorded, else the caller's; null where there is no trace. */
    readonly traceparent: string | null,
  ) {}

  static start(name: string, kind: SpanKind, parent: string | null, attributes: Attributes): Step {
    const [, traceId, spanId, flags] = (parent === null ? null : TRACEPARENT.exec(parent)) ?? [];
    const context =
      traceId === undefined
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, {
            traceId,
            spanId: spanId!,
            traceFlags: Number.parseInt(flags!, 16),
            isRemote: true,
          });
    const span = tracer.startSpan(name, { kind, attributes }, context);
    return new Step(span, format(span) ?? parent);
  }

  /** Ends the step; `fault` says what went wrong. */
  end(attributes: Attributes = {}, fault: string | null = null): void {
    this.span.setAttributes(attributes);
    if (fault !== null) this.span.setStatus({ code: SpanStatusCode.ERROR, message: fault });
    this.span.end();
  }
}

function format(span: Span): string | null {
  const context = span.spanContext();
  if (!isSpanContextValid(context)) return null;
  return `00-${context.traceId}-${context.spanId}-${context.traceFlags.toString(16).padStart(2, '0')}`;
}
