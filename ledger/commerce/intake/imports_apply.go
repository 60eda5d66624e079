package intake

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// Applying files. A file is read twice: once to judge it as a whole, and once to apply it in batches. What became of a batch
// is noted before the next one, so that whoever takes over reads on where the other ended; and because each row has a
// reference of its own, one that was recorded and not noted is not recorded twice.

// rowBatch is how many rows are applied at once.
const rowBatch = 100

// errTaken means that another worker has taken the import over.
var errTaken = errors.New("another worker has taken the import over")

// runImports applies files until ctx ends.
func (s *Service) runImports(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		n, err := s.WorkImports(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("a file could not be applied", "error", err)
		}
		if n > 0 && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-s.nudgedImports:
		case <-tick.C:
		}
	}
}

// WorkImports applies one file that is due and returns how many it took up.
func (s *Service) WorkImports(ctx context.Context) (int, error) {
	now := s.moment()
	code, i, err := s.store.claimImport(ctx, now, now.Add(lease))
	if err != nil || i == nil {
		return 0, err
	}
	book, err := s.ledger.Book(ctx, code)
	if err != nil {
		return 1, err
	}
	w := &importWork{Service: s, book: book, i: i, until: now.Add(lease)}
	switch i.State {
	case importReceiving:
		return 1, s.store.dropImport(ctx, book.ID, i.ID)
	case ImportChecking:
		if err = w.check(ctx); err != nil || i.State == ImportRefused {
			break
		}
		fallthrough
	default:
		err = w.apply(ctx)
	}
	if err == nil || errors.Is(err, errTaken) || ctx.Err() != nil {
		return 1, nil // an end that was asked for leaves the lease, and the next one reads on
	}
	return 1, errors.Join(err, s.store.postpone(ctx, book.ID, i, s.moment().Add(backoff(i.attempts, ""))))
}

// importWork is an import in the hands of a worker.
type importWork struct {
	*Service
	book  ledger.Book
	i     *Import
	until time.Time // the end of the lease
}

// open returns the stored file and its sum, which is complete once it was read to its end.
func (w *importWork) open(ctx context.Context) (from io.Reader, sum func() [32]byte) {
	digest := sha256.New()
	p := &parts{ctx: ctx, read: func(ctx context.Context, part int) ([]byte, error) { return w.store.part(ctx, w.book.ID, w.i.ID, part) }}
	return io.TeeReader(p, digest), func() (out [32]byte) {
		digest.Sum(out[:0])
		return out
	}
}

// check reads the file as a whole and refuses it, or lets its rows be applied.
func (w *importWork) check(ctx context.Context) error {
	from, sum := w.open(ctx)
	st, err := scan(from, w.i.Options.file(w.now()), func(*Settled) error { return w.renew(ctx) })
	refuse := func(reason, detail string) { w.i.State, w.i.Reason, w.i.Detail = ImportRefused, reason, clip(detail) }
	w.i.hold(st)
	var known *fault.Error
	switch {
	case err == nil && sum() != w.i.SHA256:
		refuse(ReasonDamaged, "The stored file is not what was received. Send it again; nothing was imported.")
	case err == nil:
		w.i.State, w.i.Reason, w.i.Detail = ImportApplying, "", ""
	case fault.CodeOf(err) == ErrFile.Code && errors.As(err, &known):
		refuse(refusalOf(st), known.Message)
	default:
		return err
	}
	return w.store.noteCheck(ctx, w.book.ID, w.i, w.until)
}

// hold takes over what a file comes to.
func (i *Import) hold(st *Statement) {
	i.Currency, i.Rows, i.Said, i.Stated, i.Ours, i.Fields = st.Currency, st.Rows, st.Said, st.Total, st.Sum, st.Fields
}

// refusalOf is the reason of a file that was refused.
func refusalOf(st *Statement) string {
	if st.whole && st.Said && st.Sum != st.Total {
		return ReasonTotal
	}
	return ReasonFile
}

// renew prolongs the lease once half of it is over.
func (w *importWork) renew(ctx context.Context) error {
	now := w.moment()
	if w.until.Sub(now) > lease/2 {
		return nil
	}
	w.until = now.Add(lease)
	return w.store.renew(ctx, w.book.ID, w.i, w.until)
}

