import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { dataSourceOptions } from '../../ormconfig.js';
import { DatabaseConfig } from '../config/config.js';
import { SettingError } from '../config/settings.js';
import { connect } from './connection.js';
import { Database } from './database.js';
import { Rows } from './rows.js';

/** The one connection to PostgreSQL, migrated to the newest schema before anything uses it. */
@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [DatabaseConfig],
      useFactory: (config: DatabaseConfig) => ({
        ...dataSourceOptions(config.url, config.poolSize),
        retryAttempts: 30,
        retryDelay: 1000,
        toRetry: (error: unknown) => !(error instanceof SettingError),
      }),
      dataSourceFactory: (options) => connect(options!),
    }),
  ],
  providers: [Database, Rows],
  exports: [Database, Rows],
})
export class DatabaseModule {}
