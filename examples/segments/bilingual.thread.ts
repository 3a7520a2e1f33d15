import { parentPort, workerData } from 'node:worker_threads';
import { type BilingualTask, perform } from './bilingual-task.js';
import type { BilingualFile } from './read-segments.js';
import { UnreadableFileError } from './segment.js';

/** The thread's side of `performInThread`: every message asks for the next step. */
const { file, task } = workerData as { file: BilingualFile; task: BilingualTask };
const steps = perform(file, task);

parentPort!.on('message', () => {
  try {
    parentPort!.postMessage({ step: steps.next() });
  } catch (error) {
    // Between threads an error keeps its message only.
    if (!(error instanceof UnreadableFileError)) throw error;
    parentPort!.postMessage({ fault: [error.file, error.problem, error.line] });
  }
});
