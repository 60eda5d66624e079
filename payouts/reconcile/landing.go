package reconcile

import (
	"slices"
	"strings"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// Landing: own money that left one account of ours and that a line of the source shows as arrived. Only what is certain is booked:
// the line names the transfer, or nothing else could be meant.

// Arrival is a line that may be a transfer's arrival.
type Arrival struct {
	// Line is its number; Key is what the ledger will know it by.
	Line     int64
	Key      string
	Currency money.Currency
	Amount   money.Minor
	MovedAt  time.Time
	// Transfers are the subjects of the transfers that it may be. Certain says that there is one and nothing else is possible.
	Transfers []string
	Certain   bool
}

// words are the words of what a line says that can be an id, in one spelling: banks write capitals and turn signs into others.
func words(of ...string) map[string]bool {
	all := map[string]bool{}
	for _, text := range of {
		for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !idRune(r) }) {
			all[spelled(w)] = true
		}
	}
	return all
}

func idRune(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '-' || r == '.'
}

func spelled(id string) string { return strings.ToUpper(strings.ReplaceAll(id, "_", "-")) }

// arrivals tells which lines are arrivals of which transfers. It is pure, and the order of neither side matters.
//
// A line that names a transfer on its way in its amount is that one, unless it names several or two lines name it. Of a line that
// names none, it is the only transfer of its amount within the days of the rules, if no other line could be it as well and the line
// names nothing else end to end. All else is a suggestion.
func arrivals(lines []External, sent []commerce.OwnTransfer, x situation) []Arrival {
	lines, sent = slices.Clone(lines), slices.Clone(sent)
	slices.SortFunc(lines, func(a, b External) int { return int(max(-1, min(1, a.Number-b.Number))) })
	slices.SortFunc(sent, func(a, b commerce.OwnTransfer) int { return strings.Compare(a.Subject, b.Subject) })
	type block struct {
		currency money.Currency
		amount   money.Minor
	}
	blocks := map[block][]int{}
	for i, t := range sent {
		b := block{t.Currency, t.Amount}
		blocks[b] = append(blocks[b], i)
	}
	named, possible := make([][]int, len(lines)), make([][]int, len(lines))
	namedBy, possibleFor := make([]int, len(sent)), make([]int, len(sent))
	for i, l := range lines {
		if l.Net <= 0 {
			continue
		}
		said := words(l.Key, l.SourceRef, l.Batch, l.Trace, l.Note)
		for _, t := range blocks[block{l.Currency, l.Net}] {
			if said[spelled(sent[t].ID)] {
				named[i] = append(named[i], t)
				namedBy[t]++
			} else if x.near(sent[t].SentAt, l.MovedAt) {
				possible[i] = append(possible[i], t)
			}
		}
		if len(named[i]) == 0 {
			for _, t := range possible[i] {
				possibleFor[t]++
			}
		}
	}
	var all []Arrival
	for i, l := range lines {
		a := Arrival{Line: l.Number, Key: l.Key, Currency: l.Currency, Amount: l.Net, MovedAt: l.MovedAt}
		list := named[i]
		switch {
		case len(list) == 1:
			a.Certain = namedBy[list[0]] == 1
		case len(list) == 0:
			// What another line names is that one's.
			for _, t := range possible[i] {
				if namedBy[t] == 0 {
					list = append(list, t)
				}
			}
			a.Certain = len(list) == 1 && possibleFor[list[0]] == 1 && l.SourceRef == "" && l.Category != categoryReversal
		}
		if len(list) == 0 {
			continue
		}
		a.Certain = a.Certain && len(l.Key) <= longestReference
		for _, t := range list {
			a.Transfers = append(a.Transfers, sent[t].Subject)
		}
		all = append(all, a)
	}
	return all
}

// longestReference is the longest that an event can name a line by.
const longestReference = 128

// near reports whether money that left then can have arrived at a moment. Value days make it arrive a day before it left.
func (x situation) near(left, arrived time.Time) bool {
	return !arrived.Before(x.day(left).AddDate(0, 0, -1)) && arrived.Before(x.bankingDays(left, x.Rules.BankDays+x.Rules.WindowDays))
}
