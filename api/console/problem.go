package console

import (
	"context"
	"errors"
	"net/http"

	"mizan/api/access"
	"mizan/ledger/fault"
)

// What a page says when it cannot be shown. Nothing of the request is repeated, and nothing unexpected is explained.

var (
	errForeignHost = fault.New(fault.Forbidden, "foreign-host",
		"This console is open for development and answers only on this machine. Open it as http://localhost or http://127.0.0.1 with its port.")
	errNoPage = fault.New(fault.NotFound, "page-unknown", "There is no page at this address. Begin at the first page.")
	errQuery  = fault.New(fault.Malformed, "page-address", "The address of this page cannot be read. Begin at the first page and follow its links.")
)

// failure is what the page of a failure shows.
type failure struct {
	Heading, Message string
	// SignIn says that signing in again helps.
	SignIn bool
}

// isMissing reports whether something does not exist.
func isMissing(err error) bool {
	var known *fault.Error
	return errors.As(err, &known) && known.Kind == fault.NotFound
}

// statusOf is the status of a page that explains a failure.
func statusOf(kind fault.Kind) int {
	switch kind {
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.Conflict:
		return http.StatusConflict
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.Limited:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Internal:
		return http.StatusInternalServerError
	default:
		return http.StatusBadRequest
	}
}

// headings are the keys of what is said first, by status.
var headings = map[int]string{
	http.StatusNotFound: "problem.not_found", http.StatusForbidden: "problem.not_here", http.StatusUnauthorized: "problem.sign_in_first", http.StatusConflict: "problem.not_now",
	http.StatusTooManyRequests: "problem.too_many", http.StatusServiceUnavailable: "problem.unavailable", http.StatusBadRequest: "problem.cannot_show",
	http.StatusRequestEntityTooLarge: "problem.cannot_show",
}

// waits are after how many seconds a reader may ask again, by status.
var waits = map[int]string{http.StatusTooManyRequests: "60", http.StatusServiceUnavailable: "1"}

func (c *console) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.As(err, new(signInFirst)) {
		c.arrive(w, r)
		return
	}
	t := tellerOf(r.Context())
	status, shown := http.StatusInternalServerError, failure{Heading: t.say("problem.failed"), Message: t.say("problem.failed.note")}
	var known *fault.Error
	if errors.As(err, &known) && known.Kind != fault.Internal {
		status, shown.Message = statusOf(known.Kind), t.problem(known)
		shown.Heading = t.say(headings[status])
		switch {
		case errors.Is(err, access.ErrLinkSpent):
			status, shown = http.StatusGone, failure{t.say("problem.link"), t.say("problem.link.note"), true}
		case errors.Is(err, access.ErrSignIn), errors.Is(err, errIssuerReturn), errors.Is(err, errForm):
			shown.SignIn = c.Access != nil
		case known.Kind == fault.NotFound && !c.Open:
			shown.Message = t.problem(errNoPage) // what is hidden and what is missing look the same
		}
	}
	gone := r.Context().Err() != nil
	if known == nil && (gone || errors.Is(err, context.DeadlineExceeded)) {
		status, shown = http.StatusServiceUnavailable, failure{Heading: t.say("problem.unavailable"), Message: t.say("problem.other.unavailable")}
	}
	switch {
	case status < http.StatusInternalServerError || gone: // a reader who has gone is no failure of ours
	case status == http.StatusServiceUnavailable:
		c.Log.Warn("a page cannot be shown for now", "path", route(r), "err", err)
	default:
		c.Log.Error("a page could not be shown", "path", route(r), "err", err)
	}
	c.render(w, r, status, "failure", answer{Title: shown.Heading, Data: shown})
}

// route is the page's pattern, which names nobody.
func route(r *http.Request) string {
	if r.Pattern == "" {
		return "none"
	}
	return r.Pattern
}

// isRefusal reports whether an error says that something cannot be, and not that it failed.
func isRefusal(err error) bool {
	var known *fault.Error
	return errors.As(err, &known) && known.Kind != fault.Internal && known.Kind != fault.Unavailable
}
