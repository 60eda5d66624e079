package reports

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts"
	"mizan/payouts/reconcile"
)

// The trail of one order, donation or payout: its transactions with their hashes, the entries and why each is what it is, the payouts
// that took its parts or the lines that a payout pays, and the lines of processors and banks behind the entries, with the hashes of the
// receipts that they came in. Whoever checks one sale needs nothing else but the chart and the receipts themselves.

// Bounds of a trail.
const (
	// trailTransactions bounds the transactions of its subject, trailPayouts the payouts of an order that it follows.
	trailTransactions = 1_000
	trailPayouts      = 50
	trailPage         = 200
)

// ErrTrailLarge means that an order, donation or payout has more transactions than a trail tells.
var ErrTrailLarge = ErrReportLarge.Withf("More than %d transactions are about this. Ask for the general journal of the months instead.", trailTransactions)

func trailReport() Report {
	return Report{Name: "trail", Title: "Trail", Schema: 1,
		Meaning: "All that leads from one order, donation or payout to the lines of the processor and the bank and back: a row for each transaction with its content hash, for each of its entries with " +
			"the reason, for each step of the computation, for each part that a payout or disbursement took or line that it pays, and for each line of evidence with the SHA-256 of its receipt. It tells what was known when it was asked for.",
		Parameters: []Parameter{
			{Name: "kind", Kind: OfChoice, Choices: []string{"order", "donation", "payout"}, Needed: true, Meaning: "what it is the trail of"},
			{Name: "id", Kind: OfCode, Needed: true, Meaning: "its id"},
		},
		Columns: []tabular.Column{textColumn("row", "Row"), textColumn("transaction_id", "Transaction"), numberColumn("line", "Line"), timeColumn("at", "At"), textColumn("event", "Event"),
			textColumn("reference", "Reference"), textColumn("subject", "Subject"), textColumn("account", "Account"), textColumn("currency", "Currency"), sumColumn("debit", "Debit"), sumColumn("credit", "Credit"),
			amountColumn("amount", "Amount"), textColumn("external_ref", "External reference"), textColumn("payout", "Payout"), textColumn("source", "Source"), numberColumn("source_line", "Source line"),
			textColumn("source_line_id", "Source line id"), numberColumn("receipt", "Receipt"), textColumn("sha256", "SHA-256"), textColumn("text", "Text")},
		rows: func(ctx context.Context, q *Query, yield func(tabular.Row) error) error { return q.trail(ctx, yield) },
	}
}

// The columns of a trail.
const (
	trailRow = iota
	trailID
	trailLine
	trailAt
	trailEvent
	trailReference
	trailSubject
	trailAccount
	trailCurrency
	trailDebit
	trailCredit
	trailAmount
	trailExternal
	trailPayout
	trailSource
	trailSourceLine
	trailSourceID
	trailReceipt
	trailHash
	trailText
	trailColumns
)

func (q *Query) trail(ctx context.Context, yield func(tabular.Row) error) error {
	all, gift, err := q.aboutSubject(ctx)
	if err != nil {
		return err
	}
	if err := q.tellTransactions(ctx, all, yield); err != nil {
		return err
	}
	if q.Text("kind") == "payout" {
		if err := q.tellPaid(ctx, q.Text("id"), yield); err != nil {
			return err
		}
		return q.tellEvidence(ctx, all, yield)
	}
	if gift != nil {
		passed, err := q.tellGift(ctx, gift, all[0].Sequence, yield)
		if err != nil {
			return err
		}
		return q.tellEvidence(ctx, append(all, passed...), yield)
	}
	parts, err := q.s.payouts.PartsTaken(ctx, q.Book, all, q.AtSequence)
	if err != nil {
		return err
	}
	var taken []string
	for _, p := range parts {
		row := q.trailOf("part", p.Sequence)
		row[trailAccount], row[trailCurrency] = tabular.Text("liabilities:"+p.Holder.Kind+":available:"+p.Holder.ID), tabular.Text(string(p.Holder.Currency))
		row[trailAmount], row[trailPayout] = tabular.Money(p.Amount, p.Holder.Currency), tabular.Text(p.Paid.Payout)
		if err := yield(row); err != nil {
			return err
		}
		if id := p.Paid.Payout; id != "" && !slices.Contains(taken, id) && len(taken) < trailPayouts {
			taken = append(taken, id)
		}
	}
	for _, id := range taken {
		paid, err := q.bySubject(ctx, "payout:"+id)
		if err != nil {
			return err
		}
		if err := q.tellTransactions(ctx, paid, yield); err != nil {
			return err
		}
		all = append(all, paid...)
	}
	return q.tellEvidence(ctx, all, yield)
}

