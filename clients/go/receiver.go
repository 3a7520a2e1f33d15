package ringback

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"time"
)

// tables are what is remembered: text and times in RFC 3339, so that PostgreSQL and SQLite have the same.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS ringback_events (event text PRIMARY KEY, webhook_id text UNIQUE, seen_at text NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS ringback_caught_up (receiver text PRIMARY KEY, began text NOT NULL)`,
}

const (
	remember = `INSERT INTO ringback_events (event, webhook_id, seen_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	lastLook = `SELECT began FROM ringback_caught_up WHERE receiver = $1`
	keepLook = `INSERT INTO ringback_caught_up (receiver, began) VALUES ($1, $2)
		ON CONFLICT (receiver) DO UPDATE SET began = excluded.began`
	maxBytes    = 16 << 20
	instantForm = "2006-01-02T15:04:05.000Z"
)

// Receiver takes callbacks: it verifies each, and works through each event once. It is an http.Handler.
type Receiver struct {
	// DB is PostgreSQL or SQLite, with any driver that takes $1 for the first argument.
	DB *sql.DB
	// Secrets are whsec_… secrets and whpk_… public keys of which one must have signed.
	Secrets []string
	// Handle is what you do with an event. What you write through the transaction is committed together with the memory of the
	// event, or, when it gives an error, neither is, and the event comes again. Leave committing to the receiver.
	Handle func(ctx context.Context, tx *sql.Tx, event Event) error
	// OnError is told of what failed, Handle included; by default it is logged by slog.
	OnError func(error)
	// Name tells receivers apart that share the tables; "default" by default.
	Name string
	// MaxBytes of a callback; 16 MiB by default.
	MaxBytes int64
}

// CatchUpOptions say what is looked for.
type CatchUpOptions struct {
	// Filter says which of the account's operations are this receiver's; all by default.
	Filter Filter
	// Overlap is how far each look reaches back before the last one began; 10 minutes by default. Take more where Ringback's
	// PostgreSQL may be away for longer, or clocks differ more.
	Overlap time.Duration
}

// CreateTables makes the two tables where they aren't there. Call it before the first event, or make them by a migration.
func (r *Receiver) CreateTables(ctx context.Context) error {
	create := func() error {
		return r.transaction(ctx, func(tx *sql.Tx) error {
			for _, table := range tables {
				if _, err := tx.ExecContext(ctx, table); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if create() == nil {
		return nil
	}
	// PostgreSQL refuses one of two that create at the same moment; the second look finds the other's.
	return create()
}

// ServeHTTP answers 204 once the event is worked through and remembered, also when that was before; 401 where nobody of
// Secrets signed it; 500 where something failed, so that it comes again.
func (r *Receiver) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		response.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	most := r.MaxBytes
	if most == 0 {
		most = maxBytes
	}
	body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, most))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		response.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if err == nil {
		// Not with the request: who hangs up must not leave half of the work to be done again.
		err = r.Receive(context.WithoutCancel(request.Context()), body, request.Header)
	}
	response.WriteHeader(r.statusOf(err))
}

// Receive verifies a callback and works through its event, unless that was done. The error is a *VerificationError, or what
// failed.
func (r *Receiver) Receive(ctx context.Context, body []byte, header http.Header) error {
	if err := Verify(body, header, r.Secrets, nil); err != nil {
		return err
	}
	var event Event
	// Callbacks of other faces are JSON of another form: they have no type.
	if json.Unmarshal(body, &event) != nil || event.Type == "" {
		event = Event{Data: body}
	}
	id := header.Get("Webhook-Id")
	_, err := r.take(ctx, event, nameOf(event, id), &id)
	return err
}

// CatchUp looks once for events whose callback didn't arrive, works through them, and gives how many were new. What fails is
// told to OnError, stops no other, and is found again by the next look. Options may be nil.
func (r *Receiver) CatchUp(ctx context.Context, client *Client, options *CatchUpOptions) (int, error) {
	began := time.Now()
	missed, err := r.missed(ctx, options)
	if err != nil {
		return 0, err
	}
	taken, failed := 0, false
	for raw, err := range pages[json.RawMessage](ctx, client, "/v1/operations", missed) {
		if err != nil {
			return taken, err
		}
		fresh, err := r.find(ctx, *raw)
		if err != nil {
			failed = true
			r.tell(err)
		}
		if fresh {
			taken++
		}
	}
	if failed {
		return taken, nil
	}
	// Only a look that came to its end, with nothing left behind, moves on.
	return taken, r.transaction(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, keepLook, r.name(), instant(began))
		return err
	})
}

// KeepUp looks at once and then again and again until the context ends, whose cause it gives; an outage is waited out.
func (r *Receiver) KeepUp(ctx context.Context, client *Client, every time.Duration, options *CatchUpOptions) error {
	for {
		if _, err := r.CatchUp(ctx, client, options); err != nil && ctx.Err() == nil {
			r.tell(err)
		}
		if err := sleep(ctx, every); err != nil {
			return err
		}
	}
}

func (r *Receiver) missed(ctx context.Context, options *CatchUpOptions) (Filter, error) {
	if options == nil {
		options = &CatchUpOptions{}
	}
	overlap := options.Overlap
	if overlap <= 0 {
		overlap = 10 * time.Minute
	}
	missed := Filter{}
	maps.Copy(missed, options.Filter)
	missed["undelivered"] = "true"
	var last string
	err := r.DB.QueryRowContext(ctx, lastLook, r.name()).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return missed, nil
	}
	if err != nil {
		return nil, err
	}
	began, err := time.Parse(time.RFC3339, last)
	missed["finished_after"] = instant(began.Add(-overlap))
	return missed, err
}

// find works through the end of an operation that was listed: its text is kept as it came.
func (r *Receiver) find(ctx context.Context, raw json.RawMessage) (bool, error) {
	var ended struct {
		ID         string  `json:"id"`
		Status     Status  `json:"status"`
		FinishedAt *string `json:"finished_at"`
		ErasedAt   *string `json:"erased_at"`
	}
	if err := json.Unmarshal(raw, &ended); err != nil {
		return false, err
	}
	if ended.FinishedAt == nil || ended.ErasedAt != nil {
		return false, nil
	}
	event := Event{Type: endTypes[ended.Status], Timestamp: *ended.FinishedAt, Data: raw}
	fresh, err := r.take(ctx, event, nameOf(event, ""), nil)
	if err != nil {
		return false, fmt.Errorf("operation %s: %w", ended.ID, err)
	}
	return fresh, nil
}

// take works through an event, unless it has been.
func (r *Receiver) take(ctx context.Context, event Event, name string, webhookID *string) (fresh bool, err error) {
	err = r.transaction(ctx, func(tx *sql.Tx) error {
		// First: who else has this event waits here, and then finds it remembered.
		result, err := tx.ExecContext(ctx, remember, name, webhookID, instant(time.Now()))
		if err != nil {
			return err
		}
		if rows, err := result.RowsAffected(); err != nil || rows == 0 {
			return err
		}
		fresh = true
		return r.Handle(ctx, tx, event)
	})
	return fresh && err == nil, err
}

func (r *Receiver) transaction(ctx context.Context, work func(*sql.Tx) error) error {
	tx, err := r.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	// Does nothing once it is committed; a panic of the handler's must not keep the connection.
	defer func() { _ = tx.Rollback() }()
	if err := work(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (r *Receiver) statusOf(err error) int {
	if err == nil {
		return http.StatusNoContent
	}
	r.tell(err)
	var refused *VerificationError
	if errors.As(err, &refused) && refused.Code != "no_secret" && refused.Code != "malformed_secret" {
		return http.StatusUnauthorized
	}
	return http.StatusInternalServerError
}

func (r *Receiver) tell(err error) {
	if r.OnError != nil {
		r.OnError(err)
		return
	}
	slog.Error("ringback receiver", "error", err)
}

func (r *Receiver) name() string {
	if r.Name == "" {
		return "default"
	}
	return r.Name
}

// endTypes are the events that end an operation.
var endTypes = map[Status]string{
	Finished: "operation.finished", Failed: "operation.failed", Canceled: "operation.canceled",
}

// nameOf names an event. An operation ends once, so its end is one event, whether its callback, an endpoint's or a list tells
// it. Only what is signed counts: the body and webhook-id, no other header.
func nameOf(event Event, webhookID string) string {
	for _, end := range endTypes {
		var operation struct {
			ID string `json:"id"`
		}
		if event.Type == end && json.Unmarshal(event.Data, &operation) == nil && operation.ID != "" {
			return operation.ID + " " + event.Type
		}
	}
	return webhookID
}

func instant(at time.Time) string { return at.UTC().Format(instantForm) }
