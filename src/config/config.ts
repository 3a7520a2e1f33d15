import { AccountConfig } from './slices/accounts.js';
import { ConsoleConfig } from './slices/console.js';
import { DatabaseConfig } from './slices/database.js';
import { DeliveryConfig } from './slices/deliveries.js';
import { EgressConfig } from './slices/egress.js';
import { FilesConfig } from './slices/files.js';
import { GatewayConfig } from './slices/gateway.js';
import { HousekeepingConfig } from './slices/housekeeping.js';
import { HttpConfig } from './slices/http.js';
import { OperationConfig } from './slices/operations.js';
import { ProcessConfig } from './slices/process.js';
import { QstashConfig } from './slices/qstash.js';
import { QueueConfig } from './slices/queue.js';
import { SecretConfig } from './slices/secrets.js';
import { TrmConfig } from './slices/trm.js';

export {
  AccountConfig,
  ConsoleConfig,
  DatabaseConfig,
  DeliveryConfig,
  EgressConfig,
  FilesConfig,
  GatewayConfig,
  HousekeepingConfig,
  HttpConfig,
  OperationConfig,
  ProcessConfig,
  QstashConfig,
  QueueConfig,
  SecretConfig,
  TrmConfig,
};
export type { S3Place } from './slices/files.js';
export { MAX_THIN_OVER } from './slices/operations.js';
export type { Role } from './slices/process.js';

/** Every slice of the configuration, in the order of docs/configuration.md. */
export const SLICES = {
  process: ProcessConfig,
  http: HttpConfig,
  console: ConsoleConfig,
  database: DatabaseConfig,
  queue: QueueConfig,
  secrets: SecretConfig,
  accounts: AccountConfig,
  operations: OperationConfig,
  deliveries: DeliveryConfig,
  egress: EgressConfig,
  files: FilesConfig,
  housekeeping: HousekeepingConfig,
  gateway: GatewayConfig,
  trm: TrmConfig,
  qstash: QstashConfig,
};

type Slices = typeof SLICES;

/** All slices together, as `ConfigModule.forRoot` takes them. */
export type RingbackConfig = { [Name in keyof Slices]: Slices[Name]['prototype'] };
