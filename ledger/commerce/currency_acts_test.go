package commerce

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

var currencyActs = map[string]lifeAct{"at": eventAt, "raw_at": rawAt, "close_period": closePeriod}

// eventAt sends an event that happened earlier.
func eventAt(t testing.TB, w *workbench, reference string, data json.RawMessage) Result {
	var ask struct {
		Type       string
		OccurredAt time.Time `json:"occurred_at"`
		Data       json.RawMessage
	}
	if err := json.Unmarshal(data, &ask); err != nil {
		t.Fatal(err)
	}
	e := event(t, ask.Type, reference, string(ask.Data))
	e.OccurredAt = ask.OccurredAt
	return w.Post(t.Context(), w.book, e)
}

// rawAt posts a transaction by hand that happened earlier.
func rawAt(t testing.TB, w *workbench, reference string, data json.RawMessage) Result {
	var ask struct {
		Event      string
		OccurredAt time.Time `json:"occurred_at"`
		Entries    []string
	}
	if err := json.Unmarshal(data, &ask); err != nil {
		t.Fatal(err)
	}
	draft := ledger.Draft{Event: ask.Event, OccurredAt: ask.OccurredAt}
	for _, e := range ask.Entries {
		f := strings.Fields(e)
		c := w.book.Functional
		if len(f) == 4 {
			c = money.Currency(f[3])
		}
		m := signedMinor(t, f[2], c)
		if f[0] == "Cr" {
			m = -m
		}
		draft.Lines = append(draft.Lines, ledger.Line{Account: ledger.Address(f[1]), Amount: m, Currency: c})
	}
	out := w.ledger.Post(t.Context(), w.book, ledger.Submission{Reference: reference, Drafts: []ledger.Draft{draft}})
	return Result{Transactions: out.Transactions, Explanation: &Explanation{}, Err: out.Err}
}

// closePeriod closes a period of the book.
func closePeriod(t testing.TB, w *workbench, _ string, data json.RawMessage) Result {
	var ask struct{ Period string }
	if err := json.Unmarshal(data, &ask); err != nil {
		t.Fatal(err)
	}
	p, err := ledger.ParsePeriod(ask.Period)
	if err == nil {
		err = w.ledger.ClosePeriod(t.Context(), w.book, p)
	}
	return Result{Explanation: &Explanation{}, Err: err}
}
