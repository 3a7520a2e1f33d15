// Generated from openapi.json by "npm run generate".
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        readonly LiveResponse: {
            /** @enum {string} */
            readonly status: "ok";
        };
        readonly ReadyResponse: {
            /** @enum {string} */
            readonly status: "ok" | "unavailable";
            readonly checks: {
                readonly [key: string]: string;
            };
        };
        readonly BatchRequest: {
            readonly operations: readonly components["schemas"]["SubmitOperationRequest"][];
        };
        readonly OperationErrorResponse: {
            readonly code: string;
            readonly message: string;
        };
        readonly OperationCallbackResponse: {
            readonly url: string;
            /** @enum {string} */
            readonly state: "Canceled" | "Delivered" | "Exhausted" | "Pending";
        };
        readonly OperationScheduleResponse: {
            readonly id: string;
            /** Format: date-time */
            readonly tick: string;
        };
        readonly OperationFlowResponse: {
            readonly key: string;
            readonly parallelism?: number;
            readonly rate?: number;
            readonly period_s?: number;
        };
        readonly OperationLinksResponse: {
            readonly self: string;
            readonly history: string;
            readonly result: string;
            readonly deliveries: string;
            readonly cancel: string;
        };
        readonly OperationResponse: {
            readonly id: string;
            /** Format: int64 */
            readonly request_id: number;
            readonly type: string;
            /** @enum {string} */
            readonly status: "Canceled" | "Executing" | "Failed" | "Finished" | "Waiting";
            readonly status_text: string;
            readonly status_info: string | null;
            readonly progress: number;
            readonly attempt: number;
            readonly queue_position?: number;
            readonly account_id?: string;
            readonly correlation: string | null;
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly started_at: string | null;
            /** Format: date-time */
            readonly finished_at: string | null;
            /** Format: date-time */
            readonly expires_at: string | null;
            /** Format: date-time */
            readonly erased_at?: string;
            readonly result: unknown;
            readonly custom: unknown;
            readonly error: components["schemas"]["OperationErrorResponse"] | null;
            readonly file: string | null;
            readonly callback: components["schemas"]["OperationCallbackResponse"] | null;
            readonly completion_url?: string;
            readonly rerun_of: string | null;
            readonly schedule?: components["schemas"]["OperationScheduleResponse"];
            readonly flow?: components["schemas"]["OperationFlowResponse"];
            readonly links: components["schemas"]["OperationLinksResponse"];
        };
        readonly FieldErrorResponse: {
            readonly path: string;
            readonly message: string;
        };
        readonly ProblemResponse: {
            readonly type: string;
            readonly title: string;
            readonly status: number;
            readonly code: string;
            readonly detail: string;
            readonly errors?: readonly components["schemas"]["FieldErrorResponse"][];
            readonly status_of_operation?: string;
        };
        readonly BatchItemResponse: {
            readonly status: number;
            readonly operation?: components["schemas"]["OperationResponse"];
            readonly problem?: components["schemas"]["ProblemResponse"];
        };
        readonly BatchResponse: {
            readonly data: readonly components["schemas"]["BatchItemResponse"][];
        };
        readonly BulkOperationFilter: {
            readonly account?: string;
            readonly status?: string;
            readonly type?: string;
            readonly correlation?: string;
            readonly schedule?: string;
            readonly flow?: string;
            readonly request_id?: string;
            readonly error_code?: string;
            readonly callback_state?: string;
            readonly origin?: string;
            /** Format: date-time */
            readonly created_after?: string;
            /** Format: date-time */
            readonly created_before?: string;
            /** Format: date-time */
            readonly finished_after?: string;
            /** Format: date-time */
            readonly finished_before?: string;
            readonly undelivered?: boolean;
        };
        readonly BulkOperationsRequest: {
            /** @enum {string} */
            readonly action: "cancel" | "rerun";
            readonly filter: components["schemas"]["BulkOperationFilter"];
            readonly dry_run?: boolean;
        };
        readonly BulkMatchResponse: {
            readonly matched: number;
        };
        readonly BulkDeliveryFilter: {
            readonly account?: string;
            readonly status?: string;
            readonly endpoint?: string;
            readonly operation?: string;
            readonly origin?: string;
            /** @enum {string} */
            readonly event?: "delivery.exhausted" | "endpoint.disabled" | "endpoint.test" | "operation.canceled" | "operation.failed" | "operation.finished";
            /** @enum {string} */
            readonly error?: "blocked_destination" | "connect_refused" | "connect_timeout" | "connection_reset" | "dns_error" | "dns_timeout" | "http_1xx" | "http_3xx" | "http_4xx" | "http_5xx" | "nacked" | "proxy_error" | "request_timeout" | "response_invalid" | "response_timeout" | "tls_error" | "unknown";
            /** Format: date-time */
            readonly since?: string;
            /** Format: date-time */
            readonly until?: string;
        };
        readonly BulkDeliveriesRequest: {
            /** @enum {string} */
            readonly action: "cancel" | "redeliver";
            readonly filter: components["schemas"]["BulkDeliveryFilter"];
            readonly dry_run?: boolean;
        };
        readonly CallbackHeaderRequest: {
            readonly key: string;
            readonly value: string;
        };
        readonly CallbackRequest: {
            readonly url: string;
            readonly headers?: readonly components["schemas"]["CallbackHeaderRequest"][];
            readonly thin_over?: number | null;
        };
        readonly FlowRequest: {
            readonly key: string;
            readonly parallelism?: number | null;
            readonly rate?: number | null;
            readonly period_s?: number | null;
        };
        readonly SubmitOperationRequest: {
            readonly type: string;
            readonly input?: unknown;
            readonly callback?: components["schemas"]["CallbackRequest"] | null;
            readonly correlation?: string | null;
            readonly priority?: number;
            /** Format: date-time */
            readonly run_at?: string | null;
            readonly timeout_s?: number | null;
            readonly ack_by_poll?: boolean | null;
            readonly flow?: components["schemas"]["FlowRequest"] | null;
            readonly retention?: string | null;
        };
        readonly RerunOperationRequest: {
            readonly input?: unknown;
            readonly callback?: components["schemas"]["CallbackRequest"] | null;
        };
        readonly OperationPage: {
            readonly data: readonly components["schemas"]["OperationResponse"][];
            readonly next_cursor: string | null;
        };
        readonly HistoryEntryResponse: {
            /** Format: int64 */
            readonly id: number;
            /** @enum {string} */
            readonly kind: "log" | "progress" | "transition";
            /** @enum {string|null} */
            readonly status: "Canceled" | "Executing" | "Failed" | "Finished" | "Waiting" | null;
            readonly progress: number | null;
            readonly text: string;
            /** Format: date-time */
            readonly created_at: string;
            readonly stack?: string;
        };
        readonly HistoryEntryPage: {
            readonly data: readonly components["schemas"]["HistoryEntryResponse"][];
            readonly next_cursor: string | null;
        };
        readonly DeliveryResponse: {
            readonly id: string;
            readonly operation_id: string | null;
            readonly endpoint_id: string | null;
            readonly account_id?: string;
            readonly url: string | null;
            readonly event: string;
            /** @enum {string} */
            readonly status: "Canceled" | "Delivered" | "Exhausted" | "Pending";
            readonly attempt_count: number;
            /** Format: date-time */
            readonly next_attempt_at: string | null;
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly delivered_at: string | null;
            readonly reason: string | null;
            /** @enum {string|null} */
            readonly error: "blocked_destination" | "connect_refused" | "connect_timeout" | "connection_reset" | "dns_error" | "dns_timeout" | "http_1xx" | "http_3xx" | "http_4xx" | "http_5xx" | "nacked" | null | "proxy_error" | "request_timeout" | "response_invalid" | "response_timeout" | "tls_error" | "unknown";
            /** @enum {string} */
            readonly acknowledged_by?: "poll";
        };
        readonly DeliveryPage: {
            readonly data: readonly components["schemas"]["DeliveryResponse"][];
            readonly next_cursor: string | null;
        };
        readonly RequestedHeaderResponse: {
            readonly key: string;
            readonly value: string;
        };
        readonly RequestedCallbackResponse: {
            readonly url: string;
            readonly headers: readonly components["schemas"]["RequestedHeaderResponse"][];
        };
        readonly OperationRequestResponse: {
            readonly type: string;
            readonly input: unknown;
            readonly withheld: readonly string[];
            readonly callback: components["schemas"]["RequestedCallbackResponse"] | null;
            readonly correlation: string | null;
            readonly priority: number;
            /** Format: date-time */
            readonly run_at: string | null;
            readonly timeout_s: number;
            readonly retention: string;
            readonly trace_id: string | null;
        };
        readonly CompletionErrorRequest: {
            readonly code: string;
            readonly message: string;
        };
        readonly CompletionRequest: {
            /** @enum {string} */
            readonly status: "failed" | "finished" | "running";
            readonly result?: unknown;
            readonly custom?: unknown;
            readonly file?: string | null;
            readonly error?: components["schemas"]["CompletionErrorRequest"] | null;
            readonly progress?: number | null;
            readonly text?: string | null;
        };
        readonly CompletionResponse: {
            /** @enum {string} */
            readonly status: "failed" | "finished" | "running";
        };
        readonly SearchResult: {
            /** @enum {string} */
            readonly kind: "account" | "delivery" | "endpoint" | "file" | "operation";
            readonly id: string;
            readonly account_id?: string;
            readonly label: string;
        };
        readonly SearchResponse: {
            readonly data: readonly components["schemas"]["SearchResult"][];
        };
        readonly RetryRequest: {
            readonly backoff_s?: readonly number[];
            readonly retry_on?: readonly string[];
            readonly no_retry_on?: readonly string[];
        };
        readonly OperationTypeResponse: {
            readonly name: string;
            readonly title: string;
            readonly path: string | null;
            readonly timeout_s: number;
            readonly input_schema: {
                readonly [key: string]: unknown;
            };
            readonly declared: boolean;
            readonly tries?: number;
            readonly retry?: components["schemas"]["RetryRequest"];
            readonly inline_ms?: number;
            /** Format: date-time */
            readonly updated_at?: string;
        };
        readonly OperationTypePage: {
            readonly data: readonly components["schemas"]["OperationTypeResponse"][];
            readonly next_cursor: string | null;
        };
        readonly DeclareOperationTypeRequest: {
            readonly title: string;
            readonly input_schema?: {
                readonly [key: string]: unknown;
            };
            readonly tries?: number;
            readonly timeout_s?: number;
            readonly retry?: components["schemas"]["RetryRequest"];
            readonly path?: string | null;
            readonly inline_ms?: number;
        };
        readonly AttemptResponse: {
            readonly id: string;
            readonly number: number;
            /** @enum {string} */
            readonly trigger: "manual" | "pull" | "recovery" | "schedule" | "test";
            /** @enum {string} */
            readonly outcome: "delivered" | "failed" | "started" | "unknown";
            /** Format: date-time */
            readonly started_at: string;
            readonly duration_ms: number | null;
            readonly phases_ms: {
                readonly [key: string]: unknown;
            } | null;
            readonly http_status: number | null;
            readonly error: string | null;
            readonly detail?: string;
            readonly request_headers: {
                readonly [key: string]: string;
            } | null;
            readonly response_headers: {
                readonly [key: string]: unknown;
            } | null;
            readonly response_body: string | null;
            readonly response_truncated: boolean | null;
            readonly resent?: boolean;
            readonly retry_after_s: number | null;
            /** Format: date-time */
            readonly next_attempt_at: string | null;
        };
        readonly DeliveryDetailsResponse: {
            readonly id: string;
            readonly operation_id: string | null;
            readonly endpoint_id: string | null;
            readonly account_id?: string;
            readonly url: string | null;
            readonly event: string;
            /** @enum {string} */
            readonly status: "Canceled" | "Delivered" | "Exhausted" | "Pending";
            readonly attempt_count: number;
            /** Format: date-time */
            readonly next_attempt_at: string | null;
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly delivered_at: string | null;
            readonly reason: string | null;
            /** @enum {string|null} */
            readonly error: "blocked_destination" | "connect_refused" | "connect_timeout" | "connection_reset" | "dns_error" | "dns_timeout" | "http_1xx" | "http_3xx" | "http_4xx" | "http_5xx" | "nacked" | null | "proxy_error" | "request_timeout" | "response_invalid" | "response_timeout" | "tls_error" | "unknown";
            /** @enum {string} */
            readonly acknowledged_by?: "poll";
            readonly body: string;
            readonly signing_fingerprints: readonly string[];
            readonly attempts: readonly components["schemas"]["AttemptResponse"][];
        };
        readonly RecoverDeliveriesRequest: {
            readonly origin?: string;
            /** @enum {string} */
            readonly reason?: "aborted_by_receiver" | "blocked_destination" | "deadline_spent" | "gone" | "schedule_spent";
            /** Format: date-time */
            readonly since: string;
            /** Format: date-time */
            readonly until?: string;
            readonly pending?: boolean;
        };
        readonly RecoveryBegunResponse: {
            readonly id: string;
            readonly found: number;
        };
        readonly FileResponse: {
            readonly id: string;
            readonly account_id?: string;
            readonly name: string;
            readonly content_type: string;
            /** Format: int64 */
            readonly size: number;
            readonly sha256: string;
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly expires_at: string | null;
        };
        readonly CreateAccountRequest: {
            readonly name: string;
            readonly slots?: number;
            /** Format: int64 */
            readonly quota_bytes?: number | null;
            readonly quota_waiting?: number | null;
            readonly requests_per_s?: number | null;
        };
        readonly AccountUsageResponse: {
            readonly waiting: number;
            readonly executing: number;
        };
        readonly AccountResponse: {
            readonly id: string;
            readonly number: number;
            readonly name: string;
            readonly slots: number;
            /** Format: int64 */
            readonly quota_bytes: number | null;
            readonly quota_waiting: number | null;
            readonly requests_per_s: number | null;
            readonly disabled: boolean;
            /** Format: date-time */
            readonly created_at: string;
            readonly usage?: components["schemas"]["AccountUsageResponse"];
        };
        readonly AccountPage: {
            readonly data: readonly components["schemas"]["AccountResponse"][];
            readonly next_cursor: string | null;
        };
        readonly ChangeAccountRequest: {
            readonly name?: string;
            readonly slots?: number;
            readonly disabled?: boolean;
            /** Format: int64 */
            readonly quota_bytes?: number | null;
            readonly quota_waiting?: number | null;
            readonly requests_per_s?: number | null;
        };
        readonly CreateKeyRequest: {
            readonly name: string;
            readonly scopes: readonly ("admin" | "deliveries:redeliver" | "endpoints:write" | "keys:write" | "operations:read" | "operations:write" | "work")[];
            /** Format: date-time */
            readonly expires_at?: string | null;
        };
        readonly ApiKeyResponse: {
            readonly id: string;
            readonly name: string;
            readonly scopes: readonly ("admin" | "deliveries:redeliver" | "endpoints:write" | "keys:write" | "operations:read" | "operations:write" | "work")[];
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly expires_at: string | null;
            /** Format: date-time */
            readonly last_used_at: string | null;
            readonly key?: string;
        };
        readonly ApiKeyPage: {
            readonly data: readonly components["schemas"]["ApiKeyResponse"][];
            readonly next_cursor: string | null;
        };
        readonly UsageResponse: {
            /** Format: int64 */
            readonly bytes: number;
            readonly waiting: number;
            readonly executing: number;
        };
        readonly QuotasResponse: {
            /** Format: int64 */
            readonly bytes: number | null;
            readonly waiting: number | null;
            readonly requests_per_s: number | null;
        };
        readonly OwnAccountResponse: {
            readonly id: string;
            readonly name: string;
            readonly slots: number;
            readonly usage: components["schemas"]["UsageResponse"];
            readonly quotas: components["schemas"]["QuotasResponse"];
        };
        readonly ProcessResponse: {
            readonly id: string;
            readonly role: string;
            readonly version: string;
            /** Format: date-time */
            readonly since: string;
            /** Format: date-time */
            readonly last_seen_at: string;
            readonly host: string;
            readonly running: number;
            readonly capacity: number;
            readonly handlers: readonly string[];
        };
        readonly ProcessPage: {
            readonly data: readonly components["schemas"]["ProcessResponse"][];
            readonly next_cursor: string | null;
        };
        readonly AuditActorResponse: {
            readonly key_id: string;
            readonly name: string;
        };
        readonly AuditEntryResponse: {
            /** @enum {string|null} */
            readonly via: "console" | null;
            /** Format: date-time */
            readonly at: string;
            readonly account_id: string | null;
            readonly actor: components["schemas"]["AuditActorResponse"] | null;
            readonly address: string | null;
            /** @enum {string} */
            readonly action: "account.changed" | "account.created" | "account.deleted" | "account.disabled" | "bulk.started" | "delivery.canceled" | "delivery.redelivered" | "endpoint.changed" | "endpoint.created" | "endpoint.deleted" | "endpoint.disabled" | "endpoint.enabled" | "flow.changed" | "flow.reset" | "key.created" | "key.revoked" | "login.failed" | "login.succeeded" | "operation-type.changed" | "operation-type.declared" | "operation-type.deleted" | "operation.canceled" | "operation.erased" | "operation.rerun" | "recovery.canceled" | "schedule.changed" | "schedule.created" | "schedule.deleted" | "schedule.paused" | "schedule.resumed" | "secret.ended" | "secret.read" | "secret.rotated" | "url-group.changed" | "url-group.deleted";
            readonly target: string | null;
            readonly details: {
                readonly [key: string]: unknown;
            };
        };
        readonly AuditEntryPage: {
            readonly data: readonly components["schemas"]["AuditEntryResponse"][];
            readonly next_cursor: string | null;
        };
        readonly LedgerOperationsResponse: {
            /** Format: int64 */
            readonly waiting: number;
            /** Format: int64 */
            readonly executing: number;
            /** Format: int64 */
            readonly finished: number;
            /** Format: int64 */
            readonly failed: number;
            /** Format: int64 */
            readonly canceled: number;
        };
        readonly LedgerDeliveriesResponse: {
            /** Format: int64 */
            readonly pending: number;
            /** Format: int64 */
            readonly delivered: number;
            /** Format: int64 */
            readonly exhausted: number;
            /** Format: int64 */
            readonly canceled: number;
        };
        readonly LedgerResponse: {
            readonly balanced: boolean;
            /** Format: int64 */
            readonly accepted: number;
            readonly operations: components["schemas"]["LedgerOperationsResponse"];
            /** Format: int64 */
            readonly ended_with_callback: number;
            readonly deliveries: components["schemas"]["LedgerDeliveriesResponse"];
            readonly oldest_overdue_s: number;
            readonly oldest_waiting_s: number;
            readonly oldest_undelivered_s: number;
        };
        readonly OperationStatsBucketResponse: {
            /** Format: date-time */
            readonly at: string;
            readonly accepted: number;
            readonly finished: number;
            readonly failed: number;
            readonly canceled: number;
            readonly p50_s: number | null;
            readonly p95_s: number | null;
        };
        readonly StatsTopResponse: {
            readonly value: string;
            readonly count: number;
        };
        readonly OperationStatsTopResponse: {
            readonly types: readonly components["schemas"]["StatsTopResponse"][];
            readonly error_codes: readonly components["schemas"]["StatsTopResponse"][];
        };
        readonly OperationStatsResponse: {
            readonly buckets: readonly components["schemas"]["OperationStatsBucketResponse"][];
            readonly top: components["schemas"]["OperationStatsTopResponse"];
        };
        readonly DeliveryStatsBucketResponse: {
            /** Format: date-time */
            readonly at: string;
            readonly delivered: number;
            readonly exhausted: number;
            readonly failed_attempts: number;
        };
        readonly DeliveryStatsTopResponse: {
            readonly origins: readonly components["schemas"]["StatsTopResponse"][];
            readonly errors: readonly components["schemas"]["StatsTopResponse"][];
        };
        readonly DeliveryStatsResponse: {
            readonly buckets: readonly components["schemas"]["DeliveryStatsBucketResponse"][];
            readonly top: components["schemas"]["DeliveryStatsTopResponse"];
        };
        readonly SigningSecretResponse: {
            readonly secret: string;
        };
        readonly KnownSecretResponse: {
            readonly id: string;
            readonly current: boolean;
            /** Format: date-time */
            readonly signs_until: string | null;
            /** Format: date-time */
            readonly created_at: string;
        };
        readonly KnownSecretsResponse: {
            readonly data: readonly components["schemas"]["KnownSecretResponse"][];
        };
        readonly RotateSecretRequest: {
            readonly overlap_s?: number;
        };
        readonly CallbackCheckRequest: {
            readonly url: string;
        };
        readonly CallbackCheckResponse: {
            readonly accepted: boolean;
            readonly code: string | null;
            readonly reason: string | null;
        };
        readonly CreateEndpointRequest: {
            /** @enum {string} */
            readonly mode?: "pull" | "push";
            readonly url?: string;
            readonly description?: string;
            readonly events?: readonly ("delivery.exhausted" | "endpoint.disabled" | "operation.canceled" | "operation.failed" | "operation.finished")[];
            readonly headers?: readonly components["schemas"]["CallbackHeaderRequest"][];
            readonly retry_schedule?: readonly number[] | null;
            readonly max_in_flight?: number | null;
            readonly rate_per_s?: number | null;
            readonly thin_over?: number | null;
            /** @enum {string} */
            readonly signature_profile?: "github" | "standard" | "standard+ed25519" | "stripe";
            readonly client_certificate?: string | null;
            readonly handshake?: boolean;
            readonly lease_s?: number | null;
            readonly ephemeral_s?: number | null;
        };
        readonly EndpointHeaderResponse: {
            readonly key: string;
            readonly value: string;
        };
        readonly ClientCertificateResponse: {
            readonly subject: string;
            /** Format: date-time */
            readonly ends_at: string;
        };
        readonly EndpointResponse: {
            readonly id: string;
            readonly account_id?: string;
            /** @enum {string} */
            readonly mode: "pull" | "push";
            readonly url: string | null;
            readonly description: string;
            readonly events: readonly ("delivery.exhausted" | "endpoint.disabled" | "operation.canceled" | "operation.failed" | "operation.finished")[];
            readonly headers: readonly components["schemas"]["EndpointHeaderResponse"][];
            readonly retry_schedule: readonly number[] | null;
            readonly max_in_flight: number | null;
            readonly rate_per_s: number | null;
            /** @enum {string} */
            readonly signature_profile: "github" | "standard" | "standard+ed25519" | "stripe";
            readonly thin_over: number | null;
            readonly client_certificate: components["schemas"]["ClientCertificateResponse"] | null;
            readonly lease_s: number | null;
            readonly ephemeral_s: number | null;
            /** Format: date-time */
            readonly last_pulled_at: string | null;
            /** Format: date-time */
            readonly disabled_at: string | null;
            readonly disabled_reason: string | null;
            /** Format: date-time */
            readonly created_at: string;
            readonly secret?: string;
        };
        readonly EndpointPage: {
            readonly data: readonly components["schemas"]["EndpointResponse"][];
            readonly next_cursor: string | null;
        };
        readonly ChangeEndpointRequest: {
            readonly url?: string;
            readonly description?: string;
            readonly events?: readonly ("delivery.exhausted" | "endpoint.disabled" | "operation.canceled" | "operation.failed" | "operation.finished")[];
            readonly headers?: readonly components["schemas"]["CallbackHeaderRequest"][];
            readonly retry_schedule?: readonly number[] | null;
            readonly max_in_flight?: number | null;
            readonly rate_per_s?: number | null;
            readonly thin_over?: number | null;
            /** @enum {string} */
            readonly signature_profile?: "github" | "standard" | "standard+ed25519" | "stripe";
            readonly client_certificate?: string | null;
            readonly handshake?: boolean;
            readonly lease_s?: number | null;
            readonly ephemeral_s?: number | null;
        };
        readonly RecoverRequest: {
            /** Format: date-time */
            readonly since: string;
            /** Format: date-time */
            readonly until?: string;
            readonly pending?: boolean;
        };
        readonly EndpointHourResponse: {
            /** Format: date-time */
            readonly hour: string;
            readonly succeeded: number;
            readonly failed: number;
            readonly p95_ms: number | null;
        };
        readonly EndpointStatsResponse: {
            readonly succeeded: number;
            readonly failed: number;
            readonly pending: number;
            readonly in_flight: number;
            readonly held: number;
            readonly hours: readonly components["schemas"]["EndpointHourResponse"][];
        };
        readonly PulledDeliveryResponse: {
            readonly id: string;
            readonly attempt: number;
            readonly headers: {
                readonly [key: string]: string;
            };
            readonly body: string;
        };
        readonly PullResponse: {
            readonly data: readonly components["schemas"]["PulledDeliveryResponse"][];
        };
        readonly AckRequest: {
            readonly id: string;
            readonly ok: boolean;
            readonly attempt?: number;
            readonly error?: string;
            readonly http_status?: number;
        };
        readonly AcksRequest: {
            readonly acks: readonly components["schemas"]["AckRequest"][];
        };
        readonly AckResponse: {
            readonly id: string;
            /** @enum {string} */
            readonly result: "acked" | "late" | "nacked" | "unknown";
            /** @enum {string|null} */
            readonly status: "Canceled" | "Delivered" | "Exhausted" | "Pending" | null;
            /** Format: date-time */
            readonly next_attempt_at: string | null;
        };
        readonly AcksResponse: {
            readonly data: readonly components["schemas"]["AckResponse"][];
        };
        readonly RecoveryResponse: {
            readonly id: string;
            /** @enum {string} */
            readonly state: "canceled" | "finished" | "running";
            readonly found: number;
            readonly sent: number;
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly finished_at: string | null;
        };
        readonly ScheduledOperationRequest: {
            readonly type: string;
            readonly input?: unknown;
            readonly callback?: components["schemas"]["CallbackRequest"] | null;
            readonly correlation?: string | null;
            readonly priority?: number;
            readonly timeout_s?: number | null;
            readonly ack_by_poll?: boolean | null;
            readonly flow?: components["schemas"]["FlowRequest"] | null;
            readonly retention?: string | null;
            readonly run_at?: string | null;
        };
        readonly CreateScheduleRequest: {
            readonly name: string;
            readonly operation: components["schemas"]["ScheduledOperationRequest"];
            readonly cron?: string | null;
            readonly every_s?: number | null;
            /** Format: date-time */
            readonly at?: string | null;
            readonly time_zone?: string;
            /** @enum {string} */
            readonly missed?: "all" | "once" | "skip";
            /** @enum {string} */
            readonly overlap?: "allow" | "skip";
            readonly jitter_s?: number;
            /** Format: date-time */
            readonly ends_at?: string | null;
        };
        readonly ScheduledOperationResponse: {
            readonly type: string;
            readonly callback: components["schemas"]["RequestedCallbackResponse"] | null;
            readonly correlation: string | null;
            readonly priority: number;
            readonly timeout_s: number | null;
            readonly retention: string | null;
            readonly flow: components["schemas"]["OperationFlowResponse"] | null;
        };
        readonly SkippedTickResponse: {
            /** Format: date-time */
            readonly tick: string;
            readonly reason: string;
        };
        readonly ScheduleRunResponse: {
            /** Format: date-time */
            readonly tick: string;
            readonly operation: string;
            /** @enum {string} */
            readonly status: "Canceled" | "Executing" | "Failed" | "Finished" | "Waiting";
        };
        readonly ScheduleResponse: {
            readonly id: string;
            readonly name: string;
            readonly account_id?: string;
            readonly cron: string | null;
            readonly every_s: number | null;
            /** Format: date-time */
            readonly at: string | null;
            readonly time_zone: string;
            /** @enum {string} */
            readonly missed: "all" | "once" | "skip";
            /** @enum {string} */
            readonly overlap: "allow" | "skip";
            readonly jitter_s: number;
            /** Format: date-time */
            readonly ends_at: string | null;
            readonly operation: components["schemas"]["ScheduledOperationResponse"];
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly paused_at: string | null;
            /** Format: date-time */
            readonly next_at: string | null;
            /** Format: date-time */
            readonly last_at: string | null;
            readonly last_skipped: components["schemas"]["SkippedTickResponse"] | null;
            readonly next?: readonly string[];
            readonly last_runs?: readonly components["schemas"]["ScheduleRunResponse"][];
        };
        readonly SchedulePage: {
            readonly data: readonly components["schemas"]["ScheduleResponse"][];
            readonly next_cursor: string | null;
        };
        readonly ChangeScheduleRequest: {
            readonly name?: string;
            readonly operation?: components["schemas"]["ScheduledOperationRequest"];
            readonly cron?: string | null;
            readonly every_s?: number | null;
            /** Format: date-time */
            readonly at?: string | null;
            readonly time_zone?: string;
            /** @enum {string} */
            readonly missed?: "all" | "once" | "skip";
            /** @enum {string} */
            readonly overlap?: "allow" | "skip";
            readonly jitter_s?: number;
            /** Format: date-time */
            readonly ends_at?: string | null;
        };
        readonly FlowPinnedResponse: {
            readonly parallelism: boolean;
            readonly rate: boolean;
        };
        readonly FlowResponse: {
            readonly key: string;
            readonly parallelism: number | null;
            readonly rate: number | null;
            readonly period_s: number | null;
            readonly pinned: components["schemas"]["FlowPinnedResponse"];
            /** Format: date-time */
            readonly paused_at: string | null;
            readonly waiting: number;
            readonly executing: number;
            readonly started: number;
        };
        readonly FlowPage: {
            readonly data: readonly components["schemas"]["FlowResponse"][];
            readonly next_cursor: string | null;
        };
        readonly ChangeFlowRequest: {
            readonly paused?: boolean | null;
            readonly parallelism?: number | null;
            readonly rate?: number | null;
            readonly period_s?: number | null;
        };
        readonly WebhookKeyResponse: {
            readonly endpoint_id: string;
            readonly public_key: string;
        };
        readonly WebhookKeysResponse: {
            readonly keys: readonly components["schemas"]["WebhookKeyResponse"][];
        };
        readonly ClaimWorkRequest: {
            readonly types: readonly string[];
            readonly limit?: number;
            readonly wait?: number;
            readonly worker?: string;
            readonly lease_s?: number;
        };
        readonly WorkOperationResponse: {
            readonly id: string;
            /** Format: int64 */
            readonly request_id: number;
            readonly type: string;
            /** @enum {string} */
            readonly status: "Canceled" | "Executing" | "Failed" | "Finished" | "Waiting";
            readonly status_text: string;
            readonly status_info: string | null;
            readonly progress: number;
            readonly attempt: number;
            readonly queue_position?: number;
            readonly account_id?: string;
            readonly correlation: string | null;
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly started_at: string | null;
            /** Format: date-time */
            readonly finished_at: string | null;
            /** Format: date-time */
            readonly expires_at: string | null;
            /** Format: date-time */
            readonly erased_at?: string;
            readonly result: unknown;
            readonly custom: unknown;
            readonly error: components["schemas"]["OperationErrorResponse"] | null;
            readonly file: string | null;
            readonly callback: components["schemas"]["OperationCallbackResponse"] | null;
            readonly completion_url?: string;
            readonly rerun_of: string | null;
            readonly schedule?: components["schemas"]["OperationScheduleResponse"];
            readonly flow?: components["schemas"]["OperationFlowResponse"];
            readonly links: components["schemas"]["OperationLinksResponse"];
            readonly input: unknown;
            readonly tries: number;
            readonly timeout_s: number;
            readonly traceparent: string | null;
        };
        readonly ClaimedWorkResponse: {
            readonly operation: components["schemas"]["WorkOperationResponse"];
            readonly lease: string;
            readonly lease_s: number;
        };
        readonly ClaimWorkResponse: {
            readonly data: readonly components["schemas"]["ClaimedWorkResponse"][];
        };
        readonly WorkActionRequest: {
            readonly code?: string;
            readonly message?: string;
            readonly retry?: boolean;
            readonly lease: string;
            /** @enum {string} */
            readonly action: "complete" | "fail" | "release" | "renew";
            readonly progress?: number;
            readonly text?: string | null;
            readonly log?: readonly string[];
            readonly result?: unknown;
            readonly custom?: unknown;
            readonly file?: string | null;
        };
        readonly WorkBatchRequest: {
            readonly actions: readonly components["schemas"]["WorkActionRequest"][];
        };
        readonly WorkOperationStatus: {
            readonly id: string;
            /** @enum {string} */
            readonly status: "Canceled" | "Executing" | "Failed" | "Finished" | "Waiting";
        };
        readonly WorkActionResponse: {
            readonly status: number;
            readonly cancel?: boolean;
            readonly operation?: components["schemas"]["WorkOperationStatus"];
            readonly retry_in_s?: number;
            readonly problem?: components["schemas"]["ProblemResponse"];
        };
        readonly WorkBatchResponse: {
            readonly data: readonly components["schemas"]["WorkActionResponse"][];
        };
        readonly RenewWorkRequest: {
            readonly progress?: number;
            readonly text?: string;
            readonly log?: readonly string[];
        };
        readonly RenewedWorkResponse: {
            readonly cancel?: boolean;
        };
        readonly CompleteWorkRequest: {
            readonly result?: unknown;
            readonly custom?: unknown;
            readonly file?: string | null;
            readonly text?: string | null;
        };
        readonly SettledWorkResponse: {
            readonly operation: components["schemas"]["WorkOperationStatus"];
            readonly retry_in_s?: number;
        };
        readonly FailWorkRequest: {
            readonly code: string;
            readonly message: string;
            readonly retry?: boolean;
        };
        readonly LroErrorResponse: {
            readonly code: string;
            readonly message: string;
        };
        readonly LroOperationResponse: {
            readonly id: string;
            /** @enum {string} */
            readonly status: "Canceled" | "Failed" | "NotStarted" | "Running" | "Succeeded";
            readonly error?: components["schemas"]["LroErrorResponse"];
            readonly result?: unknown;
            /** Format: date-time */
            readonly createdDateTime: string;
            /** Format: date-time */
            readonly lastActionDateTime: string;
        };
        readonly TrmAuthRequest: {
            readonly accountid: string;
            readonly key: string;
        };
        readonly TrmMedia: {
            readonly token: string;
            readonly name: string;
        };
        readonly TrmMediaResponse: {
            readonly result: components["schemas"]["TrmMedia"];
        };
        readonly TrmState: {
            /** Format: int64 */
            readonly requestid: number;
            readonly isbatch: boolean;
            /** @enum {string} */
            readonly status: "Executing" | "Failed" | "Finished" | "Waiting";
            readonly statusText: string;
            readonly statusInfo?: string;
        };
        readonly TrmEnvelope: {
            readonly trm: components["schemas"]["TrmState"];
            readonly result?: unknown;
            readonly custom?: unknown;
        };
        readonly TrmListItem: {
            /** Format: int64 */
            readonly requestid: number;
            /** @enum {string} */
            readonly status: "Executing" | "Failed" | "Finished" | "Waiting";
            readonly statusText: string;
            readonly title: string;
            readonly errorMessage: string | null;
            readonly person: string | null;
            /** Format: date-time */
            readonly created: string;
            /** Format: date-time */
            readonly started: string | null;
            /** Format: date-time */
            readonly finished: string | null;
            readonly progress: number;
        };
        readonly TrmListResponse: {
            readonly items: readonly components["schemas"]["TrmListItem"][];
            /** Format: int64 */
            readonly total: number;
        };
        readonly OperationEventData: {
            readonly id: string;
            /** Format: int64 */
            readonly request_id: number;
            readonly type: string;
            /** @enum {string} */
            readonly status: "Canceled" | "Executing" | "Failed" | "Finished" | "Waiting";
            readonly status_text: string;
            readonly status_info: string | null;
            readonly progress: number;
            readonly attempt: number;
            readonly queue_position?: number;
            readonly account_id?: string;
            readonly correlation: string | null;
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly started_at: string | null;
            /** Format: date-time */
            readonly finished_at: string | null;
            /** Format: date-time */
            readonly expires_at: string | null;
            /** Format: date-time */
            readonly erased_at?: string;
            readonly result: unknown;
            readonly custom: unknown;
            readonly error: components["schemas"]["OperationErrorResponse"] | null;
            readonly file: string | null;
            readonly callback: components["schemas"]["OperationCallbackResponse"] | null;
            readonly completion_url?: string;
            readonly rerun_of: string | null;
            readonly schedule?: components["schemas"]["OperationScheduleResponse"];
            readonly flow?: components["schemas"]["OperationFlowResponse"];
            readonly links: components["schemas"]["OperationLinksResponse"];
            readonly result_omitted?: boolean;
            readonly custom_omitted?: boolean;
        };
        readonly OperationEvent: {
            /** @enum {string} */
            readonly type: "operation.canceled" | "operation.failed" | "operation.finished";
            /** Format: date-time */
            readonly timestamp: string;
            readonly data: components["schemas"]["OperationEventData"];
        };
        readonly ExhaustedDelivery: {
            readonly id: string;
            readonly operation_id: string | null;
            readonly endpoint_id: string | null;
            readonly event: string;
            readonly attempt_count: number;
            /** Format: date-time */
            readonly created_at: string;
            readonly reason: string | null;
        };
        readonly DeliveryExhaustedEvent: {
            /** @enum {string} */
            readonly type: "delivery.exhausted";
            /** Format: date-time */
            readonly timestamp: string;
            readonly data: components["schemas"]["ExhaustedDelivery"];
        };
        readonly DisabledEndpoint: {
            readonly id: string;
            readonly description: string;
            readonly disabled_reason: string | null;
            /** Format: date-time */
            readonly disabled_at: string;
        };
        readonly EndpointDisabledEvent: {
            /** @enum {string} */
            readonly type: "endpoint.disabled";
            /** Format: date-time */
            readonly timestamp: string;
            readonly data: components["schemas"]["DisabledEndpoint"];
        };
        readonly TrmErrorDetail: {
            readonly operation: string | null;
            /** Format: date-time */
            readonly date: string;
            readonly title: string;
            readonly details: string | null;
            readonly errorurl: string | null;
            readonly messages: readonly string[];
        };
        readonly TrmErrorResponse: {
            readonly error: components["schemas"]["TrmErrorDetail"];
            readonly reason: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type LiveResponse = components['schemas']['LiveResponse'];
export type ReadyResponse = components['schemas']['ReadyResponse'];
export type BatchRequest = components['schemas']['BatchRequest'];
export type OperationErrorResponse = components['schemas']['OperationErrorResponse'];
export type OperationCallbackResponse = components['schemas']['OperationCallbackResponse'];
export type OperationScheduleResponse = components['schemas']['OperationScheduleResponse'];
export type OperationFlowResponse = components['schemas']['OperationFlowResponse'];
export type OperationLinksResponse = components['schemas']['OperationLinksResponse'];
export type OperationResponse = components['schemas']['OperationResponse'];
export type FieldErrorResponse = components['schemas']['FieldErrorResponse'];
export type ProblemResponse = components['schemas']['ProblemResponse'];
export type BatchItemResponse = components['schemas']['BatchItemResponse'];
export type BatchResponse = components['schemas']['BatchResponse'];
export type BulkOperationFilter = components['schemas']['BulkOperationFilter'];
export type BulkOperationsRequest = components['schemas']['BulkOperationsRequest'];
export type BulkMatchResponse = components['schemas']['BulkMatchResponse'];
export type BulkDeliveryFilter = components['schemas']['BulkDeliveryFilter'];
export type BulkDeliveriesRequest = components['schemas']['BulkDeliveriesRequest'];
export type CallbackHeaderRequest = components['schemas']['CallbackHeaderRequest'];
export type CallbackRequest = components['schemas']['CallbackRequest'];
export type FlowRequest = components['schemas']['FlowRequest'];
export type SubmitOperationRequest = components['schemas']['SubmitOperationRequest'];
export type RerunOperationRequest = components['schemas']['RerunOperationRequest'];
export type OperationPage = components['schemas']['OperationPage'];
export type HistoryEntryResponse = components['schemas']['HistoryEntryResponse'];
export type HistoryEntryPage = components['schemas']['HistoryEntryPage'];
export type DeliveryResponse = components['schemas']['DeliveryResponse'];
export type DeliveryPage = components['schemas']['DeliveryPage'];
export type RequestedHeaderResponse = components['schemas']['RequestedHeaderResponse'];
export type RequestedCallbackResponse = components['schemas']['RequestedCallbackResponse'];
export type OperationRequestResponse = components['schemas']['OperationRequestResponse'];
export type CompletionErrorRequest = components['schemas']['CompletionErrorRequest'];
export type CompletionRequest = components['schemas']['CompletionRequest'];
export type CompletionResponse = components['schemas']['CompletionResponse'];
export type SearchResult = components['schemas']['SearchResult'];
export type SearchResponse = components['schemas']['SearchResponse'];
export type RetryRequest = components['schemas']['RetryRequest'];
export type OperationTypeResponse = components['schemas']['OperationTypeResponse'];
export type OperationTypePage = components['schemas']['OperationTypePage'];
export type DeclareOperationTypeRequest = components['schemas']['DeclareOperationTypeRequest'];
export type AttemptResponse = components['schemas']['AttemptResponse'];
export type DeliveryDetailsResponse = components['schemas']['DeliveryDetailsResponse'];
export type RecoverDeliveriesRequest = components['schemas']['RecoverDeliveriesRequest'];
export type RecoveryBegunResponse = components['schemas']['RecoveryBegunResponse'];
export type FileResponse = components['schemas']['FileResponse'];
export type CreateAccountRequest = components['schemas']['CreateAccountRequest'];
export type AccountUsageResponse = components['schemas']['AccountUsageResponse'];
export type AccountResponse = components['schemas']['AccountResponse'];
export type AccountPage = components['schemas']['AccountPage'];
export type ChangeAccountRequest = components['schemas']['ChangeAccountRequest'];
export type CreateKeyRequest = components['schemas']['CreateKeyRequest'];
export type ApiKeyResponse = components['schemas']['ApiKeyResponse'];
export type ApiKeyPage = components['schemas']['ApiKeyPage'];
export type UsageResponse = components['schemas']['UsageResponse'];
export type QuotasResponse = components['schemas']['QuotasResponse'];
export type OwnAccountResponse = components['schemas']['OwnAccountResponse'];
export type ProcessResponse = components['schemas']['ProcessResponse'];
export type ProcessPage = components['schemas']['ProcessPage'];
export type AuditActorResponse = components['schemas']['AuditActorResponse'];
export type AuditEntryResponse = components['schemas']['AuditEntryResponse'];
export type AuditEntryPage = components['schemas']['AuditEntryPage'];
export type LedgerOperationsResponse = components['schemas']['LedgerOperationsResponse'];
export type LedgerDeliveriesResponse = components['schemas']['LedgerDeliveriesResponse'];
export type LedgerResponse = components['schemas']['LedgerResponse'];
export type OperationStatsBucketResponse = components['schemas']['OperationStatsBucketResponse'];
export type StatsTopResponse = components['schemas']['StatsTopResponse'];
export type OperationStatsTopResponse = components['schemas']['OperationStatsTopResponse'];
export type OperationStatsResponse = components['schemas']['OperationStatsResponse'];
export type DeliveryStatsBucketResponse = components['schemas']['DeliveryStatsBucketResponse'];
export type DeliveryStatsTopResponse = components['schemas']['DeliveryStatsTopResponse'];
export type DeliveryStatsResponse = components['schemas']['DeliveryStatsResponse'];
export type SigningSecretResponse = components['schemas']['SigningSecretResponse'];
export type KnownSecretResponse = components['schemas']['KnownSecretResponse'];
export type KnownSecretsResponse = components['schemas']['KnownSecretsResponse'];
export type RotateSecretRequest = components['schemas']['RotateSecretRequest'];
export type CallbackCheckRequest = components['schemas']['CallbackCheckRequest'];
export type CallbackCheckResponse = components['schemas']['CallbackCheckResponse'];
export type CreateEndpointRequest = components['schemas']['CreateEndpointRequest'];
export type EndpointHeaderResponse = components['schemas']['EndpointHeaderResponse'];
export type ClientCertificateResponse = components['schemas']['ClientCertificateResponse'];
export type EndpointResponse = components['schemas']['EndpointResponse'];
export type EndpointPage = components['schemas']['EndpointPage'];
export type ChangeEndpointRequest = components['schemas']['ChangeEndpointRequest'];
export type RecoverRequest = components['schemas']['RecoverRequest'];
export type EndpointHourResponse = components['schemas']['EndpointHourResponse'];
export type EndpointStatsResponse = components['schemas']['EndpointStatsResponse'];
export type PulledDeliveryResponse = components['schemas']['PulledDeliveryResponse'];
export type PullResponse = components['schemas']['PullResponse'];
export type AckRequest = components['schemas']['AckRequest'];
export type AcksRequest = components['schemas']['AcksRequest'];
export type AckResponse = components['schemas']['AckResponse'];
export type AcksResponse = components['schemas']['AcksResponse'];
export type RecoveryResponse = components['schemas']['RecoveryResponse'];
export type ScheduledOperationRequest = components['schemas']['ScheduledOperationRequest'];
export type CreateScheduleRequest = components['schemas']['CreateScheduleRequest'];
export type ScheduledOperationResponse = components['schemas']['ScheduledOperationResponse'];
export type SkippedTickResponse = components['schemas']['SkippedTickResponse'];
export type ScheduleRunResponse = components['schemas']['ScheduleRunResponse'];
export type ScheduleResponse = components['schemas']['ScheduleResponse'];
export type SchedulePage = components['schemas']['SchedulePage'];
export type ChangeScheduleRequest = components['schemas']['ChangeScheduleRequest'];
export type FlowPinnedResponse = components['schemas']['FlowPinnedResponse'];
export type FlowResponse = components['schemas']['FlowResponse'];
export type FlowPage = components['schemas']['FlowPage'];
export type ChangeFlowRequest = components['schemas']['ChangeFlowRequest'];
export type WebhookKeyResponse = components['schemas']['WebhookKeyResponse'];
export type WebhookKeysResponse = components['schemas']['WebhookKeysResponse'];
export type ClaimWorkRequest = components['schemas']['ClaimWorkRequest'];
export type WorkOperationResponse = components['schemas']['WorkOperationResponse'];
export type ClaimedWorkResponse = components['schemas']['ClaimedWorkResponse'];
export type ClaimWorkResponse = components['schemas']['ClaimWorkResponse'];
export type WorkActionRequest = components['schemas']['WorkActionRequest'];
export type WorkBatchRequest = components['schemas']['WorkBatchRequest'];
export type WorkOperationStatus = components['schemas']['WorkOperationStatus'];
export type WorkActionResponse = components['schemas']['WorkActionResponse'];
export type WorkBatchResponse = components['schemas']['WorkBatchResponse'];
export type RenewWorkRequest = components['schemas']['RenewWorkRequest'];
export type RenewedWorkResponse = components['schemas']['RenewedWorkResponse'];
export type CompleteWorkRequest = components['schemas']['CompleteWorkRequest'];
export type SettledWorkResponse = components['schemas']['SettledWorkResponse'];
export type FailWorkRequest = components['schemas']['FailWorkRequest'];
export type LroErrorResponse = components['schemas']['LroErrorResponse'];
export type LroOperationResponse = components['schemas']['LroOperationResponse'];
export type TrmAuthRequest = components['schemas']['TrmAuthRequest'];
export type TrmMedia = components['schemas']['TrmMedia'];
export type TrmMediaResponse = components['schemas']['TrmMediaResponse'];
export type TrmState = components['schemas']['TrmState'];
export type TrmEnvelope = components['schemas']['TrmEnvelope'];
export type TrmListItem = components['schemas']['TrmListItem'];
export type TrmListResponse = components['schemas']['TrmListResponse'];
export type OperationEventData = components['schemas']['OperationEventData'];
export type OperationEvent = components['schemas']['OperationEvent'];
export type ExhaustedDelivery = components['schemas']['ExhaustedDelivery'];
export type DeliveryExhaustedEvent = components['schemas']['DeliveryExhaustedEvent'];
export type DisabledEndpoint = components['schemas']['DisabledEndpoint'];
export type EndpointDisabledEvent = components['schemas']['EndpointDisabledEvent'];
export type TrmErrorDetail = components['schemas']['TrmErrorDetail'];
export type TrmErrorResponse = components['schemas']['TrmErrorResponse'];
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
