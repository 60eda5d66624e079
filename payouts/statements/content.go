package statements

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"

	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// The content of a statement: the data form, which is one JSON document, and the same lines as a table. It is made while it leaves,
// in constant memory. What was issued is held against its hash, and its last bytes are kept back until that agrees.

// JSON is the data form as a format of a download; the others are those of tables.
const JSON = tabular.Document

// Formats returns the formats of a download. The slice belongs to the caller.
func Formats() []tabular.Format {
	return []tabular.Format{JSON, tabular.CSV, tabular.XLSX, tabular.JSONLines}
}

// ParseFormat reads the name of a format. It returns tabular.ErrFormat for any other text.
func ParseFormat(s string) (tabular.Format, error) {
	if s == string(JSON) {
		return JSON, nil
	}
	return tabular.ParseFormat(s)
}

// heldBack is how many bytes are kept until all of them are known to be right.
const heldBack = 64 << 10

// summed counts and hashes what passes.
type summed struct {
	to   io.Writer
	sum  hash.Hash
	size int64
}

func (w *summed) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	w.sum.Write(b[:n])
	w.size += int64(n)
	return n, err
}

// tailed passes everything on but for the last bytes.
type tailed struct {
	to   io.Writer
	tail []byte
}

func (w *tailed) Write(b []byte) (int, error) {
	w.tail = append(w.tail, b...)
	if n := len(w.tail) - 2*heldBack; n > 0 {
		n += heldBack
		if _, err := w.to.Write(w.tail[:n]); err != nil {
			return 0, err
		}
		w.tail = append(w.tail[:0], w.tail[n:]...)
	}
	return len(b), nil
}

