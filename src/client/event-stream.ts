import { unreachable } from './transport.js';

/** Heartbeats come every 15 s: three that are missing mean a dead connection. */
const SILENCE_MS = 45_000;

/** One event of `text/event-stream`. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string | null;
}

/**
 * The events of a body, as they come; ends with it, and rejects when it says nothing for `silenceMs`, not even a heartbeat.
 * An event that is cut off is dropped, as the standard says.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export async function* eventsOf(
  body: ReadableStream<Uint8Array>,
  silenceMs: number,
): AsyncGenerator<StreamEvent, void, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader.read(), silenceMs);
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const blocks = rest.split(/\r\n\r\n|\n\n|\r\r/);
      rest = blocks.pop()!;
      for (const block of blocks) {
        const event = parseBlock(block);
        if (event) yield event;
      }
    }
  } finally {
    // Also when the caller stops listening: nobody reads on.
    reader.cancel().catch(() => undefined);
  }
}

/** The events of a live answer; one that breaks or falls silent is `unreachable`. */
export async function* liveEventsOf(response: Response): AsyncGenerator<StreamEvent, void, void> {
  const events = eventsOf(response.body!, SILENCE_MS);
  try {
    for (;;) {
      const next = await events.next().catch((error: unknown) => {
        throw unreachable(error, response.url);
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // Also when the caller stops listening.
    await events.return();
  }
}

/** An event's lines; null when they carry no data. */
function parseBlock(block: string): StreamEvent | null {
  let event = 'message';
  let id: string | null = null;
  const data: string[] = [];
  for (const line of block.split(/\r\n|\n|\r/)) {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line)!;
    if (name === 'event') event = value!;
    else if (name === 'id') id = value!;
    else if (name === 'data') data.push(value!);
  }
  return data.length === 0 ? null : { event, data: data.join('\n'), id };
}

async function withinSilence<T>(reading: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the stream was silent for ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([reading, silence]);
  } finally {
    clearTimeout(timer);
  }
}
