package ringback

import "encoding/json"

// Job is one run of an operation. Its methods don't wait; goroutines may share it.
type Job struct {
	// Operation is the operation as the API shows it.
	Operation
	AccountID string          `json:"account_id"`
	Input     json.RawMessage `json:"input"`
	// Tries is how often it may be tried; Attempt is which try this is.
	Tries int `json:"tries"`
	// TimeoutS is the seconds that this run may take.
	TimeoutS float64 `json:"timeout_s"`
	// Traceparent is to be sent with requests that the run makes; nil where there is no trace.
	Traceparent *string `json:"traceparent"`

	lease *lease
	wake  func()
}

// Decode reads the input.
func (j *Job) Decode(into any) error { return json.Unmarshal(j.Input, into) }

// Progress shows how far the operation has come, 0 to 100, with a line for people; "" leaves the last one.
func (j *Job) Progress(percent float64, text string) {
	j.lease.mutex.Lock()
	percent = min(100, max(0, percent))
	j.lease.progress = &percent
	if text != "" {
		j.lease.text = cut(text)
	}
	j.lease.mutex.Unlock()
	j.wake()
}

// Log adds a line to the operation's history.
func (j *Job) Log(line string) {
	j.lease.mutex.Lock()
	j.lease.log = append(j.lease.log, cut(line))
	j.lease.mutex.Unlock()
	j.wake()
}

// Done is what a handler gives that has more to give than a result.
type Done struct {
	Result any `json:"result,omitempty"`
	// Custom is JSON: what a caller needs to go on.
	Custom any `json:"custom,omitempty"`
	// File is the id of a file of the operation's account: what GET …/result serves.
	File string `json:"file,omitempty"`
	// Text is the last line shown to people.
	Text string `json:"text,omitempty"`
}

// Failure is an error of a handler's with a code; with Retry the operation is tried again while tries are left.
type Failure struct {
	Code    string
	Message string
	Retry   bool
}

func (f *Failure) Error() string { return f.Message }

func finished(value any) map[string]any {
	var done Done
	switch given := value.(type) {
	case Done:
		done = given
	case *Done:
		done = *given
	default:
		done.Result = value
	}
	outcome := map[string]any{}
	text, err := json.Marshal(done)
	// As it is written: numbers keep their digits.
	var fields map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err != nil {
		// What JSON can't hold is the handler's failure.
		return failed("handler_error", err.Error(), true)
	}
	for name, field := range fields {
		outcome[name] = field
	}
	outcome["action"] = "complete"
	return outcome
}

func failed(code, message string, retry bool) map[string]any {
	if message == "" {
		message = code
	}
	return map[string]any{"action": "fail", "code": code, "message": cut(message), "retry": retry}
}

// cut keeps what a line may have.
func cut(text string) string {
	if runes := []rune(text); len(runes) > 4000 {
		return string(runes[:4000])
	}
	return text
}
