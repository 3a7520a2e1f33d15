// Plain JavaScript, because the service that is tested loads it without a compiler.
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { OperationType } from 'ringback';

/** Kills its process, every time. */
class DieHandler {
  run() {
    process.kill(process.pid, 'SIGKILL');
    return new Promise(() => {});
  }
}
OperationType({ name: 'test.die', title: 'Kill the worker', tries: 2 })(DieHandler);

/** Writes down which process ran it, and takes its time, whatever its signal says. */
class StubbornHandler {
  async run(input) {
    appendFileSync(input.file, `start ${process.pid}\n`);
    await delay(input.ms);
    appendFileSync(input.file, `end ${process.pid}\n`);
    return { result: { pid: process.pid } };
  }
}
OperationType({ name: 'test.stubborn', title: 'Run on', tries: 5 })(StubbornHandler);

/** Writes down every run of it as it begins and ends, in one file of all processes; `ms` is by attempt, the last one for all after it. */
class NotedHandler {
  async run({ file, ms }, { id, accountId, attempt }) {
    const note = (what) => appendFileSync(file, `${what} ${process.pid} ${accountId} ${id}\n`);
    note('start');
    await delay(ms[Math.min(attempt, ms.length) - 1]);
    note('end');
    return {};
  }
}
OperationType({ name: 'test.noted', title: 'Run, and note when', tries: 5 })(NotedHandler);

/** Blocks its process's event loop, as a long computation does; `ms` as above. */
class BlockHandler {
  run({ file, ms }, { attempt }) {
    appendFileSync(file, `start ${process.pid}\n`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms[Math.min(attempt, ms.length) - 1]);
    return { result: { pid: process.pid } };
  }
}
OperationType({ name: 'test.block', title: 'Block the event loop', tries: 5 })(BlockHandler);

/** Hands a completion token on, and leaves the rest to whoever has it. */
class HandedOnHandler {
  async run({ to }, context) {
    const { url } = await context.completion();
    await fetch(to, { method: 'POST', body: JSON.stringify({ id: context.id, url }) });
    return context.untilCompleted();
  }
}
OperationType({ name: 'test.handed-on', title: 'Be done elsewhere', tries: 50, backoffS: [0.1] })(
  HandedOnHandler,
);

class FaultModule {}
Module({ providers: [DieHandler, StubbornHandler, NotedHandler, BlockHandler, HandedOnHandler] })(
  FaultModule,
);

export default FaultModule;
