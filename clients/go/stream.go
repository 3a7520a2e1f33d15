package ringback

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// silence means a dead connection: heartbeats come every 15 s.
	silence = 45 * time.Second
	// maxFailures in a row, after which an outage is no longer waited out.
	maxFailures = 60
)

// StreamOptions say where a stream begins.
type StreamOptions struct {
	// After is the id of the last entry that was seen.
	After int64
	// Poll is the time between looks where the server does not stream; 1 s by default.
	Poll time.Duration
}

// history is what the caller has had of one: never an entry twice.
type history struct {
	last   int64
	ended  bool
	fresh  bool
	cursor string
	// more pages wait to be read.
	more  bool
	yield func(*HistoryEntry, error) bool
}

// errStopped is told where the caller stops listening.
var errStopped = errors.New("stopped")

func (h *history) take(entry *HistoryEntry) error {
	if entry.ID > h.last {
		h.last, h.fresh = entry.ID, true
		if !h.yield(entry, nil) {
			return errStopped
		}
	}
	// A page begins before what has been seen.
	h.ended = h.ended || (entry.Kind == "transition" && entry.Status.Ended())
	return nil
}

// Stream gives what happens to the operation, as it happens, until it has ended; streamed where the server can, else polled.
// A connection that breaks is made anew. An error is the last that it gives; options may be nil.
func (c *Client) Stream(ctx context.Context, id string, options *StreamOptions) iter.Seq2[*HistoryEntry, error] {
	if options == nil {
		options = &StreamOptions{}
	}
	poll := options.Poll
	if poll <= 0 {
		poll = time.Second
	}
	return func(yield func(*HistoryEntry, error) bool) {
		seen := &history{last: options.After, yield: yield}
		for failures := 0; !seen.ended; {
			seen.fresh, seen.more = false, false
			err := c.follow(ctx, id, seen)
			problem, passes := passingProblem(err)
			switch {
			case errors.Is(err, errStopped):
				return
			case seen.ended || seen.more:
				failures = 0
				continue
			case err == nil:
				failures = 0
				err = sleep(ctx, poll)
			case passes && ctx.Err() == nil:
				if failures++; seen.fresh {
					failures = 1
				}
				if failures < maxFailures {
					err = c.pause(ctx, failures, problem, longestPause)
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// follow reads one answer: a stream to where it ends or breaks, or a page.
func (c *Client) follow(ctx context.Context, id string, seen *history) error {
	alive, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(silence, func() { cancel(errors.New("the stream was silent")) })
	defer watch.Stop()
	// A stream starts by Last-Event-ID; a page, where the server has only those, by the cursor.
	query := url.Values{"limit": {strconv.Itoa(page)}}
	if seen.cursor != "" {
		query.Set("cursor", seen.cursor)
	}
	header := map[string]string{"Accept": "text/event-stream, application/json;q=0.5"}
	if seen.last > 0 {
		header["Last-Event-ID"] = strconv.FormatInt(seen.last, 10)
	}
	response, err := c.open(alive, call{method: "GET", path: operationPath(id) + "/history", query: query, header: header})
	if err == nil {
		defer response.Body.Close()
		err = seen.read(response, watch)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (h *history) read(response *http.Response, watch *time.Timer) error {
	if response.StatusCode == http.StatusNoContent {
		// It has ended, and its last entry had been seen before.
		h.ended = true
		return nil
	}
	if !strings.HasPrefix(strings.ToLower(response.Header.Get("Content-Type")), "text/event-stream") {
		return h.readPage(response)
	}
	return readEvents(response.Body, func() { watch.Reset(silence) }, func(event, data string) error {
		entry := &HistoryEntry{}
		// What a newer server tells may be nothing for us.
		if event == "heartbeat" || json.Unmarshal([]byte(data), entry) != nil || entry.ID == 0 || entry.Kind == "" {
			return nil
		}
		if err := h.take(entry); err != nil {
			return err
		}
		if h.ended {
			return errEnded
		}
		return nil
	})
}

// errEnded stops reading where nothing more is to come.
var errEnded = errors.New("ended")

func (h *history) readPage(response *http.Response) error {
	var answer struct {
		Data       []*HistoryEntry `json:"data"`
		NextCursor *string         `json:"next_cursor"`
	}
	if err := decode(response, &answer); err != nil {
		return err
	}
	for _, entry := range answer.Data {
		if err := h.take(entry); err != nil {
			return err
		}
	}
	// Only where there is a next page the cursor moves, so that the last one is read again.
	if answer.NextCursor != nil {
		h.cursor, h.more = *answer.NextCursor, true
	}
	return nil
}

// readEvents reads text/event-stream. An event that is cut off is dropped, as the standard says.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
func readEvents(body io.Reader, alive func(), take func(event, data string) error) error {
	lines := bufio.NewReader(body)
	event, data := "", []string(nil)
	for {
		line, err := lines.ReadString('\n')
		if isEOF(err) {
			return nil
		}
		if err != nil {
			return unreachable(err)
		}
		alive()
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			if data != nil {
				if err := take(event, strings.Join(data, "\n")); err != nil {
					if errors.Is(err, errEnded) {
						return nil
					}
					return err
				}
			}
			event, data = "", nil
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			event = value
		case "data":
			data = append(data, value)
		}
	}
}
