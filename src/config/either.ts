import 'reflect-metadata';

const EITHER = 'ringback:either';

/** What a field may be: one of some words, or an object of a class. */
export interface EitherForm {
  readonly type: () => new () => object;
  readonly words: readonly string[];
}

/** Describes a field that is one of some words, or an object of a class; the handler itself checks which it is. */
export function Either(type: EitherForm['type'], words: readonly string[]): PropertyDecorator {
  return Reflect.metadata(EITHER, { type, words } satisfies EitherForm);
}

/** What was described so of a field of a class; undefined where nothing was. */
export function eitherOf(owner: abstract new () => object, field: string): EitherForm | undefined {
  return Reflect.getMetadata(EITHER, owner.prototype as object, field) as EitherForm | undefined;
}
