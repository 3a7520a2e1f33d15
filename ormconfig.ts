import { DataSource } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import { Foundation1763900000000 } from './migrations/1763900000000-foundation.js';
import { Keep1764000000040 } from './migrations/1764000000040-keep.js';
import { AcknowledgedByPoll1764000000060 } from './migrations/1764000000060-acknowledged-by-poll.js';
import { Dispatch1764100000010 } from './migrations/1764100000010-dispatch.js';
import { CancelGrace1764100000020 } from './migrations/1764100000020-cancel-grace.js';
import { ChoreHints1764100000025 } from './migrations/1764100000025-chore-hints.js';
import { Undelivered1764100000030 } from './migrations/1764100000030-undelivered.js';
import { GivenUpReason1764200000010 } from './migrations/1764200000010-given-up-reason.js';
import { BoundedHints1764200000020 } from './migrations/1764200000020-bounded-hints.js';
import { AccountNumber1764300000300 } from './migrations/1764300000300-account-number.js';
import { Stack1764300000400 } from './migrations/1764300000400-stack.js';
import { Receivers1764300000500 } from './migrations/1764300000500-receivers.js';
import { AttemptDetail1764300000510 } from './migrations/1764300000510-attempt-detail.js';
import { SpareLeases1764300000600 } from './migrations/1764300000600-spare-leases.js';
import { SilentUntil1764300000610 } from './migrations/1764300000610-silent-until.js';
import { Resent1764300000620 } from './migrations/1764300000620-resent.js';
import { Recoveries1764440000100 } from './migrations/1764440000100-recoveries.js';
import { Erasure1764440000110 } from './migrations/1764440000110-erasure.js';
import { AccountEnds1764440000120 } from './migrations/1764440000120-account-ends.js';
import { Resealing1764440000130 } from './migrations/1764440000130-resealing.js';
import { Audit1764450000100 } from './migrations/1764450000100-audit.js';
import { Quotas1764450000110 } from './migrations/1764450000110-quotas.js';
import { Processes1764450000120 } from './migrations/1764450000120-processes.js';
import { KeyLastUse1764450000130 } from './migrations/1764450000130-key-last-use.js';
import { LegalMoves1764400000100 } from './migrations/1764400000100-legal-moves.js';
import { ThinOver1764430000100 } from './migrations/1764430000100-thin-over.js';
import { ClientCertificate1764430000110 } from './migrations/1764430000110-client-certificate.js';
import { FastStart1764500000100 } from './migrations/1764500000100-fast-start.js';
import { OriginCalls1764420000100 } from './migrations/1764420000100-origin-calls.js';
import { Functions } from './migrations/functions.js';
import { AccountEntity, ApiKeyEntity, AuthTokenEntity } from './src/accounts/account.entity.js';
import { AuditEntity } from './src/accounts/audit.entity.js';
import { givenDatabaseUrl } from './src/config/env.js';
import { POOL } from './src/database/postgres-client.js';
import { AttemptEntity, DeliveryEntity } from './src/deliveries/delivery.entity.js';
import { ReceiverEntity } from './src/deliveries/receiver.entity.js';
import { CallbackHostEntity } from './src/egress/callback-host.entity.js';
import {
  EndpointEntity,
  OriginEntity,
  RecoveryEntity,
  RecoveryLaneEntity,
} from './src/endpoints/endpoint.entity.js';
import { FileEntity, FileUseEntity } from './src/files/file.entity.js';
import { ChoreEntity } from './src/housekeeping/chore.entity.js';
import { ResealingEntity } from './src/housekeeping/resealing.entity.js';
import { LedgerEntity, LedgerEntryEntity } from './src/operations/ledger.entity.js';
import { OriginCallEntity } from './src/operations/origin-call.entity.js';
import {
  HistoryEntryEntity,
  IdempotencyKeyEntity,
  LeaseWatchEntity,
  OperationEntity,
  TurnEntity,
} from './src/operations/operation.entity.js';
import { ProcessEntity } from './src/queues/process.entity.js';
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
      TurnEntity,
      LeaseWatchEntity,
      ChoreEntity,
      ResealingEntity,
      LedgerEntity,
      LedgerEntryEntity,
      ProcessEntity,
    ],
    migrations: [
      Foundation1763900000000,
      Keep1764000000040,
      AcknowledgedByPoll1764000000060,
      Dispatch1764100000010,
      CancelGrace1764100000020,
      ChoreHints1764100000025,
      Undelivered1764100000030,
      GivenUpReason1764200000010,
      BoundedHints1764200000020,
      AccountNumber1764300000300,
      Stack1764300000400,
      Receivers1764300000500,
      AttemptDetail1764300000510,
      SpareLeases1764300000600,
      SilentUntil1764300000610,
      Resent1764300000620,
      Recoveries1764440000100,
      Erasure1764440000110,
      AccountEnds1764440000120,
      Resealing1764440000130,
      Audit1764450000100,
      Quotas1764450000110,
      Processes1764450000120,
      KeyLastUse1764450000130,
      LegalMoves1764400000100,
      ThinOver1764430000100,
      ClientCertificate1764430000110,
      FastStart1764500000100,
      OriginCalls1764420000100,
      Functions,
    ],
    // Pooled connections that PostgreSQL dropped are noted, not fatal: the pool makes new ones.
    poolErrorHandler: () => undefined,
    extra: {
      ...POOL,
      // A process that froze inside a transaction must not keep its locks from the others.
      idle_in_transaction_session_timeout: 10_000,
      statement_timeout: 20_000,
    },
  };
}

/** For the migration command (`npx typeorm migration:show -d dist/ormconfig.js`). */
export default new DataSource(dataSourceOptions(givenDatabaseUrl(), 2));
