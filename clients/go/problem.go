package ringback

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// FieldFault is one field of a request that is wrong, and what would be right.
type FieldFault struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// Problem is what Ringback refuses or cannot do, told by Code, which is stable: docs/api.md lists the codes. Find it with
// errors.As. The code "unreachable", with status 0, is no answer at all; Unwrap gives its cause.
type Problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	// Errors tells which fields are wrong; empty where it isn't about fields.
	Errors []FieldFault `json:"errors"`
	// RetryAfter is when it may be tried again; negative where nothing was said.
	RetryAfter time.Duration `json:"-"`
	// Body is the whole problem (RFC 9457), with members that only some codes have.
	Body []byte `json:"-"`

	cause error
}

func (p *Problem) Error() string { return fmt.Sprintf("ringback: %s (%s)", p.Detail, p.Code) }

func (p *Problem) Unwrap() error { return p.cause }

// statuses that say "not now" of a server or of what stands before it.
var notNow = []int{408, 429, 502, 503, 504}

// passing is true for what another try may mend: no answer at all, or one that says "not now".
func (p *Problem) passing() bool { return p.Code == "unreachable" || slices.Contains(notNow, p.Status) }

func unreachable(cause error) *Problem {
	return &Problem{
		Code:       "unreachable",
		Detail:     "no answer from Ringback: " + cause.Error(),
		RetryAfter: -1,
		cause:      cause,
	}
}

// passingProblem gives the problem of an error that another try may mend.
func passingProblem(err error) (*Problem, bool) {
	var problem *Problem
	if errors.As(err, &problem) && problem.passing() {
		return problem, true
	}
	return nil, false
}

// codeOf gives the code of an error's problem, or "".
func codeOf(err error) string {
	var problem *Problem
	if errors.As(err, &problem) {
		return problem.Code
	}
	return ""
}
