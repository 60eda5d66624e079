package reconcile

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/money"
	"mizan/payouts/reconcile/evidence"
)

var (
	statementSeed = flag.Uint64("statement.seed", 0, "how statements are cut; 0 for another way each time")
	statementLong = flag.Bool("statement.long", false, "measure the largest file that is taken")
)

// complete wants that nothing is missing and nothing contradicts.
func (h *evidenceHouse) complete(x Source) {
	h.Helper()
	gaps, err := h.Continuity(h.Context(), h.book, x)
	h.ok(err)
	more, err := h.Completeness(h.Context(), h.book, x)
	h.ok(err)
	for _, g := range append(gaps, more...) {
		h.Errorf("%+v: %s", g, g.Detail())
	}
}

// TestTakeStatement: a file is kept as it came, the same file twice is one, and what others hold again is known.
func TestTakeStatement(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	_, err := h.TakeStatement(t.Context(), evidenceAnn, h.book, "main", nil)
	h.wantCode("no source", err, ErrSourceUnknown)
	x := h.bank(evidence.CAMT053, nil)
	first := statement(2, 2, 10000, 1234, -500, 1234)
	file := h.file(first)
	r := h.taken(first)
	if r.NewLines != 3 || r.KnownLines != 0 || r.FirstLine != 1 || r.Number != 1 || r.Replayed || Day(h.book, r.From) != "2026-03-02" || Day(h.book, r.Until) != "2026-03-02" {
		t.Fatalf("%+v", r)
	}
	again := h.taken(first)
	if !again.Replayed || again.Number != 1 || again.NewLines != 3 || !bytes.Equal(again.SHA256, r.SHA256) {
		t.Errorf("%+v", again)
	}
	var content bytes.Buffer
	h.ok(h.Content(t.Context(), h.book, x, 1, &content))
	if !bytes.Equal(content.Bytes(), file) {
		t.Error("the bytes are not those of the file")
	}
	// A week's file holds the day again, under another id of the statement.
	week := statement(3, 3, 11968, 700)
	week.ID, week.From, week.Opening = "WEEK", day(2), 10000
	week.Lines = append(first.Lines[:3:3], week.Lines...)
	if r = h.taken(week); r.NewLines != 1 || r.KnownLines != 3 || len(r.Conflicts) != 0 {
		t.Errorf("%+v", r)
	}
	h.complete(x)
	lines, err := h.Lines(t.Context(), h.book, x, LineQuery{From: dayBegins(h.book, day(2)), Until: dayBegins(h.book, day(3))})
	if err != nil || len(lines) != 3 || lines[0].Note != evidenceText || lines[0].Key != "E2E-B02-0" || lines[1].Category != categoryPaid {
		t.Errorf("%+v, %v", lines, err)
	}
	for what, bad := range map[string][]byte{"nothing": nil, "rubbish": []byte("hello " + evidenceText), "unbalanced": bytes.Replace(file, []byte("12.34"), []byte("12.35"), 1)} {
		if _, err := h.TakeStatement(t.Context(), evidenceAnn, h.book, "main", bad); err == nil || strings.Contains(err.Error(), evidenceText) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, change := range map[string]func(*evidence.Statement){"account": func(s *evidence.Statement) { s.Account = "DE89370400440532013000" }, "currency": func(s *evidence.Statement) { s.Currency = "USD" }} {
		bad := statement(4, 4, 12668, 5)
		change(&bad)
		_, err := h.TakeStatement(t.Context(), evidenceAnn, h.book, "main", h.file(bad))
		h.wantCode(what, err, ErrStatementElsewhere)
	}
	_, err = h.TakeStatement(t.Context(), evidenceAnn, h.book, "main", bytes.Repeat([]byte(" "), evidence.MaxBytes+1))
	h.wantCode("too large", err, evidence.ErrTooLarge)
	if n := h.count(`SELECT count(*) FROM evidence_receipts WHERE book_id = $1`, h.book.ID); n != 2 {
		t.Errorf("%d receipts", n)
	}
	h.sound(x)
	if n := h.count(`SELECT count(*) FROM audit_rows WHERE book_id = $1 AND act LIKE 'evidence.%'`, h.book.ID); n != 3 {
		t.Errorf("%d deeds", n)
	}
}

// TestStatementOverMuch: a file over days of which more is known than a file is held against is refused whole. What was not looked at
// would be taken as new, and so twice.
func TestStatementOverMuch(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	x := h.bank(evidence.CAMT053, nil)
	nameless := func(s evidence.Statement, id string) evidence.Statement {
		s.ID = id
		for i := range s.Lines {
			s.Lines[i].ID, s.Lines[i].EndToEnd = "", ""
		}
		return s
	}
	day := func(id string) evidence.Statement { return nameless(statement(2, 2, 0, 1000, 900, 800), id) }
	h.taken(day("FIRST"))
	h.overlapAtMost = 2
	_, err := h.TakeStatement(t.Context(), evidenceAnn, h.book, "main", h.file(day("AGAIN")))
	h.wantCode("more than is looked at", err, ErrStatementOverlap)
	if n := h.count(`SELECT count(*) FROM evidence_receipts WHERE book_id = $1`, h.book.ID); n != 1 {
		t.Errorf("%d receipts", n)
	}
	h.overlapAtMost = 3
	if r := h.taken(day("AGAIN")); r.NewLines != 0 || r.KnownLines != 3 {
		t.Errorf("%+v", r)
	}
	h.complete(x)
}

// TestLinesUnderOtherIDs: a bank that gives its lines no reference, or one twice, is known by day, amount and reference; a line that is
// alike on a day that another statement goes on with is a new one.
func TestLinesUnderOtherIDs(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	x := h.bank(evidence.CAMT053, nil)
	nameless := func(s evidence.Statement) evidence.Statement {
		for i := range s.Lines {
			s.Lines[i].ID, s.Lines[i].EndToEnd = "", ""
		}
		return s
	}
	morning := nameless(statement(2, 2, 0, 1000, 1000, -300))
	if r := h.taken(morning); r.NewLines != 3 {
		t.Fatalf("%+v", r)
	}
	evening := nameless(statement(2, 2, 1700, 1000)) // the same amount once more, later that day
	if r := h.taken(evening); r.NewLines != 1 || r.KnownLines != 0 {
		t.Fatalf("%+v", r)
	}
	whole := nameless(statement(2, 2, 0, 1000, 1000, -300, 1000))
	whole.ID, whole.Until = "TWO DAYS", day(3)
	whole.Lines = append(whole.Lines, evidence.Line{Amount: 1000, Booked: day(3), Value: day(3), Text: "x"})
	whole.Closing += 1000
	if r := h.taken(whole); r.NewLines != 1 || r.KnownLines != 4 {
		t.Errorf("%+v", r)
	}
	h.complete(x)
	// The bank takes a line back under the same reference on another day, and once more in a file that holds both.
	back := statement(4, 4, 3700, 500)
	h.taken(back)
	next := statement(5, 5, 4200, -500)
	next.Lines[0].ID = "B04-0"
	if r := h.taken(next); r.NewLines != 1 || len(r.Conflicts) != 0 {
		t.Errorf("%+v", r)
	}
	both := statement(4, 4, 3700, 500)
	both.ID, both.Until, both.Closing = "BOTH", day(5), 3700
	both.Lines = append(both.Lines, next.Lines[0])
	if r := h.taken(both); r.NewLines != 0 || r.KnownLines != 2 || len(r.Conflicts) != 0 {
		t.Errorf("%+v", r)
	}
	h.complete(x)
	// And the same day, in the statement that follows, and in a file with both.
	sixth, late := statement(6, 6, 3700, 800), statement(6, 6, 4500, -800, 1)
	h.taken(sixth)
	if r := h.taken(late); r.NewLines != 2 || len(r.Conflicts) != 0 {
		t.Errorf("%+v", r)
	}
	if r := h.taken(sixth, late); r.NewLines != 0 || r.KnownLines != 3 || len(r.Conflicts) != 0 {
		t.Errorf("%+v", r)
	}
	seventh, after := statement(7, 7, 3701, 800), statement(7, 7, 4501, 900)
	if r := h.taken(seventh, after); r.NewLines != 2 {
		t.Errorf("%+v", r)
	}
	h.complete(x)
	h.sound(x)
}

// TestLineContradicted: a known line that comes with another amount keeps what it said, and people are told.
func TestLineContradicted(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	x := h.bank(evidence.CAMT053, nil)
	h.taken(statement(2, 2, 0, 1000, 50))
	r := h.taken(statement(2, 2, 0, 1001, 50))
	if r.NewLines != 0 || r.KnownLines != 2 || len(r.Conflicts) != 1 || r.Conflicts[0].Was != "10.00" || r.Conflicts[0].Became != "10.01" || r.Conflicts[0].LineID != "B02-0" {
		t.Errorf("%+v", r)
	}
	conflicts, err := h.Conflicts(t.Context(), h.book, x, Change{}, 10)
	if err != nil || len(conflicts) != 1 || conflicts[0] != r.Conflicts[0] {
		t.Errorf("%+v, %v", conflicts, err)
	}
	gaps, err := h.Continuity(t.Context(), h.book, x)
	if err != nil || len(gaps) != 1 || gaps[0].Kind != GapContradiction || gaps[0].Amount.Format("EUR") != "0.01" {
		t.Errorf("%+v, %v", gaps, err)
	}
	d, err := h.Line(t.Context(), h.book, x, 1)
	if err != nil || d.Net != 1000 || len(d.Changes) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	h.sound(x)
}

// TestStatementMissing: a day that is missing is a gap until its statement comes.
func TestStatementMissing(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	x := h.bank(evidence.CAMT053, nil)
	h.taken(statement(2, 2, 0, 1000))
	h.taken(statement(5, 5, 700, 9))
	gaps, err := h.Continuity(t.Context(), h.book, x)
	if err != nil || len(gaps) != 1 || gaps[0].Kind != GapMissing || gaps[0].Amount != -300 || !gaps[0].From.Equal(day(3)) || !gaps[0].Until.Equal(day(4)) {
		t.Fatalf("%+v, %v", gaps, err)
	}
	if gaps, err = h.Completeness(t.Context(), h.book, x); err != nil || len(gaps) != 0 {
		t.Errorf("%+v, %v", gaps, err)
	}
	h.taken(statement(3, 4, 1000, -300))
	h.complete(x)
}

// TestTakenAtOnce: 20 at two services take the same file and files that overlap: each line is there once.
func TestTakenAtOnce(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	x := h.bank(evidence.CAMT053, nil)
	var days []evidence.Statement
	balance := money.Minor(0)
	for d := 2; d < 8; d++ {
		s := statement(d, d, balance, 100, 100, money.Minor(d))
		days, balance = append(days, s), s.Closing
	}
	span := func(a, b int) evidence.Statement {
		s := days[a]
		s.ID, s.Lines = fmt.Sprintf("SPAN-%d-%d", a, b), nil
		for _, d := range days[a : b+1] {
			s.Lines, s.Until, s.Closing = append(s.Lines, d.Lines...), d.Until, d.Closing
		}
		return s
	}
	files := [][]byte{h.file(days...), h.file(span(0, 5)), h.file(span(1, 3)), h.file(span(2, 5)), h.file(days[0], days[1])}
	other := h.another(h.db.Pool)
	var group sync.WaitGroup
	var mu sync.Mutex
	fresh := int64(0)
	for i := range 20 {
		s := h.Service
		if i%2 == 1 {
			s = other
		}
		group.Go(func() {
			r, err := s.TakeStatement(t.Context(), evidenceAnn, h.book, "main", files[i%len(files)])
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if !r.Replayed {
				fresh += r.NewLines
			}
		})
	}
	group.Wait()
	if fresh != 18 {
		t.Errorf("%d new lines of 18", fresh)
	}
	if n := h.count(`SELECT count(*) FROM evidence_receipts WHERE book_id = $1`, h.book.ID); n != len(files) {
		t.Errorf("%d receipts of %d files", n, len(files))
	}
	h.sound(x)
	h.complete(x)
}

// TestStatementsInAnyOrder: an account of some weeks, cut into statements that overlap at whole days, taken in any order and some of
// them twice, comes to the same lines with nothing missing, also where the bank names no line.
func TestStatementsInAnyOrder(t *testing.T) {
	t.Parallel()
	seed := *statementSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: go test -run TestStatementsInAnyOrder -statement.seed=%d", seed, seed)
	r := rand.New(rand.NewPCG(seed, 5))
	h := newEvidenceHouse(t)
	h.bank(evidence.CAMT053, nil)
	for round := range 4 {
		book := h.newBook(fmt.Sprint("b", round))
		h.book = book
		x := h.bank(evidence.CAMT053, nil)
		named := r.IntN(3) > 0
		var days []evidence.Statement
		balance, total := money.Minor(r.IntN(1000)), 0
		for d := 1; d <= 20; d++ {
			var amounts []money.Minor
			for range r.IntN(5) {
				amounts = append(amounts, money.Minor(r.IntN(7)-3)*100)
			}
			s := statement(d, d, balance, amounts...)
			for i := range s.Lines {
				if !named {
					s.Lines[i].ID, s.Lines[i].EndToEnd = "", ""
				}
			}
			total += len(s.Lines)
			days, balance = append(days, s), s.Closing
		}
		var files []evidence.Statement
		cut := func(a, b int) {
			s := days[a]
			s.ID, s.Lines = fmt.Sprintf("CUT-%d-%d", a, b), nil
			for _, d := range days[a : b+1] {
				s.Lines, s.Until, s.Closing = append(s.Lines, d.Lines...), d.Until, d.Closing
			}
			files = append(files, s)
		}
		for a := 0; a < len(days); { // all of it, and then some of it again
			b := min(a+r.IntN(4), len(days)-1)
			cut(a, b)
			a = b + 1
		}
		for range 5 {
			a := r.IntN(len(days))
			cut(a, min(a+r.IntN(6), len(days)-1))
		}
		r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		for _, f := range files {
			h.taken(f)
		}
		if n := len(h.all(x)); n != total {
			t.Errorf("round %d (named %v): %d lines of %d", round, named, n, total)
		}
		h.complete(x)
		h.sound(x)
	}
}

// TestTakenAndRolledBack: in the caller's transaction, which ends without a trace.
func TestTakenAndRolledBack(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	x := h.bank(evidence.CAMT053, nil)
	away := errors.New("away")
	err := h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		r, err := h.TakeStatementTx(t.Context(), tx, evidenceAnn, h.book, "main", h.file(statement(2, 2, 0, 1, 2)))
		if err != nil || r.NewLines != 2 {
			t.Errorf("%+v, %v", r, err)
		}
		again, err := h.TakeStatementTx(t.Context(), tx, evidenceAnn, h.book, "main", h.file(statement(2, 2, 0, 1, 2)))
		if err != nil || !again.Replayed {
			t.Errorf("%+v, %v", again, err)
		}
		return away
	})
	if !errors.Is(err, away) {
		t.Fatal(err)
	}
	for _, table := range []string{"receipts", "parts", "lines", "statements", "balances"} {
		if h.count(`SELECT count(*) FROM evidence_`+table+` WHERE book_id = $1`, h.book.ID) != 0 {
			t.Errorf("%s are left", table)
		}
	}
	if r := h.taken(statement(2, 2, 0, 1, 2)); r.Number != 1 || r.FirstLine != 1 {
		t.Errorf("%+v", r)
	}
	h.sound(x)
}

