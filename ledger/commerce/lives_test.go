package commerce

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A life is the worked example of an event: the steps of an order with the entries an accountant expects. The lives are
// also what the handbook's pages show.
type life struct {
	Key      string         `json:"key"`
	Title    string         `json:"title"`
	Source   string         `json:"source"`
	Currency money.Currency `json:"currency"`
	// Currencies are further currencies of the book; an entry names its currency if it is one of them.
	Currencies []money.Currency `json:"currencies"`
	Rules      json.RawMessage  `json:"rules"`
	Steps      []lifeStep       `json:"steps"`
}

type lifeStep struct {
	Say    string          `json:"say"`
	Type   string          `json:"type"`
	Data   json.RawMessage `json:"data"`
	Raw    string          `json:"raw"`
	Settle *lifeSettlement `json:"settle"`
	// Act is an operation of ours beside the events, by its name in lifeActs.
	Act     string   `json:"act"`
	Refused string   `json:"refused"`
	Entries []string `json:"entries"`
}

type lifeSettlement struct {
	Rate *string    `json:"rate"`
	Days *int       `json:"days"`
	At   *time.Time `json:"at"`
}

// lifeActs are the operations beside the events that a step can name, by family.
var lifeActs = func() map[string]lifeAct {
	all := map[string]lifeAct{}
	for _, family := range []map[string]lifeAct{currencyActs, donationActs, exchangeActs, giftActs, importActs, minorActs, openingActs, simulcastActs, treasuryActs} {
		maps.Copy(all, family)
	}
	return all
}()

// lifeAct carries out an operation as a step of a worked example.
type lifeAct func(t testing.TB, w *workbench, reference string, data json.RawMessage) Result

func loadLives(t testing.TB) []life {
	t.Helper()
	names, err := filepath.Glob("testdata/lives/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no lives: %v", err)
	}
	var lives []life
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var l life
		dec := json.NewDecoder(strings.NewReader(string(b)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&l); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		lives = append(lives, l)
	}
	return lives
}

// playedStep is a step with what became of it.
type playedStep struct {
	lifeStep
	reference string
	result    Result
	// reasons are the reasons of the entries of each transaction.
	reasons map[int64][]EntryReason
}

// playLife plays a worked example in a book of its own.
func (w *workbench) playLife(t *testing.T, l life) (played []playedStep) {
	t.Helper()
	book, _, err := w.ledger.CreateBook(t.Context(), ledger.NewBook{Code: l.book(), Name: l.Title, Currencies: append([]money.Currency{l.Currency}, l.Currencies...), TimeZone: "America/Chicago", Market: "US"})
	if err != nil {
		t.Fatal(err)
	}
	lw := *w
	lw.book = book
	lw.useRules(t, l.Rules)
	order := ""
	for i, s := range l.Steps {
		name := fmt.Sprintf("%s step %d", l.Key, i+1)
		reference := fmt.Sprintf("%s-%d", l.Key, i+1)
		var r Result
		switch {
		case s.Raw != "":
			lw.rawStep(t, reference, s, l.Currency)
			played = append(played, playedStep{lifeStep: s})
			continue
		case s.Settle != nil:
			ask := Settlement{ReserveRate: s.Settle.Rate, ReserveDays: s.Settle.Days}
			if s.Settle.At != nil {
				ask.At = *s.Settle.At
			}
			r = lw.Settle(t.Context(), book, order, ask)
		case s.Act != "":
			r = lifeActs[s.Act](t, &lw, reference, s.Data)
		default:
			data := strings.ReplaceAll(string(s.Data), `"us-1"`, `"`+book.Code+`-1"`)
			r = lw.record(t.Context(), event(t, s.Type, reference, data))
			var of struct{ Order string }
			if json.Unmarshal(s.Data, &of) == nil && of.Order != "" && !strings.HasPrefix(s.Type, "import.") {
				order = of.Order
			}
		}
		if s.Refused != "" {
			if fault.CodeOf(r.Err) != s.Refused {
				t.Fatalf("%s: %v, want %s", name, r.Err, s.Refused)
			}
			played = append(played, playedStep{lifeStep: s, reference: reference, result: r})
			continue
		}
		if r.Err != nil {
			t.Fatalf("%s: %v", name, r.Err)
		}
		wantEntriesIn(t, name, l.Currency, r, s.Entries...)
		lw.checkExplanation(t, name, r)
		checkStepsTell(t, name, r)
		played = append(played, playedStep{lifeStep: s, reference: reference, result: r, reasons: lw.reasonsOf(t, r)})
	}
	if order != "" {
		o, err := lw.Order(t.Context(), book, order)
		if err != nil {
			t.Fatal(err)
		}
		checkWaterfall(t, l.Key, o)
	}
	lw.checkTogether(t)
	lw.checkEarned(t)
	lw.checkThreeAgree(t)
	return played
}

