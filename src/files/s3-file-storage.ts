import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  NoSuchKey,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { Readable } from 'node:stream';
import type { OnApplicationShutdown } from '@nestjs/common';
import type { S3Place } from '../config/config.js';
import { type ByteRange, FileStorage } from './file-storage.js';
import { FileMissingError, StorageUnavailableError } from './storage-errors.js';

/** An upload has two of these in memory at the most; S3 takes 10,000, which makes 78 GiB. */
const PART_BYTES = 8 * 1024 * 1024;
/** How often a request is made, by the SDK and where a body breaks off. */
const TRIES = 3;
const CONNECT_MS = 3_000;
/** A connection on which nothing moves for so long is given up. */
const SILENT_MS = 10_000;
/** Each file that is being read holds one: slow readers must not keep others from reading and writing. */
const MAX_CONNECTIONS = 1_000;
/** How long an answer of the health check holds, and how long it may take. */
const FRESH_MS = 5_000;
const CHECK_MS = 1_500;

/** The bytes of a file from `at` on, up to and with `end`. */
interface Opened {
  readonly body: Readable;
  readonly at: number;
  readonly end: number;
}

/**
 * Files as objects of a bucket, on AWS or any server that speaks S3. Imported only where a bucket is configured: the SDK is
 * large, and nobody else pays for it.
 */
export class S3FileStorage extends FileStorage implements OnApplicationShutdown {
  private checkedAt = -Infinity;
  private check: Promise<string | null> = Promise.resolve(null);

  private constructor(
    private readonly client: S3Client,
    private readonly bucket: string,
    private readonly prefix: string,
  ) {
    super();
  }

  /** Reaches nothing yet: a store that is away when Ringback boots may come later. */
  static async at(place: S3Place, silentMs = SILENT_MS): Promise<S3FileStorage> {
    const region = place.region ?? (await regionOfChain());
    const client = new S3Client({ ...settings(place.endpoint, silentMs), region });
    return new S3FileStorage(client, place.bucket, place.prefix);
  }

  async write(id: string, stream: Readable): Promise<void> {
    const upload = new Upload({
      client: this.client,
      params: { ...this.object(id), Body: stream },
      partSize: PART_BYTES,
      // One at a time: when it is aborted, no other part is on its way and stays behind.
      queueSize: 1,
    });
    try {
      await upload.done();
    } catch (error) {
      // What broke may have been the source, and that is no fault of the store. (After a fault of the store, the source has an
      // error too: the SDK has aborted it.)
      throw error === stream.errored ? error : new StorageUnavailableError(error);
    }
  }

  async read(id: string, range?: ByteRange): Promise<Readable> {
    const opened = await this.open(id, range);
    const stream = Readable.from(this.bytes(id, opened), { objectMode: false });
    // What was never read has nothing else that lets the connection go.
    return stream.once('close', () => opened.body.destroy());
  }

  async remove(id: string): Promise<void> {
    try {
      await this.client.send(new DeleteObjectCommand(this.object(id)));
    } catch (error) {
      if (!(error instanceof NoSuchKey)) throw new StorageUnavailableError(error);
    }
  }

  override trouble(): Promise<string | null> {
    if (performance.now() - this.checkedAt > FRESH_MS) {
      this.checkedAt = performance.now();
      this.check = this.client
        .send(new HeadBucketCommand({ Bucket: this.bucket }), { abortSignal: AbortSignal.timeout(CHECK_MS) })
        .then(
          () => null,
          (error: unknown) => troubleOf(error, this.bucket),
        );
    }
    return this.check;
  }

  onApplicationShutdown(): void {
    this.client.destroy();
  }

  /**
   * A connection doesn't live as long as a slow reader may take, so reading goes on where it broke off. What is stored never
   * changes.
   */
  private async *bytes(id: string, opened: Opened): AsyncGenerator<Buffer> {
    let { body, at } = opened;
    let chunks = chunksOf(body);
    let failures = 0;
    try {
      for (;;) {
        // Not around `yield`: what a reader throws in is no fault of the store.
        const chunk = await chunks.next().catch((error: unknown) => ({ error }));
        if ('value' in chunk && !chunk.done) {
          failures = 0;
          at += chunk.value.length;
          yield chunk.value;
        } else if (at > opened.end) return;
        else {
          if (++failures === TRIES)
            throw new StorageUnavailableError('error' in chunk ? chunk.error : 'it ended early');
          ({ body } = await this.open(id, { start: at, end: opened.end }));
          chunks = chunksOf(body);
        }
      }
    } finally {
      body.destroy();
    }
  }

  private async open(id: string, range?: ByteRange): Promise<Opened> {
    const Range = range && `bytes=${range.start}-${range.end}`;
    try {
      const answer = await this.client.send(new GetObjectCommand({ ...this.object(id), Range }));
      const body = answer.Body as Readable;
      // It may break before anybody reads, and an error that nobody hears would end the process.
      body.on('error', () => undefined);
      const at = range?.start ?? 0;
      return { body, at, end: at + (answer.ContentLength ?? 0) - 1 };
    } catch (error) {
      throw error instanceof NoSuchKey ? new FileMissingError(id) : new StorageUnavailableError(error);
    }
  }

  private object(id: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: this.prefix === '' ? id : `${this.prefix}/${id}` };
  }
}

/** Credentials are not among them: the SDK's own chain finds those. */
function settings(endpoint: string | undefined, silentMs: number): S3ClientConfig {
  const connections = { maxSockets: MAX_CONNECTIONS };
  return {
    maxAttempts: TRIES,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: silentMs,
      httpAgent: connections,
      httpsAgent: connections,
    },
    // It would cost each part a connection of its own, and some servers don't answer it.
    expectContinueHeader: false,
    // Not all servers know them. What is sent is signed with its sha256, and readers get that of the whole file.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Buckets as host names are AWS's own.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
  };
}

/** What the SDK itself finds, in a profile for instance. Most servers other than AWS take any. */
function regionOfChain(): Promise<string> {
  return new S3Client().config.region().catch(() => 'us-east-1');
}

const chunksOf = (body: Readable): AsyncIterator<Buffer> =>
  body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;

/** What a refused look at the bucket means, and the remedy. */
export function troubleOf(error: unknown, bucket: string): string {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  if (name === 'CredentialsProviderError')
    return 'there are no credentials for the object store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role';
  switch ($metadata?.httpStatusCode) {
    case 301:
      return `the bucket "${bucket}" is in another region: set AWS_REGION`;
    case 403:
      return `the object store refuses the bucket "${bucket}": check credentials, policy and clock`;
    case 404:
      return `the object store has no bucket "${bucket}": make it, or mend RINGBACK_FILES_URL`;
    default:
      return 'the object store cannot be reached';
  }
}
