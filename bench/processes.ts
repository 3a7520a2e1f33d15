import { type ChildProcess, fork, type ForkOptions } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Leftovers as StartedByScript } from '../scripts/processes/leftovers.js';

export { freePort } from '../scripts/processes/leftovers.js';

/** Everything a bench run has started or made, so that all of it is gone at its end, whatever the end. */
export class Leftovers extends StartedByScript {
  constructor() {
    super('bench');
  }

  /** Starts a module of this folder as a process that answers what it is asked. */
  fork(module: string, options: ForkOptions = {}): ChildProcess {
    const path = fileURLToPath(new URL(module, import.meta.url));
    return this.keep(fork(path, { serialization: 'advanced', ...options }));
  }
}

/** Asks a forked process something and resolves with its answer; one question at a time. */
export function ask<Answer>(child: ChildProcess, question: object, withinMs: number): Promise<Answer> {
  const answered = askOnce<Answer>(child, question, withinMs);
  // Of two questions under way, the first that fails ends the run; the other's fault must not end the process before it has tidied up.
  answered.catch(() => undefined);
  return answered;
}

async function askOnce<Answer>(child: ChildProcess, question: object, withinMs: number): Promise<Answer> {
  const about = JSON.stringify(question).slice(0, 100);
  const over = new AbortController();
  const late = setTimeout(
    () => over.abort(new Error(`no answer within ${withinMs / 1000} s to ${about}`)),
    withinMs,
  );
  const { signal } = over;
  try {
    const ended = once(child, 'exit', { signal }).then(() => {
      throw new Error(`a process of the bench ended while it was asked ${about}`);
    });
    const answered = once(child, 'message', { signal });
    child.send(question);
    const [answer] = (await Promise.race([answered, ended])) as [Answer];
    return answer;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearTimeout(late);
    over.abort();
  }
}

/** Answers what the parent asks, one question after another; ends with the parent. */
export function answer<Question>(reply: (question: Question) => Promise<unknown>): void {
  process.on('message', (question: Question) => {
    reply(question).then(
      (answered) => process.send!(answered),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.on('disconnect', () => process.exit());
  // Ctrl-C reaches the whole group; the parent decides.
  process.on('SIGINT', () => undefined);
}
