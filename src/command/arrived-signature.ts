import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a signature is made of, and what may be wrong of it. */
export type Part = 'headers' | 'time' | 'id' | 'body' | 'secret' | 'encoding';

/** One part, whether it is right, and what is known of it. `isRight` is null where that can't be told. */
export interface Finding {
  readonly part: Part;
  readonly isRight: boolean | null;
  readonly text: string;
}

/** What arrived, and what it is held against. */
export interface Arrived {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly secrets: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly toleranceS: number;
}

/** Why a text is no secret; null where it is one. The text itself is never shown: it ends up in logs. */
export function faultOf(secret: string): string | null {
  if (secret !== secret.trim())
    return 'it has space around it, as from a file that ends in a new line: trim it';
  if (/^["'].*["']$/.test(secret)) return 'it has quotes around it: take them away';
  if (secret.startsWith('whsk_')) return 'it is a private key: verify with the whsec_… secret';
  if (secret.startsWith('whpk_'))
    return 'it is a public key, which "ringback/verify" takes: give the whsec_… secret here';
  if (!secret.startsWith('whsec_')) return 'it must begin with whsec_';
  const text = secret.slice('whsec_'.length);
  if (/[-_]/.test(text)) return 'it is base64url: base64 has + and / for - and _';
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return 'what follows whsec_ must be base64';
  if (Buffer.from(text, 'base64').length < 16) return 'it is cut off: it has less than 16 bytes';
  return null;
}

/** The secrets that can be one. */
export function usable({ secrets }: Arrived): string[] {
  return secrets.map((secret) => secret.trim()).filter((secret) => faultOf(secret) === null);
}

/** The bytes that sign. */
export function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice('whsec_'.length), 'base64');
}

/** What a signature is about. */
export interface Signed {
  readonly id: string;
  readonly time: string;
  readonly body: Buffer;
}

/** What arrived, as what would have been signed. */
export function signedOf({ headers, body }: Arrived): Signed {
  return { id: headers['webhook-id']!, time: headers['webhook-timestamp']!, body };
}

/** The MAC of it. */
export function macOf(key: Buffer, { id, time, body }: Signed): Buffer {
  return createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest();
}

/** The `v1` signatures of the header, decoded. */
export function given({ headers }: Arrived): Buffer[] {
  return (
    headers['webhook-signature']!.split(' ')
      // As strictly as receivers decode it: 32 bytes, padded.
      .filter((one) => /^v1,[A-Za-z0-9+/]{43}=$/.test(one))
      .map((one) => Buffer.from(one.slice(3), 'base64'))
  );
}

/** Whether one of the signatures that arrived is that of this key. */
export function isSignedBy(arrived: Arrived, key: Buffer, signed: Signed = signedOf(arrived)): boolean {
  const mac = macOf(key, signed);
  return given(arrived).some((one) => one.length === mac.length && timingSafeEqual(one, mac));
}
