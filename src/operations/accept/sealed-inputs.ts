import { Injectable } from '@nestjs/common';
import { SecretConfig } from '../../config/config.js';
import { SecretBox, type SecretPlace } from '../../signing/secret-box.js';
import type { OperationEntity } from '../operation.entity.js';
import type { RegisteredType } from '../run/operation-types.js';

/** The last member of a stored input, which holds the sealed ones. No stored input has one that isn't ours. */
const SEALED = '$sealed';

/** Inputs as they are stored: what a type says is secret in them is sealed for the row. */
@Injectable()
export class SealedInputs {
  constructor(
    private readonly box: SecretBox,
    private readonly config: SecretConfig,
  ) {}

  /** The JSON to store for the input of a new operation. */
  seal(type: RegisteredType, { accountId, rid }: Row, json: string): string {
    const { handler } = type;
    if (!handler.conceal && !json.includes(`"${SEALED}"`)) return json;
    const input = JSON.parse(json) as unknown;
    if (!isRecord(input)) return json;
    // A caller's own member of that name would be taken for ours.
    const isTaken = Object.hasOwn(input, SEALED);
    if (!isTaken && !handler.conceal) return json;
    const secret = isTaken ? { shown: {}, sealed: input } : handler.conceal!(input, this.config.sealBodies);
    const sealed = this.box.seal(JSON.stringify(secret.sealed), place(accountId, rid));
    return JSON.stringify({ ...secret.shown, [SEALED]: sealed });
  }

  /** The input that a caller gave. */
  open({ accountId, rid, input }: Row & Pick<OperationEntity, 'input'>): unknown {
    if (input === null) return null;
    const stored = JSON.parse(input) as unknown;
    if (!isRecord(stored) || !Object.hasOwn(stored, SEALED)) return stored;
    const { [SEALED]: sealed, ...shown } = stored;
    return { ...shown, ...(JSON.parse(this.box.open(sealed as string, place(accountId, rid))) as object) };
  }

  /** The input as far as it is no secret, and the names of the members that are. */
  shown({ input, ...row }: Row & Pick<OperationEntity, 'input'>): ShownInput {
    const stored = input === null ? null : (JSON.parse(input) as unknown);
    if (!isRecord(stored) || !Object.hasOwn(stored, SEALED)) return { input: stored, withheld: [] };
    const { [SEALED]: sealed, ...shown } = stored;
    const secret = JSON.parse(this.box.open(sealed as string, place(row.accountId, row.rid))) as object;
    // Some are sealed for what they may hold, as a URL for its query, and shown whole where they hold nothing of it.
    const withheld = Object.entries(secret).flatMap(([name, value]) => (value === shown[name] ? [] : [name]));
    return { input: shown, withheld };
  }
}

/** An input without what is secret in it. */
export interface ShownInput {
  readonly input: unknown;
  /** Members of it that are left out, or, as a URL's query, left out in part. */
  readonly withheld: readonly string[];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type Row = Pick<OperationEntity, 'accountId' | 'rid'>;

function place(account: string, row: string): SecretPlace {
  return { account, row, column: 'input' };
}
