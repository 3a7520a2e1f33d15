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

class FaultModule {}
Module({ providers: [DieHandler, StubbornHandler] })(FaultModule);

export default FaultModule;
