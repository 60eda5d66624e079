package intake

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// Transactions names the transactions of a stored file, also of one that was refused, so that it can be told whether another file has
// brought them since. It hands each one's id on. A row that says which transaction it is counts as well, though nothing else of it may be
// understood. whole says that the file was read to its last row and every row of it could be named: of one that breaks off before, nobody
// knows what came after. options are those that the file was stored with, and part reads a part of it, or returns io.EOF after the last
// one. An error of part or each comes back as it is.
func Transactions(ctx context.Context, now time.Time, options string, part func(ctx context.Context, part int) ([]byte, error), each func(id string) error) (whole bool, err error) {
	var o ImportOptions
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return false, err
	}
	t, err := scanSheet(&parts{ctx: ctx, read: part}, o.file(now), func(s *Settled) error {
		if s.Empty {
			return nil
		}
		return each(s.Event.Transaction)
	}, func(t *sheet, record []string) error {
		id := t.cell(record, "transaction_id")
		if o.Format == AmazonV2 || !ledger.IsSegment(id) || strings.Contains(strings.Join(record, ""), "\n") { // a quote too many takes rows in
			return broken(t.line(), "it names no transaction.")
		}
		return each(id)
	})
	if err != nil && fault.CodeOf(err) != ErrFile.Code {
		return false, err
	}
	return t.out.whole, nil
}
