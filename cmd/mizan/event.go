package main

// Event: what has happened in the market, told to the service from the command line.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"mizan/api/client"
	"mizan/ledger/commerce"
)

type eventCmd struct {
	Post    eventPostCmd    `cmd:"" help:"Post business events from a JSON file or standard input."`
	Types   eventTypesCmd   `cmd:"" help:"List the types of events."`
	Explain eventExplainCmd `cmd:"" help:"Say why the entries of a transaction are what they are."`
}

type eventPostCmd struct {
	remoteFlags
	Book   string `arg:"" help:"Code of the book."`
	File   string `arg:"" optional:"" default:"-" help:"File with one event, a list of them, one on each line, or a batch; - is standard input."`
	DryRun bool   `help:"Say what would be recorded and leave nothing behind."`
	JSON   bool   `name:"json" help:"Print what was recorded as JSON."`
}

const (
	// maxEventsBytes bounds what is read at once.
	maxEventsBytes = 64 << 20
	// batchItems and batchBytes bound one request, below what the service takes.
	batchItems = 1000
	batchBytes = 7 << 19
)

// Run posts what the file holds: one event alone, more in batches. A refused event makes it fail after everything was sent.
func (c *eventPostCmd) Run(ctx context.Context, s *surroundings) error {
	body, err := readInput(c.File, s.stdin, maxEventsBytes)
	if err != nil {
		return err
	}
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	items := splitEvents(body)
	if len(items) != 1 {
		return c.many(ctx, s, remote, items)
	}
	if holds(items[0], "events") {
		results, err := remote.PostEventsJSON(ctx, c.Book, items[0], c.DryRun)
		if err != nil {
			return err
		}
		return c.report(s, results)
	}
	recorded, err := remote.PostEventJSON(ctx, c.Book, items[0], c.DryRun)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, recorded)
	}
	return c.show(s.stdout, recorded)
}

// readInput reads a file, or standard input for -, of at most so many bytes.
func readInput(name string, stdin io.Reader, most int) ([]byte, error) {
	from := stdin
	if name != "-" {
		file, err := os.Open(name) // #nosec G304 -- the operator names the file, and may read it
		if err != nil {
			return nil, err
		}
		defer file.Close()
		from = file
	}
	body, err := io.ReadAll(io.LimitReader(from, int64(most)+1))
	switch body = bytes.TrimSpace(body); {
	case err != nil:
		return nil, err
	case len(body) == 0:
		return nil, usageError("There is nothing to post: the input is empty.")
	case len(body) > most:
		return nil, usageError(fmt.Sprintf("The input is larger than %d MiB. Split it.", most>>20))
	}
	return body, nil
}

// splitEvents returns the events of a list, or those that follow each other. What cannot be read is one item, which the
// service then refuses in its own words.
func splitEvents(body []byte) []json.RawMessage {
	whole := []json.RawMessage{body}
	var items []json.RawMessage
	if body[0] == '[' {
		if json.Unmarshal(body, &items) != nil || len(items) == 0 {
			return whole
		}
		return items
	}
	for decoder := json.NewDecoder(bytes.NewReader(body)); ; {
		var item json.RawMessage
		switch err := decoder.Decode(&item); err {
		case nil:
			items = append(items, item)
		case io.EOF:
			return items
		default:
			return whole
		}
	}
}

// holds reports whether an object has the member.
func holds(object json.RawMessage, member string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return false
	}
	_, ok := members[member]
	return ok
}

// many posts events in batches, in order.
func (c *eventPostCmd) many(ctx context.Context, s *surroundings, remote *client.Client, items []json.RawMessage) error {
	var all []client.EventResult
	for len(items) > 0 {
		n, size := 0, 0
		for n < len(items) && n < batchItems && (n == 0 || size+len(items[n]) < batchBytes) {
			size += len(items[n]) + 1
			n++
		}
		batch := append([]byte(`{"atomic":false,"events":[`), bytes.Join(rawBytes(items[:n]), []byte(","))...)
		results, err := remote.PostEventsJSON(ctx, c.Book, append(batch, "]}"...), c.DryRun)
		if err != nil {
			if len(all) > 0 {
				fmt.Fprintf(s.stderr, "%d events were sent before. Post the file again: what was recorded is not recorded twice.\n", len(all))
			}
			return err
		}
		all, items = append(all, results...), items[n:]
	}
	return c.report(s, all)
}

func rawBytes(items []json.RawMessage) [][]byte {
	all := make([][]byte, len(items))
	for i, item := range items {
		all[i] = item
	}
	return all
}

