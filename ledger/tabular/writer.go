package tabular

// Writer: takes rows one by one, checks that each fits the columns, and hands them to a format.

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"slices"

	"mizan/ledger/fault"
)

// Format is a kind of file.
type Format string

// The formats.
const (
	CSV       Format = "csv"
	XLSX      Format = "xlsx"
	JSONLines Format = "jsonl"
)

// Formats returns all formats. The slice belongs to the caller.
func Formats() []Format { return []Format{CSV, XLSX, JSONLines} }

// ParseFormat reads the name of a format. It returns ErrFormat for any other text.
func ParseFormat(s string) (Format, error) {
	if f := Format(s); slices.Contains(Formats(), f) {
		return f, nil
	}
	return "", ErrFormat
}

// MediaType returns the format's media type, with the character set where it has one.
func (f Format) MediaType() string {
	switch f {
	case CSV:
		return "text/csv; charset=utf-8; header=present"
	case XLSX:
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case JSONLines:
		return "application/jsonl"
	}
	return "application/octet-stream"
}

// flushAt is how many bytes are rendered before they are handed on.
const flushAt = 64 << 10

// maxRow bounds the text of one row, in bytes.
const maxRow = 1 << 20

// sink is a format. A row that reaches it fits the columns and is clean.
type sink interface {
	// begin is called before the first row.
	begin() error
	row(r Row) error
	// end is called after the last row.
	end(t *tally) error
	// abandon gives back what the sink holds, such as files. It is called once, after end or after an error.
	abandon()
}

// output is where a file goes: it counts the bytes and adds up their digest.
type output struct {
	to     io.Writer
	digest hash.Hash
	size   int64
}

func (o *output) Write(b []byte) (int, error) {
	n, err := o.to.Write(b)
	o.digest.Write(b[:n])
	o.size += int64(n)
	return n, err
}

// Writer writes one table: Write for each row, then Close. After an error nothing more is written, and every method returns that
// error. Whoever stops before Close calls Abandon. It is not safe for concurrent use.
type Writer struct {
	plan   *plan
	format Format
	out    *output
	sink   sink
	tally  *tally
	row    Row
	err    error
	closed bool
}

// limits are those of a sheet; tests make them small.
type limits struct {
	rows   int   // of one sheet, without its heading
	bytes  int64 // of one sheet's XML
	sheets int   // of one workbook, without the manifest
}

// NewWriter begins a table. Nothing reaches to before the first rows do.
//
// Errors: ErrFormat, ErrDefect for a header that cannot be, or the error of to.
func NewWriter(to io.Writer, f Format, h Header) (*Writer, error) {
	return newWriter(to, f, h, sheetLimits)
}

func newWriter(to io.Writer, f Format, h Header, l limits) (*Writer, error) {
	p, err := newPlan(h)
	if err != nil {
		return nil, err
	}
	w := &Writer{plan: p, format: f, out: &output{to: to, digest: sha256.New()}, tally: newTally(p), row: make(Row, len(p.Columns))}
	switch f {
	case CSV:
		w.sink = &lines{form: csvForm{p}, out: w.out}
	case JSONLines:
		w.sink = &lines{form: jsonForm{p}, out: w.out}
	case XLSX:
		w.sink = newWorkbook(p, w.out, l)
	default:
		return nil, ErrFormat
	}
	if err := w.sink.begin(); err != nil {
		return nil, w.fail(err)
	}
	return w, nil
}

// Write writes a row, which stays the caller's.
//
// Errors: ErrDefect for a row that does not fit the columns, such as an amount in another currency than its row names;
// ErrCellLong, ErrLarge, or the error of the writer below.
func (w *Writer) Write(r Row) error {
	if w.err != nil {
		return w.err
	}
	if w.closed {
		return w.fail(defect("a row comes after the end"))
	}
	if err := w.fit(r); err != nil {
		return w.fail(err)
	}
	if err := w.sink.row(w.row); errors.Is(err, ErrCellLong) {
		return w.fail(inRow(ErrCellLong, w.tally.rows+1))
	} else if err != nil {
		return w.fail(err)
	}
	w.tally.add(w.row)
	return nil
}

// fit copies the row, with clean texts, if it fits the columns.
func (w *Writer) fit(r Row) error {
	if len(r) != len(w.row) {
		return defect("row %d has %d values for %d columns", w.tally.rows+1, len(r), len(w.row))
	}
	size := 0
	for i, v := range r {
		if v.kind != 0 && v.kind != w.plan.Columns[i].Kind || !v.possible() {
			return defect("row %d: column %s cannot hold the value", w.tally.rows+1, w.plan.Columns[i].Name)
		}
		if v.kind == KindText {
			v.s = clean(v.s)
			size += len(v.s)
		}
		w.row[i] = v
	}
	for i, place := range w.plan.currency {
		if place >= 0 && w.row[i].kind != 0 && w.row[place].s != w.row[i].s {
			return defect("row %d: %s is of another currency than the row", w.tally.rows+1, w.plan.Columns[i].Name)
		}
	}
	if size > maxRow {
		return inRow(ErrCellLong, w.tally.rows+1)
	}
	return nil
}

// inRow says in which row of the table it happened.
func inRow(e *fault.Error, row int64) error { return e.Withf("Row %d: %s", row, e.Message) }

// Close ends the table and returns its manifest. A file whose Close did not succeed is not whole; nobody should get it.
func (w *Writer) Close() (Manifest, error) {
	if w.err != nil {
		return Manifest{}, w.err
	}
	if w.closed {
		return Manifest{}, w.fail(defect("it is closed twice"))
	}
	w.closed = true
	if err := w.sink.end(w.tally); err != nil {
		return Manifest{}, w.fail(err)
	}
	w.sink.abandon()
	return w.tally.manifest(w.format, w.out.size, w.out.digest.Sum(nil)), nil
}

// Abandon gives up a table that is not closed and removes what the writer keeps on disk for it. After Close, an error or another
// Abandon it does nothing, so it can be deferred.
func (w *Writer) Abandon() {
	if w.err == nil && !w.closed {
		_ = w.fail(defect("it was abandoned"))
	}
}

func (w *Writer) fail(err error) error {
	w.err = err
	w.sink.abandon()
	return err
}

// form is a format of lines.
type form interface {
	// heading, row and trailer each append one line, or nothing.
	heading(b []byte) []byte
	row(b []byte, r Row) []byte
	// trailer says what came before: the digest is that of every byte.
	trailer(b []byte, t *tally, digest []byte) []byte
}

// lines is the sink of formats of lines.
type lines struct {
	form form
	out  *output
	buf  []byte
}

func (l *lines) begin() error {
	l.buf = l.form.heading(make([]byte, 0, flushAt+flushAt/4))
	return nil
}

func (l *lines) row(r Row) error {
	l.buf = l.form.row(l.buf, r)
	if len(l.buf) < flushAt {
		return nil
	}
	return l.flush()
}

func (l *lines) flush() error {
	_, err := l.out.Write(l.buf)
	l.buf = l.buf[:0]
	return err
}

func (l *lines) end(t *tally) error {
	if err := l.flush(); err != nil {
		return err
	}
	l.buf = l.form.trailer(l.buf, t, l.out.digest.Sum(nil))
	return l.flush()
}

func (l *lines) abandon() { l.buf = nil }
