import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The database refuses a move that the state tables don't have, whatever statement makes it. The conditions stand in WHEN, so
 * that the function is called for what it refuses only, and after the row: the update itself waits for nothing.
 */
export class LegalMoves1764400000100 implements MigrationInterface {
  name = 'LegalMoves1764400000100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'no % goes from % to %', TG_TABLE_NAME, OLD.state, NEW.state USING ERRCODE = 'check_violation';
      END $$;

      CREATE TRIGGER operation_move AFTER UPDATE OF state ON operation FOR EACH ROW
      WHEN (OLD.state <> NEW.state AND NOT (
        OLD.state = 'Waiting' AND NEW.state IN ('Executing', 'Failed', 'Canceled')
        OR OLD.state = 'Executing' AND NEW.state IN ('Waiting', 'Finished', 'Failed', 'Canceled')))
      EXECUTE FUNCTION refuse_move();

      CREATE TRIGGER delivery_move AFTER UPDATE OF state ON delivery FOR EACH ROW
      WHEN (OLD.state <> NEW.state AND NOT (
        OLD.state = 'Pending' AND NEW.state IN ('Delivered', 'Exhausted', 'Canceled')
        OR OLD.state IN ('Exhausted', 'Delivered') AND NEW.state = 'Pending'))
      EXECUTE FUNCTION refuse_move();
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER operation_move ON operation;
      DROP TRIGGER delivery_move ON delivery;
      DROP FUNCTION refuse_move();
    `);
  }
}
