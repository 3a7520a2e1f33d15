/** What a file or folder may import: names of folders of `src`, or of files right under it or at the top, without `.ts`. */
export type Arrows = Readonly<Record<string, readonly string[]>>;

/**
 * What each folder of `src` may import of the others; the files right under `src` put the program together and may import all.
 * The lint rules and the diagram in docs/architecture.md are made from this table. `type:` allows types only.
 */
// prettier-ignore
export const ARROWS: Arrows = {
  embedding:    ['faces', 'operations', 'accounts', 'client', 'http', 'tracing', 'config', 'app.module', 'boot'],
  console:      ['faces', 'deliveries', 'accounts', 'signing', 'http', 'database', 'config'],
  gateway:      ['faces', 'operations', 'files', 'accounts', 'signing', 'egress', 'http', 'tracing', 'database', 'config'],
  faces:        ['messages', 'schedules', 'bulk', 'endpoints', 'operations', 'deliveries', 'files', 'accounts', 'type:signing', 'http', 'tracing', 'database', 'config'],
  messages:     ['operations', 'signing', 'egress', 'database', 'config'],
  schedules:    ['operations', 'signing', 'engine', 'database', 'config'],
  bulk:         ['operations', 'deliveries', 'database', 'config'],
  housekeeping: ['operations', 'files', 'signing', 'engine', 'database', 'config'],
  metrics:      ['health', 'operations', 'deliveries', 'engine', 'database', 'config'],
  health:       ['files', 'engine', 'database', 'http', 'config'],
  endpoints:    ['deliveries', 'signing', 'egress', 'tracing', 'engine', 'database', 'config'],
  operations:   ['deliveries', 'files', 'signing', 'egress', 'tracing', 'engine', 'database', 'config'],
  deliveries:   ['signing', 'egress', 'tracing', 'engine', 'database', 'config'],
  accounts:     ['signing', 'http', 'database', 'config'],
  files:        ['database', 'config'],
  signing:      ['database', 'config'],
  egress:       ['database', 'config'],
  engine:       ['database', 'config'],
  database:     ['config', 'ormconfig'],
  http:         ['config'],
  tracing:      ['config'],
  config:       [],
  command:      ['client', 'config', 'verify', 'serve', 'dev', 'migrate', 'reseal', 'signing', 'doctor', 'mcp'],
  doctor:       ['files', 'signing', 'egress', 'engine', 'database', 'config', 'embedded-postgres', 'boot', 'folders', 'kept-secret-keys', 'ports', 'ormconfig'],
  testing:      ['operations', 'files', 'config'],
  mcp:          ['client', 'config'],
  receiver:     ['client', 'verify'],
  client:       ['verify'],
  'embedded-postgres': [],
};

/** Files that may import more than their folder: the routes that are about egress, signing and queues themselves, and commands that offer the words of a list. */
export const EXCEPTIONS: Arrows = {
  'faces/native/native.module.ts': ['egress', 'signing'],
  'faces/native/callback-check.controller.ts': ['egress'],
  'faces/native/deliveries.controller.ts': ['signing'],
  'faces/native/signing-secret.controller.ts': ['signing'],
  'faces/native/processes.controller.ts': ['engine'],
  'faces/native/process.response.ts': ['engine'],
  'command/keys.command.ts': ['accounts'],
  'command/sample-event.ts': ['type:endpoints'],
  'command/trigger.command.ts': ['endpoints'],
  'command/endpoint-settings.ts': ['endpoints'],
};