// form writes the data form, sums the lines up, and proves that opening and lines come to the closing of each bucket.
func (s *Service) form(ctx context.Context, st *Statement, to io.Writer, row func(*Line) error) (*totals, error) {
	w := bufio.NewWriterSize(to, heldBack)
	if _, err := fmt.Fprintf(w, "{\"statement\":%s,\"lines\":[", st.head); err != nil {
		return nil, err
	}
	sums := newTotals()
	last := map[Bucket]money.Minor{}
	for _, b := range st.Buckets {
		last[b.Bucket] = b.Opening
	}
	_, err := s.walk(ctx, st, Place{}, always(walkPage), func(x *cutting) (bool, error) {
		for i := range x.lines {
			l := &x.lines[i]
			b, err := json.Marshal(l.json())
			if err != nil {
				return false, err
			}
			if l.Number > 1 {
				_ = w.WriteByte(',') // an error stays with the writer
			}
			_ = w.WriteByte('\n')
			if _, err := w.Write(b); err != nil {
				return false, err
			}
			last[l.Bucket] = l.Balance
			if err := row(l); err != nil {
				return false, err
			}
		}
		sums.add(x)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	for _, b := range st.Buckets {
		if last[b.Bucket] != b.Closing {
			return nil, fmt.Errorf("%w: the lines leave %s on %s, and the ledger %s", errDefect, last[b.Bucket].Format(st.Currency), b.Bucket, b.Closing.Format(st.Currency))
		}
		delete(last, b.Bucket)
	}
	if len(last) > 0 {
		return nil, fmt.Errorf("%w: lines are on a bucket that the statement does not have", errDefect)
	}
	fresh := Statement{Currency: st.Currency, Sums: sums.sums()}
	tail, err := fresh.tail()
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(w, "\n],\"end\":%s}\n", tail); err != nil {
		return nil, err
	}
	return sums, w.Flush()
}

// seal makes the data form once and keeps what it came to.
func (s *Service) seal(ctx context.Context, st *Statement) error {
	w := &summed{to: io.Discard, sum: sha256.New()}
	sums, err := s.form(ctx, st, w, func(*Line) error { return nil })
	if err != nil {
		return err
	}
	st.take(sums.sums())
	st.Bytes, st.SHA256 = w.size, hexOf(w.sum.Sum(nil))
	return nil
}

// Header is the header of a statement's table.
func (s *Statement) Header(dialect tabular.Dialect) tabular.Header {
	title := "Statement of " + s.Payee + ", " + s.FirstDay + " to " + s.LastDay
	payout := ""
	if s.of != nil {
		payout, title = s.of.ID, "Payout "+s.of.ID+" of "+s.Payee+", "+s.LastDay
	}
	h := tabular.Header{Report: "statement", Schema: Schema, Book: s.book.Code, Title: title, Columns: Columns(), CSV: dialect}
	for _, p := range [][2]string{{"statement_id", s.ID}, {"payout_id", payout}, {"payee", s.Payee}, {"currency", string(s.Currency)}, {"first_day", s.FirstDay}, {"last_day", s.LastDay},
		{"opening", s.Opening().Format(s.Currency)}, {"closing", s.Closing().Format(s.Currency)}, {"sha256", s.SHA256}} {
		if p[1] != "" {
			h.Parameters = append(h.Parameters, tabular.Parameter{Name: p[0], Value: p[1]})
		}
	}
	return h
}

// FileName is the name of the statement's file.
func (s *Statement) FileName(f tabular.Format) string {
	if s.of != nil {
		return "payout-" + s.book.Code + "-" + s.Payee + "-" + s.of.ID + "." + string(f)
	}
	days := s.FirstDay + "-" + s.LastDay
	if s.Period != 0 {
		days = s.Period.String()
	}
	return "statement-" + s.book.Code + "-" + s.Payee + "-" + string(s.Currency) + "-" + days + "." + string(f)
}

// Write makes the statement in a format and writes it while it is made. On an error nobody has got a whole file: whoever passes it on
// breaks off.
//
// Errors: tabular.ErrFormat, ErrChanged, ErrOld, those of tables, or that of to.
func (s *Service) Write(ctx context.Context, st *Statement, f tabular.Format, dialect tabular.Dialect, to io.Writer) error {
	if st.schema != Schema {
		return ErrOld
	}
	kept := &tailed{to: to}
	var err error
	if f == JSON {
		err = s.writeForm(ctx, st, kept, func(*Line) error { return nil })
	} else {
		_, err = s.writeTable(ctx, st, f, dialect, kept)
	}
	if err != nil {
		return err
	}
	_, err = to.Write(kept.tail)
	return err
}

// writeForm writes the data form, and holds it against the hash if the statement was issued.
func (s *Service) writeForm(ctx context.Context, st *Statement, to io.Writer, row func(*Line) error) error {
	w := &summed{to: to, sum: sha256.New()}
	if _, err := s.form(ctx, st, w, row); err != nil {
		return err
	}
	if st.SHA256 != "" && (w.size != st.Bytes || hexOf(w.sum.Sum(nil)) != st.SHA256) {
		return ErrChanged
	}
	return nil
}

func (s *Service) writeTable(ctx context.Context, st *Statement, f tabular.Format, dialect tabular.Dialect, to io.Writer) (*tabular.Manifest, error) {
	w, err := tabular.NewWriter(to, f, st.Header(dialect))
	if err != nil {
		return nil, err
	}
	defer w.Abandon()
	if err := s.writeForm(ctx, st, io.Discard, func(l *Line) error { return w.Write(l.row(st.ID)) }); err != nil {
		return nil, err
	}
	m, err := w.Close()
	return &m, err
}

// Prove makes an issued statement again and says whether it is the same: nil, ErrChanged, or why it could not be made.
func (s *Service) Prove(ctx context.Context, st *Statement) error {
	if st.schema != Schema {
		return ErrOld
	}
	return s.writeForm(ctx, st, io.Discard, func(*Line) error { return nil })
}

// Came is what a file comes to: its size, its hash, and the manifest of a table.
type Came struct {
	Bytes  int64
	SHA256 []byte
	// Rows are the lines of the data form.
	Rows int64
	// Manifest is nil of the data form, whose totals stand in it.
	Manifest *tabular.Manifest
}

// Measure makes a statement's file without handing it out and says what it comes to, which Write then writes: of an issued statement's
// data form that is known already.
//
// Errors: ErrBusy, those of Write.
func (s *Service) Measure(ctx context.Context, st *Statement, f tabular.Format, dialect tabular.Dialect) (c Came, err error) {
	switch {
	case st.schema != Schema:
		return c, ErrOld
	case f == JSON && st.SHA256 != "":
		c.Bytes, c.Rows = st.Bytes, st.Lines
		c.SHA256, err = hex.DecodeString(st.SHA256)
		return c, err
	}
	end, err := s.turns.measure()
	if err != nil {
		return c, err
	}
	defer end()
	w := &summed{to: io.Discard, sum: sha256.New()}
	if f == JSON {
		err = s.writeForm(ctx, st, w, func(*Line) error { c.Rows++; return nil })
	} else {
		c.Manifest, err = s.writeTable(ctx, st, f, dialect, w)
	}
	c.Bytes, c.SHA256 = w.size, w.sum.Sum(nil)
	return c, err
}

// Manifest makes a statement's file without handing it out and returns what can be said of it: rows, the sum of the amounts, bytes and
// hash. An issued statement, a payout and days that are over have the same file each time.
//
// Errors: ErrOpenDays and those of Measure.
func (s *Service) Manifest(ctx context.Context, st *Statement, f tabular.Format, dialect tabular.Dialect) (tabular.Manifest, error) {
	if st.open {
		return tabular.Manifest{}, ErrOpenDays
	}
	came, err := s.Measure(ctx, st, f, dialect)
	if err != nil {
		return tabular.Manifest{}, err
	}
	if came.Manifest != nil {
		return *came.Manifest, nil
	}
	var totals []tabular.Total
	if came.Rows > 0 {
		totals = []tabular.Total{{Column: "amount", Currency: st.Currency, Amount: (st.Closing() - st.Opening()).Format(st.Currency)}}
	}
	return st.Header(dialect).ManifestOf(came.Rows, totals, came.Bytes, came.SHA256), nil
}
