// Package ringback submits operations to Ringback, which runs slow API operations in the background and rings back, signed,
// when they end; follows them to their end; verifies and takes callbacks; and runs operations as a worker.
// It needs nothing but the standard library.
package ringback

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// held is how long one request is held; proxies often cut off what is silent for 30 s.
	held = 25 * time.Second
	page = 250
)

// Client talks to Ringback's native API. What may be repeated is, on network errors, 408, 429, 502, 503 and 504: reads, Cancel,
// and Submit, Batch and Rerun, which always carry an Idempotency-Key. Every method gives an error that is a *Problem, an
// *ArgumentError for what can't be sent, or the cause of its context. Goroutines may share a client.
type Client struct {
	base    string
	key     string
	http    *http.Client
	tries   int
	backoff time.Duration
	timeout time.Duration
}

// keyed is a POST that may be repeated, since its Idempotency-Key makes one of them all. An empty key is a random one.
func keyed(path string, body any, key string) (call, error) {
	if key == "" {
		random := make([]byte, 16)
		if _, err := rand.Read(random); err != nil {
			return call{}, err
		}
		key = hex.EncodeToString(random)
	}
	if err := checkHeader("idempotencyKey", key); err != nil {
		return call{}, err
	}
	made := call{method: "POST", path: path, repeatable: true, header: map[string]string{"Idempotency-Key": key}}
	if body == nil {
		return made, nil
	}
	var err error
	made.body, err = encode(body)
	return made, err
}

func (c *Client) operation(ctx context.Context, request call) (*Operation, error) {
	operation := &Operation{}
	if err := c.json(ctx, request, operation); err != nil {
		return nil, err
	}
	return operation, nil
}

func operationPath(id string) string { return "/v1/operations/" + url.PathEscape(id) }

// Submit submits an operation. When it returns, the operation is stored durably and will run: keep its ID, then Wait.
// The idempotency key makes one of this call and its repeats within 24 hours, also over restarts of yours; "" is a random one,
// which covers the repeats that the client makes by itself.
func (c *Client) Submit(ctx context.Context, request SubmitRequest, idempotencyKey string) (*Operation, error) {
	made, err := keyed("/v1/operations", request, idempotencyKey)
	if err != nil {
		return nil, err
	}
	return c.operation(ctx, made)
}

// Batch submits up to 500 operations; one that is refused doesn't stop the others. Items that "not now" refused are tried
// again, which makes none twice.
func (c *Client) Batch(ctx context.Context, requests []SubmitRequest, idempotencyKey string) ([]BatchItem, error) {
	made, err := keyed("/v1/operations/batch", map[string]any{"operations": requests}, idempotencyKey)
	if err != nil {
		return nil, err
	}
	var items []BatchItem
	err = c.send(ctx, made, func(response *http.Response) error {
		read, err := batchItems(response)
		if err != nil {
			return err
		}
		items = read
		for _, item := range items {
			if item.Err != nil && item.Err.passing() {
				return item.Err
			}
		}
		return nil
	})
	// What "not now" refused to the last is told beside what was accepted.
	if _, passes := passingProblem(err); passes && items != nil {
		return items, nil
	}
	if err != nil {
		return nil, err
	}
	return items, nil
}

func batchItems(response *http.Response) ([]BatchItem, error) {
	var answer struct {
		Data []struct {
			Status    int             `json:"status"`
			Operation *Operation      `json:"operation"`
			Problem   json.RawMessage `json:"problem"`
		} `json:"data"`
	}
	if err := decode(response, &answer); err != nil {
		return nil, err
	}
	items := make([]BatchItem, len(answer.Data))
	for i, item := range answer.Data {
		items[i].Operation = item.Operation
		if item.Operation == nil {
			items[i].Err = problemFrom(item.Status, item.Problem, -1)
		}
	}
	return items, nil
}

// Find gives the operation as it stands.
func (c *Client) Find(ctx context.Context, id string) (*Operation, error) {
	return c.operation(ctx, call{method: "GET", path: operationPath(id), repeatable: true})
}

