package ringback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// ErrCanceled is the cause of a handler's context where a caller canceled the operation, or the worker ended.
var ErrCanceled = errors.New("ringback: the operation was canceled")

// ErrLeaseLost is the cause of a handler's context where the lease is over: what it gives is dropped.
var ErrLeaseLost = errors.New("ringback: the lease is over")

// mostClaimed is how many operations one claim takes; the service gives 500 at the most.
const mostClaimed = 200

// Handler runs an operation: it gives its result, or a Done, or an error. It may run more than once: make it idempotent. Its
// context ends when the work is of no use any more.
type Handler func(ctx context.Context, job *Job) (any, error)

// Worker claims operations of declared types, and runs up to Concurrency at once.
type Worker struct {
	// Client has a key with the scope work.
	Client *Client
	// Handlers are by operation type.
	Handlers map[string]Handler
	// Concurrency is 10 by default.
	Concurrency int
	// Name is what people see; the host's and the process's by default.
	Name string
	// LeaseS is how many seconds a lease lasts; the service's default by default. It is renewed three times in that.
	LeaseS int
	// Grace is how long it waits, when it is stopped, for what runs; 30 s by default. The rest is given back.
	Grace time.Duration
}

// working is a worker at work.
type working struct {
	*Worker
	leases  *leases
	running sync.WaitGroup
	// places are taken by what runs.
	places chan struct{}
}

// Run works until the context ends; then it claims no more, waits for what runs, and gives nil. An error tells what is wrong
// from the start: a type that isn't declared, a key without the scope.
func (w *Worker) Run(ctx context.Context) error {
	run, err := w.begin()
	if err != nil {
		return err
	}
	// What runs goes on after the context has ended.
	lasting, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		run.report(lasting)
	}()
	err = run.claim(ctx, lasting)
	run.finish()
	end()
	<-reported
	return err
}

func (w *Worker) begin() (*working, error) {
	if len(w.Handlers) == 0 {
		return nil, argument("Handlers", "the worker has no handler: give it one")
	}
	if w.Client == nil {
		return nil, argument("Client", "give one whose key has the scope work")
	}
	given := *w
	if given.Concurrency <= 0 {
		given.Concurrency = 10
	}
	if given.Grace <= 0 {
		given.Grace = 30 * time.Second
	}
	if given.Name == "" {
		host, _ := os.Hostname()
		given.Name = fmt.Sprintf("%s-%d", host, os.Getpid())
	}
	return &working{
		Worker: &given,
		leases: &leases{news: make(chan struct{}, 1)},
		places: make(chan struct{}, given.Concurrency),
	}, nil
}

// claim claims as long as the context lasts.
func (w *working) claim(ctx, lasting context.Context) error {
	types := make([]string, 0, len(w.Handlers))
	for name := range w.Handlers {
		types = append(types, name)
	}
	ever := false
	for failures := 0; ; {
		free := w.waitForRoom(ctx)
		if ctx.Err() != nil {
			return nil
		}
		body := map[string]any{"types": types, "limit": free, "wait": held.Seconds(), "worker": w.Name}
		if w.LeaseS > 0 {
			body["lease_s"] = w.LeaseS
		}
		var answer struct {
			Data []struct {
				Operation Job     `json:"operation"`
				Lease     string  `json:"lease"`
				LeaseS    float64 `json:"lease_s"`
			} `json:"data"`
		}
		// The service takes back what it had just given to a claim whose connection ends.
		err := w.post(ctx, "/v1/work/claim", body, held, &answer)
		if ctx.Err() != nil && err != nil {
			return nil
		}
		if err == nil {
			ever, failures = true, 0
			for i := range answer.Data {
				claimed := &answer.Data[i]
				w.start(lasting, &claimed.Operation, newLease(claimed.Lease, claimed.LeaseS))
			}
			continue
		}
		problem, passes := passingProblem(err)
		// What is wrong from the start is told; later it may pass.
		if !passes && (!ever || !errors.As(err, &problem)) {
			return err
		}
		slog.Warn("ringback worker: nothing could be claimed", "error", err)
		failures = min(failures+1, 8)
		if w.Client.pause(ctx, failures, problem, longestPause) != nil {
			return nil
		}
	}
}

