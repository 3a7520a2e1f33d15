import { Module } from '@nestjs/common';
import { FilesConfig } from '../config/config.js';
import { FileStorage, LocalFileStorage } from './file-storage.js';
import { FileStore } from './file.store.js';
import { FilesService } from './files.service.js';

/** Stored results and uploads. */
@Module({
  providers: [
    FileStore,
    FilesService,
    { provide: FileStorage, useFactory: storageOf, inject: [FilesConfig] },
  ],
  exports: [FilesService],
})
export class FilesModule {}

async function storageOf(config: FilesConfig): Promise<FileStorage> {
  if (!config.s3) return new LocalFileStorage(config);
  const { S3FileStorage } = await import('./s3-file-storage.js');
  return S3FileStorage.at(config.s3);
}
