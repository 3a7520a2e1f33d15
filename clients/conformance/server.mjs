// The recorded server of the conformance suite: it plays the exchanges of one case at a time, compares what a client sends
// with what the case expects, and answers as the case says. Node alone, no dependency.
import { createServer } from 'node:http';

/** Starts it on loopback; `play` begins a case and gives its URL and, once the client is done, what was wrong. */
export async function startRecorded() {
  const plays = new Map();
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const [, number, path] = /^\/(\d+)(\/.*)$/s.exec(request.url) ?? [];
      void plays.get(number)?.take(request, path, Buffer.concat(chunks), response);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${server.address().port}`;
  return {
    play(recorded) {
      const number = String(plays.size + 1);
      const play = new Play(recorded.exchanges ?? []);
      plays.set(number, play);
      return { url: `${base}/${number}`, faults: () => play.verdict() };
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One case: its exchanges in order. */
class Play {
  faults = [];
  made = 0;
  /** What `$name` stood for when it came first. */
  captured = new Map();

  constructor(exchanges) {
    this.exchanges = exchanges;
  }

  async take(request, path, body, response) {
    const exchange = this.exchanges[this.made++];
    if (!exchange) {
      this.faults.push(`request ${this.made} is one too many: ${request.method} ${path}`);
      response.writeHead(418).end();
      return;
    }
    this.compare(exchange.request, request, new URL(path, 'http://recorded'), body.toString());
    await answer(exchange.answer, response);
  }

  compare(expected, request, url, body) {
    const at = `request ${this.made}`;
    this.same(`${at}, method`, expected.method, request.method);
    this.same(`${at}, path`, expected.path, url.pathname);
    const wanted = expected.query ?? {};
    for (const name of new Set([...Object.keys(wanted), ...url.searchParams.keys()]))
      this.same(`${at}, ${name} of the query`, wanted[name] ?? null, url.searchParams.get(name));
    for (const [name, value] of Object.entries(expected.headers ?? {}))
      this.same(`${at}, ${name}`, value, request.headers[name] ?? null);
    if ('body' in expected) this.same(`${at}, body`, expected.body, body === '' ? null : JSON.parse(body));
  }

  same(what, expected, given) {
    if (expected === '*' && given !== null) return;
    if (typeof expected === 'string' && expected.startsWith('$') && given !== null) {
      if (!this.captured.has(expected)) this.captured.set(expected, given);
      expected = this.captured.get(expected);
    }
    if (!equal(expected, given))
      this.faults.push(`${what}: ${JSON.stringify(given)} where ${JSON.stringify(expected)} is right`);
  }

  verdict() {
    const missing = this.exchanges.length - this.made;
    return missing > 0 ? [...this.faults, `${missing} requests were not made`] : this.faults;
  }
}

/** Writes an answer; `cut` drops the connection: `before` anything, or `inside` the body. */
async function answer({ status = 200, headers = {}, body, text = '', stream, cut }, response) {
  const whole = body === undefined ? text : JSON.stringify(body);
  const type = stream ? 'text/event-stream' : status < 400 ? 'application/json' : 'application/problem+json';
  const head = { ...(stream || body !== undefined ? { 'content-type': type } : {}), ...headers };
  if (cut === 'before') response.destroy();
  else if (stream) {
    response.writeHead(status, head).flushHeaders();
    for (const piece of stream) await written(response, piece);
    if (cut) response.destroy();
    else response.end();
  } else if (cut) {
    response.writeHead(status, { 'content-length': Buffer.byteLength(whole), ...head });
    await written(response, whole.slice(0, whole.length / 2));
    response.destroy();
  } else if (status === 204) response.writeHead(status, headers).end();
  else response.writeHead(status, head).end(whole);
}

function written(response, piece) {
  return new Promise((resolve) => {
    response.write(piece, resolve);
  });
}

function equal(expected, given) {
  if (typeof expected !== 'object' || expected === null || typeof given !== 'object' || given === null)
    return expected === given;
  const names = Object.keys(expected);
  return (
    Array.isArray(expected) === Array.isArray(given) &&
    names.length === Object.keys(given).length &&
    names.every((name) => name in given && equal(expected[name], given[name]))
  );
}
