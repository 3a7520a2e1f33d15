/** The file storage cannot be reached or refuses to serve; what was asked may or may not have happened. */
export class StorageUnavailableError extends Error {
  override readonly name = 'StorageUnavailableError';
  readonly code = 'storage-unavailable';

  constructor(cause: unknown) {
    super('files cannot be stored or read now; try again in a moment', { cause });
  }
}

/** A file is known, but the storage has no bytes of it: deleted this very moment, or lost. */
export class FileMissingError extends Error {
  override readonly name = 'FileMissingError';
  readonly code = 'file-not-found';

  constructor(readonly id: string) {
    super(`the storage has no bytes of the file ${id}`);
  }
}
