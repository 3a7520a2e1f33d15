/** Numbers that look random and are the same for the same seed. */
export class SeededRandom {
  private state: number;

  /** `purpose` keeps streams of one seed apart: what one of them draws doesn't shift another. */
  constructor(seed: number, purpose: string) {
    this.state = hash(`${seed} ${purpose}`);
  }

  /** 0 ≤ it < 1. */
  next(): number {
    // mulberry32
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** from ≤ it < to. */
  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  /** A whole number, from ≤ it < to. */
  whole(from: number, to: number): number {
    return Math.floor(this.between(from, to));
  }

  pick<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.whole(0, choices.length)]!;
  }

  /** One of the names, each as likely as its weight. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const entries = Object.entries(weights) as [Name, number][];
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) if ((left -= weight) < 0) return name;
    return entries.at(-1)![0];
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const char of text) value = Math.imul(value ^ char.codePointAt(0)!, 0x01000193);
  return value;
}
