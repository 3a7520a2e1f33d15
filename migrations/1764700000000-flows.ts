import { readFileSync } from 'node:fs';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const CHANGE = new URL('../sql/changes/flows.sql', import.meta.url);

/** Flow keys: how many operations of a key are Executing, and how many start in a time. */
export class Flows1764700000000 implements MigrationInterface {
  name = 'Flows1764700000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(readFileSync(CHANGE, 'utf8'));
  }

  /** What waits for its key is ready then: nobody keeps it to that any more. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER operation_flows ON live_operation;
      DROP TRIGGER operation_flows_on ON live_operation;
      DROP TRIGGER operation_flowed ON live_operation;
      DROP TRIGGER account_widened ON account;
      DROP FUNCTION keep_flow, free_flow, widen_flows;
      UPDATE live_operation o SET phase = CASE WHEN t.name IS NULL THEN 'ready' ELSE 'offered' END
      FROM live_operation l LEFT JOIN operation_type t ON t.name = l.type WHERE o.request_id = l.request_id AND o.phase = 'keyed';
      DROP VIEW operation_view;
      DROP TABLE flow, flow_note;
      ALTER TABLE operation DROP COLUMN flow;
      ALTER TABLE live_operation DROP COLUMN flow_key, DROP COLUMN flow_place,
        DROP CONSTRAINT live_operation_phase_check,
        ADD CONSTRAINT live_operation_phase_check CHECK (phase IN ('scheduled', 'ready', 'offered', 'placed', 'apart', 'awaiting', 'aside'));
    `);
    await runner.query(foundationView());
  }
}

/** The view as the foundation made it. */
function foundationView(): string {
  const text = readFileSync(new URL('../sql/foundation/3-operations.sql', import.meta.url), 'utf8');
  return /^CREATE VIEW operation_view AS\n[^;]*;\n.*;$/m.exec(text)![0];
}
