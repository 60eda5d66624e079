package reports

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/tabular"
)

// An export is a report that was asked for, with the place of the book it looks up to and with what its file came to. The file
// itself follows from them.

var (
	// ErrExportUnknown means that the book has no such export.
	ErrExportUnknown = fault.New(fault.NotFound, "export-unknown", "The book has no such export. Look up the list of exports.")
	// ErrExportWaiting means that the file is not made yet.
	ErrExportWaiting = fault.New(fault.Conflict, "export-waiting", "The export is not made yet. Ask for it again in a minute.")
	// ErrExportFailed means that the file could not be made.
	ErrExportFailed = fault.New(fault.Conflict, "export-failed", "The export could not be made; it says why. Ask for a new one when that is put right.")
	// ErrExportChanged means that the file made again is not the one made first.
	ErrExportChanged = fault.New(fault.Conflict, "export-changed",
		"The file does not come to what it came to when it was made. Do not use it: run mizan verify on the book.")
	// ErrExportOld means that the report has other columns since a later release.
	ErrExportOld = fault.New(fault.Conflict, "export-old", "The report has other columns by now. Ask for it again at the same place of the book.")
	// ErrExportsMany means that too many exports of the book wait to be made.
	ErrExportsMany = fault.New(fault.Limited, "exports-many", "Too many exports of this book wait to be made. Ask again when some are made.")
	// ErrExportLong means that the file takes longer to make than an export may take. It is the reason of such an export.
	ErrExportLong = fault.New(fault.TooLarge, "export-long", "The export takes longer than an hour. Ask for fewer months, or for less detail.")
	// ErrLanguage means that a language is not written as one.
	ErrLanguage = fault.New(fault.Invalid, "export-language", "A language is written as two letters, such as en or ar.")
)

// State is how far an export is.
type State string

// The states.
const (
	Asked  State = "asked"
	Made   State = "made"
	Failed State = "failed"
)

// Request is what somebody asks for.
type Request struct {
	Report     string
	Format     tabular.Format
	Parameters Values
	// AtSequence is the last transaction that counts; 0 for the last of the book.
	AtSequence int64
	// Language is that of the reader, two letters, "" for English. Sheets for readers of a language that is written from right to left
	// are turned round.
	Language string
	// CSV is how CSV is written.
	CSV tabular.Dialect
}

// Export is an export as it is kept.
type Export struct {
	ID         string
	Report     string
	Format     tabular.Format
	Parameters Values
	Language   string
	CSV        tabular.Dialect
	// AtSequence and AtStep are the place: the last transaction and the last step of breaks that count.
	AtSequence, AtStep int64
	State              State
	// Reason is the code of what failed, and of the last try while it is tried again.
	Reason string
	// Manifest is what the file came to, nil before it is made.
	Manifest *tabular.Manifest
	// AskedBy is the id of who asked.
	AskedBy string
	AskedAt time.Time
	MadeAt  time.Time
	Tries   int

	book ledger.Book
}

// asked is what the database keeps of a request besides its columns.
type asked struct {
	CSV        tabular.Dialect `json:"csv"`
	Language   string          `json:"language"`
	Parameters Values          `json:"parameters"`
}

// rightToLeft are languages written from right to left.
var rightToLeft = []string{"ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"}

const (
	// budget is how long whoever asks is kept waiting for a file.
	budget = 10 * time.Second
	// defaultLease is how long others leave an export to whoever makes it; it is renewed while it is made.
	defaultLease = 2 * time.Minute
	// maxTries bounds how often an export is tried.
	maxTries = 5
	// maxWaiting bounds how many exports of a book wait.
	maxWaiting = 100
	// heldBack is how much of a file leaves only after all of it was held against the manifest.
	heldBack = 512
)

func newID() string { return "exp_" + strings.ToLower(rand.Text()[:16]) }

