import type { ClientRequest, IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Request } from 'got';

/** The largest head of a response that counts, bytes. */
export const MAX_HEAD_BYTES = 32 * 1024;

/** A head: its status line, its field lines, an empty line. A line may end in LF alone (RFC 9112, 2.2). */
const HEAD = /^HTTP\/1\.\d[ \t]+(\d{3})(?=[ \t\r\n])[^\r\n\0]*\r?\n((?:[^\r\n\0]+\r?\n)*)\r?\n/;

/**
 * Holds back what a request's connection receives until the head of its final answer is whole, and answers what that was. Node's
 * parser closes the connection at the first fault it finds: what it is to be overruled in must have come by then.
 */
export function hear(stream: Request): () => Buffer {
  let held: Buffer = Buffer.alloc(0);
  stream.once('request', (outgoing: ClientRequest) => {
    outgoing.once('socket', (socket: Socket) => {
      const push = socket.push.bind(socket);
      socket.push = (chunk: Buffer | null, encoding) => {
        if (chunk !== null) held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
        if (chunk !== null && isBegun(held)) return true;
        socket.push = push;
        const more = held.length === 0 || push(held);
        return chunk === null ? push(null, encoding) : more;
      };
    });
  });
  return () => held;
}

/** Whether these bytes are the beginning of a head that may still become whole. */
function isBegun(bytes: Buffer): boolean {
  if (bytes.length > MAX_HEAD_BYTES || bytes.toString('latin1', 0, 5) !== 'HTTP/'.slice(0, bytes.length))
    return false;
  if (!bytes.includes('\n\n') && !bytes.includes('\n\r\n')) return true;
  // Of an interim answer (1xx) the final one is still to come.
  const status = bytes.toString('latin1', 9, 12);
  return status.startsWith('1') && status !== '101' && looseHead(bytes) === null;
}

/**
 * Finds the final answer in bytes that Node's parser refused, for instance since they tell two lengths or fold a line: a head that
 * is complete says what became of the request, however what follows it is framed. Null: there is none, or it broke off. What a
 * body holds can't be known then, so nothing behind the head is used.
 */
export function looseHead(bytes: Buffer): { status: number; headers: IncomingHttpHeaders } | null {
  // A CR alone is a space (RFC 9112, 2.2).
  for (let left = bytes.toString('latin1').replace(/\r(?!\n)/g, ' '); ;) {
    const [head, digits, lines = ''] = HEAD.exec(left) ?? [];
    if (head === undefined || head.length > MAX_HEAD_BYTES) return null;
    const status = Number(digits);
    if (status >= 200) return { status, headers: fieldsOf(lines) };
    // A switch to another protocol is no answer that anybody asked for.
    if (status < 100 || status === 101) return null;
    left = left.slice(head.length);
  }
}

function fieldsOf(lines: string): IncomingHttpHeaders {
  const fields = new Map<string, string | string[]>();
  // A folded line goes on with the one before (RFC 9112, 5.2).
  for (const line of lines.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const [, name, value] = /^([^\s:]+)[ \t]*:[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const key = name.toLowerCase();
    const before = fields.get(key);
    if (key === 'set-cookie') fields.set(key, [...(before ?? []), value]);
    else fields.set(key, before === undefined ? value : `${String(before)}, ${value}`);
  }
  return Object.fromEntries(fields);
}
