package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"
)

// Reading a body: only plain JSON, only up to its bound, and only as fast as the server's read timeout asks.

var chunks = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// readBody returns the body's text. It returns ErrMedia, ErrOverloaded, ErrBodySize, ErrBodyTime or ErrBodyCut.
func (c *call) readBody() (string, error) {
	if err := checkMedia(c.r.Header); err != nil {
		return "", err
	}
	limit := c.op.BodyLimit
	if c.r.ContentLength > limit {
		return "", ErrBodySize
	}
	var text strings.Builder
	if c.r.ContentLength > 0 {
		text.Grow(int(min(c.r.ContentLength, bodyLimit))) // announced is not sent: reserve no more than the usual bound
	}
	chunk := chunks.Get().(*[]byte)
	defer chunks.Put(chunk)
	_, err := io.CopyBuffer(&text, &weighed{c: c, from: http.MaxBytesReader(c.w, c.r.Body, limit)}, *chunk)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return text.String(), nil
	case errors.As(err, &tooLarge):
		return "", ErrBodySize
	case errors.Is(err, ErrOverloaded):
		return "", ErrOverloaded
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", ErrBodyTime
	}
	return "", ErrBodyCut.Because(err)
}

// checkMedia accepts JSON in UTF-8 without compression.
func checkMedia(h http.Header) error {
	for _, encoding := range h["Content-Encoding"] {
		if !strings.EqualFold(strings.TrimSpace(encoding), "identity") {
			return ErrMedia
		}
	}
	types := h["Content-Type"]
	if len(types) != 1 {
		return ErrMedia
	}
	if types[0] == "application/json" {
		return nil
	}
	media, parameters, err := mime.ParseMediaType(types[0])
	if err != nil || media != "application/json" {
		return ErrMedia
	}
	for name, value := range parameters {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return ErrMedia
		}
	}
	return nil
}

// parseBody reads the body and parses it. The tree must be released.
func (c *call) parseBody(maxNodes int) (*tree, error) {
	text, err := c.readBody()
	if err != nil {
		return nil, err
	}
	c.startClock() // a body may take as long as the server allows; the work after it has a time of its own
	return parseJSON(text, maxNodes)
}