// check returns the report of a request that can be asked for.
func (r Request) check(book ledger.Book) (Report, error) {
	report, err := find(r.Report)
	if err != nil {
		return Report{}, err
	}
	if _, err := tabular.ParseFormat(string(r.Format)); err != nil {
		return Report{}, err
	}
	if r.Language != "" && (len(r.Language) != 2 || strings.Trim(r.Language, "abcdefghijklmnopqrstuvwxyz") != "") {
		return Report{}, ErrLanguage
	}
	if !slices.Contains([]string{"", ",", ";", "\t"}, r.CSV.Separator) {
		return Report{}, ErrParameters.At("/csv/separator", "parameter-value", "The separator is a comma, a semicolon or a tabulator.")
	}
	return report, report.good(book, r.Parameters)
}

// patience is how long an export may take before it is given back.
type patience int

const (
	// asWaited is as long as whoever asked is kept waiting.
	asWaited patience = iota
	// aLook is as long as an export that is not known to be long keeps others like it waiting.
	aLook
	// whole is as long as it takes.
	whole
)

// limit is how long that is.
func (s *Service) limit(p patience) time.Duration {
	switch p {
	case asWaited:
		return budget
	case aLook:
		return s.look
	default:
		return s.longest
	}
}

// ask makes an export at once, if that takes no more than the budget.
func (s *Service) ask(ctx context.Context, e Export) (Export, error) {
	if err := s.try(ctx, e, asWaited); err != nil {
		return Export{}, err
	}
	return s.Export(ctx, e.book, e.ID)
}

// try makes an export that is held, and records what came of it. An export that was given too little time, or whose maker had to stop,
// is given back as if it had not been tried.
func (s *Service) try(ctx context.Context, e Export, p patience) error {
	within, cancel := context.WithTimeout(ctx, s.limit(p))
	defer cancel()
	m, err := s.holding(within, e, func(ctx context.Context) (m tabular.Manifest, err error) {
		defer s.caught(&err)
		return s.write(ctx, e, io.Discard)
	})
	// What came of it is recorded also when there is no time left to make more.
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), budget)
	defer cancel()
	switch {
	case err == nil:
		return s.keepMade(keep, e, m)
	case errors.Is(err, errLost):
		return nil
	case errors.Is(err, errPanic): // as bad when there was no time left
	case ctx.Err() != nil:
		return s.giveBack(keep, e, false)
	case within.Err() != nil && p == whole:
		err = ErrExportLong
	case within.Err() != nil:
		return s.giveBack(keep, e, p == aLook)
	}
	switch kind := fault.KindOf(err); {
	case kind == fault.Invalid || kind == fault.NotFound || kind == fault.Conflict || kind == fault.TooLarge || e.Tries >= maxTries:
		s.log.Error("an export cannot be made", "book", e.book.Code, "export", e.ID, "report", e.Report, "reason", reasonOf(err))
		return s.keepFailed(keep, e, reasonOf(err))
	default:
		s.log.Warn("an export is tried again", "book", e.book.Code, "export", e.ID, "report", e.Report, "reason", reasonOf(err))
		return s.keepWaiting(keep, e, reasonOf(err))
	}
}

// errPanic means that the program itself failed while an export was made.
var errPanic = errors.New("reports: the making of an export panicked")

// caught is deferred by whoever makes an export: a panic becomes an error, which is that export's alone, and its stack is logged.
func (s *Service) caught(err *error) {
	if what := recover(); what != nil {
		s.log.Error("the making of an export panicked", "panic", fault.Caught(what))
		*err = errPanic
	}
}

// errLost means that another makes the export by now.
var errLost = errors.New("reports: another makes the export")

// reasonOf is the code of an error, which holds nothing of what was asked.
func reasonOf(err error) string {
	if code := fault.CodeOf(err); code != "" {
		return code
	}
	if errors.Is(err, errPanic) {
		return "panic"
	}
	return "internal"
}

// holding makes an export and keeps others from it meanwhile. A report may read for long before its first row comes, so that the
// hold is renewed by time and not by rows. If another makes the export by now, it returns errLost.
func (s *Service) holding(ctx context.Context, e Export, make func(context.Context) (tabular.Manifest, error)) (tabular.Manifest, error) {
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		beat := time.NewTicker(s.lease / 4)
		defer beat.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
				if err := s.renew(ctx, e); errors.Is(err, errLost) {
					lose(err) // another failure is no loss yet: the next beat tries again
				}
			}
		}
	})
	m, err := make(ctx)
	if lost := context.Cause(ctx); errors.Is(lost, errLost) {
		err = lost
	}
	lose(nil)
	renewing.Wait()
	return m, err
}

