import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import pLimit from 'p-limit';
import { type BilingualTask, perform, type Summary } from './bilingual-task.js';
import type { BilingualFile } from './read-segments.js';
import { UnreadableFileError } from './segment.js';
import type { Piece } from './write-xliff.js';

/** Up to this size, in bytes, a file takes the event loop a few milliseconds: less than a thread takes to start. */
export const SMALL = 64 * 1024;

/** Each takes a core and some ten times its file in memory. */
const threads = pLimit(availableParallelism());

type Steps = AsyncGenerator<Summary | Piece, void>;

/** Performs a task on a small file here; the event loop turns between its pieces. */
export async function* performHere(load: () => Promise<BilingualFile>, task: BilingualTask): Steps {
  for (const step of perform(await load(), task)) {
    yield step;
    await setImmediate();
  }
}

/**
 * Performs a task in a worker thread: reading and writing a large file takes seconds, in which this process could answer
 * nobody. `load` is called once there is a thread for it.
 */
export async function* performInThread(
  load: () => Promise<BilingualFile>,
  task: BilingualTask,
  signal: AbortSignal,
): Steps {
  let done = (): void => undefined;
  await new Promise<void>((begin) => {
    void threads(() => {
      begin();
      return new Promise<void>((resolve) => (done = resolve));
    });
  });
  try {
    signal.throwIfAborted();
    yield* stepsOf(await load(), task, signal);
  } finally {
    done();
  }
}

async function* stepsOf(file: BilingualFile, task: BilingualTask, signal: AbortSignal): Steps {
  const worker = new Worker(new URL('./bilingual.thread.js', import.meta.url), {
    workerData: { file, task },
    transferList: [file.bytes.buffer as ArrayBuffer],
  });
  try {
    for (;;) {
      worker.postMessage('next');
      const [{ step, fault }] = (await once(worker, 'message', { signal })) as [Answer];
      if (fault) throw new UnreadableFileError(...fault);
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    await worker.terminate();
  }
}

type Answer =
  | { step: IteratorResult<Summary | Piece, void>; fault?: never }
  | { step?: never; fault: [file: string, problem: string, line?: number] };