// tellGift tells the parts of a donation, which the given transaction made, what released each, and the disbursements that it went out
// with, and returns the transactions of these.
func (q *Query) tellGift(ctx context.Context, d *commerce.Donation, given int64, yield func(tabular.Row) error) (passed []ledger.Transaction, err error) {
	looked := map[string][]ledger.Transaction{}
	look := func(name string, read func(context.Context, string) ([]ledger.Transaction, error)) ([]ledger.Transaction, error) {
		list, known := looked[name]
		if known || name == "" {
			return list, nil
		}
		list, err := read(ctx, name)
		looked[name], passed = list, append(passed, list...)
		return list, err
	}
	c := money.Currency(d.Currency)
	for _, share := range d.Shares {
		if _, err := look(share.Release, q.byReference); err != nil {
			return nil, err
		}
		taken := ""
		for _, id := range share.Disbursements[:min(len(share.Disbursements), trailPayouts)] {
			list, err := look("disbursement:"+id, q.bySubject)
			if err != nil {
				return nil, err
			}
			if taken == "" && len(list) > 0 {
				taken = id
			}
		}
		amount, err := money.ParseAmount(share.Amount, c)
		if err != nil {
			return nil, err
		}
		row := q.trailOf("part", given)
		row[trailAccount], row[trailCurrency] = tabular.Text("liabilities:donation:available:"+share.Payee+":"+d.Campaign), tabular.Text(d.Currency)
		row[trailAmount], row[trailPayout] = tabular.Money(amount, c), tabular.Text(taken)
		if err := yield(row); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(passed, func(a, b ledger.Transaction) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return passed, q.tellTransactions(ctx, passed, yield)
}

// byReference are the transactions of one event that move money, up to the query's place.
func (q *Query) byReference(ctx context.Context, reference string) ([]ledger.Transaction, error) {
	list, err := q.s.ledger.ByReference(ctx, q.Book, reference)
	return slices.DeleteFunc(list, func(t ledger.Transaction) bool { return t.Sequence > q.AtSequence || len(t.Entries) == 0 }), err
}

// aboutSubject are the transactions that the trail begins with, and the donation if it is about one.
func (q *Query) aboutSubject(ctx context.Context) ([]ledger.Transaction, *commerce.Donation, error) {
	id := q.Text("id")
	var sequences []int64
	take := func(name string) {
		if n, err := ledger.ParseTransactionID(q.Book.Code, name); err == nil && n <= q.AtSequence {
			sequences = append(sequences, n)
		}
	}
	var gift *commerce.Donation
	switch q.Text("kind") {
	case "order":
		o, err := q.s.events.Order(ctx, q.Book, id)
		if err != nil {
			return nil, nil, err
		}
		for _, t := range o.Transactions {
			take(t.ID)
		}
	case "donation":
		d, err := q.s.events.Donation(ctx, q.Book, id)
		if err != nil {
			return nil, nil, err
		}
		gift = d
		for _, t := range d.Record {
			take(t.ID)
		}
		if len(sequences) == 0 { // it was given after the query's place
			return nil, nil, commerce.ErrDonationUnknown
		}
	default:
		if _, err := q.s.payouts.Payout(ctx, q.Book, id); err != nil {
			return nil, nil, err
		}
		list, err := q.bySubject(ctx, "payout:"+id)
		return list, nil, err
	}
	if len(sequences) > trailTransactions {
		return nil, nil, ErrTrailLarge
	}
	found, err := q.s.ledger.BySequence(ctx, q.Book, sequences)
	if err != nil {
		return nil, nil, err
	}
	list := make([]ledger.Transaction, 0, len(found))
	for _, n := range slices.Sorted(slices.Values(sequences)) {
		list = append(list, found[n])
	}
	return list, gift, nil
}

// bySubject are the transactions about something, up to the query's place.
func (q *Query) bySubject(ctx context.Context, subject string) (list []ledger.Transaction, err error) {
	for after, more := int64(0), true; more; {
		page, err := q.s.ledger.Transactions(ctx, q.Book, ledger.TransactionQuery{Subject: subject, After: after, Limit: trailPage})
		if err != nil {
			return nil, err
		}
		for _, t := range page.Transactions {
			if after = t.Sequence; after > q.AtSequence {
				return list, nil
			}
			if list = append(list, t); len(list) > trailTransactions {
				return nil, ErrTrailLarge
			}
		}
		more = page.More
	}
	return list, nil
}

// trailOf begins a row about a transaction.
func (q *Query) trailOf(kind string, sequence int64) tabular.Row {
	row := make(tabular.Row, trailColumns)
	row[trailRow], row[trailID] = tabular.Text(kind), q.transactionID(sequence)
	return row
}

// tellTransactions tells transactions, their entries, and how their amounts were computed.
func (q *Query) tellTransactions(ctx context.Context, list []ledger.Transaction, yield func(tabular.Row) error) error {
	for page := range slices.Chunk(list, trailPage) {
		sequences := make([]int64, len(page))
		for i := range page {
			sequences[i] = page[i].Sequence
		}
		why, err := q.s.events.ExplainAll(ctx, q.Book, sequences)
		if err != nil && !errors.Is(err, commerce.ErrOrderEdited) {
			return err
		}
		for i := range page {
			if err := q.tellTransaction(&page[i], why[page[i].Sequence], yield); err != nil {
				return err
			}
		}
	}
	return nil
}

func (q *Query) tellTransaction(t *ledger.Transaction, why *commerce.Explanation, yield func(tabular.Row) error) error {
	row := q.trailOf("transaction", t.Sequence)
	row[trailAt], row[trailEvent], row[trailReference], row[trailSubject] = tabular.At(t.OccurredAt), tabular.Text(t.Event), tabular.Text(t.Reference), tabular.Text(t.Subject)
	row[trailHash] = tabular.Text(hex.EncodeToString(t.ContentHash[:]))
	if why != nil {
		row[trailText] = tabular.Text(why.Summary)
	}
	if err := yield(row); err != nil {
		return err
	}
	for i, e := range t.Entries {
		row := q.trailOf("entry", t.Sequence)
		row[trailLine], row[trailAccount], row[trailCurrency], row[trailExternal] = tabular.Int(int64(e.Line)), tabular.Text(string(e.Account)), tabular.Text(string(e.Currency)), tabular.Text(e.ExternalRef)
		row[trailDebit], row[trailCredit] = sides(e.Amount, e.Currency)
		if why != nil && i < len(why.Entries) {
			row[trailText] = tabular.Text(why.Entries[i].Text)
		}
		if err := yield(row); err != nil {
			return err
		}
	}
	if why == nil {
		return nil
	}
	for _, s := range why.Steps {
		row := q.trailOf("step", t.Sequence)
		row[trailAccount], row[trailReference], row[trailText] = tabular.Text(s.Receiver), tabular.Text(why.RuleSet), tabular.Text(s.Title+": "+s.Text)
		if err := yield(row); err != nil {
			return err
		}
	}
	return nil
}

// tellPaid tells the lines that a payout pays.
func (q *Query) tellPaid(ctx context.Context, id string, yield func(tabular.Row) error) error {
	p, err := q.s.payouts.Payout(ctx, q.Book, id)
	if err != nil || p.CreatedSequence > q.AtSequence {
		return err
	}
	for page := (payouts.LinePage{More: true}); page.More; {
		if page, err = q.s.payouts.Lines(ctx, q.Book, id, page.AfterSequence, page.AfterLine, trailPage); err != nil {
			return err
		}
		for _, l := range page.Lines {
			row := q.trailOf("paid", l.Sequence)
			row[trailLine], row[trailAt], row[trailEvent], row[trailSubject] = tabular.Int(int64(l.EntryLine)), tabular.At(l.OccurredAt), tabular.Text(l.Event), tabular.Text(l.Subject)
			row[trailCurrency], row[trailAmount], row[trailPayout] = tabular.Text(string(p.Holder.Currency)), tabular.Money(l.Amount, p.Holder.Currency), tabular.Text(id)
			if err := yield(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellEvidence tells what processors and banks say of transactions.
func (q *Query) tellEvidence(ctx context.Context, list []ledger.Transaction, yield func(tabular.Row) error) error {
	for page := range slices.Chunk(list, trailPage) {
		behind, receipts, err := q.s.reconcile.BehindAt(ctx, q.Book, page, q.AskedAt)
		if err != nil {
			return err
		}
		for _, b := range behind {
			for _, l := range b.Lines {
				if err := yield(q.evidenceRow(b, l, receipts[reconcile.ReceiptOf{Source: b.Source.ID, Receipt: l.Receipt}])); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (q *Query) evidenceRow(b reconcile.Behind, l reconcile.Line, r reconcile.Receipt) tabular.Row {
	row := q.trailOf("evidence", b.Sequence)
	row[trailLine], row[trailAt], row[trailAccount] = tabular.Int(int64(b.Entry.Line)), tabular.At(l.MovedAt), tabular.Text(string(b.Entry.Account))
	row[trailCurrency], row[trailAmount], row[trailExternal] = tabular.Text(string(l.Currency)), tabular.Money(money.Minor(l.Net), l.Currency), tabular.Text(l.Key)
	row[trailSource], row[trailSourceLine], row[trailSourceID] = tabular.Text(string(b.Source.Kind)+" "+b.Source.Name), tabular.Int(l.Number), tabular.Text(l.ID)
	row[trailReceipt], row[trailHash] = tabular.Int(r.Number), tabular.Text(hex.EncodeToString(r.SHA256))
	row[trailText] = tabular.Text(l.Category + " " + strconv.Quote(l.Type))
	return row
}
