-- Takes a bulk action one step further, in one commit with where it stands then: as `next` says, with what it did added. `run` is its
-- operation, `stood` what its checkpoint is known to be, and `things` are what it acts on. Where the checkpoint is another, the step
-- was taken already, by somebody who got no answer, and nothing is done. Answers the checkpoint as it is now; null where the lease
-- isn't the caller's any more.
CREATE OR REPLACE FUNCTION step_bulk(run bigint, token uuid, stood text, next json, act text, things json) RETURNS text
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  current_one text; acted integer := 0; homes bigint[]; seqs bigint[]; rids text[];
BEGIN
  SELECT l.checkpoint INTO current_one FROM live_operation l WHERE l.request_id = run AND l.lease_token = token FOR UPDATE;
  IF NOT FOUND OR current_one IS DISTINCT FROM stood THEN
    RETURN current_one;
  END IF;
  IF act = 'rerun' THEN
    SELECT count(*), array_agg(a.rid) INTO acted, rids FROM accept_operations(things, NULL, '{}', 0, interval '0',
      (SELECT array_agg(t.name) FROM operation_type t WHERE t.name IN (SELECT n.type FROM json_to_recordset(things) AS n (type text)))) a;
    IF strpos(things::text, '"flow_key"') > 0 THEN
      PERFORM give_flows(things, rids);
    END IF;
  ELSIF act = 'redeliver' OR act = 'cancel' THEN
    SELECT array_agg(t.home), array_agg(t.seq) INTO homes, seqs FROM json_to_recordset(things) AS t (home bigint, seq bigint);
  END IF;
  IF act = 'cancel' THEN
    SELECT count(*) INTO acted FROM cancel_deliveries(seqs, 'canceled');
  ELSIF act = 'redeliver' THEN
    -- What hasn't been tried yet is about to be, or waits for an answer that tells it; a test is a sample.
    SELECT array_agg(g.home), array_agg(g.seq) INTO homes, seqs FROM unnest(homes, seqs) AS g (home, seq)
    WHERE (SELECT d.event_type <> 'endpoint.test' FROM delivery d WHERE d.home = g.home AND d.seq = g.seq LIMIT 1)
      AND coalesce((SELECT l.attempt_count > 0 FROM live_delivery l WHERE l.seq = g.seq), true);
    SELECT count(*) INTO acted FROM requeue_deliveries(homes, seqs, 'recovery', false);
  END IF;
  current_one := next::jsonb || jsonb_build_object('done', (next ->> 'done')::integer + acted,
    'skipped', (next ->> 'skipped')::integer + json_array_length(things) - acted);
  UPDATE live_operation l SET checkpoint = current_one WHERE l.request_id = run;
  RETURN current_one;
END $$;