// Cancel ends a live operation as Canceled; one that has ended otherwise is the problem operation-ended.
func (c *Client) Cancel(ctx context.Context, id string) (*Operation, error) {
	request := call{method: "POST", path: operationPath(id) + "/cancel", repeatable: true, held: held}
	for {
		asked := time.Now()
		var standing standing
		err := c.send(ctx, request, standing.read)
		if codeOf(err) == "operation-ended" {
			// Canceled already: by us, when the answer to an earlier try was lost.
			operation, findErr := c.Find(ctx, id)
			if findErr == nil && operation.Status == Canceled {
				return operation, nil
			}
			return nil, errors.Join(err, findErr)
		}
		if err != nil {
			return nil, err
		}
		if standing.operation.Status.Ended() {
			return &standing.operation, nil
		}
		// Its handler may take longer to stop than an answer is held, and a server that shuts down leaves the end to others.
		if err := sleep(ctx, standing.pause-time.Since(asked)); err != nil {
			return nil, err
		}
	}
}

// Changes are what a rerun has otherwise; what isn't given stays.
type Changes struct {
	Input    any       `json:"input,omitempty"`
	Callback *Callback `json:"callback,omitempty"`
}

// Rerun submits the same once more, as a new operation.
func (c *Client) Rerun(ctx context.Context, id string, changes Changes, idempotencyKey string) (*Operation, error) {
	var body any
	if changes.Input != nil || changes.Callback != nil {
		body = changes
	}
	made, err := keyed(operationPath(id)+"/rerun", body, idempotencyKey)
	if err != nil {
		return nil, err
	}
	return c.operation(ctx, made)
}

// Result opens the stored bytes of a result, or its JSON: close the body. The context bounds reading it.
func (c *Client) Result(ctx context.Context, id string) (body io.ReadCloser, contentType string, err error) {
	request := call{method: "GET", path: operationPath(id) + "/result", header: map[string]string{"Accept": "*/*"}}
	for made := 1; ; made++ {
		response, err := c.open(ctx, request)
		if err == nil {
			return response.Body, response.Header.Get("Content-Type"), nil
		}
		problem, passes := passingProblem(err)
		if !passes || made >= c.tries {
			return nil, "", err
		}
		if err := c.pause(ctx, made, problem, longestPause); err != nil {
			return nil, "", err
		}
	}
}

// List gives the account's operations, page after page, the oldest first unless order says otherwise. An error is the last.
func (c *Client) List(ctx context.Context, filter Filter) iter.Seq2[*Operation, error] {
	return pages[Operation](ctx, c, "/v1/operations", filter)
}

// Deliveries gives the account's deliveries, page after page.
func (c *Client) Deliveries(ctx context.Context, filter Filter) iter.Seq2[*Delivery, error] {
	return pages[Delivery](ctx, c, "/v1/deliveries", filter)
}

// Redeliver makes one attempt now, with the same id and bytes; again of a Delivered one too. It is never repeated by itself.
func (c *Client) Redeliver(ctx context.Context, deliveryID string, again bool) (*Delivery, error) {
	request := call{method: "POST", path: "/v1/deliveries/" + url.PathEscape(deliveryID) + "/redeliver"}
	if again {
		request.query = url.Values{"again": {"true"}}
	}
	delivery := &Delivery{}
	if err := c.json(ctx, request, delivery); err != nil {
		return nil, err
	}
	return delivery, nil
}

// Declare declares an operation type that workers run, or changes it; for keys with the scope admin.
func (c *Client) Declare(ctx context.Context, name string, declaration TypeDeclaration) error {
	body, err := encode(declaration)
	if err != nil {
		return err
	}
	request := call{method: "PUT", path: "/v1/operation-types/" + url.PathEscape(name), body: body, repeatable: true}
	return c.json(ctx, request, &json.RawMessage{})
}

func pages[T any](ctx context.Context, c *Client, path string, filter Filter) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		query := url.Values{"limit": {strconv.Itoa(page)}}
		for name, value := range filter {
			query.Set(name, value)
		}
		for {
			var answer struct {
				Data       []*T    `json:"data"`
				NextCursor *string `json:"next_cursor"`
			}
			request := call{method: "GET", path: path, query: query, repeatable: true}
			if err := c.json(ctx, request, &answer); err != nil {
				yield(nil, err)
				return
			}
			for _, item := range answer.Data {
				if !yield(item, nil) {
					return
				}
			}
			if answer.NextCursor == nil {
				return
			}
			query.Set("cursor", *answer.NextCursor)
		}
	}
}
