/** What `npm run bench -- --help` prints. */
export const HELP = `npm run bench -- [options]

What is measured, one of:
                      (nothing) one load at full speed, with what PostgreSQL, the queue and the client could do alone
  --compare REVISION  another revision and this checkout in turns: REVISION is built in a temporary folder
  --rate N            N operations a second by a fixed schedule, whatever the service does (an open loop); with --compare too
  --records N         with N ended operations, their deliveries and attempts in the database, against 10,000;
                      with --compare: that many on both sides. 1,000,000 take some minutes to fill, and some GB in TMPDIR
  --old-transaction   without and beside a transaction that stays open: PostgreSQL clears no dead row away meanwhile
  --gateway           only: the gateway: pass-through against the proxy library alone, background answers, 200 MB kept
  --dispatch          only: what a round of dispatch costs on backlogs of 1,000 and 100,000, of 1 to 1,000 accounts
  --waits             only: how soon long-polls and history streams tell an end, and what 1,200 held answers cost
  --completions N     only: what N operations that wait for completions cost an idle service, and how fast they are completed
  --jobs N            only: what it costs to poll N jobs of another API every 5 s
  --processes N       only: what N idle processes on one database cost, how soon they are at work, how evenly they share it
                      (--operations 0: only the first two), on each backend that --backend names (postgresql)
  --schedules N       only: what N schedules cost while none is due, and how soon their operations begin that are due at one time

  --operations N      operations of the load phase (5000)
  --warmup N          operations before it that are not counted (500)
  --concurrency N     submitting connections (64)
  --origins N         receivers' ports, so origins (8)
  --slots N           slots of the account (500)
  --idle-samples N    operations submitted one at a time to an idle service (100)
  --rounds N          how often each side has its turn (3; 1 where there is only one side)
  --seconds N         with --rate, --jobs and --processes: how long (30)
  --backend B         postgresql, redis or both (both where a Redis can be had)
  --redis URL         a Redis to use; else REDIS_URL, else a redis-server from PATH is started and stopped.
                      Never one that a Ringback in use shares: the keys would mix.
  --plans             with --dispatch: also how PostgreSQL runs each statement of a round
  --no-ceilings       leave out bare got and bare BullMQ
  --no-statements     leave out pg_stat_statements (its counting costs a little)
  --top N             list the N statements that took most of PostgreSQL's time (0)
  --profile FOLDER    write CPU profiles of the service there, for DevTools or VS Code

Settings of Ringback in the environment (RINGBACK_CONCURRENCY, …) reach the service.
`;
