package main

// Order: how an order stands, as a table of who gave and who got.

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"mizan/api/client"
)

type orderCmd struct {
	Show   orderShowCmd   `cmd:"" help:"Print an order: its state, and where the buyer's money went."`
	List   orderListCmd   `cmd:"" help:"List the orders of a payee: what it has in each, and where that stands."`
	Return orderReturnCmd `cmd:"" help:"Print what a return would change for a payee. Nothing is left behind."`
}

type orderShowCmd struct {
	remoteFlags
	Book  string `arg:"" help:"Code of the book."`
	Order string `arg:"" help:"Id of the order."`
	Payee string `help:"Print what this payee has in it, as the payee is told, with how each line was computed." placeholder:"ID"`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// Run prints the order's waterfall and its transactions.
func (c *orderShowCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	if c.Payee != "" {
		order, err := remote.PayeeOrder(ctx, c.Book, c.Payee, "", c.Order)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(s.stdout, order)
		}
		return writePayeeOrder(s.stdout, order)
	}
	order, err := remote.Order(ctx, c.Book, c.Order)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, order)
	}
	return writeOrder(s.stdout, order)
}

func writeOrder(w io.Writer, o client.Order) error {
	facts := newTable("ORDER", o.Order)
	fact := func(name, value string) {
		if value != "" {
			facts.add(name, value)
		}
	}
	fact("state", o.State)
	fact("seller", o.Seller)
	fact("placed", moment(&o.PlacedAt))
	fact("rules", o.RuleSet)
	fact("commission rate", o.CommissionRate)
	fact("settlement tier", o.SettlementTier)
	fact("delivered", moment(o.DeliveredAt))
	fact("due", moment(o.DueAt))
	fact("settled", moment(o.SettledAt))
	fact("waits for", strings.Join(o.Gates, ", "))
	fact("paid", o.Paid+" "+o.Currency)
	fact("returned", o.Returned+" "+o.Currency)
	fact("refundable", o.Refundable+" "+o.Currency)
	if o.Reserve != nil {
		fact("reserve", fmt.Sprintf("%s %s (%s) until %s", o.Reserve.Amount, o.Currency, o.Reserve.Rate, moment(&o.Reserve.ReleaseAt)))
	}
	for _, d := range o.Disputes {
		fact("dispute", strings.TrimSpace(fmt.Sprintf("%s %s: %s %s, %s held  %s", d.Dispute, d.State, d.Amount, o.Currency, d.Held, d.Liable)))
	}
	if err := facts.write(w, ""); err != nil {
		return err
	}
	fmt.Fprintln(w)
	flow := newTable("WHO", "ACCOUNT", ">"+o.Currency, ">NET")
	for _, r := range o.Waterfall {
		who, net := r.Who, r.Net
		for _, p := range r.Parts {
			flow.add(who, p.Account, p.Amount, net)
			who, net = "", ""
		}
		if len(r.Parts) == 0 {
			flow.add(who, "", "", net)
		}
	}
	if err := flow.write(w, ""); err != nil {
		return err
	}
	fmt.Fprintln(w)
	history := newTable("OCCURRED", "ID", "EVENT", "REFERENCE", "")
	for _, t := range o.Transactions {
		note := ""
		if !t.Posted {
			note = "no money moved"
		}
		history.add(moment(&t.OccurredAt), t.ID, t.Event, t.Reference, note)
	}
	return history.write(w, "")
}

// moment writes a time to the second; nothing if there is none.
func moment(at *time.Time) string {
	if at == nil || at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04:05")
}
