-- Entries of histories, by entry id. Each reader names an operation, the last entry that it has, and how many more it takes; one
-- that is only `told` gets progress, why a try or the whole gave no answer, and the line `done`, as callers of the gateway do.
-- Answers the place of the reader with each entry.
CREATE OR REPLACE FUNCTION read_history(operations bigint[], afters bigint[], mosts integer[], told boolean[])
RETURNS TABLE (reader bigint, operation_id bigint, id bigint, kind text, state text, progress real, text text, created_at timestamptz, stack text)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT r.place, r.operation_id, h.* FROM unnest(operations, afters, mosts, told) WITH ORDINALITY AS r (operation_id, after, most, told, place)
  CROSS JOIN LATERAL (
    SELECT 1::bigint AS id, 'transition' AS kind, 'Waiting' AS state, NULL::real AS progress, 'Accepted' AS text, o.created_at, NULL AS stack
    FROM operation o WHERE o.request_id = r.operation_id AND r.after < 1 AND NOT r.told
    UNION ALL
    SELECT t.id, 'transition', t.state, (t.line ->> 3)::real, t.line ->> 4, to_timestamp((t.line ->> 1)::float8), t.line ->> 5
    FROM (
      SELECT e.transitions FROM operation_end e WHERE e.request_id = r.operation_id
      UNION ALL
      SELECT l.transitions FROM live_operation l WHERE l.request_id = r.operation_id
    ) s CROSS JOIN LATERAL string_to_table(s.transitions, E'\n') AS text
    CROSS JOIN LATERAL (SELECT text::json AS line, (text::json ->> 0)::bigint AS id, text::json ->> 2 AS state) t
    WHERE t.id > r.after AND (NOT r.told OR t.state IN ('Waiting', 'Failed', 'Canceled'))
    UNION ALL
    -- In the order of the primary key, so that a page of a long log reads no more than the page.
    (SELECT e.id, e.kind, NULL, e.progress, e.text, e.created_at, NULL FROM history_entry e
     WHERE e.operation_id = r.operation_id AND e.id > r.after AND (NOT r.told OR e.kind = 'progress' OR e.text = 'done')
     ORDER BY e.operation_id, e.id LIMIT r.most)
    ORDER BY id LIMIT r.most
  ) h
  ORDER BY r.place, h.id;
END $$;
