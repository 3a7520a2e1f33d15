package ringback

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// VerificationError is why a callback was refused, or could not be checked. Answer 401, and never act on the body.
type VerificationError struct {
	// Code is missing_header, malformed_timestamp, too_old, too_new, no_match or malformed_body; and where it is your own
	// fault no_secret, malformed_secret or malformed_options.
	Code    string
	Message string
}

func (e *VerificationError) Error() string { return "ringback: " + e.Message }

func refused(code, message string) error { return &VerificationError{code, message} }

// VerifyOptions are for clocks that differ.
type VerifyOptions struct {
	// Tolerance is how far webhook-timestamp may differ from now, either way; nil for five minutes.
	Tolerance *time.Duration
	// Now is the time; the zero one is the clock's.
	Now time.Time
}

// Event is the body of a callback. Where another face made it, Type is empty and Data the whole body.
type Event struct {
	Type      string          `json:"type"`
	Timestamp string          `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// minSecret is the least key that a MAC is worth anything with; Standard Webhooks wants 24 to 64 bytes.
const minSecret = 16

var timestampForm = regexp.MustCompile(`^[0-9]{1,15}$`)

// Verify tells whether one of the secrets (whsec_…) or public keys (whpk_…) signed a callback, by Standard Webhooks: v1
// HMAC-SHA256, v1a Ed25519. The body must be what arrived, byte for byte; it is JSON where the error is nil. The error is a
// *VerificationError; options may be nil.
func Verify(body []byte, header http.Header, secrets []string, options *VerifyOptions) error {
	keys, err := keysOf(secrets)
	if err != nil {
		return err
	}
	var given [3]string
	for i, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
		if given[i] = header.Get(name); given[i] == "" {
			return refused("missing_header", "there is no "+strings.ToLower(name)+" header")
		}
	}
	if err := checkTime(given[1], options); err != nil {
		return err
	}
	content := append([]byte(given[0]+"."+given[1]+"."), body...)
	if !signedByOne(strings.Split(given[2], " "), keys, content) {
		return refused("no_match", "no signature matches: was the body changed before this?")
	}
	if !json.Valid(body) {
		return refused("malformed_body", "the signature is right, but the body is no JSON")
	}
	return nil
}

// key is one that verifies.
type key struct {
	scheme string
	raw    []byte
}

func (k key) signed(signature, content []byte) bool {
	if k.scheme == "v1a" {
		return ed25519.Verify(k.raw, content, signature)
	}
	mac := hmac.New(sha256.New, k.raw)
	mac.Write(content)
	return hmac.Equal(mac.Sum(nil), signature)
}

func keysOf(secrets []string) ([]key, error) {
	if len(secrets) == 0 {
		return nil, refused("no_secret", "give a whsec_… secret or a whpk_… key")
	}
	keys := make([]key, len(secrets))
	for i, text := range secrets {
		keys[i].scheme = "v1"
		rest, isSecret := strings.CutPrefix(text, "whsec_")
		if public, isPublic := strings.CutPrefix(text, "whpk_"); isPublic {
			keys[i].scheme, rest = "v1a", public
		} else if !isSecret {
			return nil, errSecret
		}
		raw, err := decodeBase64(rest)
		if err != nil || (keys[i].scheme == "v1" && len(raw) < minSecret) ||
			(keys[i].scheme == "v1a" && len(raw) != ed25519.PublicKeySize) {
			return nil, errSecret
		}
		keys[i].raw = raw
	}
	return keys, nil
}

// errSecret never shows the secret: it ends up in logs.
var errSecret = refused("malformed_secret",
	fmt.Sprintf("expected whsec_ and base64 of at least %d bytes, or whpk_ and base64 of 32", minSecret))

func checkTime(timestamp string, options *VerifyOptions) error {
	tolerance, now := 5*time.Minute, time.Now()
	if options != nil {
		if options.Tolerance != nil {
			tolerance = *options.Tolerance
		}
		if !options.Now.IsZero() {
			now = options.Now
		}
	}
	if tolerance < 0 {
		return refused("malformed_options", "the tolerance must not be below 0")
	}
	if !timestampForm.MatchString(timestamp) {
		return refused("malformed_timestamp", "webhook-timestamp is no number of seconds")
	}
	seconds, _ := strconv.ParseInt(timestamp, 10, 64)
	age := now.Unix() - seconds
	limit := int64(tolerance / time.Second)
	if age > limit {
		return refused("too_old", fmt.Sprintf("it was signed %d s ago", age))
	}
	if -age > limit {
		return refused("too_new", fmt.Sprintf("it was signed %d s ahead", -age))
	}
	return nil
}

func signedByOne(signatures []string, keys []key, content []byte) bool {
	for _, key := range keys {
		for _, signature := range signatures {
			scheme, text, _ := strings.Cut(signature, ",")
			if scheme != key.scheme {
				continue
			}
			if given, err := decodeBase64(text); err == nil && key.signed(given, content) {
				return true
			}
		}
	}
	return false
}

// decodeBase64 takes it with and without padding.
func decodeBase64(text string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}
