import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';

/** So much is sealed at once, bytes: what is opened has been checked. */
const CHUNK = 64 * 1024;
const KEY = 32;
const TAG = 16;
const CIPHER = 'aes-256-gcm';

/** STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the chunk's number, and whether it is the last, so that none can be left out. */
function nonceOf(count: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(count, 5, 6);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** Cuts what comes into chunks of one size, of which the last may be shorter; `make` says what goes on in their place. */
abstract class Chunks extends Transform {
  private kept: Buffer[] = [];
  private size = 0;
  private count = 0;

  protected constructor(private readonly chunk: number) {
    super();
  }

  protected abstract make(chunk: Buffer, nonce: Buffer): Buffer;

  override _transform(given: Buffer, _encoding: string, done: TransformCallback): void {
    try {
      this.kept.push(given);
      this.size += given.length;
      // The one that ends here may be the last.
      if (this.size > this.chunk) this.pushWhole();
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    try {
      done(null, this.make(Buffer.concat(this.kept), nonceOf(this.count, true)));
    } catch (error) {
      done(error as Error);
    }
  }

  private pushWhole(): void {
    let all = Buffer.concat(this.kept);
    while (all.length > this.chunk) {
      this.push(this.make(all.subarray(0, this.chunk), nonceOf(this.count++, false)));
      all = all.subarray(this.chunk);
    }
    this.kept = [all];
    this.size = all.length;
  }
}

/**
 * Seals what flows through with a key of its own, so that no counter is used twice with one key. Whoever stores the stream seals
 * that key beside it: a new secret key then needs no byte of the stream.
 */
export class SealingStream extends Chunks {
  readonly #key = randomBytes(KEY);

  constructor() {
    super(CHUNK);
  }

  /** What opens it, base64url. */
  get key(): string {
    return this.#key.toString('base64url');
  }

  protected make(chunk: Buffer, nonce: Buffer): Buffer {
    const cipher = createCipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG });
    return Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()]);
  }
}

/** Opens what `SealingStream` made; fails at the first chunk that was changed, moved or left out, before it is given on. */
export class OpeningStream extends Chunks {
  readonly #key: Buffer;

  constructor(key: string) {
    super(CHUNK + TAG);
    this.#key = Buffer.from(key, 'base64url');
  }

  protected make(chunk: Buffer, nonce: Buffer): Buffer {
    if (chunk.length < TAG) throw new Error('a sealed file was cut off');
    const decipher = createDecipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG });
    decipher.setAuthTag(chunk.subarray(chunk.length - TAG));
    return Buffer.concat([decipher.update(chunk.subarray(0, chunk.length - TAG)), decipher.final()]);
  }
}
