package ringback

import (
	"net/http"
	"time"
)

// Option changes how a client works.
type Option func(*Client)

// WithHTTPClient has requests made by a client of yours, with a proxy for instance. Its Timeout bounds long polls and streams.
func WithHTTPClient(given *http.Client) Option { return func(c *Client) { c.http = given } }

// WithTries says how often a call that may be repeated is made at most; 8 by default: 12 to 24 s, in which a service restarts.
func WithTries(tries int) Option { return func(c *Client) { c.tries = tries } }

// WithBackoff is the time before the second try, doubled for each one after it up to 8 s; 250 ms by default.
func WithBackoff(backoff time.Duration) Option { return func(c *Client) { c.backoff = backoff } }

// WithTimeout is what one request may take, beyond what it was asked to wait; 30 s by default.
func WithTimeout(timeout time.Duration) Option { return func(c *Client) { c.timeout = timeout } }

// NewClient makes a client of the Ringback at a URL, with an API key, which may be empty where a proxy adds it.
func NewClient(url, apiKey string, options ...Option) (*Client, error) {
	base, err := baseOf(url)
	if err != nil {
		return nil, err
	}
	if apiKey != "" {
		if err := checkHeader("apiKey", apiKey); err != nil {
			return nil, err
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// Workers and waits of many goroutines keep their connections.
	transport.MaxIdleConnsPerHost = 64
	client := &Client{
		base: base, key: apiKey, http: &http.Client{Transport: transport},
		tries: 8, backoff: 250 * time.Millisecond, timeout: 30 * time.Second,
	}
	for _, option := range options {
		option(client)
	}
	return client, nil
}
