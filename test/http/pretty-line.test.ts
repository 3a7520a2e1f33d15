import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { prettyLine } from '../../src/http/pretty-line.js';

const id = 'c9b45ec9453241365a0b037bcb181463';

function lines(record: object): string[] {
  const time = new Date(2026, 10, 23, 20, 54, 58, 580).toISOString();
  return stripVTControlCharacters(prettyLine(JSON.stringify({ level: 30, time, ...record }))).split('\n');
}

describe('A line of the log for people', () => {
  it('says when, who and what, with short ids', () => {
    expect(
      lines({
        ...{ context: 'Operations', msg: 'operation ended', operation: id, request_id: '12', type: 'echo' },
        ...{ state: 'Finished', attempt: 1, tries: 3, duration_ms: 1234, trace_id: id },
      }),
    ).toEqual(['20:54:58.580 Operations operation ended …cb181463 #12 echo Finished attempt 1 of 3 1.2 s']);
    expect(
      lines({
        ...{ level: 40, context: 'Deliveries', msg: 'callback failed', delivery: `dlv_${id}` },
        ...{ operation: id, event: 'operation.finished', attempt: 2, status: 503, duration_ms: 12 },
        ...{ state: 'Pending', error: 'http_5xx', next_in_s: 60 },
      }),
    ).toEqual([
      '20:54:58.580 Deliveries warn callback failed dlv_…cb181463 …cb181463 operation.finished attempt 2 503 12 ms Pending http_5xx again in 60 s',
    ]);
  });

  it('says whether a callback was verified', () => {
    const received = { context: 'Inbox', msg: 'callback received' };
    expect(lines({ ...received, verified: true, reason: null })).toEqual([
      '20:54:58.580 Inbox      callback received verified',
    ]);
    expect(lines({ ...received, verified: false, reason: 'it is late' })).toEqual([
      '20:54:58.580 Inbox      callback received not verified reason="it is late"',
    ]);
  });

  it('has whatever else there is by its name, and nothing of what is null', () => {
    expect(
      lines({ context: 'Audit', msg: 'audit', action: 'key.created', via: null, details: { name: 'a b' } }),
    ).toEqual(['20:54:58.580 Audit      audit action=key.created details={"name":"a b"}']);
  });

  it('has the stack of a failure under it: the frames of the handler, or all where there are none', () => {
    const own = `${process.cwd()}/src/operations/run/operation-runner.ts:100:5`;
    const stack = [
      'Error: no such file',
      '    at parse (/app/node_modules/parser/index.js:1:1)',
      '    at ExportHandler.run (/app/export.js:12:7)',
      '    at async OperationRunner.run (' + own + ')',
      '    at process.processTicksAndRejections (node:internal/process/task_queues:104:5)',
      'Caused by: Error: ENOENT',
      '    at async open (node:internal/fs/promises:639:25)',
      '    at async ExportHandler.read (/app/export.js:30:3)',
    ].join('\n');
    expect(
      lines({ level: 40, msg: 'attempt failed', error: 'handler_error', reason: 'no such file', stack }),
    ).toEqual([
      '20:54:58.580            warn attempt failed handler_error',
      '    Error: no such file',
      '        at ExportHandler.run (/app/export.js:12:7)',
      '    Caused by: Error: ENOENT',
      '        at async ExportHandler.read (/app/export.js:30:3)',
    ]);
    expect(lines({ level: 50, msg: 'request failed', stack: `Error: ours\n    at run (${own})` })).toEqual([
      '20:54:58.580            error request failed',
      '    Error: ours',
      `        at run (${own})`,
    ]);
  });

  it('obeys nothing that a caller or a handler wrote', () => {
    const [line, ...rest] = prettyLine(
      JSON.stringify({ level: 30, msg: 'a\u001b[2J', reason: 'b\r\n\u009b31mc', stack: 'x\u001b]0;t\u0007' }),
    ).split('\n');
    expect(line).toContain('a\\u001b[2J');
    expect(stripVTControlCharacters(line!)).toContain('reason="b\\r\\n\\u009b31mc"');
    expect(rest.map(stripVTControlCharacters)).toEqual(['    x\\u001b]0;t\\u0007']);
  });
});
