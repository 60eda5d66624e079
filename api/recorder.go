package api

import (
	"net/http"
	"strconv"

	"mizan/api/access"
)

// A recorder is the response writer of one request. It remembers what the log and the metrics say about it.
type recorder struct {
	http.ResponseWriter
	requestID string
	route     string // the pattern, never the path
	caller    access.Principal
	book      string
	code      string // of the problem that was answered
	denied    bool   // to a caller who is not known, or may not do this
	page      page
	status    int
	bytes     int64
	failure   error // why the answer is a 5xx
}

// Unwrap lets http.ResponseController find the server's own writer.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the status once.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
		w.page.secure(w.Header())
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// send writes a whole answer. An error means that the caller has gone, and there is nobody left to tell.
func (w *recorder) send(status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
