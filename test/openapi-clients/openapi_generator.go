// Drives the client that openapi-generator makes for Go. Prints what it saw, as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"ringback/client"
)

type task struct {
	URL      string        `json:"url"`
	Key      string        `json:"key"`
	Callback string        `json:"callback"`
	Inputs   []interface{} `json:"inputs"`
	File     string        `json:"file"`
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	var given task
	if err := json.Unmarshal([]byte(os.Getenv("TASK")), &given); err != nil {
		panic(err)
	}
	configuration := client.NewConfiguration()
	configuration.Servers = client.ServerConfigurations{{URL: given.URL}}
	api := client.NewAPIClient(configuration)
	ctx := context.WithValue(context.Background(), client.ContextAccessToken, given.Key)
	began := time.Now().Add(-time.Minute)

	ids, results, statuses := []string{}, []interface{}{}, []string{}
	for _, input := range given.Inputs {
		callback := client.NewCallbackRequest(given.Callback)
		callback.Headers = []client.CallbackHeaderRequest{*client.NewCallbackHeaderRequest("authorization", "Bearer ours")}
		request := client.NewSubmitOperationRequest("echo")
		request.SetInput(input)
		request.SetCallback(*callback)
		request.SetCorrelation("order 17")
		submitted, _, err := api.OperationsAPI.SubmitOperation(ctx).SubmitOperationRequest(*request).Execute()
		ids = append(ids, must(submitted, err).Id)
	}
	for _, id := range ids {
		operation, _, err := api.OperationsAPI.GetOperation(ctx, id).Wait(20).Execute()
		ended := must(operation, err)
		results = append(results, ended.GetResult())
		statuses = append(statuses, ended.Status)
	}
	page, _, err := api.OperationsAPI.ListOperations(ctx).Type_("echo").CreatedAfter(began).Limit(50).Undelivered(false).Execute()
	listed := []string{}
	for _, operation := range must(page, err).Data {
		listed = append(listed, operation.Id)
	}

	delivery := deliveryOf(ctx, api, ids[0])
	attempts := []int32{}
	for _, attempt := range delivery.Attempts {
		attempts = append(attempts, *attempt.HttpStatus.Get())
	}

	file := must(os.CreateTemp("", "data-*.txt"))
	defer os.Remove(file.Name())
	must(file.WriteString(given.File))
	must(file.Seek(0, io.SeekStart))
	uploaded, _, err := api.FilesAPI.UploadFile(ctx).File(file).Execute()
	content, _, err := api.FilesAPI.GetFileContent(ctx, must(uploaded, err).Id).Execute()
	downloaded := string(must(io.ReadAll(must(content, err))))
	result, _, err := api.OperationsAPI.GetOperationResult(ctx, ids[0]).Execute()
	stored := string(must(io.ReadAll(must(result, err))))

	_, _, err = api.OperationsAPI.SubmitOperation(ctx).SubmitOperationRequest(*client.NewSubmitOperationRequest("nope")).Execute()
	var refusal *client.GenericOpenAPIError
	if !errors.As(err, &refusal) {
		panic(err)
	}
	problem := refusal.Model().(client.ProblemResponse)

	must(0, json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"ids":      ids,
		"results":  results,
		"statuses": statuses,
		"listed":   listed,
		"delivery": map[string]interface{}{"event": delivery.Event, "attempts": attempts},
		"file":     downloaded,
		"stored":   stored,
		"problem":  map[string]string{"code": problem.Code, "path": problem.Errors[0].Path},
	}))
}

func deliveryOf(ctx context.Context, api *client.APIClient, id string) *client.DeliveryDetailsResponse {
	for {
		page, _, err := api.OperationsAPI.ListOperationDeliveries(ctx, id).Execute()
		for _, owed := range must(page, err).Data {
			if owed.Status == "Delivered" {
				delivery, _, err := api.DeliveriesAPI.GetDelivery(ctx, owed.Id).Execute()
				return must(delivery, err)
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}
