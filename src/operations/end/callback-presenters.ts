import { Injectable } from '@nestjs/common';
import { MIN_BARE } from '../../deliveries/owed.js';
import type { Face, OperationEntity } from '../operation.entity.js';

/** The event of an ended operation, serialised: whole, and with less where something can be left out. */
export interface Bodies {
  readonly whole: string;
  /** Without the result. */
  readonly thin?: string | undefined;
  /** Without anything that its handler gave. */
  readonly bare?: string | undefined;
}

/** Serialises the event of an ended operation in the dialect of a face. */
export type CallbackPresenter = (operation: OperationEntity, eventType: string) => Bodies;

/** Which dialect a callback's body speaks; each face registers its own at boot. */
@Injectable()
export class CallbackPresenters {
  private readonly presenters = new Map<Face, CallbackPresenter>();

  register(face: Face, presenter: CallbackPresenter): void {
    this.presenters.set(face, presenter);
  }

  /** What endpoints are told, whatever the face: the native event. */
  event(operation: OperationEntity, eventType: string): Bodies {
    return this.speak('native', operation, eventType);
  }

  /**
   * What the operation's own callback is told: in at most `thinOver` bytes, as far as its face can leave something out. The native
   * face says what `event` has said already.
   */
  body(operation: OperationEntity, eventType: string, event: Bodies, thinOver: number): string {
    const { whole, thin, bare } =
      operation.face === 'native' ? event : this.speak(operation.face, operation, eventType);
    if (thin === undefined || Buffer.byteLength(whole) <= thinOver) return whole;
    if (bare === undefined || Buffer.byteLength(thin) <= Math.max(thinOver, MIN_BARE)) return thin;
    return bare;
  }

  private speak(face: Face, operation: OperationEntity, eventType: string): Bodies {
    const presenter = this.presenters.get(face);
    if (!presenter)
      throw new Error(`no presenter for face "${face}": import the face's module in this process`);
    return presenter(operation, eventType);
  }
}
