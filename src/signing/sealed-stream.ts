import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';

/** So much is sealed at once, bytes: what is opened has been checked. */
const CHUNK = 64 * 1024;
const TAG = 16;
const SALT = 32;
const CIPHER = 'aes-256-gcm';

/** A key of this stream alone, so that a counter is never used twice with one. */
function keyOf(key: Buffer, salt: Buffer, place: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, place, 32));
}

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

/** Seals what flows through. */
export class SealingStream extends Chunks {
  private readonly key: Buffer;

  constructor(key: Buffer, place: Buffer) {
    super(CHUNK);
    const salt = randomBytes(SALT);
    this.key = keyOf(key, salt, place);
    this.push(salt);
  }

  protected make(chunk: Buffer, nonce: Buffer): Buffer {
    const cipher = createCipheriv(CIPHER, this.key, nonce, { authTagLength: TAG });
    return Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()]);
  }
}

/** Opens what `SealingStream` made; fails at the first chunk that was changed, moved or left out, before it is given on. */
export class OpeningStream extends Chunks {
  private key: Buffer | undefined;
  private head = Buffer.alloc(0);

  constructor(
    private readonly secret: Buffer,
    private readonly place: Buffer,
  ) {
    super(CHUNK + TAG);
  }

  override _transform(given: Buffer, encoding: string, done: TransformCallback): void {
    if (this.key) return super._transform(given, encoding, done);
    this.head = Buffer.concat([this.head, given]);
    if (this.head.length < SALT) return done();
    this.key = keyOf(this.secret, this.head.subarray(0, SALT), this.place);
    super._transform(this.head.subarray(SALT), encoding, done);
  }

  protected make(chunk: Buffer, nonce: Buffer): Buffer {
    if (!this.key || chunk.length < TAG) throw new Error('a sealed file was cut off');
    const decipher = createDecipheriv(CIPHER, this.key, nonce, { authTagLength: TAG });
    decipher.setAuthTag(chunk.subarray(chunk.length - TAG));
    return Buffer.concat([decipher.update(chunk.subarray(0, chunk.length - TAG)), decipher.final()]);
  }
}
