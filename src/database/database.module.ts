import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { dataSourceOptions } from '../../ormconfig.js';
import { DatabaseConfig } from '../config/config.js';
import { connect } from './connection.js';
import { Database } from './database.js';
import { LeaseKeeper } from './lease-keeper.js';
import { patiently } from './patience.js';
import { Rows } from './rows.js';
import { VacuumStore } from './vacuum.store.js';

/** The one connection to PostgreSQL, migrated to the newest schema before anything uses it. */
@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [DatabaseConfig],
      useFactory: (config: DatabaseConfig) => ({
        ...dataSourceOptions(config.url, config.poolSize),
        // We wait by ourselves, in one line of the log.
        toRetry: () => false,
        migrationsRun: config.migrates,
      }),
      dataSourceFactory: (options) => patiently(() => connect(options!)),
    }),
  ],
  providers: [Database, Rows, LeaseKeeper, VacuumStore],
  exports: [Database, Rows, LeaseKeeper, VacuumStore],
})
export class DatabaseModule {}
