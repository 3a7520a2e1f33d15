-- What no statement may do, whoever wrote it. That nothing ends twice is in the primary keys of the ends; that a lease has a place,
-- in the checks of the live tables.

CREATE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE 'no % goes from % to %', TG_ARGV[0], OLD.state, NEW.state USING ERRCODE = 'check_violation';
END $$;
COMMENT ON FUNCTION refuse_move() IS 'an end''s state never changes: what is owed again has its end taken back';

-- Only where a statement sets the state: emptying and acknowledging don't.
CREATE TRIGGER operation_move BEFORE UPDATE OF state ON operation_end FOR EACH ROW
WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION refuse_move('operation');
CREATE TRIGGER delivery_move BEFORE UPDATE OF state ON delivery_end FOR EACH ROW
WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION refuse_move('delivery');

CREATE FUNCTION refuse_ended_operations() RETURNS trigger
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  ended bigint;
BEGIN
  SELECT m.request_id INTO ended FROM made m
  CROSS JOIN LATERAL (SELECT FROM operation_end e WHERE e.request_id = m.request_id LIMIT 1) e LIMIT 1;
  IF FOUND THEN
    RAISE 'operation % has ended', ended USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION refuse_ended_operations() IS 'no operation lives that has ended; once for all rows of a statement, which costs it some microseconds';
CREATE TRIGGER operation_lives AFTER INSERT ON live_operation REFERENCING NEW TABLE AS made
FOR EACH STATEMENT EXECUTE FUNCTION refuse_ended_operations();

CREATE FUNCTION refuse_ended_deliveries() RETURNS trigger
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  ended bigint;
BEGIN
  SELECT m.seq INTO ended FROM made m
  CROSS JOIN LATERAL (SELECT FROM delivery_end x WHERE x.home = m.home AND x.seq = m.seq LIMIT 1) x LIMIT 1;
  IF FOUND THEN
    RAISE 'delivery % has ended', ended USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION refuse_ended_deliveries() IS 'as refuse_ended_operations';
CREATE TRIGGER delivery_lives AFTER INSERT ON live_delivery REFERENCING NEW TABLE AS made
FOR EACH STATEMENT EXECUTE FUNCTION refuse_ended_deliveries();
