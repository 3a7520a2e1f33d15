import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { dataSourceOptions } from '../../ormconfig.js';
import { DatabaseConfig, QueueConfig } from '../config/config.js';
import { connect, type ConnectOptions } from './connection.js';
import { Database } from './database.js';
import { LeaseKeeper } from './lease-keeper.js';
import { patiently } from './patience.js';
import { checkWay } from './pooler.js';
import { Rows } from './rows.js';
import { Sessions } from './sessions.js';
import { VacuumStore } from './vacuum.store.js';

/** The one connection to PostgreSQL, migrated to the newest schema before anything uses it. */
@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [DatabaseConfig, QueueConfig],
      useFactory: async (config: DatabaseConfig, { redisUrls }: QueueConfig) => {
        await patiently(() => checkWay(config, redisUrls.length > 0));
        const options: ConnectOptions = {
          ...dataSourceOptions(config.url, config.poolSize),
          directUrl: config.directUrl,
          migrationsRun: config.migrates,
        };
        // We wait by ourselves, in one line of the log.
        return { ...options, toRetry: () => false };
      },
      dataSourceFactory: (options) => patiently(() => connect(options!)),
    }),
  ],
  providers: [Database, Sessions, Rows, LeaseKeeper, VacuumStore],
  exports: [Database, Sessions, Rows, LeaseKeeper, VacuumStore],
})
export class DatabaseModule {}
