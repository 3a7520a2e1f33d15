package ringback

import (
	"encoding/json"
	"time"
)

// Status is where an operation stands. Finished, Failed and Canceled are for good.
type Status string

// The statuses of operations.
const (
	Waiting   Status = "Waiting"
	Executing Status = "Executing"
	Finished  Status = "Finished"
	Failed    Status = "Failed"
	Canceled  Status = "Canceled"
)

// Ended is true for Finished, Failed and Canceled.
func (s Status) Ended() bool { return s == Finished || s == Failed || s == Canceled }

// OperationError tells why an operation failed.
type OperationError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Operation is an operation, as polling shows it and as a callback's data carries it.
type Operation struct {
	ID          string          `json:"id"`
	RequestID   int64           `json:"request_id"`
	Type        string          `json:"type"`
	Status      Status          `json:"status"`
	StatusText  string          `json:"status_text"`
	StatusInfo  *string         `json:"status_info"`
	Progress    float64         `json:"progress"`
	Attempt     int             `json:"attempt"`
	Correlation *string         `json:"correlation"`
	CreatedAt   string          `json:"created_at"`
	StartedAt   *string         `json:"started_at"`
	FinishedAt  *string         `json:"finished_at"`
	ExpiresAt   *string         `json:"expires_at"`
	Result      json.RawMessage `json:"result"`
	Custom      json.RawMessage `json:"custom"`
	Error       *OperationError `json:"error"`
	File        *string         `json:"file"`
	// Callback is the operation's own, and how it stands; a query string is not shown.
	Callback *struct {
		URL   string `json:"url"`
		State string `json:"state"`
	} `json:"callback"`
	RerunOf *string           `json:"rerun_of"`
	Flow    *Flow             `json:"flow,omitempty"`
	Links   map[string]string `json:"links"`
	// CompletionURL ends the operation for whoever POSTs to it; it is only in the answer to a submit or rerun of what is done elsewhere.
	CompletionURL string `json:"completion_url,omitempty"`
}

// Header is a header that callbacks carry.
type Header struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Callback is where the end is told.
type Callback struct {
	URL     string   `json:"url"`
	Headers []Header `json:"headers,omitempty"`
	// ThinOver is in bytes: a larger body leaves the result out, and says so by result_omitted.
	ThinOver *int `json:"thin_over,omitempty"`
}

// SubmitRequest is what is submitted. Input is anything that encoding/json can write; nil leaves it out.
type SubmitRequest struct {
	Type     string    `json:"type"`
	Input    any       `json:"input,omitempty"`
	Callback *Callback `json:"callback,omitempty"`
	// Correlation is yours, echoed in every answer and callback; at most 512 characters.
	Correlation string `json:"correlation,omitempty"`
	// Priority is −100 to 100; higher goes first among the account's own waiting operations.
	Priority int `json:"priority,omitempty"`
	// RunAt is a time that it is not started before, at most 366 days ahead.
	RunAt *time.Time `json:"run_at,omitempty"`
	// TimeoutS is seconds a run may take; at most what the type allows.
	TimeoutS  float64 `json:"timeout_s,omitempty"`
	Retention string  `json:"retention,omitempty"`
	// AckByPoll says whether reading the end ends its own callback's attempts.
	AckByPoll bool `json:"ack_by_poll,omitempty"`
	// Flow is the key that the operation shares with others, of which only so many run or start at once.
	Flow *Flow `json:"flow,omitempty"`
}

// Flow is a key, and how many of its operations run or start at once; the newest values hold for all of them. Zero leaves a value out.
type Flow struct {
	Key string `json:"key"`
	// Parallelism is how many run at once.
	Parallelism int `json:"parallelism,omitempty"`
	// Rate is how many start in any window of PeriodS seconds, 1 by default.
	Rate    int     `json:"rate,omitempty"`
	PeriodS float64 `json:"period_s,omitempty"`
}

// HistoryEntry is one row of an operation's history.
type HistoryEntry struct {
	ID int64 `json:"id"`
	// Kind is transition, progress or log.
	Kind string `json:"kind"`
	// Status is the state moved to; empty but of transitions.
	Status    Status   `json:"status"`
	Progress  *float64 `json:"progress"`
	Text      string   `json:"text"`
	CreatedAt string   `json:"created_at"`
}

// Delivery is one event owed to one destination; its ID is the webhook-id of every attempt.
type Delivery struct {
	ID            string  `json:"id"`
	OperationID   *string `json:"operation_id"`
	EndpointID    *string `json:"endpoint_id"`
	URL           string  `json:"url"`
	Event         string  `json:"event"`
	Status        string  `json:"status"`
	AttemptCount  int     `json:"attempt_count"`
	NextAttemptAt *string `json:"next_attempt_at"`
	CreatedAt     string  `json:"created_at"`
	DeliveredAt   *string `json:"delivered_at"`
	Reason        *string `json:"reason"`
	Error         *string `json:"error"`
}

// Filter says what is listed: the query parameters of the list, named as docs/api.md names them.
type Filter map[string]string

// BatchItem is what became of one operation of a batch: it, or why it was refused.
type BatchItem struct {
	Operation *Operation
	Err       *Problem
}

// TypeDeclaration is an operation type whose work is done by workers that claim it.
type TypeDeclaration struct {
	Title string `json:"title"`
	// InputSchema is JSON Schema 2020-12 of the input; any JSON is taken without one.
	InputSchema any `json:"input_schema,omitempty"`
	// Tries is how often an operation may be tried, first try included.
	Tries    int         `json:"tries,omitempty"`
	TimeoutS float64     `json:"timeout_s,omitempty"`
	Retry    *RetryRules `json:"retry,omitempty"`
	// Path is its route of the trm face.
	Path     string `json:"path,omitempty"`
	InlineMs int    `json:"inline_ms,omitempty"`
}

// RetryRules say when a failed run is tried again.
type RetryRules struct {
	// BackoffS is seconds before try 2, 3, …; the last one repeats.
	BackoffS []float64 `json:"backoff_s,omitempty"`
	// RetryOn are error codes that another try may mend, also where the worker says no.
	RetryOn []string `json:"retry_on,omitempty"`
	// NoRetryOn are error codes that no other try mends, also where the worker says yes.
	NoRetryOn []string `json:"no_retry_on,omitempty"`
}
