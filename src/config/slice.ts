import type { Setting } from './settings.js';

/** The settings of a slice, by the names of its fields. */
export type Fields = Readonly<Record<string, Setting<unknown>>>;

/** What fields are read as. */
export type Values<F extends Fields> = { readonly [Field in keyof F]: ReturnType<F[Field]['read']> };

/** What a slice declares. */
export interface Declared<F extends Fields, Asked extends Fields> {
  /** Their values are fields of the slice. */
  readonly fields: F;
  /** Boot makes fields of the slice from these, or starts the program by them. */
  readonly asked: Asked;
}

/** A slice of the configuration: its class is its injection token, so a constructor names just what it needs. */
export type Slice<F extends Fields, Asked extends Fields> = Declared<F, Asked> &
  (abstract new () => Values<F>);

type NoFields = Readonly<Record<string, never>>;

/** The base of a slice's class, which declares what else is in it. */
export function sliceOf<F extends Fields, Asked extends Fields = NoFields>(
  fields: F,
  asked: Asked = {} as Asked,
): Slice<F, Asked> {
  return Object.assign(function Base() {}, { fields, asked }) as unknown as Slice<F, Asked>;
}
