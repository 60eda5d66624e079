package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
)

// What is told to the trail: how a source is read, which decides who is paid for its orders, who sent a file, and who read a message as
// it came, because bodies hold what shops know of their buyers. Of none does the trail keep the content.

// Describe says how a source is read from now on, and tells the trail who did. The same description again changes nothing.
func (s *Service) Describe(ctx context.Context, by guard.Actor, book ledger.Book, name string, source Source) (version int, err error) {
	err = s.store.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		version, err = s.DescribeTx(ctx, tx, guard.Deed{Actor: by}, book, name, source)
		return err
	})
	if err != nil {
		return 0, err
	}
	return version, nil
}

// describedSource is what the trail keeps of a description.
type describedSource struct {
	Version int    `json:"version"`
	SHA256  string `json:"sha256"`
}

// DescribeTx is Describe inside the caller's transaction. Of the deed it takes the actor, the reason and the approval.
func (s *Service) DescribeTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, name string, source Source) (version int, err error) {
	if name != SourceShopify {
		return 0, ErrSourceUnknown.With("Only shopify can be described as a source.")
	}
	if err := source.check(); err != nil {
		return 0, err
	}
	content, err := json.Marshal(source)
	if err != nil {
		return 0, err
	}
	ctx = postgres.Within(ctx, tx)
	for range 5 {
		known, version, err := s.store.source(ctx, book.ID, name)
		if err == nil && bytes.Equal(known, content) {
			return version, nil
		}
		if err != nil && fault.CodeOf(err) != ErrSourceUnknown.Code {
			return 0, err
		}
		if added, err := s.store.addSource(ctx, tx, book.ID, name, s.now().UTC().Truncate(time.Microsecond), content); err != nil {
			return 0, err
		} else if added {
			sum := sha256.Sum256(content)
			after, err := json.Marshal(describedSource{version + 1, hex.EncodeToString(sum[:])})
			if err != nil {
				return 0, err
			}
			_, err = s.trail.RecordTx(ctx, tx, guard.Deed{Actor: by.Actor, Why: by.Why, Approval: by.Approval, Book: guard.Book{ID: int32(book.ID), Code: book.Code},
				Act: "source.described", Object: "source:" + name, After: after})
			return version + 1, err
		}
	}
	return 0, ErrSource.With("The source is being described by others at the same time. Try again.")
}

// Read returns one message with its body to whoever asks, and tells the trail, or ErrMessageUnknown. There is no reading
// without its row.
func (s *Service) Read(ctx context.Context, by guard.Actor, book ledger.Book, id int64) (m Message, err error) {
	err = s.store.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		ctx := postgres.Within(ctx, tx)
		if m, err = s.store.message(ctx, book.ID, id); err != nil {
			return err
		}
		_, err = s.trail.RecordTx(ctx, tx, guard.Deed{Actor: by, Book: guard.Book{ID: int32(book.ID), Code: book.Code},
			Act: "inbound.read", Object: "inbound:" + strconv.FormatInt(id, 10)})
		return err
	})
	if err != nil {
		return Message{}, err
	}
	return m, nil
}

// takenImport is what the trail keeps of a file.
type takenImport struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// tellImport tells the trail, in the transaction that makes a file durable, who sent it.
func (s *Service) tellImport(ctx context.Context, by guard.Actor, book ledger.Book, id int64, sum [32]byte, size int64) func(pgx.Tx) error {
	return func(tx pgx.Tx) error {
		if by.ID == "" {
			return nil
		}
		after, err := json.Marshal(takenImport{hex.EncodeToString(sum[:]), size})
		if err != nil {
			return err
		}
		_, err = s.trail.RecordTx(ctx, tx, guard.Deed{Actor: by, Book: guard.Book{ID: int32(book.ID), Code: book.Code}, Act: "import.taken",
			Object: "import:" + strconv.FormatInt(id, 10), After: after})
		return err
	}
}
