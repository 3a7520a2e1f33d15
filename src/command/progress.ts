import { stripVTControlCharacters } from 'node:util';
import { clean, styled } from './output.js';

const TICK_MS = 1_000;
const START = '\r\u001b[2K';

/**
 * What goes on, on stderr: on a terminal one line that is written anew, with the time that has passed; elsewhere a line for each
 * thing that is told.
 */
export class Progress implements Disposable {
  private readonly from = performance.now();
  private readonly timer: ReturnType<typeof setInterval> | null;
  private text = '';

  /** `isQuiet`: nothing is said. */
  constructor(private readonly isQuiet = false) {
    const lives = !isQuiet && process.stderr.isTTY;
    this.timer = lives ? setInterval(() => this.draw(), TICK_MS) : null;
    this.timer?.unref();
  }

  tell(text: string): void {
    if (this.isQuiet) return;
    this.text = clean(text);
    if (this.timer) this.draw();
    else process.stderr.write(`${this.text}\n`);
  }

  /** The line is gone: what is printed now stands in its place. */
  [Symbol.dispose](): void {
    if (!this.timer) return;
    clearInterval(this.timer);
    process.stderr.write(START);
  }

  private draw(): void {
    const passed = `${Math.round((performance.now() - this.from) / 1000)} s`;
    const room = Math.max(10, (process.stderr.columns || 80) - passed.length - 3);
    const text = stripVTControlCharacters(this.text).slice(0, room);
    process.stderr.write(`${START}${text}  ${styled('dim', passed, process.stderr)}`);
  }
}
