package reconcile

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts/reconcile/evidence"
)

// Taking a bank's statement: a file that adds up is kept as it came, with the lines that are new. The same file twice is one; a file that
// holds days that others held adds only what these lacked.

var (
	// ErrStatementElsewhere means that a statement is of another account than its source's.
	ErrStatementElsewhere = fault.New(fault.Invalid, "statement-elsewhere",
		"The bank statement is of another account or currency than this source. Choose the right source, or correct its settings; nothing was stored.")
	// ErrStatementEmpty means that a file has no statement.
	ErrStatementEmpty = fault.New(fault.Invalid, "statement-empty", "The file has no bank statement. Choose another file; nothing was stored.")
	// ErrStatementOverlap means that more is known of the days of a file than one file is held against.
	ErrStatementOverlap = fault.New(fault.TooLarge, "statement-overlap",
		"The bank statement covers days of which more than 200,000 lines or 10,000 statements are known. Ask the bank for one file for each day; nothing was stored.")
	// ErrSourceMoved means that a source's settings changed while a file was read.
	ErrSourceMoved = fault.New(fault.Unavailable, "evidence-source-moved", "The settings of the source changed at this moment. Nothing was stored; take the file again.")
)

// What a bank's line is, as its category.
const (
	categoryReceived = "received"
	categoryPaid     = "paid"
	categoryReversal = "reversal"
)

// readStatements reads a file as its source says, and refuses statements of other accounts.
func readFile(source Source, content []byte) ([]evidence.Statement, error) {
	profile, err := source.Settings.profile()
	if err != nil {
		return nil, err
	}
	list, err := evidence.Read(evidence.Format(source.Settings.Format), profile, content)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, ErrStatementEmpty
	}
	for i, x := range list {
		account := normalIdentification(x.Account)
		switch wanted := source.Settings.Identification; {
		case x.Currency != source.Settings.Currency:
			return nil, ErrStatementElsewhere.Withf("Statement %d is in another currency than this source. Choose the right source, or correct its settings; nothing was stored.", i+1)
		case wanted != "" && account != wanted && (account != "" || source.Settings.Format != string(evidence.CSV)):
			return nil, ErrStatementElsewhere.Withf("Statement %d is of another account than this source. Choose the right source, or correct its settings; nothing was stored.", i+1)
		}
	}
	return list, nil
}

// bankMovement is a line of a statement on its way in.
type bankMovement struct {
	taken
	// statement is the index of its statement in the file.
	statement int
}

// movements are the lines of statements, the oldest first.
func movements(book ledger.Book, source Source, list []evidence.Statement) (all []bankMovement) {
	n := 0
	for _, x := range list {
		n += len(x.Lines)
	}
	all = make([]bankMovement, 0, n)
	for i, x := range list {
		for j := range x.Lines {
			all = append(all, bankMovement{bankLine(book, source, x, &x.Lines[j]), i})
		}
	}
	slices.SortStableFunc(all, func(a, b bankMovement) int { return a.movedAt.Compare(b.movedAt) })
	return all
}

// bankLine is a bank's line as it is kept.
func bankLine(book ledger.Book, source Source, x evidence.Statement, l *evidence.Line) taken {
	k := taken{id: clean(l.ID, maxID), currency: x.Currency, gross: l.Amount, net: l.Amount, kind: clean(l.Code, maxWord), sourceRef: clean(l.EndToEnd, maxID),
		batch: clean(l.Batch, maxID), trace: clean(l.Trace, maxID), note: clean(strings.TrimSpace(l.Text), maxNote), movedAt: dayBegins(book, cmp.Or(l.Booked, x.Until, x.From)), availableAt: dayBegins(book, l.Value)}
	switch {
	case l.Reversal:
		k.category = categoryReversal
	case l.Amount < 0:
		k.category = categoryPaid
	default:
		k.category = categoryReceived
	}
	k.key = keyNamed(k.sourceRef, k.trace, k.batch, k.id)
	if source.Settings.Batches {
		k.key = keyNamed(k.batch, k.sourceRef, k.trace, k.id)
	}
	return k
}

// sameLine reports whether a line can be the one that is known by its id. A bank may use a reference again on another day or the other
// way around, as when it takes a payment back: that is another line.
func (l taken) sameLine(other taken) bool {
	return l.movedAt.Equal(other.movedAt) && (l.net < 0) == (other.net < 0)
}

// dated is the id of a line whose bank has used the same reference for something else.
func dated(book ledger.Book, l taken) string {
	sign := "+"
	if l.net < 0 {
		sign = "-"
	}
	return clean(l.id, maxID-10) + "@" + bankDay(book, l.movedAt).Format("20060102") + sign
}

// overlaps tells which statements of a file lie over days of which statements are known, so that lines of theirs can be
// known by another id. One that goes on within a day, from a balance that another ended with, does not: its lines are new. If what is
// known of that day comes to nothing, nobody can tell, and what is alike counts as known: a line that is lost so shows in the
// sum of all lines, and lines that are counted twice and come to nothing do not. nets are the sums of what is known by day; nil
// tells only which statements it may matter for.
func overlaps(list []evidence.Statement, near []StatementRecord, nets map[time.Time]money.Minor) []bool {
	all := make([]bool, len(list))
	for i, x := range list {
		if !x.Proved || x.Until.IsZero() {
			continue // a file without balances names its lines by what they say
		}
		from := cmp.Or(x.From, x.Until)
		var over, goesOn, repeats bool
		for _, k := range near {
			if k.Currency != x.Currency || !k.Proved || k.Until.IsZero() || k.Until.Before(from) || x.Until.Before(cmp.Or(k.From, k.Until)) {
				continue
			}
			over = true
			goesOn = goesOn || k.Until.Equal(from) && k.Closing == x.Opening && nets[from] != 0
			// It reaches beyond the first day, or ends where this one ends.
			repeats = repeats || k.Until.After(from) || k.Until.Equal(x.Until) && k.Closing == x.Closing
		}
		all[i] = over && (!goesOn || repeats)
	}
	return all
}

// alike is what two lines of one movement have in common, whatever their ids.
type alike struct {
	day      time.Time
	currency money.Currency
	net      money.Minor
	ref      string
}

func (l taken) alike(ref string) alike { return alike{l.movedAt, l.currency, l.net, ref} }

// pool are known lines that no line of a file has been found to be yet.
type pool struct {
	by map[alike][]*known
	// gone are the numbers of those that were found.
	gone map[int64]bool
}

func newPool(list []*known) *pool {
	p := &pool{by: map[alike][]*known{}, gone: map[int64]bool{}}
	for _, k := range list { // in the order of their numbers
		p.by[k.alike(k.sourceRef)] = append(p.by[k.alike(k.sourceRef)], k)
	}
	return p
}

// take finds a known line that is the same movement: of the same day, amount and reference, or without a reference.
func (p *pool) take(l taken) bool {
	refs := []string{l.sourceRef, ""}
	if l.sourceRef == "" {
		refs = refs[:1]
	}
	for _, ref := range refs {
		list := p.by[l.alike(ref)]
		for _, k := range list {
			if !p.gone[k.number] {
				p.gone[k.number] = true
				return true
			}
		}
	}
	return false
}
