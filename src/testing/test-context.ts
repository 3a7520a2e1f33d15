import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { StoredFile } from '../files/files.service.js';
import { type CompletionOffer, completionUrl } from '../operations/await/completion-offers.js';
import { newCompletionToken } from '../operations/await/completion-token.js';
import { Suspension } from '../operations/await/suspension.js';
import type { OperationOutcome } from '../operations/run/operation-type.js';
import { type OperationContext, OperationError } from '../operations/run/operation-context.js';
import { fileNotFound } from '../operations/run/own-fault.js';

/** A file that a handler may open: its content, with a name and a content type where they matter. */
export type GivenFile =
  | string
  | Uint8Array
  | { readonly content: string | Uint8Array; readonly name?: string; readonly contentType?: string };

/** A file that a handler stored. */
export interface KeptFile extends StoredFile {
  readonly content: Buffer;
}

/** The context of a run in a test: keeps what the handler tells and stores. */
export class TestContext implements OperationContext {
  readonly id = randomBytes(16).toString('hex');
  readonly requestId = '1';
  readonly accountId = 'acc_test';
  readonly traceparent = null;
  readonly told: { percent: number; text: string | null }[] = [];
  readonly lines: string[] = [];
  readonly kept: KeptFile[] = [];
  private readonly given = new Map<string, KeptFile>();

  constructor(
    readonly attempt: number,
    readonly signal: AbortSignal,
    files: Readonly<Record<string, GivenFile>>,
  ) {
    for (const [id, file] of Object.entries(files)) this.given.set(bare(id), keptFrom(id, file));
  }

  progress(percent: number, text?: string): void {
    const bounded = Math.min(100, Math.max(0, Number.isFinite(percent) ? percent : 0));
    this.told.push({ percent: bounded, text: text ?? null });
  }

  log(line: string): void {
    this.lines.push(line);
  }

  async saveFile(stream: Readable, about: { name: string; contentType: string }): Promise<StoredFile> {
    const id = `file_${randomBytes(16).toString('hex')}`;
    const file = describe(id, { ...about, content: await buffer(stream) });
    this.kept.push(file);
    this.given.set(bare(id), file);
    return storedOf(file);
  }

  async openFile(id: string): Promise<StoredFile & { stream: Readable }> {
    const file = this.given.get(bare(id));
    if (!file) throw fileNotFound(id);
    return { ...storedOf(file), stream: Readable.from([file.content]) };
  }

  async completion(): Promise<CompletionOffer> {
    const { token } = newCompletionToken();
    return { token, url: completionUrl('http://localhost:8080', token) };
  }

  untilCompleted(): OperationOutcome {
    return Suspension.untilCompleted();
  }

  fail(code: string, message: string): never {
    throw new OperationError(code, message);
  }
}

/** An id may come without its prefix, as a token of the trm face. */
function bare(id: string): string {
  return id.replace(/^file_/, '');
}

function keptFrom(id: string, given: GivenFile): KeptFile {
  const {
    content,
    name = id,
    contentType = 'application/octet-stream',
  } = typeof given === 'string' || given instanceof Uint8Array ? { content: given } : given;
  return describe(id, { name, contentType, content: Buffer.from(content as Uint8Array) });
}

function describe(id: string, file: { name: string; contentType: string; content: Buffer }): KeptFile {
  const sha256 = createHash('sha256').update(file.content).digest('hex');
  return { id, ...file, size: file.content.length, sha256 };
}

function storedOf({ id, name, contentType, size, sha256 }: KeptFile): StoredFile {
  return { id, name, contentType, size, sha256 };
}
