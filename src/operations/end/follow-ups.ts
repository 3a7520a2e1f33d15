import { Injectable } from '@nestjs/common';
import type { OperationEntity } from '../operation.entity.js';
import type { NewOperation } from '../operation-rows.js';

/** The operations that the end of another one makes. They may not fail: the end would fail with them. */
export type MakeFollowUps = (ended: OperationEntity) => readonly NewOperation[];

/** Which operations follow on the end of one, by its type: they are accepted in the commit that ends it. */
@Injectable()
export class FollowUps {
  private readonly makers = new Map<string, MakeFollowUps>();

  register(type: string, make: MakeFollowUps): void {
    this.makers.set(type, make);
  }

  /** Null where nothing ever follows on its type. */
  of(ended: OperationEntity): readonly NewOperation[] | null {
    return this.makers.get(ended.type)?.(ended) ?? null;
  }
}