// report prints what became of each event.
func (c *eventPostCmd) report(s *surroundings, results []client.EventResult) error {
	refused := 0
	for i, r := range results {
		switch {
		case r.Problem != nil:
			refused++
			fmt.Fprintf(s.stderr, "item %d: %v\n", i, r.Problem)
		case !c.JSON && r.Event != nil:
			if err := c.show(s.stdout, *r.Event); err != nil {
				return err
			}
		}
	}
	if c.JSON {
		if err := writeJSON(s.stdout, results); err != nil {
			return err
		}
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d events were refused", refused, len(results))
	}
	return nil
}

// show prints an event and the entries it posted, each with its reason.
func (c *eventPostCmd) show(w io.Writer, e client.Event) error {
	verb := "recorded"
	switch {
	case e.Replayed:
		verb = "was recorded before"
	case c.DryRun:
		verb = "would be recorded"
	}
	if _, err := fmt.Fprintf(w, "%s  %s  %s\n", e.Reference, e.Type, verb); err != nil {
		return err
	}
	if len(e.Transactions) == 0 {
		_, err := fmt.Fprintln(w, "  a fact: no money moved")
		return err
	}
	reasons := reasonsOf(e.Explanation)
	for _, t := range e.Transactions {
		heading := t.ID
		if c.DryRun {
			heading = t.Event
		}
		table := newTable(heading, ">DEBIT", ">CREDIT", "CUR", "REASON")
		for _, entry := range t.Entries {
			debit, credit := sides(entry.Direction, entry.Amount)
			table.add(entry.Account, debit, credit, string(entry.Currency), reasons[reasonKey{entry.Account, entry.Direction, entry.Amount}])
		}
		if err := table.write(w, "  "); err != nil {
			return err
		}
	}
	return nil
}

// reasonKey finds the reason of an entry.
type reasonKey struct{ account, direction, amount string }

func reasonsOf(x *client.Explanation) map[reasonKey]string {
	reasons := map[reasonKey]string{}
	if x != nil {
		for _, e := range x.Entries {
			reasons[reasonKey{e.Account, e.Direction, e.Amount}] = e.Text
		}
	}
	return reasons
}

// sides puts an amount in the column of its direction.
func sides(direction, amount string) (debit, credit string) {
	if direction == "credit" {
		return "", amount
	}
	return amount, ""
}

type eventTypesCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints the types that this version accepts.
func (c *eventTypesCmd) Run(s *surroundings) error {
	type row struct {
		Type    string `json:"type"`
		Meaning string `json:"meaning"`
	}
	var rows []row
	t := newTable("TYPE", "MEANING")
	for _, kind := range commerce.EventTypes() {
		rows = append(rows, row{kind.Name, kind.Meaning})
		t.add(kind.Name, kind.Meaning)
	}
	if c.JSON {
		return writeJSON(s.stdout, rows)
	}
	return t.write(s.stdout, "")
}

type eventExplainCmd struct {
	remoteFlags
	ID   string `arg:"" help:"Id of the transaction, such as uk-42."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run prints the calculation sheet and the reason of each entry.
func (c *eventExplainCmd) Run(ctx context.Context, s *surroundings) error {
	dash := strings.LastIndexByte(c.ID, '-')
	if dash <= 0 {
		return usageError("The id of a transaction is the code of its book and its number, such as uk-42.")
	}
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	x, err := remote.Explanation(ctx, c.ID[:dash], c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, x)
	}
	return writeExplanation(s.stdout, c.ID, x)
}

func writeExplanation(w io.Writer, id string, x client.Explanation) error {
	head := slices.DeleteFunc([]string{id, x.Event, x.Order, x.Currency, x.RuleSet}, func(s string) bool { return s == "" })
	if _, err := fmt.Fprintf(w, "%s\n%s\n", strings.Join(head, "  "), x.Summary); err != nil {
		return err
	}
	if len(x.Steps) > 0 {
		t := newTable("STEP", "RECEIVER", ">BASE", ">RATE", ">EXACT", ">BEFORE", ">AFTER", "REASON")
		for _, step := range x.Steps {
			t.add(step.Rule, step.Receiver, step.Total, step.Rate, step.Exact, step.Before, step.Amount, step.Text)
		}
		if err := t.write(w, "  "); err != nil {
			return err
		}
	}
	t := newTable("ENTRY", ">DEBIT", ">CREDIT", "STEPS", "REASON")
	for _, e := range x.Entries {
		debit, credit := sides(e.Direction, e.Amount)
		t.add(e.Account, debit, credit, strings.Join(e.Rules, " "), e.Text)
	}
	if len(x.Entries) == 0 {
		_, err := fmt.Fprintln(w, "  no entries: a fact that moves no money")
		return err
	}
	return t.write(w, "  ")
}