// header is that of the export's file.
func (e Export) header(r Report) tabular.Header {
	h := tabular.Header{Report: r.Name, Schema: r.Schema, Book: e.book.Code, Title: r.Title, Columns: r.Columns,
		RightToLeft: slices.Contains(rightToLeft, e.Language), CSV: e.CSV}
	for _, name := range e.Parameters.names() {
		h.Parameters = append(h.Parameters, tabular.Parameter{Name: name, Value: e.Parameters[name]})
	}
	h.Parameters = append(h.Parameters,
		tabular.Parameter{Name: "at_sequence", Value: strconv.FormatInt(e.AtSequence, 10)},
		tabular.Parameter{Name: "at_step", Value: strconv.FormatInt(e.AtStep, 10)},
		tabular.Parameter{Name: "asked_at", Value: e.AskedAt.UTC().Format(time.RFC3339Nano)})
	return h
}

// Header is the header of the export's file, such as a reader of it needs, and FileName its name.
func (e Export) Header() (tabular.Header, error) {
	r, err := find(e.Report)
	if err != nil {
		return tabular.Header{}, err
	}
	return e.header(r), nil
}

// write makes the export's file.
func (s *Service) write(ctx context.Context, e Export, to io.Writer) (m tabular.Manifest, err error) {
	r, err := find(e.Report)
	if err != nil {
		return m, err
	}
	w, err := tabular.NewWriter(to, e.Format, e.header(r))
	if err != nil {
		return m, err
	}
	defer w.Abandon()
	q := &Query{Book: e.book, AtSequence: e.AtSequence, AtStep: e.AtStep, AskedAt: e.AskedAt, Values: e.Parameters, s: s}
	err = r.rows(ctx, q, func(row tabular.Row) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return w.Write(row)
	})
	if err != nil {
		return m, err
	}
	return w.Close()
}

// Content makes the export's file again and writes it to w while it is made. The last of its bytes leave only when all of them are
// those of the manifest: on an error w has got no whole file, and whoever passes it on breaks the connection off.
//
// Errors: ErrExportUnknown, ErrExportWaiting, ErrExportFailed, ErrExportOld, ErrExportChanged, or the error of w.
func (s *Service) Content(ctx context.Context, book ledger.Book, id string, w io.Writer) error {
	e, err := s.Export(ctx, book, id)
	switch {
	case err != nil:
		return err
	case e.State == Asked:
		return ErrExportWaiting
	case e.State == Failed:
		return ErrExportFailed
	}
	if r, err := find(e.Report); err != nil || r.Schema != e.Manifest.Schema {
		return ErrExportOld
	}
	p := &proving{to: w, left: e.Manifest.Bytes}
	m, err := s.write(ctx, e, p)
	if err != nil {
		return err
	}
	if string(m.JSON()) != string(e.Manifest.JSON()) {
		return ErrExportChanged
	}
	_, err = w.Write(p.tail)
	return err
}

// proving passes a file on but for its last bytes, and no more of them than there should be.
type proving struct {
	to   io.Writer
	left int64
	tail []byte
}

func (p *proving) Write(b []byte) (int, error) {
	if p.left -= int64(len(b)); p.left < 0 {
		return 0, ErrExportChanged
	}
	p.tail = append(p.tail, b...)
	if n := len(p.tail) - heldBack; n > 0 {
		if _, err := p.to.Write(p.tail[:n]); err != nil {
			return 0, err
		}
		p.tail = append(p.tail[:0], p.tail[n:]...)
	}
	return len(b), nil
}

func (e *Export) read(document, manifest string) error {
	var a asked
	if err := json.Unmarshal([]byte(document), &a); err != nil {
		return err
	}
	e.Parameters, e.Language, e.CSV = a.Parameters, a.Language, a.CSV
	if manifest == "" {
		return nil
	}
	m, err := tabular.ReadManifest(strings.NewReader(manifest))
	e.Manifest = &m
	return err
}