// apply applies the rows that have no state yet, and those that are parked and to be tried again.
func (w *importWork) apply(ctx context.Context) error {
	from, _ := w.open(ctx)
	var batch []Settled
	flush := func() error {
		list := batch
		batch = batch[:0]
		if len(list) == 0 || ctx.Err() != nil {
			return ctx.Err()
		}
		return w.applyBatch(ctx, list)
	}
	_, err := scan(from, w.i.Options.file(w.now()), func(row *Settled) error {
		if batch = append(batch, *row); len(batch) < rowBatch {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	w.i.State = ImportDone
	return w.store.endImport(ctx, w.book.ID, w.i)
}

// applyBatch applies those of the rows that wait for it and notes what became of them.
func (w *importWork) applyBatch(ctx context.Context, list []Settled) error {
	done, err := w.store.judged(ctx, w.book.ID, w.i.ID, list[0].Line, list[len(list)-1].Line)
	if err != nil {
		return err
	}
	var open []Settled
	for _, row := range list {
		if was, ok := done[row.Line]; !ok || was.State == RowParked && was.tried < w.i.tries {
			open = append(open, row)
		}
	}
	if len(open) == 0 {
		return w.renew(ctx)
	}
	rows, err := w.judgeRows(ctx, w.book, w.i, open, func(events []commerce.Event) ([]commerce.Result, error) {
		return w.commerce.PostBatch(ctx, w.book, events), nil
	})
	if err != nil {
		return err
	}
	w.until = w.moment().Add(lease)
	return w.store.noteRows(ctx, w.book.ID, w.i, rows, w.until)
}

// judgeRows says what becomes of rows, posting those against which nothing speaks.
func (s *Service) judgeRows(ctx context.Context, book ledger.Book, i *Import, list []Settled, post func([]commerce.Event) ([]commerce.Result, error)) ([]ImportRow, error) {
	rows, ids := make([]ImportRow, len(list)), make([]string, len(list))
	for n := range list {
		content, err := json.Marshal(&list[n].Event)
		if err != nil {
			return nil, err
		}
		ids[n] = list[n].Event.Transaction
		rows[n] = ImportRow{Row: list[n].Line, Identity: ids[n], Amount: list[n].Amount, sum: sha256.Sum256(content), tried: i.tries}
	}
	owners, err := s.store.owners(ctx, book.ID, i.Options.Channel, ids)
	if err != nil {
		return nil, err
	}
	var events []commerce.Event
	var at []int
	for n := range list {
		row, of := &rows[n], &list[n]
		owner, owned := owners[row.Identity]
		switch {
		case of.Empty:
			row.State, row.Reason = RowIgnored, ReasonNoAmount
		case owned:
			row.follow(owner, i.ID, of.Reference())
		case of.Reason != "":
			row.State, row.Reason, row.Detail = RowParked, of.Reason, of.Detail
		default:
			events, at = append(events, commerce.Event{Type: "import.settlement_line", Reference: of.Reference(), Data: &of.Event}), append(at, n)
		}
	}
	if len(events) == 0 {
		return rows, nil
	}
	results, err := post(events)
	if err != nil {
		return nil, err
	}
	for k, r := range results {
		row := &rows[at[k]]
		if err := row.take(&r, events[k].Reference, i.RecordedAt); err != nil {
			return nil, err
		}
		if row.Reason == ReasonUnknownField {
			row.Detail = clip(fmt.Sprintf("Line %d: there is money in %s, which is not known.", row.Row, strings.Join(unknownFields(&list[at[k]].Event), ", ")))
		}
	}
	return rows, nil
}

// unknownFields names the fields of a transaction that are not known.
func unknownFields(e *commerce.ImportedSettlement) (names []string) {
	for _, a := range e.Amounts {
		if known, _ := commerce.StatementField(a.Field); !known {
			names = append(names, a.Field)
		}
	}
	return names
}

// owner is the row that a transaction was applied from.
type owner struct {
	importID int64
	row      int
	sum      [32]byte
}

// follow says what becomes of a row whose transaction was applied from an import.
func (r *ImportRow) follow(o owner, importID int64, reference string) {
	r.Reason, r.Detail, r.Reference = "", "", reference
	switch {
	case o.importID == importID && o.row == r.Row:
		r.State = RowApplied // by a worker that ended before it could note it
	case o.sum == r.sum:
		r.State = RowRepeated
	default:
		r.State, r.Reason, r.Reference = RowChanged, ReasonChanged, ""
		r.Detail = fmt.Sprintf("Line %d: import %d, line %d has applied this transaction with another content. It was not applied; ask the marketplace which one holds.", r.Row, o.importID, o.row)
	}
}

// take notes what became of a row's event. An error means that it could not be decided.
func (r *ImportRow) take(result *commerce.Result, reference string, received time.Time) error {
	var known *fault.Error
	switch code := fault.CodeOf(result.Err); {
	case result.Err == nil:
		r.State, r.Reference = RowApplied, reference
		if result.Replayed && len(result.Transactions) > 0 && result.Transactions[0].RecordedAt.Before(received) {
			r.State = RowRepeated // it was in the book before this file came
		}
	case code == ledger.ErrReferenceReused.Code:
		r.State, r.Reason = RowChanged, ReasonChanged
		r.Detail = fmt.Sprintf("Line %d: the book has this transaction with another content. It was not applied; ask the marketplace which one holds.", r.Row)
	case !errors.As(result.Err, &known) || known.Kind == fault.Internal || known.Kind == fault.Unavailable || code == ledger.ErrStale.Code:
		return result.Err
	default:
		if code == commerce.ErrFieldUnknown.Code {
			code = ReasonUnknownField
		}
		says := known.Message
		for _, f := range known.Fields {
			says += " " + f.Message
		}
		r.State, r.Reason, r.Detail = RowParked, code, clip(fmt.Sprintf("Line %d: %s", r.Row, says))
	}
	return nil
}
