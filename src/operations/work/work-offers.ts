import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { WakeUps } from '../../engine/wake-ups.js';

/** Tells those who claim for remote workers that an operation of a type is offered. A hint: what nobody hears, a look finds. */
@Injectable()
export class WorkOffers {
  private readonly listeners: ((type: string) => void)[] = [];

  constructor(private readonly wakeUps: WakeUps) {}

  /** Hears of what is offered here, and of what other processes tell, by `sign`. */
  on(listener: (sign: string) => void): void {
    this.listeners.push(listener);
    this.wakeUps.on('work', (signs) => signs.forEach(listener));
  }

  /** Tells that an operation of this type is offered. */
  told(type: string): void {
    const sign = signOf(type);
    for (const listener of this.listeners) listener(sign);
    this.wakeUps.tell('work', sign);
  }
}

const signs = new Map<string, string>();
const MAX_SIGNS = 1_000;

/** A short name for a type, as wake-ups carry it; two types may share one. */
export function signOf(type: string): string {
  let sign = signs.get(type);
  if (sign === undefined) {
    sign = String(createHash('sha256').update(type).digest().readUInt32BE());
    if (signs.size < MAX_SIGNS) signs.set(type, sign);
  }
  return sign;
}