// waitForRoom gives how many operations may be claimed, once it is one.
func (w *working) waitForRoom(ctx context.Context) int {
	select {
	case w.places <- struct{}{}:
		<-w.places
	case <-ctx.Done():
	}
	return min(w.Concurrency-len(w.places), mostClaimed)
}

func (w *working) start(lasting context.Context, job *Job, lease *lease) {
	ctx, stop := context.WithCancelCause(lasting)
	lease.stop = stop
	job.lease, job.wake = lease, w.leases.wake
	w.leases.add(lease)
	w.places <- struct{}{}
	w.running.Add(1)
	go func() {
		defer w.running.Done()
		defer func() { <-w.places }()
		defer stop(nil)
		outcome := w.outcome(ctx, job)
		w.leases.settle(lease, outcome)
	}()
}

// outcome is what is said of a run.
func (w *working) outcome(ctx context.Context, job *Job) (outcome map[string]any) {
	defer func() {
		if panicked := recover(); panicked != nil {
			slog.Error("ringback worker: a handler panicked", "operation", job.ID, "panic", panicked)
			outcome = failed("handler_error", fmt.Sprint(panicked), true)
		}
	}()
	value, err := w.Handlers[job.Type](ctx, job)
	var failure *Failure
	switch {
	case err == nil:
		return finished(value)
	case errors.As(err, &failure):
		return failed(failure.Code, failure.Message, failure.Retry)
	case ctx.Err() != nil:
		// A caller's cancel ends it as Canceled then; otherwise it waits for another worker.
		return map[string]any{"action": "release"}
	default:
		return failed("handler_error", err.Error(), true)
	}
}

// finish waits for what runs, then gives back the rest, and waits until all has been said.
func (w *working) finish() {
	ended := make(chan struct{})
	go func() {
		w.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(w.Grace):
		w.leases.giveBack()
	}
	for until := time.Now().Add(10 * time.Second); w.leases.count() > 0 && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
}

// report renews and settles leases as long as the context lasts, one request at a time: what comes meanwhile goes together.
func (w *working) report(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		said := w.leases.due(time.Now())
		if len(said) == 0 {
			w.leases.waitForNews(ctx, time.Now())
			continue
		}
		err := w.say(ctx, said)
		if err == nil {
			failures = 0
			continue
		}
		problem, passes := passingProblem(err)
		if !passes {
			problem = unreachable(err)
		}
		if ctx.Err() == nil {
			slog.Warn("ringback worker: leases could not be renewed or settled", "error", err)
		}
		failures = min(failures+1, 5)
		_ = w.Client.pause(ctx, failures, problem, longestPause)
	}
}

func (w *working) say(ctx context.Context, said []*saying) error {
	actions := make([]json.RawMessage, len(said))
	for i, one := range said {
		actions[i] = one.text
	}
	var answer struct {
		Data []answered `json:"data"`
	}
	err := w.post(ctx, "/v1/work/batch", map[string]any{"actions": actions}, 0, &answer)
	var problem *Problem
	if errors.As(err, &problem) && !problem.passing() {
		if len(said) > 1 {
			// One of them is at fault: alone, it is told from the others.
			for _, one := range said {
				if err := w.say(ctx, []*saying{one}); err != nil {
					return err
				}
			}
			return nil
		}
		answer.Data, err = []answered{{Status: problem.Status, Problem: problem}}, nil
	}
	if err != nil {
		return err
	}
	for i, item := range answer.Data {
		if line := w.leases.heard(said[i], item, time.Now()); line != "" {
			slog.Warn("ringback worker: " + line)
		}
	}
	return w.laterOf(answer.Data)
}

// laterOf is the problem of an item that is to be said again.
func (w *working) laterOf(items []answered) error {
	for _, item := range items {
		if item.Problem != nil && item.Problem.passing() {
			item.Problem.RetryAfter = -1
			return item.Problem
		}
	}
	return nil
}

func (w *working) post(ctx context.Context, path string, body any, hold time.Duration, into any) error {
	text, err := encode(body)
	if err != nil {
		return err
	}
	// Repeated by its caller, with a patience of its own.
	return w.Client.json(ctx, call{method: "POST", path: path, body: text, held: hold}, into)
}
