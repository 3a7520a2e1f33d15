import { Module } from '@nestjs/common';
import { FileStorage, LocalFileStorage } from './file-storage.js';
import { FileStore } from './file.store.js';
import { FilesService } from './files.service.js';

/** Stored results and uploads. */
@Module({
  providers: [FileStore, FilesService, { provide: FileStorage, useClass: LocalFileStorage }],
  exports: [FilesService],
})
export class FilesModule {}
