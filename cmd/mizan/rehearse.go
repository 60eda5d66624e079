package main

// Rehearse: what a proposed rule set would have come to, added up over all pages of the service.

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mizan/api/client"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

type rulesRehearseCmd struct {
	remoteFlags
	Book   string    `required:"" help:"Code of the book." placeholder:"CODE"`
	Set    string    `required:"" help:"File with the proposed rule set; - is standard input." placeholder:"FILE"`
	From   time.Time `help:"Orders placed from this moment on, such as 2026-11-01T00:00:00Z; left out, thirty days before the end." placeholder:"TIME"`
	To     time.Time `help:"and before this one; left out, now." placeholder:"TIME"`
	Format string    `help:"table, csv or json." enum:"table,csv,json" default:"table"`
	Top    int       `help:"Payees and changes that the table shows." default:"20"`
}

// Run rehearses the set. It tells the progress on standard error.
func (c *rulesRehearseCmd) Run(ctx context.Context, s *surroundings) error {
	content, err := readDocument(c.Set, s.stdin)
	if err != nil {
		return err
	}
	if _, err := commerce.ParseRuleSet(content); err != nil {
		return err
	}
	if c.To.IsZero() {
		c.To = s.now().UTC().Truncate(time.Microsecond)
	}
	if c.From.IsZero() {
		c.From = c.To.AddDate(0, 0, -30)
	}
	remote, err := c.connectWith(s, client.Options{Timeout: exportTimeout})
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	sums := newRehearsalTable()
	for page, err := range remote.RehearseRules(ctx, c.Book, content, c.From, c.To) {
		if err != nil {
			return err
		}
		if err := sums.add(&page); err != nil {
			return err
		}
		fmt.Fprintf(s.stderr, "%d orders and %d charges were played again, %d could not be.\n", sums.all.Orders, sums.all.Charges, len(sums.all.Failed))
	}
	report := sums.report()
	switch c.Format {
	case "json":
		return writeJSON(s.stdout, report)
	case "csv":
		return report.csv(s.stdout)
	}
	return report.table(s.stdout, max(c.Top, 1))
}

// rehearsalReport is a whole rehearsal, with how many gain by it and lose.
type rehearsalReport struct {
	client.Rehearsal
	// Winners and Losers are payees; one who gains in a currency and loses in another is both.
	Winners int `json:"winners"`
	Losers  int `json:"losers"`
}

// rehearsalTable adds up the pages of a rehearsal.
type rehearsalTable struct {
	all  client.Rehearsal
	sums [3]map[string]*rehearsalRow
}

// rehearsalRow is a receiver's sums so far.
type rehearsalRow struct {
	client.RehearsedSum
	now, then money.Minor
}

func newRehearsalTable() *rehearsalTable {
	return &rehearsalTable{sums: [3]map[string]*rehearsalRow{{}, {}, {}}}
}

// signedAmount reads an amount that may be negative.
func signedAmount(text string, c money.Currency) (money.Minor, error) {
	digits, negative := strings.CutPrefix(text, "-")
	m, err := money.ParseAmount(digits, c)
	if negative {
		m = -m
	}
	return m, err
}

func (t *rehearsalTable) add(page *client.Rehearsal) error {
	a := &t.all
	a.RuleSet, a.From, a.To = page.RuleSet, page.From, page.To
	a.Orders, a.Charges, a.Changed = a.Orders+page.Orders, a.Charges+page.Charges, a.Changed+page.Changed
	a.Failed = append(a.Failed, page.Failed...)
	a.Largest = append(a.Largest, page.Largest...)
	slices.SortStableFunc(a.Largest, func(x, y client.RehearsedOrder) int { return cmp.Compare(sizeOf(y), sizeOf(x)) })
	a.Largest = a.Largest[:min(len(a.Largest), 20)]
	for i, list := range [][]client.RehearsedSum{page.Payees, page.Accounts, page.Totals} {
		for _, sum := range list {
			now, err := signedAmount(sum.Now, sum.Currency)
			if err != nil {
				return err
			}
			then, err := signedAmount(sum.Proposed, sum.Currency)
			if err != nil {
				return err
			}
			key := sum.Who + " " + string(sum.Currency)
			if t.sums[i][key] == nil {
				t.sums[i][key] = &rehearsalRow{RehearsedSum: client.RehearsedSum{Who: sum.Who, Currency: sum.Currency}}
			}
			row := t.sums[i][key]
			row.Orders, row.now, row.then = row.Orders+sum.Orders, row.now+now, row.then+then
		}
	}
	return nil
}

