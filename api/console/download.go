package console

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"mizan/ledger/fault"
)

// A download is a file that is made while it leaves, however large. It goes on as long as the reader takes it: the time that the
// server grants an answer is begun anew for each part, and who takes nothing of one for too long is left alone.

const (
	// fileTime bounds the making of a whole file.
	fileTime = 2 * time.Hour
	// partTime is what a reader may take for a part unless the console was told otherwise.
	partTime = 10 * time.Minute
	// partSize is the size of a part. What fails before the first one is full is still a page.
	partSize = 64 << 10
)

// download writes parts to a reader, and the headers with the first one.
type download struct {
	ctx      context.Context
	w        http.ResponseWriter
	patience time.Duration
	set      func(http.Header)
	begun    bool
}

func (d *download) Write(b []byte) (int, error) {
	if err := d.grant(d.patience); err != nil {
		return 0, err
	}
	if !d.begun {
		d.begun = true
		d.set(d.w.Header())
	}
	return d.w.Write(b)
}

// grant gives the connection more time, but none beyond that of the whole file. A writer that has no connection needs none.
func (d *download) grant(more time.Duration) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	window, cancel := context.WithTimeout(d.ctx, more)
	defer cancel()
	at, _ := window.Deadline()
	if err := http.NewResponseController(d.w).SetWriteDeadline(at); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// attach writes a file that is made while it leaves, within the time of ctx. What breaks off does not look whole.
func (c *console) attach(ctx context.Context, w http.ResponseWriter, r *http.Request, contentType, name string, write func(io.Writer) error) {
	c.attachAs(ctx, w, r, func(h http.Header) {
		h.Set("Content-Type", contentType)
		h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	}, write)
}

// attachAs is attach for a file whose headers are known only when its first part leaves.
func (c *console) attachAs(ctx context.Context, w http.ResponseWriter, r *http.Request, set func(http.Header), write func(io.Writer) error) {
	done, err := c.Files.Begin(visitOf(ctx).principal())
	if err != nil {
		c.fail(w, r, err)
		return
	}
	defer done()
	d := &download{ctx: ctx, w: w, patience: c.Patience, set: set}
	if d.patience <= 0 {
		d.patience = partTime
	}
	err = d.grant(fileTime) // the first part may be long in the making
	if err == nil {
		to := bufio.NewWriterSize(d, partSize)
		if err = write(to); err == nil {
			err = to.Flush()
		}
	}
	switch {
	case err == nil:
	case d.begun:
		c.Log.Error("a file broke off", "path", route(r), "code", fault.CodeOf(err))
		panic(http.ErrAbortHandler)
	default:
		c.fail(w, r, err)
	}
}
