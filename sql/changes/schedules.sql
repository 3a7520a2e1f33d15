-- Schedules whose operations have members that older processes don't know, and would leave out or refuse: such a process takes none of their ticks.
ALTER TABLE schedule ADD COLUMN since smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN schedule.since IS 'who knows all of what it submits, and so may take its ticks: 0: any process; 1: those that know flow keys, delays and faces of schedules, which 0.1.0 does not';
