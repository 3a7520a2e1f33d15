/** A delivery that an ending owes: the event is already serialised, so deliveries know nothing of operations. */
export interface Owed {
  readonly id: string;
  readonly accountId: string;
  readonly operationId: string;
  readonly operationRid: string;
  readonly endpointId: string | null;
  /** `callback`, or the endpoint's id. */
  readonly destination: string;
  readonly eventType: string;
  readonly url: string;
  readonly origin: string;
  /** Sealed for the row `operationRid`. */
  readonly headers: string | null;
  readonly body: string;
}

/**
 * Inserts owed deliveries within the statement that ends their operations: the statement has a CTE
 * `settled (request_id, silent_until, created_at, traceparent)`, and only deliveries of settled operations are made; while those
 * are silent, their own callback waits. `first` is the number of the first of the parameters that `owedParameters` gives.
 */
export function oweStatement(first: number): string {
  const [operation, id, account, rid, endpoint, destination, event, url, origin, headers, body] = Array.from(
    { length: 11 },
    (_, index) => `$${first + index}`,
  );
  return `INSERT INTO delivery (operation_id, id, account_id, operation_rid, endpoint_id, destination, event_type, url, origin, headers, body, lane, receiver, accepted_at, traceparent, phase, due_at, run_at)
    SELECT o.*, coalesce(o.endpoint_id, o.origin), CASE WHEN o.endpoint_id IS NULL THEN receiver_of(o.account_id, o.url) ELSE 1 END, s.created_at, s.traceparent,
      CASE WHEN s.silent_until > now() THEN 'scheduled' ELSE 'ready' END, greatest(s.silent_until, now()), greatest(s.silent_until, now()) FROM unnest(${operation}::bigint[], ${id}::text[], ${account}::text[], ${rid}::text[], ${endpoint}::text[],
      ${destination}::text[], ${event}::text[], ${url}::text[], ${origin}::text[], ${headers}::text[], ${body}::text[])
      AS o (operation_id, id, account_id, operation_rid, endpoint_id, destination, event_type, url, origin, headers, body)
    JOIN settled s ON s.request_id = o.operation_id
    ON CONFLICT ON CONSTRAINT delivery_once DO NOTHING`;
}

/** The parameters of `oweStatement`, in order. */
export function owedParameters(owed: readonly Owed[]): unknown[] {
  return [
    owed.map((o) => o.operationId),
    owed.map((o) => o.id),
    owed.map((o) => o.accountId),
    owed.map((o) => o.operationRid),
    owed.map((o) => o.endpointId),
    owed.map((o) => o.destination),
    owed.map((o) => o.eventType),
    owed.map((o) => o.url),
    owed.map((o) => o.origin),
    owed.map((o) => o.headers),
    owed.map((o) => o.body),
  ];
}

/** An event that is owed to every endpoint of the account whose filter matches, besides the operation's own callback. */
export interface OwedEvent {
  readonly operationId: string;
  readonly operationRid: string;
  readonly accountId: string;
  readonly eventType: string;
  readonly body: string;
  /** The body without the result, for endpoints to which the whole is too large; null: there is nothing to leave out. */
  readonly thin: string | null;
  /** Without anything that its handler gave, for those that take not even that; null: as `thin` is. */
  readonly bare: string | null;
  /** Bytes of the largest body for endpoints that name none of their own. */
  readonly thinOver: number;
}

/** A body of this size, bytes, keeps its `custom` whatever its receiver takes: it is what tells most, and costs little. */
export const LEAST_BARE = 16_384;

/** Columns of a delivery to an endpoint `e`; that of a disabled one is held. */
export const ENDPOINT_COLUMNS = 'id, endpoint_id, lane, destination, url, origin, phase, due_at';
export const ENDPOINT_VALUES = `'dlv_' || replace(gen_random_uuid()::text, '-', ''), e.id, e.id, e.id, e.url, e.origin,
  CASE WHEN e.disabled_at IS NULL THEN 'ready' ELSE 'held' END, CASE WHEN e.disabled_at IS NULL THEN now() END`;

/** Inserts a delivery per matching endpoint, within the statement that ends the operations; see `oweStatement`. */
export function oweEventsStatement(first: number): string {
  const [operation, rid, account, event, body, thin, bare, over] = Array.from(
    { length: 8 },
    (_, index) => `$${first + index}`,
  );
  return `INSERT INTO delivery (operation_id, operation_rid, account_id, event_type, body, accepted_at, traceparent, ${ENDPOINT_COLUMNS})
    SELECT v.operation_id, v.operation_rid, v.account_id, v.event_type,
      CASE WHEN v.thin IS NULL OR octet_length(v.body) <= coalesce(e.thin_over, v.thin_over) THEN v.body
        WHEN v.bare IS NULL OR octet_length(v.thin) <= greatest(coalesce(e.thin_over, v.thin_over), ${LEAST_BARE}) THEN v.thin ELSE v.bare END,
      s.created_at, s.traceparent, ${ENDPOINT_VALUES}
    FROM unnest(${operation}::bigint[], ${rid}::text[], ${account}::text[], ${event}::text[], ${body}::text[], ${thin}::text[], ${bare}::text[], ${over}::integer[])
      AS v (operation_id, operation_rid, account_id, event_type, body, thin, bare, thin_over)
    JOIN settled s ON s.request_id = v.operation_id
    JOIN endpoint e ON e.account_id = v.account_id AND v.event_type = ANY (e.events)
    ON CONFLICT ON CONSTRAINT delivery_once DO NOTHING`;
}

/** The parameters of `oweEventsStatement`, in order. */
export function owedEventParameters(events: readonly OwedEvent[]): unknown[] {
  return [
    events.map((event) => event.operationId),
    events.map((event) => event.operationRid),
    events.map((event) => event.accountId),
    events.map((event) => event.eventType),
    events.map((event) => event.body),
    events.map((event) => event.thin),
    events.map((event) => event.bare),
    events.map((event) => event.thinOver),
  ];
}
