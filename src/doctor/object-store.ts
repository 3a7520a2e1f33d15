import { type Check, green, red } from './finding.js';
import type { Surroundings } from './surroundings.js';

/** The bucket, where files are in one. */
export const objectStore: Check<Surroundings> = {
  name: 'files',
  run: async ({ config }) => {
    if (!config.files.s3) return [];
    const { S3FileStorage } = await import('../files/s3-file-storage.js');
    const storage = await S3FileStorage.at(config.files.s3);
    try {
      const trouble = await storage.trouble();
      return [trouble === null ? green(`the bucket ${config.files.s3.bucket} can be used`) : red(trouble)];
    } finally {
      storage.onApplicationShutdown();
    }
  },
};
