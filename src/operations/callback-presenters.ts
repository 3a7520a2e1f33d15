import { Injectable } from '@nestjs/common';
import type { Face, OperationEntity } from './operation.entity.js';

/** Serialises the event of an ended operation in the dialect of a face. */
export type CallbackPresenter = (operation: OperationEntity, eventType: string) => string;

/** Which dialect a callback's body speaks; each face registers its own at boot. */
@Injectable()
export class CallbackPresenters {
  private readonly presenters = new Map<Face, CallbackPresenter>();

  register(face: Face, presenter: CallbackPresenter): void {
    this.presenters.set(face, presenter);
  }

  /** What endpoints are told, whatever the face: the native event. */
  event(operation: OperationEntity, eventType: string): string {
    return this.speak('native', operation, eventType);
  }

  /** What the operation's own callback is told; `event` is what endpoints are, which on the native face is the same. */
  body(operation: OperationEntity, eventType: string, event: string): string {
    return operation.face === 'native' ? event : this.speak(operation.face, operation, eventType);
  }

  private speak(face: Face, operation: OperationEntity, eventType: string): string {
    const presenter = this.presenters.get(face);
    if (!presenter)
      throw new Error(`no presenter for face "${face}": import the face's module in this process`);
    return presenter(operation, eventType);
  }
}
