package main

// Orders as a payee is told them: what it has in each, how that was computed, and what a return would change; and the way of its money.

import (
	"context"
	"fmt"
	"io"
	"strings"

	"mizan/api/client"
)

type orderListCmd struct {
	remoteFlags
	Book     string `arg:"" help:"Code of the book."`
	Payee    string `arg:"" help:"Id of the payee."`
	State    string `help:"Only those that stand so: estimated, held, settled or unearned." enum:",estimated,held,settled,unearned" default:"" placeholder:"STATE"`
	Currency string `help:"Currency of the orders; without it, the one that the payee is paid in." placeholder:"CODE"`
	Most     int    `help:"How many are printed at most." default:"1000"`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// Run lists the orders of a payee, the newest first.
func (c *orderListCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	list, err := client.Collect(remote.PayeeOrders(ctx, c.Book, c.Payee, client.PayeeOrderQuery{State: c.State, Currency: c.Currency}), c.Most)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, list)
	}
	t := newTable("ORDER", "STANDS", "PLACED", ">AMOUNT", "CURRENCY", "WHY")
	for _, o := range list {
		why := o.Unearned
		if why == "" {
			why = strings.Join(o.Gates, ", ")
		}
		t.add(o.Order, o.Stands, moment(o.PlacedAt), o.Amount, o.Currency, why)
	}
	return t.write(s.stdout, "")
}

type orderReturnCmd struct {
	remoteFlags
	Book  string `arg:"" help:"Code of the book."`
	Order string `arg:"" help:"Id of the order."`
	Payee string `required:"" help:"Whose part is asked about." placeholder:"ID"`
	Line  int    `help:"The line that comes back; without it, everything does."`
	Units int    `help:"How many units of the line." default:"1"`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// Run prints what the return would change.
func (c *orderReturnCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	r, err := remote.PayeeReturn(ctx, c.Book, c.Payee, "", c.Order, c.Line, c.Units)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, r)
	}
	t := newTable("LINE", ">"+r.Currency, ">STOOD", ">STANDS")
	for _, l := range r.Lines {
		t.add(l.Line, l.Amount, l.Before, l.After)
	}
	t.add("change", r.Change, "", "")
	t.add("left", r.Amount, "", "")
	return t.write(s.stdout, "")
}

func writePayeeOrder(w io.Writer, o client.PayeeOrder) error {
	facts := newTable("ORDER", o.Order)
	fact := func(name, value string) {
		if value != "" {
			facts.add(name, value)
		}
	}
	fact("amount", o.Amount+" "+o.Currency)
	fact("stands", o.Stands)
	fact("earns nothing", o.Unearned)
	for _, h := range o.Held {
		fact(h.Bucket, h.Amount+" "+o.Currency)
	}
	fact("rules", o.RuleSet)
	fact("placed", moment(o.PlacedAt))
	fact("delivered", moment(o.DeliveredAt))
	for _, n := range o.Next {
		amount := ""
		if n.Amount != nil {
			amount = *n.Amount + " " + o.Currency
		}
		fact("next", strings.Join(strings.Fields(strings.Join([]string{n.What, n.Gate, moment(n.At), amount, n.Payout, n.PayoutState}, " ")), " "))
	}
	sides := newTable("SIDE", ">"+o.Currency)
	for _, x := range o.Waterfall {
		sides.add(x.Side, x.Amount)
	}
	moves := newTable("OCCURRED", "EVENT", "LINE", ">"+o.Currency, "HOW")
	if o.EarlierMoves > 0 {
		moves.add("", fmt.Sprintf("%d came before and are not listed", o.EarlierMoves), "", "", "")
	}
	for i := range o.Moves {
		m := &o.Moves[i]
		moves.add(moment(&m.OccurredAt), m.Event, "", m.Amount, "")
		for j := range m.Lines {
			moves.add("", "", m.Lines[j].Line, m.Lines[j].Amount, howOf(m.Lines[j].How))
		}
	}
	err := facts.write(w, "")
	for _, t := range []*table{sides, moves} {
		if err == nil {
			if _, err = fmt.Fprintln(w); err == nil {
				err = t.write(w, "")
			}
		}
	}
	return err
}

// howOf writes steps of a computation in a line.
func howOf(steps []client.PayeeStep) string {
	var all []string
	for _, s := range steps {
		if s.Rate == "" {
			all = append(all, s.Amount)
			continue
		}
		all = append(all, fmt.Sprintf("%s of %s is %s, so %s", s.Rate, s.BaseTotal, s.Exact, s.Amount))
	}
	return strings.Join(all, "; ")
}

type payeesComingCmd struct {
	payeeFlags
	Payee string `arg:"" help:"Id of the payee."`
}

// Run prints where a payee's money is, what becomes available when, and the next payout.
func (c *payeesComingCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	coming, err := remote.Coming(ctx, c.Book, c.Payee, "")
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, coming)
	}
	t := newTable("CURRENCY", "WHAT", "WHEN", ">AMOUNT")
	day := func(d client.ComingDay) string {
		if d.Day == nil {
			return "no day yet"
		}
		return *d.Day
	}
	for i := range coming.Currencies {
		in := &coming.Currencies[i]
		for _, x := range in.Stages {
			t.add(in.Currency, x.Stage, "now", x.Amount)
		}
		for _, d := range in.Coming {
			t.add(in.Currency, "becomes available", day(d), d.Amount)
		}
		for _, d := range in.Reserves {
			t.add(in.Currency, "reserve ends", day(d), d.Amount)
		}
		for _, d := range in.Debts {
			t.add(in.Currency, "owed", "since "+moment(&d.Since), d.Amount)
		}
		if in.Next.Expect != "" {
			t.add(in.Currency, "next payout: "+in.Next.Expect, moment(in.Next.RunsAt), in.Next.Amount)
		}
	}
	return t.write(s.stdout, "")
}
