package ringback

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

const (
	// minHold is the least that a request is held, however short the outage that is waited out.
	minHold = time.Second
	// late is how much longer than all the time that is left one request may take: its answer has a way to go.
	late = 2 * time.Second
)

// WaitOptions say how patient Wait is.
type WaitOptions struct {
	// Timeout ends waiting, whatever the state; nil for none. Then the operation is given as last seen: look at its Status.
	Timeout *time.Duration
	// Outage is how long one may be, counted from the last look at the operation; nil for five minutes.
	Outage *time.Duration
	// OnUpdate is called with the operation as it stands, whenever it was looked at before its end.
	OnUpdate func(*Operation)
}

// standing is an operation as it stands, and when to ask again where it has not ended.
type standing struct {
	operation Operation
	pause     time.Duration
}

func (s *standing) read(response *http.Response) error {
	s.operation, s.pause = Operation{}, retryAfter(response.Header)
	if s.pause < 0 {
		s.pause = time.Second
	}
	return decode(response, &s.operation)
}

// Wait gives the operation once it has ended, in whatever way; options may be nil. It needs only the id, so it goes on where
// another process stopped.
func (c *Client) Wait(ctx context.Context, id string, options *WaitOptions) (*Operation, error) {
	if options == nil {
		options = &WaitOptions{}
	}
	outage, until := 5*time.Minute, time.Now().Add(100*365*24*time.Hour)
	if options.Outage != nil {
		outage = *options.Outage
	}
	if options.Timeout != nil {
		until = time.Now().Add(*options.Timeout)
	}
	var seen *Operation
	outageUntil := time.Now().Add(outage)
	for failures := 0; ; {
		asked := time.Now()
		left := max(0, min(until.Sub(asked), max(outageUntil.Sub(asked), minHold)))
		hold := min(held, left)
		standing, err := c.hold(ctx, id, hold, left)
		now := time.Now()
		if err == nil {
			operation := &standing.operation
			if operation.Status.Ended() || !now.Before(until) {
				return operation, nil
			}
			seen, failures, outageUntil = operation, 0, now.Add(outage)
			if options.OnUpdate != nil {
				options.OnUpdate(operation)
			}
			// A server that did not hold the request says when to ask again.
			if hold-now.Sub(asked) <= min(time.Second, hold/2) {
				continue
			}
			if err := sleep(ctx, min(standing.pause, until.Sub(now))); err != nil {
				return nil, err
			}
			continue
		}
		problem, passes := passingProblem(err)
		if !passes {
			return nil, err
		}
		if seen != nil && !now.Before(until) {
			return seen, nil
		}
		ends := outageUntil
		if until.Before(ends) {
			ends = until
		}
		if !now.Before(ends) {
			return nil, err
		}
		failures++
		if err := c.pause(ctx, failures, problem, ends.Sub(now)); err != nil {
			return nil, err
		}
	}
}

func (c *Client) hold(ctx context.Context, id string, hold, left time.Duration) (standing, error) {
	var answer standing
	// Wait repeats by itself, with a patience of its own.
	err := c.send(ctx, call{
		method: "GET",
		path:   operationPath(id),
		query:  url.Values{"wait": {fmt.Sprintf("%.3f", hold.Seconds())}},
		held:   hold,
		most:   left + late,
	}, answer.read)
	return answer, err
}
