// Submits an operation, shows what happens to it, and prints its result.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"ringback"
)

func main() {
	ctx := context.Background()
	client, err := ringback.NewClient(os.Getenv("RB"), os.Getenv("KEY"))
	if err != nil {
		log.Fatal(err)
	}
	request := ringback.SubmitRequest{Type: "report.build", Input: map[string]int{"pages": 3}}
	if url := os.Getenv("CALLBACK"); url != "" {
		request.Callback = &ringback.Callback{URL: url}
	}
	// The key makes one of this submit and its repeats, also when this program is started again.
	submitted, err := client.Submit(ctx, request, os.Getenv("ORDER"))
	if err != nil {
		log.Fatal(err)
	}
	for entry, err := range client.Stream(ctx, submitted.ID, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(entry.Text)
	}
	operation, err := client.Wait(ctx, submitted.ID, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(operation.Status, string(operation.Result))
}
