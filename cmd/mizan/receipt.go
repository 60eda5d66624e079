package main

// Receipt: the public receipt of a donation, a gift or an order, made on demand and printed as its holder sees it.

import (
	"context"
	"fmt"
	"io"
	"strings"

	"mizan/api/client"
)

type receiptCmd struct {
	Make receiptMakeCmd `cmd:"" help:"Make the receipt of a subject such as donation:D3, and print its id."`
	Show receiptShowCmd `cmd:"" help:"Print what a receipt shows."`
}

type receiptMakeCmd struct {
	remoteFlags
	Book    string `arg:"" help:"Code of the book."`
	Subject string `arg:"" help:"donation, gift or order, a colon, and the id."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Run makes the receipt, or finds the one that there is.
func (c *receiptMakeCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	r, err := remote.MakeReceipt(ctx, c.Book, c.Subject)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, r)
	}
	_, err = fmt.Fprintf(s.stdout, "%s\n/r/%s\n", r.ID, r.ID)
	return err
}

type receiptShowCmd struct {
	remoteFlags
	Receipt string `arg:"" help:"Id of the receipt."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Run prints what a receipt shows.
func (c *receiptShowCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	r, err := remote.PublicReceipt(ctx, c.Receipt)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, r)
	}
	return writeReceipt(s.stdout, r)
}

func writeReceipt(w io.Writer, r client.PublicReceipt) error {
	facts := newTable("RECEIPT", r.Receipt)
	facts.add("kind", r.Kind)
	facts.add("at", moment(&r.At))
	facts.add("given", r.Given+" "+r.Currency)
	if r.Returned != nil {
		facts.add(r.Returned.How, r.Returned.Amount+" "+r.Currency)
	}
	if r.State != "" {
		facts.add("state", r.State)
	}
	if c := r.Charity; c != nil {
		facts.add("campaign", c.CampaignName)
		facts.add("tip", c.Tip+" "+r.Currency)
		facts.add("charged", c.Charged+" "+r.Currency)
	}
	if err := facts.write(w, ""); err != nil {
		return err
	}
	fmt.Fprintln(w)
	layers := newTable("WHERE IT GOES", ">"+r.Currency, ">%")
	for _, l := range r.Layers {
		layers.add(strings.ReplaceAll(l.Role, "_", " "), l.Amount, l.Percentage)
	}
	layers.add("total", r.Divided, "")
	if err := layers.write(w, ""); err != nil || r.Charity == nil {
		return err
	}
	fmt.Fprintln(w)
	shares := newTable("BENEFICIARY", ">"+r.Currency, ">MATCHED", "STATE", "")
	for _, x := range r.Charity.Shares {
		note := x.Reason
		if x.PaidAt != nil {
			note = moment(x.PaidAt)
		}
		shares.add(x.Name, x.Amount, x.Matched, x.State, note)
	}
	return shares.write(w, "")
}
