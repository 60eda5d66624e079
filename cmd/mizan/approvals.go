package main

// Approvals: what needs a second person, asked for and looked at through the API. A key asks; only a person who has signed
// in decides, on the pages of the console.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"mizan/api/client"
)

type approvalsCmd struct {
	Acts     approvalsActsCmd     `cmd:"" help:"List what needs a second person."`
	Ask      approvalsAskCmd      `cmd:"" help:"Ask for a second person, and print what it would do."`
	List     approvalsListCmd     `cmd:"" help:"List what was asked for."`
	Show     approvalsShowCmd     `cmd:"" help:"Print one with its effect, and what became of it."`
	Withdraw approvalsWithdrawCmd `cmd:"" help:"Take back what this key asked for."`
}

type approvalsActsCmd struct{ remoteFlags }

// Run prints one line per act.
func (c *approvalsActsCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	acts, err := remote.Acts(ctx)
	if err != nil {
		return err
	}
	t := newTable("ACT", "OF", "DOCUMENT", "MEANING")
	for _, a := range acts {
		of, document := "installation", ""
		if a.OfBook {
			of = "book"
		}
		if a.Evidence {
			document = "needed"
		}
		t.add(a.Name, of, document, a.Meaning)
	}
	return t.write(s.stdout, "")
}

// approvalFlags say which book's approvals are meant.
type approvalFlags struct {
	remoteFlags
	Book string `help:"Code of the book; without it the installation: people and keys." placeholder:"CODE"`
	JSON bool   `name:"json" help:"Print JSON."`
}

type approvalsAskCmd struct {
	approvalFlags
	Act      string `arg:"" help:"The act, as mizan approvals acts lists it."`
	Payload  string `arg:"" help:"File with the JSON object that the act takes; - for standard input."`
	Reason   string `required:"" help:"Why; the second person reads it."`
	Document string `help:"The evidence, such as a ticket; some acts need it."`
}

// maxPayload bounds what is read of a file.
const maxPayload = 1 << 20

// Run asks, and prints what the second person will see.
func (c *approvalsAskCmd) Run(ctx context.Context, s *surroundings) error {
	payload, err := readDocument(c.Payload, s.stdin)
	if err != nil {
		return err
	}
	var object map[string]json.RawMessage
	if len(payload) > maxPayload || json.Unmarshal(payload, &object) != nil || object == nil {
		return usageError("The payload must be a JSON object of at most 1 MiB.")
	}
	return c.print(ctx, s, func(remote *client.Client) (client.Approval, error) {
		return remote.Ask(ctx, c.Book, client.NewApproval{Act: c.Act, Payload: payload, Reason: c.Reason, Document: c.Document})
	})
}

// print prints the approval that fn returns.
func (c *approvalFlags) print(_ context.Context, s *surroundings, fn func(*client.Client) (client.Approval, error)) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	a, err := fn(remote)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, a)
	}
	return showApproval(s.stdout, a)
}

func showApproval(w io.Writer, a client.Approval) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  version %d  %s\n%s\nwhy: %s\n", a.ID, a.Act, a.Version, a.State, a.Effect.Summary, a.Reason)
	if a.Document != "" {
		fmt.Fprintf(&b, "document: %s\n", a.Document)
	}
	fmt.Fprintf(&b, "asked by %s %s at %s UTC, open until %s UTC\n", a.Author.Kind, a.Author.ID, instantText(a.CreatedAt), instantText(a.ExpiresAt))
	for _, t := range a.Effect.Totals {
		fmt.Fprintf(&b, "moves %s %s\n", t.Currency, t.Amount)
	}
	for _, m := range a.Effect.Largest {
		fmt.Fprintf(&b, "  %-6s %s %s  %s\n", m.Direction, m.Currency, m.Amount, m.Object)
	}
	for _, d := range a.Effect.Difference {
		fmt.Fprintf(&b, "difference: %s\n", d)
	}
	for _, warning := range a.Effect.Warnings {
		fmt.Fprintf(&b, "look twice: %s\n", warning)
	}
	if a.DecidedBy != nil {
		fmt.Fprintf(&b, "decided by %s: %s\n", *a.DecidedBy, a.Decision)
	}
	if len(a.Result) > 0 && string(a.Result) != "null" {
		fmt.Fprintf(&b, "result: %s\n", a.Result)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

type approvalsListCmd struct {
	approvalFlags
	State string `help:"Only those of one state." enum:",open,done,refused,withdrawn,expired" default:"" placeholder:"STATE"`
	Limit int    `help:"How many, 1 to 10000." default:"1000" placeholder:"N"`
}

// Run prints one line per approval, the oldest first.
func (c *approvalsListCmd) Run(ctx context.Context, s *surroundings) error {
	if c.Limit < 1 || c.Limit > 10_000 {
		return usageError("--limit is 1 to 10000.")
	}
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	all := []client.Approval{}
	for a, err := range remote.Approvals(ctx, c.Book, c.State) {
		if err != nil {
			return err
		}
		if all = append(all, a); len(all) == c.Limit {
			break
		}
	}
	if c.JSON {
		return writeJSON(s.stdout, all)
	}
	t := newTable("ID", "ACT", "STATE", "ASKED BY", "AT", "SUMMARY")
	for _, a := range all {
		t.add(a.ID, a.Act, a.State, a.Author.Kind+" "+a.Author.ID, a.CreatedAt.UTC().Format(time.DateTime), firstLine(a.Effect.Summary))
	}
	return t.write(s.stdout, "")
}

type approvalsShowCmd struct {
	approvalFlags
	ID string `arg:"" help:"The approval's id, ap_…."`
}

// Run prints one approval.
func (c *approvalsShowCmd) Run(ctx context.Context, s *surroundings) error {
	return c.print(ctx, s, func(remote *client.Client) (client.Approval, error) { return remote.Approval(ctx, c.Book, c.ID) })
}

type approvalsWithdrawCmd struct {
	approvalFlags
	ID     string `arg:"" help:"The approval's id, ap_…."`
	Reason string `required:"" help:"Why."`
}

// Run withdraws it.
func (c *approvalsWithdrawCmd) Run(ctx context.Context, s *surroundings) error {
	return c.print(ctx, s, func(remote *client.Client) (client.Approval, error) {
		return remote.WithdrawApproval(ctx, c.Book, c.ID, c.Reason)
	})
}
