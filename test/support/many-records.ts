import { createHash } from 'node:crypto';

/** Operations that FILL makes, the first of them with the number 1. */
export const OPERATIONS = 120_000;

/** The id of the operation of a number. */
export function ridOf(number: number): string {
  return createHash('md5').update(String(number)).digest('hex');
}

/**
 * An operation a second. The first account has most, of which one of 4,000 is not delivered, one of 4,000 given up, and one of 8,000
 * has failed; of the second every other is not delivered; 50 have what lives. One of 40 has lost its input.
 */
export const FILL = `
  INSERT INTO operation (rid, account_id, type, face, callback_url, correlation, input, retention, tries, timeout_s, created_at)
  SELECT md5(n::text), CASE WHEN n <= ${OPERATIONS} - 30000 THEN 'few' WHEN n <= ${OPERATIONS} - 10000 THEN 'half' ELSE 'live' || n % 50 END,
    'echo', 'native', 'http://a/', CASE WHEN n % 5 = 0 THEN 'order ' || n END, CASE WHEN n % 40 <> 0 THEN '{}' END, 'keep1m', 1, 60, now() - (${OPERATIONS} - n) * interval '1 second'
  FROM generate_series(1, ${OPERATIONS}) n;
  INSERT INTO operation_end (request_id, state, attempt, progress, finished_at, expires_at, status_text, error_code, transitions)
  SELECT request_id, CASE request_id % 8000 WHEN 9 THEN 'Failed' WHEN 10 THEN 'Canceled' ELSE 'Finished' END, 1, 100,
    created_at + interval '1 second', created_at + interval '1 month', 'Finished',
    CASE request_id % 8000 WHEN 9 THEN CASE WHEN request_id % 32000 = 9 THEN 'rare' ELSE 'handler_failed' END END,
    '[2,1764300000.5,"Finished",100,"Finished",null]'
  FROM operation WHERE account_id NOT LIKE 'live%';
  INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, look_at, due_at, lease_token)
  SELECT request_id, account_id, type, CASE WHEN request_id > ${OPERATIONS} - 20 THEN 'placed' WHEN request_id % 3 = 0 THEN 'scheduled' ELSE 'ready' END,
    request_id % 5, 1, now(), now(), CASE WHEN request_id > ${OPERATIONS} - 20 THEN gen_random_uuid() END
  FROM operation WHERE account_id LIKE 'live%';
  INSERT INTO delivery (home, id, account_id, operation_id, destination, event_type, url, origin, body, created_at)
  SELECT request_id, 'dlv_' || md5(request_id::text), account_id, request_id, 'callback',
    CASE request_id % 8000 WHEN 9 THEN 'operation.failed' ELSE 'operation.finished' END, 'http://a/', 'http://a', '{}', created_at + interval '1 second'
  FROM operation WHERE account_id NOT LIKE 'live%';
  INSERT INTO live_delivery (seq, home, account_id, operation_id, lane, origin, phase, look_at, due_at, attempt_count)
  SELECT seq, home, account_id, operation_id, origin, origin, 'scheduled', now(), now(), 1 FROM delivery WHERE home % CASE account_id WHEN 'few' THEN 4000 ELSE 2 END = 0;
  INSERT INTO delivery_end (home, seq, state, attempt_count, schedule_step, epoch)
  SELECT home, seq, CASE home % 4000 WHEN 7 THEN 'Exhausted' ELSE 'Delivered' END, 1, 1, 1
  FROM delivery WHERE home % CASE account_id WHEN 'few' THEN 4000 ELSE 2 END <> 0;
  INSERT INTO undelivered (home, seq, account_id, operation_id, lane, state)
  SELECT x.home, x.seq, d.account_id, d.operation_id, d.origin, x.state FROM delivery_end x JOIN delivery d USING (home, seq) WHERE x.state = 'Exhausted';
  INSERT INTO attempt (home, delivery_seq, number, trigger, outcome, started_at, http_status, error)
  SELECT home, seq, 1, 'schedule', CASE state WHEN 'Delivered' THEN 'delivered' ELSE 'failed' END, now(),
    CASE state WHEN 'Delivered' THEN 200 ELSE 503 END, CASE state WHEN 'Delivered' THEN NULL ELSE 'HTTP 503' END
  FROM delivery_end;
  INSERT INTO history_entry (operation_id, kind, text) SELECT 7, 'log', 'line' FROM generate_series(1, 50000) n;`;
