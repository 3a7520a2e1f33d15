package ringback

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

const (
	// mostActions and mostBytes are of one request; the service takes 500 and 1 MiB.
	mostActions = 250
	mostBytes   = 900_000
	// mostLines are of one renewal.
	mostLines = 100
	// gather is the time between two tellings of news of one lease.
	gather = 500 * time.Millisecond
)

// lease is one claimed operation, and what is to be said of it.
type lease struct {
	id    string
	third time.Duration
	stop  context.CancelCauseFunc

	mutex    sync.Mutex
	renewAt  time.Time
	newsAt   time.Time
	progress *float64
	text     string
	log      []string
	// outcome is how it went, once the handler has ended.
	outcome map[string]any
}

func newLease(id string, seconds float64) *lease {
	third := time.Duration(seconds / 3 * float64(time.Second))
	return &lease{id: id, third: third, renewAt: time.Now().Add(third)}
}

// dueAt is when something is to be said of it.
func (l *lease) dueAt() time.Time {
	if l.outcome != nil {
		return time.Time{}
	}
	if (l.progress != nil || l.text != "" || len(l.log) > 0) && l.newsAt.Before(l.renewAt) {
		return l.newsAt
	}
	return l.renewAt
}

// saying is an action of a request.
type saying struct {
	lease    *lease
	action   string
	text     json.RawMessage
	progress *float64
	line     string
	lines    int
}

// say makes the next action; nil where none is due.
func (l *lease) say(now time.Time) *saying {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if now.Before(l.dueAt()) {
		return nil
	}
	// What was logged comes before the end, which leaves nothing to add to.
	if l.outcome != nil && len(l.log) == 0 {
		action := map[string]any{"lease": l.id}
		for name, value := range l.outcome {
			action[name] = value
		}
		text, _ := json.Marshal(action)
		return &saying{lease: l, action: l.outcome["action"].(string), text: text}
	}
	said := &saying{lease: l, action: "renew", progress: l.progress, line: l.text, lines: min(len(l.log), mostLines)}
	text, _ := json.Marshal(struct {
		Lease    string   `json:"lease"`
		Action   string   `json:"action"`
		Progress *float64 `json:"progress,omitempty"`
		Text     string   `json:"text,omitempty"`
		Log      []string `json:"log,omitempty"`
	}{l.id, "renew", l.progress, l.text, l.log[:said.lines]})
	said.text = text
	return said
}

// renewed forgets what has been told; what has changed meanwhile is told next time.
func (l *lease) renewed(said *saying, now time.Time) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.renewAt, l.newsAt = now.Add(l.third), now.Add(gather)
	l.log = l.log[said.lines:]
	if l.progress == said.progress {
		l.progress = nil
	}
	if l.text == said.line {
		l.text = ""
	}
}

// answered is the answer to one action.
type answered struct {
	Status  int      `json:"status"`
	Cancel  bool     `json:"cancel"`
	Problem *Problem `json:"problem"`
}

// leases are all of a worker.
type leases struct {
	mutex sync.Mutex
	all   []*lease
	news  chan struct{}
}

func (s *leases) wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *leases) add(one *lease) {
	s.mutex.Lock()
	s.all = append(s.all, one)
	s.mutex.Unlock()
	// The time of the next renewal may be sooner now.
	s.wake()
}

func (s *leases) remove(one *lease) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.all = slices.DeleteFunc(s.all, func(other *lease) bool { return other == one })
}

func (s *leases) count() int { return len(s.listed()) }

func (s *leases) listed() []*lease {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.all)
}

// settle keeps how it went, unless that is said already.
func (s *leases) settle(one *lease, outcome map[string]any) {
	one.mutex.Lock()
	if one.outcome == nil {
		one.outcome = outcome
	}
	one.mutex.Unlock()
	s.wake()
}

// giveBack ends what still runs: others do it.
func (s *leases) giveBack() {
	for _, one := range s.listed() {
		s.settle(one, map[string]any{"action": "release"})
		one.stop(ErrCanceled)
	}
}

// waitForNews waits until something is to be said.
func (s *leases) waitForNews(ctx context.Context, now time.Time) {
	next := now.Add(time.Minute)
	for _, one := range s.listed() {
		one.mutex.Lock()
		if at := one.dueAt(); at.Before(next) {
			next = at
		}
		one.mutex.Unlock()
	}
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-s.news:
	}
}

// due gives the actions of one request: outcomes first, then renewals.
func (s *leases) due(now time.Time) []*saying {
	var outcomes, renewals []*saying
	for _, one := range s.listed() {
		if said := one.say(now); said == nil {
			continue
		} else if said.action == "renew" {
			renewals = append(renewals, said)
		} else {
			outcomes = append(outcomes, said)
		}
	}
	said, size := append(outcomes, renewals...), 0
	for i, one := range said {
		size += len(one.text)
		if i > 0 && (i == mostActions || size > mostBytes) {
			return said[:i]
		}
	}
	return said
}

// heard takes the answer to an action; it gives a line for the log where something is wrong.
func (s *leases) heard(said *saying, item answered, now time.Time) string {
	one := said.lease
	detail := ""
	if item.Problem != nil {
		detail = item.Problem.Detail
	}
	switch {
	case item.Status == 429 || item.Status == 503:
		return ""
	case item.Status == 200 && said.action == "renew":
		one.renewed(said, now)
		if item.Cancel {
			one.stop(ErrCanceled)
		}
		return ""
	case item.Status == 200:
		s.remove(one)
		return ""
	case item.Status == 404 || item.Status == 409:
		s.remove(one)
		one.stop(ErrLeaseLost)
		return "the lease " + one.id + " is over: " + detail
	}
	s.refused(said, detail, now)
	return "what was said of the lease " + one.id + " is refused: " + detail
}

// refused tells what can't be taken as the operation's failure, rather than sending it for ever.
func (s *leases) refused(said *saying, detail string, now time.Time) {
	one := said.lease
	switch said.action {
	case "renew":
		one.renewed(said, now)
	case "complete":
		one.mutex.Lock()
		one.outcome = failed("result_refused", detail, false)
		one.mutex.Unlock()
	default:
		s.remove(one)
	}
}
