package intake

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// Rehearsing files: what would become of a file, with nothing stored.

const (
	// maxDryRows bounds the transactions of a dry run, which is answered while the caller waits.
	maxDryRows = 20_000
	// MaxBreaks bounds the rows that a dry run lists.
	MaxBreaks = 100
)

// errTooMany means that a file is too large for a dry run.
var errTooMany = ErrFile.Withf("A dry run reads at most %d transactions. Split the file, or import it.", maxDryRows)

// DryRunImport says what would become of a file if it were imported now, and lists the first rows that would be parked or
// are changed. It stores nothing.
func (s *Service) DryRunImport(ctx context.Context, book ledger.Book, o ImportOptions, from io.Reader) (Import, []ImportRow, error) {
	if err := o.complete(); err != nil {
		return Import{}, nil, err
	}
	i := Import{Options: o, RecordedAt: s.moment(), State: ImportDone, Counts: map[RowState]int{}, tries: 1}
	var breaks []ImportRow
	var batch []Settled
	flush := func() error {
		rows, err := s.judgeRows(ctx, book, &i, batch, func(events []commerce.Event) ([]commerce.Result, error) {
			return s.commerce.DryRun(ctx, book, events, false)
		})
		for _, r := range rows {
			i.count(r.State, 1, r.Amount)
			if (r.State == RowParked || r.State == RowChanged) && len(breaks) < MaxBreaks {
				breaks = append(breaks, r)
			}
		}
		batch = batch[:0]
		return err
	}
	digest, size, rows := sha256.New(), &counted{from: &withoutCards{from: from}}, 0
	file := o.file(s.now())
	file.Most = maxDryRows
	st, err := scan(io.TeeReader(size, digest), file, func(row *Settled) error {
		if rows++; rows > maxDryRows {
			return errTooMany
		}
		if batch = append(batch, *row); len(batch) < rowBatch {
			return nil
		}
		return flush()
	})
	if err == nil && len(batch) > 0 {
		err = flush()
	}
	i.hold(st)
	i.Bytes = size.n
	digest.Sum(i.SHA256[:0])
	var known *fault.Error
	if fault.CodeOf(err) == ErrFile.Code && errors.As(err, &known) {
		// Whatever its rows would have come to, nothing of a file is applied that is refused.
		i.State, i.Reason, i.Detail, i.Counts, i.Booked, breaks, err = ImportRefused, refusalOf(st), clip(known.Message), map[RowState]int{}, 0, nil, nil
	}
	return i, breaks, err
}

// counted counts what is read.
type counted struct {
	from io.Reader
	n    int64
}

// Read implements io.Reader.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	c.n += int64(n)
	return n, err
}
