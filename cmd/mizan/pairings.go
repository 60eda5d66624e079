package main

// Pairings at the command line: lines and entries that may belong together, which a person confirms or refuses.

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"mizan/api/client"
)

type pairingsCmd struct {
	List    pairingsListCmd    `cmd:"" help:"List what runs suggest."`
	Confirm pairingsConfirmCmd `cmd:"" help:"Say that lines and entries belong together."`
	Refuse  pairingsRefuseCmd  `cmd:"" help:"Say that they do not; it is not suggested again."`
}

type pairingsListCmd struct {
	remoteFlags
	listed
	Book  string `arg:"" help:"Code of the book."`
	State string `help:"suggested, made, refused or void." enum:"suggested,made,refused,void" default:"suggested"`
}

var pairingHeading = []string{"PAIRING", "STATE", "SOURCE", "KIND", "BASIS", "LINES", "ENTRIES"}

func pairingRow(p client.Pairing) []string {
	var lines, entries []string
	for _, n := range p.Lines {
		lines = append(lines, strconv.FormatInt(n, 10))
	}
	for _, e := range p.Entries {
		entries = append(entries, fmt.Sprintf("%s.%d", e.Transaction, e.Line))
	}
	return []string{p.ID, p.State, p.Match + " " + p.Source, p.Kind, p.Basis, strings.Join(lines, " "), strings.Join(entries, " ")}
}

// Run prints pairings.
func (c *pairingsListCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	return printed(s, c.listed, remote.Pairings(ctx, c.Book, c.State), pairingHeading, pairingRow)
}

// pairingArgs name a pairing.
type pairingArgs struct {
	remoteFlags
	Book string `arg:"" help:"Code of the book."`
	Of   string `arg:"" name:"pairing" help:"Id of the pairing, such as par_0123456789abcdef."`
}

// decide decides on a pairing and prints it.
func (c *pairingArgs) decide(ctx context.Context, s *surroundings, confirm bool, note string) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	decision := remote.RefusePairing
	if confirm {
		decision = remote.ConfirmPairing
	}
	p, err := decision(ctx, c.Book, c.Of, note)
	if err != nil {
		return err
	}
	t := newTable(pairingHeading...)
	t.add(pairingRow(p)...)
	return t.write(s.stdout, "")
}

type pairingsConfirmCmd struct {
	pairingArgs
	Note string `help:"Why; it is kept for ever."`
}

// Run makes a pairing.
func (c *pairingsConfirmCmd) Run(ctx context.Context, s *surroundings) error {
	return c.decide(ctx, s, true, c.Note)
}

type pairingsRefuseCmd struct {
	pairingArgs
	Note string `help:"Why; it is kept for ever." required:""`
}

// Run refuses a pairing.
func (c *pairingsRefuseCmd) Run(ctx context.Context, s *surroundings) error {
	return c.decide(ctx, s, false, c.Note)
}
