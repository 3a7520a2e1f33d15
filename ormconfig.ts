import { DataSource } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import { Foundation1764600000000 } from './migrations/1764600000000-foundation.js';
import { Flows1764700000000 } from './migrations/1764700000000-flows.js';
import { Messages1764700001000 } from './migrations/1764700001000-messages.js';
import { GroupsAndQueues1764700002000 } from './migrations/1764700002000-groups-and-queues.js';
import { Schedules1764700004000 } from './migrations/1764700004000-schedules.js';
import { Unhandled1764700005000 } from './migrations/1764700005000-unhandled.js';
import { Functions } from './migrations/functions.js';
import {
  AccountEntity,
  ApiKeyEntity,
  AuthTokenEntity,
  ConsoleSessionEntity,
} from './src/accounts/account.entity.js';
import { AuditEntity } from './src/accounts/audit.entity.js';
import { givenDatabaseUrl } from './src/config/env.js';
import { LIMITS, poolWith } from './src/database/postgres-client.js';
import { AttemptEntity, DeliveryEntity } from './src/deliveries/delivery.entity.js';
import { ReceiverEntity } from './src/deliveries/receiver.entity.js';
import { CallbackHostEntity } from './src/egress/callback-host.entity.js';
import {
  EndpointEntity,
  OriginEntity,
  RecoveryEntity,
  RecoveryLaneEntity,
} from './src/endpoints/endpoint.entity.js';
import { UrlGroupEntity } from './src/messages/url-group.entity.js';
import { FileEntity, FileUseEntity } from './src/files/file.entity.js';
import { ChoreEntity } from './src/housekeeping/chore.entity.js';
import { ResealingEntity } from './src/housekeeping/resealing.entity.js';
import { MessageKeyEntity } from './src/messages/message-key.entity.js';
import { OperationTypeEntity } from './src/operations/declared/operation-type.entity.js';
import { LedgerEntity, LedgerEntryEntity } from './src/operations/read/ledger.entity.js';
import { StatsEntity, StatsReachedEntity } from './src/operations/stats/stats.entity.js';
import { OriginCallEntity } from './src/operations/run/origin-call.entity.js';
import {
  HistoryEntryEntity,
  IdempotencyKeyEntity,
  LeaseWatchEntity,
  OperationEntity,
  FairnessCursorEntity,
  SlotWantedEntity,
} from './src/operations/operation.entity.js';
import { ProcessEntity } from './src/engine/process.entity.js';
import { ScheduleEntity } from './src/schedules/schedule.entity.js';
import { SigningSecretEntity } from './src/signing/signing-secret.entity.js';

/** How Ringback connects: the same for the service, the tests and the migration command. */
export function dataSourceOptions(url: string, poolSize: number): PostgresDataSourceOptions {
  return {
    type: 'postgres',
    url,
    poolSize,
    applicationName: 'ringback',
    connectTimeoutMS: 5_000,
    entities: [
      AccountEntity,
      ApiKeyEntity,
      AuthTokenEntity,
      ConsoleSessionEntity,
      AuditEntity,
      SigningSecretEntity,
      OperationEntity,
      HistoryEntryEntity,
      IdempotencyKeyEntity,
      DeliveryEntity,
      AttemptEntity,
      FileEntity,
      EndpointEntity,
      OriginEntity,
      OriginCallEntity,
      ReceiverEntity,
      CallbackHostEntity,
      RecoveryEntity,
      RecoveryLaneEntity,
      FileUseEntity,
      FairnessCursorEntity,
      LeaseWatchEntity,
      ChoreEntity,
      ResealingEntity,
      LedgerEntity,
      LedgerEntryEntity,
      StatsEntity,
      StatsReachedEntity,
      ProcessEntity,
      SlotWantedEntity,
      OperationTypeEntity,
      ScheduleEntity,
      MessageKeyEntity,
      UrlGroupEntity,
    ],
    migrations: [
      Foundation1764600000000,
      Flows1764700000000,
      Messages1764700001000,
      GroupsAndQueues1764700002000,
      Schedules1764700004000,
      Unhandled1764700005000,
      Functions,
    ],
    // Pooled connections that PostgreSQL dropped are noted, not fatal: the pool makes new ones.
    poolErrorHandler: () => undefined,
    extra: poolWith(LIMITS),
  };
}

/** For the migration command (`npx typeorm migration:show -d dist/ormconfig.js`). */
export default new DataSource(dataSourceOptions(givenDatabaseUrl(), 2));
