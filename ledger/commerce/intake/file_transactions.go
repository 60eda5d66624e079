package intake

import (
	"context"
	"encoding/json"
	"time"

	"mizan/ledger/fault"
)

// Transactions names the transactions of a stored file, also of one that was refused, so that it can be told whether another file has
// brought them since. It hands each one's id on as far as the file can be read. options are those that the file was stored with, and part
// reads a part of it, or returns io.EOF after the last one. An error of part or each comes back as it is.
func Transactions(ctx context.Context, now time.Time, options string, part func(ctx context.Context, part int) ([]byte, error), each func(id string) error) error {
	var o ImportOptions
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return err
	}
	hand := func(s *Settled) error {
		if s.Empty {
			return nil
		}
		return each(s.Event.Transaction)
	}
	t, err := scanSheet(&parts{ctx: ctx, read: part}, o.file(now), hand)
	if err != nil && fault.CodeOf(err) != ErrFile.Code {
		return err
	}
	if t.out.whole {
		return nil
	}
	// What is put together of several rows was not handed on: the file ended before.
	for _, s := range t.together {
		if err := hand(s); err != nil {
			return err
		}
	}
	return nil
}
