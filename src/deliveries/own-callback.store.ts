import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

/** The number of operation $1's own callback, where it is owed and waits, not yet attempted. */
const WAITS_FOR_ANSWER = `SELECT l.seq FROM delivery d JOIN live_delivery l ON l.seq = d.seq
         WHERE d.home = $1 AND d.destination = 'callback' AND l.phase = 'scheduled' AND l.attempt_count = 0`;

/** Every statement on own callbacks of operations whose callers an answer has told the end, or was to. */
@Injectable()
export class OwnCallbackStore {
  constructor(private readonly database: Database) {}

  /**
   * Ends an operation's own callback that its caller doesn't need any more. An attempt in flight is not cut off, and is the
   * last. One that was given up stays so, and why is kept. What somebody has redelivered by hand after that is left alone.
   */
  async acknowledge(operationId: string): Promise<void> {
    await this.database.query('SELECT acknowledge_callback($1)', [operationId]);
  }

  /** Sends an operation's own callback now that waits for the submit's answer to tell the end in its place. */
  async hurry(operationId: string): Promise<void> {
    await this.database.query(
      `UPDATE live_delivery SET phase = 'ready', look_at = now(), due_at = now(), run_at = now()
       WHERE seq = (${WAITS_FOR_ANSWER}) AND phase = 'scheduled' AND attempt_count = 0`,
      [operationId],
    );
  }

  /** Takes it back: the answer has told the end. */
  async takeBack(operationId: string): Promise<void> {
    await this.database.query(
      // The end first, as an erasure takes them.
      `WITH ended AS MATERIALIZED (
         SELECT request_id FROM operation_end WHERE request_id = $1 FOR UPDATE
       ), told AS (
         DELETE FROM live_delivery WHERE seq = (${WAITS_FOR_ANSWER}) AND phase = 'scheduled' AND attempt_count = 0
           AND home = (SELECT request_id FROM ended) RETURNING home, seq
       ), gone AS (
         DELETE FROM delivery d USING told WHERE d.home = told.home AND d.seq = told.seq
       ), silenced AS (
         UPDATE operation_end e SET silent = true FROM told WHERE e.request_id = told.home RETURNING e.request_id, e.state
       )
       INSERT INTO ledger_entry (type, state, destined)
       SELECT o.type, s.state, -1 FROM silenced s JOIN operation o ON o.request_id = s.request_id`,
      [operationId],
    );
  }
}
