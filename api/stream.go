package api

import (
	"bufio"
	"context"
	"net/http"
	"time"
)

// A streamed answer is written while it is made, in parts of bounded size, so that a file of any size needs no more memory than a
// small one. What goes wrong before its first part is a problem like any other. Later the connection breaks off in the middle, which
// no reader takes for the end.

const (
	// streamTime bounds the making of a whole file.
	streamTime = 2 * time.Hour
	// partTime is what one part has to leave in, unless the service was told otherwise.
	partTime = 10 * time.Minute
	// partSize is the size of a part.
	partSize = 64 << 10
)

// part writes parts to the caller, each in a time of its own.
type part struct {
	c       *call
	control *http.ResponseController
	media   string
}

// Write sends one part, and what stands before the first one.
func (p *part) Write(b []byte) (int, error) {
	window, cancel := context.WithTimeout(p.c.ctx, p.c.service.patience)
	at, _ := window.Deadline()
	cancel()
	if err := p.control.SetWriteDeadline(at); err != nil {
		return 0, err
	}
	if p.c.w.status == 0 {
		p.c.w.Header().Set("Content-Type", p.media)
		p.c.w.WriteHeader(http.StatusOK)
	}
	return p.c.w.Write(b)
}

// longer gives the call much more than its usual time, for work that reads a lot.
func (c *call) longer(d time.Duration) error {
	c.cancel()
	c.ctx, c.cancel = context.WithTimeout(c.r.Context(), d)
	at, _ := c.ctx.Deadline()
	return http.NewResponseController(c.w).SetWriteDeadline(at.Add(time.Minute)) // the answer comes after the work
}

// stream answers with what write makes. The headers that c.w has by then are sent with the first part; if there is none, they are
// taken back. Of a file that only its headers are asked of nothing is made. It returns traffic.ErrBusy if too many files are on their way to
// the caller.
func (c *call) stream(media string, headers map[string]string, write func(to *bufio.Writer) error) (reply, error) {
	h := c.w.Header()
	for name, value := range headers {
		h.Set(name, value)
	}
	if c.r.Method == http.MethodHead {
		h.Set("Content-Type", media)
		c.w.WriteHeader(http.StatusOK)
		return reply{sent: true}, nil
	}
	end, err := c.service.files.Begin(c.principal)
	if err == nil {
		defer end()
		err = c.longer(streamTime)
	}
	if err == nil {
		to := bufio.NewWriterSize(&part{c: c, control: http.NewResponseController(c.w), media: media}, partSize)
		if err = write(to); err == nil {
			err = to.Flush()
		}
	}
	switch {
	case err == nil:
		return reply{sent: true}, nil
	case c.w.status == 0:
		for name := range headers {
			h.Del(name)
		}
		return reply{}, err
	}
	c.w.failure = err
	panic(http.ErrAbortHandler)
}