// sizeOf is how much a change is, whichever way.
func sizeOf(o client.RehearsedOrder) money.Minor {
	m, _ := signedAmount(o.Difference, o.Currency)
	return max(m, -m)
}

// report is everything added up, the largest differences first.
func (t *rehearsalTable) report() *rehearsalReport {
	out := &rehearsalReport{Rehearsal: t.all}
	gain, lose := map[string]bool{}, map[string]bool{}
	for i, list := range []*[]client.RehearsedSum{&out.Payees, &out.Accounts, &out.Totals} {
		rows := make([]*rehearsalRow, 0, len(t.sums[i]))
		for _, row := range t.sums[i] {
			rows = append(rows, row)
		}
		slices.SortFunc(rows, func(x, y *rehearsalRow) int {
			dx, dy := x.then-x.now, y.then-y.now
			return cmp.Or(cmp.Compare(max(dy, -dy), max(dx, -dx)), cmp.Compare(x.Who, y.Who), cmp.Compare(x.Currency, y.Currency))
		})
		*list = make([]client.RehearsedSum, 0, len(rows))
		for _, row := range rows {
			d := row.then - row.now
			switch {
			case i == 0 && d > 0:
				gain[row.Who] = true
			case i == 0 && d < 0:
				lose[row.Who] = true
			}
			row.Now, row.Proposed, row.Difference = row.now.Format(row.Currency), row.then.Format(row.Currency), d.Format(row.Currency)
			*list = append(*list, row.RehearsedSum)
		}
	}
	out.Winners, out.Losers = len(gain), len(lose)
	out.Largest, out.Failed = append([]client.RehearsedOrder{}, out.Largest...), append([]client.RehearsalFailure{}, out.Failed...)
	return out
}

// csv writes every sum and every failure as a row.
func (r *rehearsalReport) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"list", "who", "currency", "orders", "now", "proposed", "difference", "reason"}) // Error tells below
	for _, list := range []struct {
		name string
		sums []client.RehearsedSum
	}{{"total", r.Totals}, {"account", r.Accounts}, {"payee", r.Payees}} {
		for _, s := range list.sums {
			_ = out.Write([]string{list.name, s.Who, string(s.Currency), fmt.Sprint(s.Orders), s.Now, s.Proposed, s.Difference, ""})
		}
	}
	for _, o := range r.Largest {
		_ = out.Write([]string{"order", cmp.Or(o.Order, o.Charge) + " " + o.Who, string(o.Currency), "1", o.Now, o.Proposed, o.Difference, ""})
	}
	for _, f := range r.Failed {
		_ = out.Write([]string{"failed", f.Order, "", "1", "", "", "", f.Code + ": " + f.Reason})
	}
	out.Flush()
	return out.Error()
}

// table writes the rehearsal for people.
func (r *rehearsalReport) table(w io.Writer, top int) error {
	fmt.Fprintf(w, "%s for orders placed from %s and before %s\n", r.RuleSet, r.From.UTC().Format(time.RFC3339), r.To.UTC().Format(time.RFC3339))
	fmt.Fprintf(w, "%d orders and %d charges, %d of them change. %d payees gain, %d lose.\n\n", r.Orders, r.Charges, r.Changed, r.Winners, r.Losers)
	for _, list := range []struct {
		heading string
		sums    []client.RehearsedSum
	}{{"TOTAL", r.Totals}, {"ACCOUNT", r.Accounts}, {"PAYEE", r.Payees}} {
		t := newTable(list.heading, "CURRENCY", ">ORDERS", ">NOW", ">PROPOSED", ">DIFFERENCE")
		for _, s := range list.sums[:min(len(list.sums), top)] {
			t.add(s.Who, string(s.Currency), fmt.Sprint(s.Orders), s.Now, s.Proposed, s.Difference)
		}
		if err := t.write(w, ""); err != nil {
			return err
		}
		if more := len(list.sums) - top; more > 0 {
			fmt.Fprintf(w, "… and %d more; --format csv has them all.\n", more)
		}
		fmt.Fprintln(w)
	}
	if len(r.Largest) > 0 {
		t := newTable("LARGEST CHANGE", "PAYEE", "CURRENCY", ">NOW", ">PROPOSED", ">DIFFERENCE")
		for _, o := range r.Largest[:min(len(r.Largest), top)] {
			t.add(cmp.Or(o.Order, o.Charge), o.Who, string(o.Currency), o.Now, o.Proposed, o.Difference)
		}
		if err := t.write(w, ""); err != nil {
			return err
		}
	}
	for _, f := range r.Failed {
		fmt.Fprintf(w, "NOT PLAYED  %s: %s %s\n", f.Order, f.Code, f.Reason)
	}
	return nil
}
