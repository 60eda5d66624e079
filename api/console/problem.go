package console

import (
	"errors"
	"net/http"

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
type failure struct{ Heading, Message string }

func (c *console) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, shown := http.StatusInternalServerError, failure{"Something failed on our side", "Load the page again. If it fails again, look at the log of the service."}
	var known *fault.Error
	if errors.As(err, &known) && known.Kind != fault.Internal {
		shown.Message = known.Message
		switch known.Kind {
		case fault.NotFound:
			status, shown.Heading = http.StatusNotFound, "Not found"
		case fault.Forbidden:
			status, shown.Heading = http.StatusForbidden, "Not here"
		case fault.Unavailable:
			status, shown.Heading = http.StatusServiceUnavailable, "Not available right now"
		default:
			status, shown.Heading = http.StatusBadRequest, "This cannot be shown"
		}
	}
	if status >= http.StatusInternalServerError {
		c.Log.Error("a page could not be shown", "path", r.URL.Path, "err", err)
	}
	c.render(w, r, status, "failure", answer{Title: shown.Heading, Data: shown})
}
