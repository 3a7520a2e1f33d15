package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"ringback"
)

// work is a worker that runs the types of the conformance suite: TASK says where Ringback is.
func work() error {
	var given struct {
		URL         string  `json:"url"`
		Key         string  `json:"key"`
		Name        string  `json:"name"`
		Concurrency int     `json:"concurrency"`
		GraceS      float64 `json:"grace_s"`
	}
	if err := json.Unmarshal([]byte(os.Getenv("TASK")), &given); err != nil {
		return err
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	client, err := ringback.NewClient(given.URL, given.Key)
	if err != nil {
		return err
	}
	worker := &ringback.Worker{
		Client: client, Name: given.Name, Concurrency: given.Concurrency, LeaseS: 5, Grace: seconds(given.GraceS),
		Handlers: map[string]ringback.Handler{
			"conformance.echo": func(_ context.Context, job *ringback.Job) (any, error) { return job.Input, nil },
			"conformance.steps": func(_ context.Context, job *ringback.Job) (any, error) {
				for step := 1; step <= 3; step++ {
					job.Progress(float64(step*25), fmt.Sprintf("step %d", step))
					job.Log(fmt.Sprintf("line %d", step))
					time.Sleep(600 * time.Millisecond)
				}
				custom := map[string]string{"by": given.Name}
				return ringback.Done{Result: map[string]int{"steps": 3}, Custom: custom, Text: "all three"}, nil
			},
			"conformance.endless": func(ctx context.Context, job *ringback.Job) (any, error) {
				job.Progress(1, "begun by "+given.Name)
				<-ctx.Done()
				return nil, context.Cause(ctx)
			},
			"conformance.refused": func(context.Context, *ringback.Job) (any, error) {
				return nil, &ringback.Failure{Code: "no_such_report", Message: "there is no report 17"}
			},
			"conformance.flaky": func(_ context.Context, job *ringback.Job) (any, error) {
				if job.Attempt == 1 {
					return nil, errors.New("the source did not answer")
				}
				return job.Attempt, nil
			},
			"conformance.large": func(context.Context, *ringback.Job) (any, error) {
				return strings.Repeat("x", 2_000_000), nil
			},
		},
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Println("{}")
	return worker.Run(ctx)
}