// checkTogether compares the explanations of all transactions of a book, read together, with each read by itself.
func (w *workbench) checkTogether(t *testing.T) {
	t.Helper()
	page, err := w.ledger.Transactions(t.Context(), w.book, ledger.TransactionQuery{Limit: 1000})
	if err != nil || page.More {
		t.Fatalf("more than one page: %v, %v", page.More, err)
	}
	var sequences []int64
	for _, x := range page.Transactions {
		sequences = append(sequences, x.Sequence)
	}
	together, err := w.ExplainAll(t.Context(), w.book, sequences)
	if err != nil || len(together) != len(sequences) {
		t.Fatalf("%d of %d are explained together: %v", len(together), len(sequences), err)
	}
	for _, n := range sequences {
		alone, err := w.Explain(t.Context(), w.book, n)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(alone)
		b, _ := json.Marshal(together[n])
		if string(a) != string(b) {
			t.Errorf("transaction %d is explained otherwise together with others:\n%s\n%s", n, a, b)
		}
	}
	if _, err := w.ExplainAll(t.Context(), w.book, []int64{1 << 40}); !errors.Is(err, ledger.ErrTransactionUnknown) {
		t.Errorf("an unknown transaction is explained: %v", err)
	}
}

// book is the code of the book that the example is played in. Pages show it in the ids of transactions, so it does not
// depend on the other examples.
func (l life) book() string {
	code := strings.NewReplacer("-", "_", ".", "_").Replace(l.Key)
	return code[:min(len(code), 32)]
}

// playedBook is the book that a worked example was played in.
func (w *workbench) playedBook(t testing.TB, l life) ledger.Book {
	t.Helper()
	book, err := w.ledger.Book(t.Context(), l.book())
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// reasonsOf reads the reasons of all entries back.
func (w *workbench) reasonsOf(t *testing.T, r Result) map[int64][]EntryReason {
	t.Helper()
	reasons := map[int64][]EntryReason{}
	for _, x := range r.Transactions {
		again, err := w.Explain(t.Context(), w.book, x.Sequence)
		if err != nil {
			t.Fatal(err)
		}
		reasons[x.Sequence] = again.Entries
	}
	return reasons
}

// checkStepsTell compares the sentences with the journal: what the steps of each receiver changed by is what its accounts
// were credited. A reader who adds up the sentences must not find another amount than the entries have.
func checkStepsTell(t *testing.T, name string, r Result) {
	t.Helper()
	if r.Explanation == nil || len(r.Explanation.Steps) == 0 {
		return
	}
	c := money.Currency(r.Explanation.Currency)
	told, posted, divided := map[string]money.Minor{}, map[string]money.Minor{}, map[string]bool{"creators": true}
	for _, st := range r.Explanation.Steps {
		if st.TaxMode == "inclusive" { // a part of it is tax, in an account of its own
			divided[st.Receiver] = true
		}
		if st.Rule != "creator_split" { // which the creator's own step divides further
			told[st.Receiver] += signedMinor(t, st.Amount, c) - signedMinor(t, st.Before, c)
		}
	}
	for _, x := range r.Transactions {
		for _, e := range x.Entries {
			if e.Currency != c {
				continue
			}
			who := string(e.Account)
			if kind, _, id, ok := splitPayee(e.Account); ok {
				who = kind + ":" + id
			}
			posted[who] -= e.Amount
		}
	}
	for who, amount := range told {
		if posted[who] != amount && !divided[who] {
			t.Errorf("%s: the steps give %s %s, the entries %s", name, who, amount.Format(c), posted[who].Format(c))
		}
	}
}

// checkExplanation compares the explanation that was answered with the one read back.
func (w *workbench) checkExplanation(t *testing.T, name string, r Result) {
	t.Helper()
	for _, x := range r.Transactions {
		if rec, _, ok := recordOf(&x); !ok || rec.Part != 0 {
			continue
		}
		again, err := w.Explain(t.Context(), w.book, x.Sequence)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		a, _ := json.Marshal(r.Explanation)
		b, _ := json.Marshal(again)
		if string(a) != string(b) {
			t.Errorf("%s: the explanation read back differs:\n%s\n%s", name, a, b)
		}
	}
}

func checkWaterfall(t testing.TB, name string, o *Order) {
	t.Helper()
	if o.Currency == "" {
		return
	}
	sum := money.Minor(0)
	for _, r := range o.Waterfall {
		sum += signedMinor(t, r.Net, money.Currency(o.Currency))
	}
	if sum != 0 {
		t.Errorf("%s: the waterfall sums to %d", name, sum)
	}
}

func signedMinor(t testing.TB, s string, c money.Currency) money.Minor {
	t.Helper()
	text, negative := strings.CutPrefix(s, "-")
	m, err := money.ParseAmount(text, c)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	if negative {
		return -m
	}
	return m
}

func (w *workbench) rawStep(t *testing.T, reference string, s lifeStep, c money.Currency) {
	t.Helper()
	var lines []ledger.Line
	for _, e := range s.Entries {
		f := strings.Fields(e)
		in := c
		if len(f) == 4 {
			in = money.Currency(f[3])
		}
		m := signedMinor(t, f[2], in)
		if f[0] == "Cr" {
			m = -m
		}
		lines = append(lines, ledger.Line{Account: ledger.Address(f[1]), Amount: m, Currency: in})
	}
	out := w.ledger.Post(t.Context(), w.book, ledger.Submission{Reference: reference, Drafts: []ledger.Draft{{Event: s.Raw, Lines: lines}}})
	if out.Err != nil {
		t.Fatal(out.Err)
	}
}
