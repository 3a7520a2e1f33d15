// Declares a type and runs its operations until it is stopped.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"ringback"
)

type input struct {
	Pages int `json:"pages"`
}

func build(ctx context.Context, job *ringback.Job) (any, error) {
	var given input
	if err := job.Decode(&given); err != nil {
		return nil, err
	}
	if given.Pages > 100 {
		return nil, &ringback.Failure{Code: "too_long", Message: "a report has 100 pages at most"}
	}
	for page := range given.Pages {
		if ctx.Err() != nil { // a caller has canceled it
			return nil, context.Cause(ctx)
		}
		job.Progress(float64(100*page/given.Pages), fmt.Sprintf("page %d", page+1))
	}
	return given, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	client, err := ringback.NewClient(os.Getenv("RB"), os.Getenv("KEY"))
	if err != nil {
		log.Fatal(err)
	}
	schema := map[string]any{
		"type": "object", "required": []string{"pages"},
		"properties": map[string]any{"pages": map[string]string{"type": "integer"}},
	}
	declaration := ringback.TypeDeclaration{Title: "Build a report", InputSchema: schema}
	if err := client.Declare(ctx, "report.build", declaration); err != nil {
		log.Fatal(err)
	}
	worker := &ringback.Worker{Client: client, Handlers: map[string]ringback.Handler{"report.build": build}}
	if err := worker.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
