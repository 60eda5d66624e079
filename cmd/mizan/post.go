package main

// Post: transactions from a file or standard input, through the API.

import (
	"context"
	"encoding/json"
	"fmt"

	"mizan/api/client"
)

// maxPostBytes is a little more than the service takes, so that the service is the one to refuse.
const maxPostBytes = 5 << 20

type postCmd struct {
	remoteFlags
	Book   string `arg:"" help:"Code of the book."`
	File   string `arg:"" optional:"" default:"-" help:"File with one transaction, a list of them, or a batch; - is standard input."`
	DryRun bool   `help:"Say what would be recorded and leave nothing behind."`
	JSON   bool   `name:"json" help:"Print what was recorded as JSON."`
}

// Run posts what the file holds. A refused item makes it fail after everything was sent.
func (c *postCmd) Run(ctx context.Context, s *surroundings) error {
	body, err := readInput(c.File, s.stdin, maxPostBytes)
	if err != nil {
		return err
	}
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	if single(body) {
		return c.one(ctx, s, remote, body)
	}
	if c.DryRun {
		return usageError("--dry-run takes one transaction, not a batch.")
	}
	if body[0] == '[' {
		body = []byte(`{"atomic":false,"transactions":` + string(body) + `}`)
	}
	return c.many(ctx, s, remote, body)
}

// single tells a transaction from a list and from a batch, which has a member that no transaction has. Text that is no
// JSON counts as one transaction, which the service then refuses in its own words.
func single(body []byte) bool {
	var members map[string]json.RawMessage
	if body[0] == '[' || json.Unmarshal(body, &members) != nil {
		return body[0] != '['
	}
	_, batch := members["transactions"]
	return !batch
}

func (c *postCmd) one(ctx context.Context, s *surroundings, remote *client.Client, body []byte) error {
	post, verb := remote.PostJSON, "recorded"
	if c.DryRun {
		post, verb = remote.DryRunJSON, "would be recorded"
	}
	posted, err := post(ctx, c.Book, body)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, posted)
	}
	if posted.Replayed {
		verb = "was recorded before"
	}
	if c.DryRun {
		posted.ID = c.Book
	}
	_, err = fmt.Fprintf(s.stdout, "%s  %s  %s  %s\n", posted.ID, posted.Reference, posted.Event, verb)
	return err
}

func (c *postCmd) many(ctx context.Context, s *surroundings, remote *client.Client, body []byte) error {
	results, err := remote.PostBatchJSON(ctx, c.Book, body)
	if err != nil {
		return err
	}
	refused := 0
	for i, r := range results {
		switch {
		case r.Problem != nil:
			refused++
			fmt.Fprintf(s.stderr, "item %d: %v\n", i, r.Problem)
		case !c.JSON && r.Transaction.Replayed:
			fmt.Fprintf(s.stdout, "%s  %s  %s  was recorded before\n", r.Transaction.ID, r.Transaction.Reference, r.Transaction.Event)
		case !c.JSON:
			fmt.Fprintf(s.stdout, "%s  %s  %s  recorded\n", r.Transaction.ID, r.Transaction.Reference, r.Transaction.Event)
		}
	}
	if c.JSON {
		if err := writeJSON(s.stdout, results); err != nil {
			return err
		}
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d items were refused", refused, len(results))
	}
	return nil
}
