package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"time"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// Receiving files: part by part into the database, so that a file is never held whole, and durable before it is answered.

const (
	// partSize is how much of a file is written at once.
	partSize = 1 << 20
	// receivingTime is how long an upload may take before it is given up and thrown away.
	receivingTime = 15 * time.Minute
)

// Import stores a file. When it returns without an error the file is durable, and applied afterwards. A file that was stored
// before with the same options is answered as it stands, with fresh false.
func (s *Service) Import(ctx context.Context, book ledger.Book, o ImportOptions, from io.Reader) (imported Import, fresh bool, err error) {
	return s.ImportBy(ctx, guard.Actor{}, book, o, from)
}

// ImportBy is Import for somebody who sends the file: the trail has a row of it from the moment at which it is durable. An actor without an
// id is nobody, of whom nothing is told.
func (s *Service) ImportBy(ctx context.Context, by guard.Actor, book ledger.Book, o ImportOptions, from io.Reader) (imported Import, fresh bool, err error) {
	if err := o.complete(); err != nil {
		return Import{}, false, err
	}
	text, err := o.text()
	if err != nil {
		return Import{}, false, err
	}
	now := s.moment()
	id, err := s.store.beginImport(ctx, book.ID, text, now, now.Add(receivingTime))
	if err != nil {
		return Import{}, false, err
	}
	sum, size, err := s.receiveParts(ctx, book, id, &withoutCards{from: from})
	kept := id
	if err == nil {
		kept, err = s.store.finishImport(ctx, book.ID, id, text, sum, size, s.moment(), s.tellImport(ctx, by, book, id, sum, size))
	}
	if err != nil || kept != id {
		// Whoever sends has gone, perhaps; what is left of the upload is thrown away all the same, or when its time is over.
		tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if dropped := s.store.dropImport(tidy, book.ID, id); dropped != nil {
			s.log.Warn("an upload that broke off is kept until its time is over", "book", book.Code, "error", dropped)
		}
	}
	if err != nil {
		return Import{}, false, err
	}
	if kept == id {
		s.nudgeImports()
	}
	imported, err = s.store.importOf(ctx, book.ID, kept)
	return imported, kept == id, err
}

// receiveParts writes the file's parts and returns its sum and size. An error of the reader comes back as it is.
func (s *Service) receiveParts(ctx context.Context, book ledger.Book, id int64, from io.Reader) (sum [32]byte, size int64, err error) {
	digest, buffer := sha256.New(), make([]byte, partSize)
	for part := 1; ; part++ {
		n, err := io.ReadFull(from, buffer)
		last := err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return sum, 0, err
		}
		if size += int64(n); size > MaxFileBytes {
			return sum, 0, ErrFile.Withf("The file has more than %d MiB. Split it; nothing was imported.", MaxFileBytes>>20)
		}
		if n > 0 {
			digest.Write(buffer[:n])
			if err := s.store.addPart(ctx, book.ID, id, part, buffer[:n]); err != nil {
				return sum, 0, err
			}
		}
		if !last {
			continue
		}
		if size == 0 {
			return sum, 0, ErrFile.With("The file is empty. Nothing was imported.")
		}
		digest.Sum(sum[:0])
		return sum, size, nil
	}
}

// parts reads a stored file part by part.
type parts struct {
	ctx  context.Context
	read func(ctx context.Context, part int) ([]byte, error)
	next int
	rest bytes.Reader
}

// Read implements io.Reader.
func (p *parts) Read(b []byte) (int, error) {
	for p.rest.Len() == 0 {
		p.next++
		content, err := p.read(p.ctx, p.next)
		if err != nil {
			return 0, err // io.EOF after the last one
		}
		p.rest.Reset(content)
	}
	return p.rest.Read(b)
}

func (s *Service) moment() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// nudgeImports lets the worker look at once.
func (s *Service) nudgeImports() {
	select {
	case s.nudgedImports <- struct{}{}:
	default: // it will look anyway
	}
}

// ImportByID returns one import, or ErrImportUnknown.
func (s *Service) ImportByID(ctx context.Context, book ledger.Book, id int64) (Import, error) {
	return s.store.importOf(ctx, book.ID, id)
}

// Imports lists imports after an id, oldest first.
func (s *Service) Imports(ctx context.Context, book ledger.Book, after int64, limit int) ([]Import, error) {
	return s.store.imports(ctx, book.ID, after, limit)
}

// ImportRows lists the rows of an import that have a state, any if it is empty, after a line.
func (s *Service) ImportRows(ctx context.Context, book ledger.Book, id int64, state RowState, after, limit int) ([]ImportRow, error) {
	if _, err := s.store.importOf(ctx, book.ID, id); err != nil {
		return nil, err
	}
	return s.store.rows(ctx, book.ID, id, state, after, limit)
}
