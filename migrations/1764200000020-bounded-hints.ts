import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ONE_PLAN } from './1764100000010-dispatch.js';

const OPERATIONS = `
      CREATE FUNCTION dispatch_operations(most integer, redispatch interval, most_hinted integer, patience interval)
      RETURNS TABLE (request_id bigint, epoch integer, again boolean) LANGUAGE plpgsql
      ${ONE_PLAN} AS $$
      #variable_conflict use_column
      DECLARE
        room integer; moved integer; last_served text; quota integer; deepest integer; chosen bigint[]; lost bigint[]; due tid[];
        -- Where the round's lap over the accounts begins, how far it has come, and whether that is round the circle's end.
        begun text; reached text; wrapped boolean := false; batch integer; seen text[]; firsts bigint[]; looked integer;
        -- Of each account with a free slot, in the circle's order: its first row, and how many slots are free.
        accounts text[]; heads bigint[]; frees bigint[]; found integer := 0;
      BEGIN
        -- A dispatch that a crash forgets is made again, so nobody waits for the disk. (What a later commit waits for includes it.)
        PERFORM set_config('synchronous_commit', 'off', true);
        PERFORM pg_advisory_xact_lock(7164225002);

        -- Runs whose worker went silent wait again. Those without a try left stay for the undertaker.
        due := ARRAY(SELECT o.ctid FROM operation o WHERE o.phase = 'running' AND o.due_at <= now() AND o.attempt < o.tries
          ORDER BY o.due_at LIMIT most FOR UPDATE SKIP LOCKED);
        WITH freed AS (
          UPDATE operation o SET state = 'Waiting', phase = 'ready', due_at = now(), lease_token = NULL, status_text = 'Waiting...'
          WHERE o.ctid = ANY (due) RETURNING o.request_id
        )
        INSERT INTO history_entry (operation_id, kind, state, text)
        SELECT freed.request_id, 'transition', 'Waiting', 'The worker went silent; waiting for another' FROM freed;

        -- Many at once, and again while there are more: a herd of one account's must not hold up the others'.
        LOOP
          due := ARRAY(SELECT o.ctid FROM operation o WHERE o.phase = 'scheduled' AND o.due_at <= now()
            ORDER BY o.due_at LIMIT 25 * most FOR UPDATE SKIP LOCKED);
          EXIT WHEN due = '{}';
          UPDATE operation o SET phase = 'ready' WHERE o.ctid = ANY (due);
          EXIT WHEN cardinality(due) < 25 * most OR clock_timestamp() > now() + interval '1 second';
        END LOOP;

        -- What is hinted is overtaken by nothing that comes after it, however many of one account's that is. So no more is than
        -- keeps the workers busy; the rest waits where accounts take turns.
        room := least(most, most_hinted - (SELECT count(*) FROM (SELECT FROM operation o WHERE o.phase = 'hinted' ORDER BY o.due_at LIMIT most_hinted) h));

        -- Accounts take turns in a circle, from the one that was served last, until as many have a free slot as there is room for.
        SELECT t.served INTO begun FROM turn t WHERE t.of = 'operations';
        reached := begun;
        batch := room;
        WHILE room > 0 LOOP
          -- From one account's first row to the next account's: what else they have waiting isn't read.
          WITH RECURSIVE walk AS (
            SELECT reached AS account_id, 0::bigint AS request_id
            UNION ALL
            SELECT o.account_id, o.request_id FROM walk w CROSS JOIN LATERAL (
              SELECT o.account_id, o.request_id FROM operation o WHERE o.phase = 'ready' AND o.account_id > w.account_id
              ORDER BY o.account_id, o.priority DESC, o.request_id LIMIT 1
            ) o
            WHERE NOT wrapped OR o.account_id <= begun
          )
          SELECT array_agg(w.account_id), array_agg(w.request_id), count(*) INTO seen, firsts, looked
          FROM (SELECT w.account_id, w.request_id FROM walk w WHERE w.request_id > 0 LIMIT batch) w;

          -- Their slots less what they have in flight, looked up for all of them together.
          SELECT accounts || array_agg(a.account_id), heads || array_agg(a.request_id), frees || array_agg(a.free) INTO accounts, heads, frees
          FROM (
            SELECT p.account_id, max(p.request_id) AS request_id, sum(p.slots) AS free FROM (
              SELECT s.account_id, s.request_id, s.place, 0 AS slots FROM unnest(seen, firsts) WITH ORDINALITY AS s (account_id, request_id, place)
              UNION ALL
              SELECT a.id, NULL, NULL, a.slots FROM account a WHERE a.id = ANY (seen)
              UNION ALL
              -- Ordered, because without statistics other indexes look as good, which read all that an account ever had.
              SELECT t.account_id, NULL, NULL, -1 FROM (
                SELECT o.account_id FROM operation o WHERE o.account_id = ANY (seen) AND o.phase IN ('hinted', 'running')
                ORDER BY o.account_id, o.due_at) t
            ) p GROUP BY p.account_id HAVING sum(p.slots) > 0 ORDER BY max(p.place) LIMIT room - found
          ) a;
          found := coalesce(cardinality(accounts), 0);
          EXIT WHEN found = room;
          IF looked = batch THEN
            reached := seen[looked];
            batch := least(2 * batch, most);
          ELSE
            EXIT WHEN wrapped OR begun = '';
            wrapped := true;
            reached := '';
          END IF;
        END LOOP;

        -- Each its first before any its second. Where fewer accounts wait than a round can serve, more of each: as many as make a
        -- round if all have them, and where some haven't, four times as many, so that little is read in vain.
        quota := least((room + found - 1) / greatest(found, 1), room + 1 - found);
        WHILE found > 0 LOOP
          SELECT array_agg(c.request_id), (array_agg(c.account_id))[count(*)], count(*), max(c.turn) INTO chosen, last_served, moved, deepest
          FROM (
            SELECT t.* FROM (
              SELECT a.account_id, a.request_id, a.place, 1 AS turn FROM unnest(accounts, heads) WITH ORDINALITY AS a (account_id, request_id, place)
              UNION ALL
              SELECT a.account_id, next.request_id, a.place, next.turn
              FROM unnest(accounts, frees) WITH ORDINALITY AS a (account_id, free, place) CROSS JOIN LATERAL (
                SELECT o.request_id, row_number() OVER (ORDER BY o.priority DESC, o.request_id) AS turn
                FROM operation o WHERE o.account_id = a.account_id AND o.phase = 'ready'
                ORDER BY o.priority DESC, o.request_id OFFSET 1 LIMIT least(a.free, quota) - 1
              ) next
              WHERE a.free > 1 AND quota > 1
            ) t ORDER BY t.turn, t.place LIMIT room
          ) c;
          EXIT WHEN moved = room OR deepest IS DISTINCT FROM quota OR quota > room - found;
          quota := least(4 * quota, room + 1 - found);
        END LOOP;
        IF chosen IS NOT NULL THEN
          UPDATE turn t SET served = last_served WHERE t.of = 'operations';
        END IF;

        -- Not while they may still be in a queue that is busy: another hint of them would only be in the way.
        lost := ARRAY(SELECT o.request_id FROM operation o WHERE o.phase = 'hinted' AND o.due_at <= now() - patience
          ORDER BY o.due_at LIMIT most FOR UPDATE SKIP LOCKED);
        IF chosen IS NULL AND lost = '{}' THEN
          RETURN;
        END IF;
        -- A row that somebody else has locked is left for the next round: nobody else's turn waits for it.
        due := ARRAY(SELECT o.ctid FROM operation o WHERE o.request_id = ANY (chosen || lost) AND o.phase IN ('ready', 'hinted')
          ORDER BY o.request_id FOR UPDATE SKIP LOCKED);
        RETURN QUERY
        WITH hinted AS (
          UPDATE operation o SET phase = 'hinted', epoch = o.epoch + 1, due_at = now() + redispatch,
            hinted_at = CASE o.phase WHEN 'hinted' THEN coalesce(o.hinted_at, now()) ELSE now() END
          WHERE o.ctid = ANY (due)
          RETURNING o.request_id, o.epoch, o.priority
        )
        SELECT h.request_id, h.epoch, h.request_id = ANY (lost) FROM hinted h ORDER BY h.priority DESC, h.request_id;
      END $$`;

/**
 * Dispatch of operations that hints no more than the workers can begin soon, and looks up slots and what takes them for many
 * accounts together. The function that it replaces stays, for processes of an older version.
 */
export class BoundedHints1764200000020 implements MigrationInterface {
  name = 'BoundedHints1764200000020';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(OPERATIONS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION dispatch_operations(integer, interval, integer, interval)');
  }
}
