// Drives the Go client: a line of JSON in for each call, a line out for what came of it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"time"

	"ringback"
)

type task struct {
	Call    string  `json:"call"`
	Args    args    `json:"args"`
	Options options `json:"options"`
}

type options struct {
	URL      string  `json:"url"`
	APIKey   string  `json:"api_key"`
	Tries    *int    `json:"tries"`
	BackoffS float64 `json:"backoff_s"`
}

// args are of all calls.
type args struct {
	ID             string                   `json:"id"`
	Request        ringback.SubmitRequest   `json:"request"`
	Requests       []ringback.SubmitRequest `json:"requests"`
	IdempotencyKey string                   `json:"idempotency_key"`
	TimeoutS       *float64                 `json:"timeout_s"`
	OutageS        *float64                 `json:"outage_s"`
	After          int64                    `json:"after"`
	PollS          float64                  `json:"poll_s"`
	Input          any                      `json:"input"`
	Callback       *ringback.Callback       `json:"callback"`
	Filter         map[string]any           `json:"filter"`
	Take           int                      `json:"take"`
	Again          bool                     `json:"again"`
	Body           string                   `json:"body"`
	Headers        map[string]string        `json:"headers"`
	Secrets        []string                 `json:"secrets"`
	NowS           *float64                 `json:"now_s"`
	ToleranceS     *float64                 `json:"tolerance_s"`
}

type outcome struct {
	Value   any                   `json:"value,omitempty"`
	Error   any                   `json:"error,omitempty"`
	Updates []*ringback.Operation `json:"updates"`
}

func main() {
	if len(os.Args) > 1 {
		run := map[string]func() error{"receive": receive, "work": work}[os.Args[1]]
		if err := run(); err != nil {
			panic(err)
		}
		return
	}
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var given task
		if err := json.Unmarshal(line, &given); err != nil {
			panic(err)
		}
		became := outcome{Updates: []*ringback.Operation{}}
		value, err := made(given, &became.Updates)
		if err != nil {
			became.Error = told(err)
		} else {
			became.Value = value
		}
		text, err := json.Marshal(became)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(text))
	}
}

func made(given task, updates *[]*ringback.Operation) (any, error) {
	if given.Call == "verify" {
		return verified(given.Args)
	}
	with := []ringback.Option{ringback.WithBackoff(seconds(given.Options.BackoffS))}
	if given.Options.Tries != nil {
		with = append(with, ringback.WithTries(*given.Options.Tries))
	}
	client, err := ringback.NewClient(given.Options.URL, given.Options.APIKey, with...)
	if err != nil {
		return nil, err
	}
	ctx, a := context.Background(), given.Args
	switch given.Call {
	case "submit":
		return client.Submit(ctx, a.Request, a.IdempotencyKey)
	case "batch":
		return batch(client.Batch(ctx, a.Requests, a.IdempotencyKey))
	case "find":
		return client.Find(ctx, a.ID)
	case "wait":
		options := &ringback.WaitOptions{Timeout: duration(a.TimeoutS), Outage: duration(a.OutageS)}
		options.OnUpdate = func(operation *ringback.Operation) { *updates = append(*updates, operation) }
		return client.Wait(ctx, a.ID, options)
	case "stream":
		return taken(client.Stream(ctx, a.ID, &ringback.StreamOptions{After: a.After, Poll: seconds(a.PollS)}), 0)
	case "cancel":
		return client.Cancel(ctx, a.ID)
	case "rerun":
		return client.Rerun(ctx, a.ID, ringback.Changes{Input: a.Input, Callback: a.Callback}, a.IdempotencyKey)
	case "list":
		return taken(client.List(ctx, filter(a.Filter)), a.Take)
	case "deliveries":
		return taken(client.Deliveries(ctx, filter(a.Filter)), a.Take)
	case "redeliver":
		return client.Redeliver(ctx, a.ID, a.Again)
	case "result":
		body, contentType, err := client.Result(ctx, a.ID)
		if err != nil {
			return nil, err
		}
		defer body.Close()
		text, err := io.ReadAll(body)
		return map[string]string{"text": string(text), "content_type": contentType}, err
	}
	return nil, fmt.Errorf("no call %q", given.Call)
}

func batch(items []ringback.BatchItem, err error) (any, error) {
	shown := []map[string]any{}
	for _, item := range items {
		if item.Err != nil {
			shown = append(shown, map[string]any{"error": told(item.Err)})
		} else {
			shown = append(shown, map[string]any{"operation": item.Operation})
		}
	}
	return shown, err
}

func verified(a args) (any, error) {
	header := http.Header{}
	for name, value := range a.Headers {
		header.Set(name, value)
	}
	options := &ringback.VerifyOptions{Tolerance: duration(a.ToleranceS)}
	if a.NowS != nil {
		options.Now = time.Unix(int64(*a.NowS), 0)
	}
	if err := ringback.Verify([]byte(a.Body), header, a.Secrets, options); err != nil {
		return nil, err
	}
	return json.RawMessage(a.Body), nil
}

func taken[T any](all iter.Seq2[*T, error], most int) (any, error) {
	list := []*T{}
	for item, err := range all {
		if err != nil {
			return nil, err
		}
		if list = append(list, item); len(list) == most {
			break
		}
	}
	return list, nil
}

func told(err error) map[string]any {
	var problem *ringback.Problem
	var argument *ringback.ArgumentError
	var refused *ringback.VerificationError
	switch {
	case errors.As(err, &problem):
		shown := map[string]any{
			"status": problem.Status, "code": problem.Code, "detail": problem.Detail,
			"errors": problem.Errors, "retry_after_s": nil,
		}
		if problem.RetryAfter >= 0 {
			shown["retry_after_s"] = problem.RetryAfter.Seconds()
		}
		return shown
	case errors.As(err, &refused):
		return map[string]any{"code": refused.Code}
	case errors.As(err, &argument):
		return map[string]any{"code": "argument", "detail": argument.Error()}
	}
	return map[string]any{"code": "unexpected", "detail": err.Error()}
}

func filter(given map[string]any) ringback.Filter {
	made := ringback.Filter{}
	for name, value := range given {
		made[name] = fmt.Sprint(value)
	}
	return made
}

func seconds(given float64) time.Duration { return time.Duration(given * float64(time.Second)) }

func duration(given *float64) *time.Duration {
	if given == nil {
		return nil
	}
	made := seconds(*given)
	return &made
}