// TestOtherFormats: CSV by its profile, BAI2 and MT940.
func TestOtherFormats(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	for _, format := range []evidence.Format{evidence.CSV, evidence.MT940, evidence.BAI2} {
		h.book = h.newBook(strings.ReplaceAll("f"+string(format), ".", ""))
		s := statement(2, 2, 1000, 250, -100)
		if format == evidence.BAI2 {
			s.Lines[0].Code, s.Lines[1].Code = "195", "495"
		}
		var profile []byte
		if format == evidence.CSV {
			profile = []byte(`{"name":"mizan","account":"` + evidenceIDs + `","currency":"EUR","dates":"YYYY-MM-DD","skip_first":1,"proof":"labels","opening_label":"Opening balance","closing_label":"Closing balance",
				"columns":{"booked":"booked","value":"value","amount":"amount","balance":"balance","id":"id","end_to_end":"end_to_end","mandate":"mandate","batch":"batch","trace":"trace","code":"code","text":["text"]}}`)
		}
		x := h.bank(format, profile)
		content, err := evidence.Render(format, []evidence.Statement{s})
		h.ok(err)
		r, err := h.TakeStatement(t.Context(), evidenceAnn, h.book, "main", content)
		if err != nil || r.NewLines != 2 || r.Format != string(format) {
			t.Errorf("%s: %+v, %v", format, r, err)
		}
		h.complete(x)
		h.sound(x)
	}
}

// TestLargestFile: 100,000 lines in one file.
func TestLargestFile(t *testing.T) {
	t.Parallel()
	if !*statementLong {
		return // it takes a while; the campaign measures it
	}
	h := newEvidenceHouse(t)
	profile := []byte(`{"name":"big","account":"` + evidenceIDs + `","currency":"EUR","dates":"YYYY-MM-DD","proof":"running","columns":{"booked":"d","amount":"a","balance":"b","id":"i","end_to_end":"e","text":["t"]}}`)
	x := h.bank(evidence.CSV, profile)
	var b bytes.Buffer
	b.WriteString("d,a,b,i,e,t\n")
	balance := money.Minor(0)
	for i := range 100_000 {
		balance += 101
		fmt.Fprintf(&b, "2026-03-%02d,1.01,%s,B%d,E2E-%d,%s\n", 1+i/5000, balance.Format("EUR"), i, i, evidenceText)
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	peak := make(chan uint64)
	done := make(chan struct{})
	go func() {
		most := uint64(0)
		for {
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(20 * time.Millisecond):
				runtime.ReadMemStats(&after)
				most = max(most, after.HeapInuse)
			}
		}
	}()
	began := time.Now()
	r, err := h.TakeStatement(t.Context(), evidenceAnn, h.book, "main", b.Bytes())
	took := time.Since(began)
	close(done)
	most := <-peak
	if err != nil || r.NewLines != 100_000 {
		t.Fatalf("%+v, %v", r, err)
	}
	t.Logf("%d bytes, %d lines in %s; heap in use %d MiB before, at most %d MiB meanwhile", r.Bytes, r.NewLines, took, before.HeapInuse>>20, most>>20)
	h.complete(x)
}
