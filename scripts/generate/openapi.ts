import { join } from 'node:path';
import { AppModule } from '../../src/app.module.js';
import { toConfig } from '../../src/boot.js';
import { readEnv } from '../../src/config/env.js';
import { createApp } from '../../src/http/create-app.js';
import { openApi } from '../../src/http/openapi.js';

/** openapi.json: what a Ringback with default settings serves. Migrates the database; listens on no port. */
export async function openApiDocument(databaseUrl: string, folder: string): Promise<string> {
  const env = readEnv({
    RINGBACK_DATA_DIR: join(folder, 'data'),
    RINGBACK_ROLE: 'api',
    DATABASE_URL: databaseUrl,
    RINGBACK_SECRET_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
  });
  const app = await createApp(AppModule.forRoot(toConfig(env, databaseUrl, env.PORT)), false);
  try {
    return `${JSON.stringify(openApi(app), null, 2)}\n`;
  } finally {
    await app.close();
  }
}
