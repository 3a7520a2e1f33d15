package ringback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const longestPause = time.Minute

// call is one request, the same for every try.
type call struct {
	method string
	path   string
	query  url.Values
	body   []byte
	header map[string]string
	// repeatable says whether making it twice is as good as once.
	repeatable bool
	// held is how long the server was asked to hold the answer.
	held time.Duration
	// most is how long it may take, also where it may be held for longer; 0 for no such bound.
	most time.Duration
}

// send reads the answer of a call, when that is a 2xx; repeated where that may be and may help.
func (c *Client) send(ctx context.Context, request call, read func(*http.Response) error) error {
	for made := 1; ; made++ {
		err := c.once(ctx, request, read)
		problem, passes := passingProblem(err)
		if !passes || !request.repeatable || made >= c.tries {
			return err
		}
		if err := c.pause(ctx, made, problem, longestPause); err != nil {
			return err
		}
	}
}

func (c *Client) json(ctx context.Context, request call, into any) error {
	return c.send(ctx, request, func(response *http.Response) error { return decode(response, into) })
}

// decode reads JSON; what is none, or cut off, is no answer of Ringback's.
func decode(response *http.Response, into any) error {
	text, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return unreachable(err)
	}
	return nil
}

// once makes one try.
func (c *Client) once(ctx context.Context, request call, read func(*http.Response) error) error {
	limit := c.timeout + request.held
	if request.most > 0 {
		limit = min(limit, request.most)
	}
	inTime, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("none within %s", limit))
	defer cancel()
	response, err := c.open(inTime, request)
	if err == nil {
		defer response.Body.Close()
		err = read(response)
	}
	// Not a failure of the server's: the caller's time is up.
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// open begins an answer, when that is a 2xx; its body is to be closed.
func (c *Client) open(ctx context.Context, request call) (*http.Response, error) {
	target := c.base + request.path
	if len(request.query) > 0 {
		target += "?" + request.query.Encode()
	}
	made, err := http.NewRequestWithContext(ctx, request.method, target, bytes.NewReader(request.body))
	if err != nil {
		return nil, argument("url", err.Error())
	}
	made.Header.Set("Accept", "application/json")
	if c.key != "" {
		made.Header.Set("Authorization", "Bearer "+c.key)
	}
	if request.body != nil {
		made.Header.Set("Content-Type", "application/json")
	}
	for name, value := range request.header {
		made.Header.Set(name, value)
	}
	response, err := c.http.Do(made)
	if err != nil {
		return nil, unreachable(err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		defer response.Body.Close()
		return nil, problemOf(response)
	}
	return response, nil
}

// pause waits before try made + 1: what the server asked for, else ever longer, with jitter.
func (c *Client) pause(ctx context.Context, made int, problem *Problem, most time.Duration) error {
	grown := min(c.backoff<<min(made-1, 20), 8*time.Second)
	wanted := problem.RetryAfter
	// Half is waited in any case: the tries must outlast a restart.
	if wanted < 0 {
		wanted = grown / 2
	}
	// So that not everybody comes back at the same time.
	wanted += time.Duration(rand.Float64() * float64(grown) / 2)
	return sleep(ctx, min(wanted, longestPause, most))
}

func sleep(ctx context.Context, wanted time.Duration) error {
	timer := time.NewTimer(wanted)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// problemOf gives the problem of an answer; one that isn't Ringback's, a proxy's page for instance, is told by its status.
func problemOf(response *http.Response) *Problem {
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return problemFrom(response.StatusCode, text, retryAfter(response.Header))
}

func problemFrom(status int, text []byte, after time.Duration) *Problem {
	problem := &Problem{}
	if json.Unmarshal(text, problem) != nil || problem.Code == "" || problem.Detail == "" {
		shown := []rune(string(text))
		detail := fmt.Sprintf("HTTP %d %s", status, string(shown[:min(len(shown), 200)]))
		problem = &Problem{Code: "unexpected-answer", Detail: detail}
	}
	problem.Status, problem.Body, problem.RetryAfter = status, text, after
	return problem
}

// retryAfter reads a Retry-After, which is a number or a date (RFC 9110, 10.2.3); negative without one.
func retryAfter(header http.Header) time.Duration {
	given := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(given, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(given); err == nil {
		return max(0, time.Until(date))
	}
	return -1
}

// ArgumentError is a mistake in the caller's code, told before any try.
type ArgumentError struct {
	Name   string
	Remedy string
}

func (e *ArgumentError) Error() string { return fmt.Sprintf("ringback: %s: %s", e.Name, e.Remedy) }

func argument(name, remedy string) error { return &ArgumentError{name, remedy} }

// encode writes a body; what JSON can't hold is a mistake in the caller's code.
func encode(body any) ([]byte, error) {
	var text bytes.Buffer
	writer := json.NewEncoder(&text)
	writer.SetEscapeHTML(false)
	if err := writer.Encode(body); err != nil {
		return nil, argument("body", err.Error())
	}
	return text.Bytes(), nil
}

func checkHeader(name, value string) error {
	bad := func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }
	if strings.TrimSpace(value) == "" || strings.ContainsFunc(value, bad) {
		return argument(name, "give ASCII characters on one line, which the value of a header can hold")
	}
	return nil
}

func baseOf(given string) (string, error) {
	parsed, err := url.Parse(given)
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Host == "" || parsed.User != nil {
		// Not shown: a password must not get into logs.
		return "", argument("url", "give one that begins with http:// or https:// and holds no user name or password")
	}
	return strings.TrimRight(given, "/"), nil
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }
