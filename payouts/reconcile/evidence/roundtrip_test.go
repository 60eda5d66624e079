package evidence_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts/reconcile/evidence"
)

// words are letters of references and texts, among them some that formats could trip over.
var words = rapid.StringMatching(`[A-Za-z0-9äÖ漢.,;"'&<>()*%=@+|-]{1,20}( [A-Za-z0-9é:?]{1,12}){0,6}`)

// references are what banks use for references.
var references = rapid.StringMatching(`([A-Z0-9][A-Za-z0-9.-]{0,11})?`)

// drawn draws a statement that the format can say.
func drawn(t *rapid.T, format evidence.Format, number int) evidence.Statement {
	from := on(2026, 1, 1).AddDate(0, 0, rapid.IntRange(0, 400).Draw(t, "from"))
	until := from.AddDate(0, 0, rapid.IntRange(0, 3).Draw(t, "days"))
	if format == evidence.BAI2 {
		until = from
	}
	s := evidence.Statement{Account: fmt.Sprintf("DE%020d", number), From: from, Until: until, Proved: true,
		Currency: rapid.SampledFrom([]money.Currency{"EUR", "USD", "JPY", "KWD", "VND", "TND"}).Draw(t, "currency")}
	own := fmt.Sprintf("S%d", number)
	switch format {
	case evidence.CAMT053:
		s.ID, s.Sequence = own, rapid.SampledFrom([]string{"", "7", "7/2"}).Draw(t, "sequence")
	case evidence.MT940:
		s.Sequence = fmt.Sprintf("%d/1", number)
		s.ID = own + " " + s.Sequence + " " + until.Format("2006-01-02")
	case evidence.BAI2:
		s.ID = own + " " + until.Format("2006-01-02")
	}
	most := min(int64(s.Currency.Max()/1000), 1e15)
	s.Opening = money.Minor(rapid.Int64Range(-most, most).Draw(t, "opening"))
	s.Closing = s.Opening
	least := 0
	if format == evidence.CSV {
		least = 1
	}
	for i := range rapid.IntRange(least, 6).Draw(t, "lines") {
		l := drawnLine(t, format, &s, i)
		s.Closing += l.Amount
		s.Lines = append(s.Lines, l)
	}
	if format == evidence.CSV {
		s.From, s.Until = s.Lines[0].Booked, s.Lines[0].Booked
		for _, l := range s.Lines {
			if l.Booked.Before(s.From) {
				s.From = l.Booked
			}
			if l.Booked.After(s.Until) {
				s.Until = l.Booked
			}
		}
		s.ID = "mizan/" + s.From.Format("2006-01-02") + "/" + s.Until.Format("2006-01-02")
	}
	return s
}

// drawnLine draws a line that the format can say.
func drawnLine(t *rapid.T, format evidence.Format, s *evidence.Statement, i int) evidence.Line {
	most := min(int64(s.Currency.Max()/1000), 1e15)
	l := evidence.Line{ID: fmt.Sprintf("B%d", i), Amount: money.Minor(rapid.Int64Range(-most, most).Draw(t, "amount")),
		Booked: s.Until, EndToEnd: references.Draw(t, "end to end"), Text: words.Draw(t, "text")}
	l.Value = l.Booked.AddDate(0, 0, rapid.IntRange(-3, 3).Draw(t, "value"))
	switch format {
	case evidence.CAMT053:
		l.Code, l.Reversal = rapid.SampledFrom([]string{"PMNT/RCDT/ESCT", "808"}).Draw(t, "code"), rapid.Bool().Draw(t, "reversal")
		l.Mandate, l.Batch, l.Trace = references.Draw(t, "mandate"), references.Draw(t, "batch"), references.Draw(t, "trace")
		if n := rapid.IntRange(1, 4).Draw(t, "parts"); n > 1 {
			l.EndToEnd, l.Mandate, l.Trace = "", "", ""
			rest := l.Amount
			for range n - 1 {
				part := money.Minor(rapid.Int64Range(-most, most).Draw(t, "part"))
				l.Parts = append(l.Parts, evidence.Part{EndToEnd: references.Draw(t, "end to end"), Amount: part, Text: words.Draw(t, "text")})
				rest -= part
			}
			l.Parts = append(l.Parts, evidence.Part{Amount: rest})
		}
	case evidence.MT940:
		l.Code, l.Reversal, l.Trace = "NTRF", l.Amount != 0 && rapid.Bool().Draw(t, "reversal"), l.ID
		l.Mandate, l.Batch = references.Draw(t, "mandate"), references.Draw(t, "batch")
		l.Text = strings.ReplaceAll(l.Text, "/", "-")
	case evidence.BAI2:
		l.Code, l.Trace = "165", l.ID
		if l.Amount < 0 {
			l.Code = "475"
		}
	case evidence.CSV:
		l.Booked = l.Booked.AddDate(0, 0, rapid.IntRange(-3, 0).Draw(t, "booked"))
		l.Mandate, l.Batch, l.Trace, l.Code = references.Draw(t, "mandate"), references.Draw(t, "batch"), references.Draw(t, "trace"), references.Draw(t, "code")
	}
	return l
}

// written renders statements and finds the profile for reading them.
func written(t testing.TB, format evidence.Format, statements ...evidence.Statement) ([]byte, *evidence.Profile) {
	t.Helper()
	content, err := evidence.Render(format, statements)
	if err != nil {
		t.Fatal(err)
	}
	if format == evidence.CSV {
		return content, evidence.RenderedProfile(&statements[0])
	}
	return content, nil
}

// drawnFile draws the statements of a file.
func drawnFile(t *rapid.T, format evidence.Format) []evidence.Statement {
	count := 1
	if format != evidence.CSV {
		count = rapid.IntRange(1, 3).Draw(t, "statements")
	}
	var statements []evidence.Statement
	for i := range count {
		statements = append(statements, drawn(t, format, i+1))
	}
	return statements
}

// What Render writes, Read reads.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, format := range evidence.Formats() {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(r *rapid.T) {
				want := drawnFile(r, format)
				content, p := written(t, format, want...)
				got, err := evidence.Read(format, p, content)
				if err != nil {
					r.Fatalf("%v\n%s", err, content)
				}
				sound(t, got, nil)
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(evidence.Line{}, "Row")); diff != "" {
					r.Fatalf("written (-) and read (+) differ:\n%s\n%s", diff, content)
				}
			})
		})
	}
}

// One line that is wrong in any way makes the statement wrong, and the message says which statement.
func TestPlantedFaultsAreRefused(t *testing.T) {
	t.Parallel()
	for _, format := range evidence.Formats() {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(r *rapid.T) {
				statements := drawnFile(r, format)
				at := rapid.IntRange(0, len(statements)-1).Draw(r, "statement")
				s := &statements[at]
				if len(s.Lines) == 0 {
					l := drawnLine(r, format, s, 0)
					s.Closing += l.Amount
					s.Lines = append(s.Lines, l)
				}
				i := rapid.IntRange(0, len(s.Lines)-1).Draw(r, "line")
				if s.Lines[i].Parts = nil; s.Lines[i].Amount == 0 {
					s.Lines[i].Amount = 1
					s.Closing++
				}
				plant(r, format, s, i)
				content, p := written(t, format, statements...)
				got, err := evidence.Read(format, p, content)
				sound(t, got, err)
				if fault.CodeOf(err) != "statement-unbalanced" {
					r.Fatalf("got %v for\n%s", err, content)
				}
				if want := fmt.Sprintf("Statement %d:", at+1); !strings.Contains(err.Error(), want) {
					r.Fatalf("%v does not name %q", err, want)
				}
			})
		})
	}
}

// plant makes one line of a statement wrong.
func plant(r *rapid.T, format evidence.Format, s *evidence.Statement, i int) {
	kinds := []string{"cent more", "cent less", "twice", "sign"}
	if len(s.Lines) > 1 || format != evidence.CSV {
		kinds = append(kinds, "missing")
	}
	l := &s.Lines[i]
	switch rapid.SampledFrom(kinds).Draw(r, "fault") {
	case "cent more":
		l.Amount++
	case "cent less":
		l.Amount--
	case "missing":
		s.Lines = append(s.Lines[:i:i], s.Lines[i+1:]...)
	case "twice":
		s.Lines = append(s.Lines, *l)
	case "sign":
		l.Amount = -l.Amount
	}
	if format == evidence.BAI2 {
		for j := range s.Lines {
			if s.Lines[j].Code = "165"; s.Lines[j].Amount < 0 {
				s.Lines[j].Code = "475"
			}
		}
	}
}

// The same statement has the same ids of lines alone, in another place of another file, and read again; other statements and
// other accounts have others.
func TestIDsDoNotDependOnTheFile(t *testing.T) {
	t.Parallel()
	for _, format := range []evidence.Format{evidence.CAMT053, evidence.MT940, evidence.BAI2} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(r *rapid.T) {
				one, other := drawn(r, format, 1), drawn(r, format, 2)
				for _, s := range []*evidence.Statement{&one, &other} {
					for len(s.Lines) < 2 {
						s.Lines = append(s.Lines, evidence.Line{Booked: s.Until, Value: s.Until, Code: "165"})
					}
					for i := range s.Lines {
						s.Lines[i].ID, s.Lines[i].Trace = "", ""
					}
				}
				alone, together := ids(t, format, one), ids(t, format, other, one)
				for i := range alone[0] {
					if alone[0][i] != together[1][i] {
						r.Fatal("the id of a line changed with the file")
					}
				}
				if alone[0][0] == together[0][0] || alone[0][0] == alone[0][1] {
					r.Fatal("two lines have one id")
				}
			})
		})
	}
}

// ids reads statements back and returns the ids of their lines.
func ids(t *testing.T, format evidence.Format, statements ...evidence.Statement) [][]string {
	t.Helper()
	content, p := written(t, format, statements...)
	got, err := evidence.Read(format, p, content)
	if err != nil {
		t.Fatalf("%v\n%s", err, content)
	}
	var all [][]string
	for _, s := range got {
		var list []string
		for _, l := range s.Lines {
			list = append(list, l.ID)
		}
		all = append(all, list)
	}
	return all
}
