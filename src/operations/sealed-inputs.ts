import { Injectable } from '@nestjs/common';
import { SecretConfig } from '../config/config.js';
import { SecretBox } from '../signing/secret-box.js';
import type { OperationEntity } from './operation.entity.js';
import type { RegisteredType } from './operation-types.js';

/** The member of a stored input that holds the sealed ones. No input class has a field of that name. */
const SEALED = '$sealed';
const COLUMN = 'input';

/** Inputs as they are stored: what a type says is secret in them is sealed for the row. */
@Injectable()
export class SealedInputs {
  constructor(
    private readonly box: SecretBox,
    private readonly config: SecretConfig,
  ) {}

  /** The JSON to store for the input of a new operation. */
  seal(type: RegisteredType, { accountId, rid }: Row, json: string): string {
    if (!type.handler.conceal) return json;
    const input = JSON.parse(json) as object;
    const secret = type.handler.conceal(input, this.config.sealBodies);
    const sealed = this.box.seal(JSON.stringify(secret.sealed), place(accountId, rid));
    return JSON.stringify({ ...secret.shown, [SEALED]: sealed });
  }

  /** The input that a caller gave. */
  open({ accountId, rid, input }: Row & Pick<OperationEntity, 'input'>): unknown {
    if (input === null) return null;
    const stored = JSON.parse(input) as unknown;
    if (typeof stored !== 'object' || stored === null || !Object.hasOwn(stored, SEALED)) return stored;
    const { [SEALED]: sealed, ...shown } = stored as Record<string, unknown>;
    // Of another type's input, it is the caller's own.
    if (typeof sealed !== 'string' || !sealed.startsWith('v1.')) return stored;
    return { ...shown, ...(JSON.parse(this.box.open(sealed, place(accountId, rid))) as object) };
  }
}

type Row = Pick<OperationEntity, 'accountId' | 'rid'>;

function place(account: string, row: string) {
  return { account, row, column: COLUMN };
}
