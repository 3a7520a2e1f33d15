-- Fills a page from walks in the order of numbers. Each source is a statement (home, number, fits) that reads its rows in that order,
-- by an index; those that don't fit are passed by. After so many rows a walk stops, or after so long, where they come from the disk,
-- so that no page takes long, whatever is asked for. The first source whose walk fills the page or comes to its end is the page; else
-- it is that which came furthest. `next` is the number to go on after; null where nothing is left.
CREATE OR REPLACE FUNCTION walk_page(sources text[], most integer, newest_first boolean)
RETURNS TABLE (homes bigint[], numbers bigint[], next bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashagg = off SET jit = off AS $$
DECLARE
  max_looked CONSTANT integer := 20000; min_looked CONSTANT integer := 1000; patience CONSTANT interval := '80 ms';
  source text; stop_at timestamptz; entry record; looked integer; full_page boolean; found_homes bigint[]; found_numbers bigint[]; reached bigint;
BEGIN
  FOREACH source IN ARRAY sources LOOP
    found_homes := '{}'; found_numbers := '{}'; looked := 0; full_page := false; reached := NULL;
    stop_at := clock_timestamp() + patience;
    FOR entry IN EXECUTE source || format(' LIMIT %s', max_looked) LOOP
      looked := looked + 1;
      IF entry.fits THEN
        IF cardinality(found_numbers) = most THEN
          full_page := true; reached := found_numbers[most];
          EXIT;
        END IF;
        found_homes := found_homes || entry.home; found_numbers := found_numbers || entry.number;
      END IF;
      IF looked = max_looked OR (looked >= min_looked AND looked % 50 = 0 AND clock_timestamp() > stop_at) THEN
        reached := entry.number;
        EXIT;
      END IF;
    END LOOP;
    IF full_page OR reached IS NULL OR next IS NULL OR (reached < next) = newest_first THEN
      homes := found_homes; numbers := found_numbers; next := reached;
    END IF;
    EXIT WHEN full_page OR reached IS NULL;
  END LOOP;
  RETURN NEXT;
END $$;
