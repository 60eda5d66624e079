package main

// Import: a marketplace's statement from a file into a book, one event for each settled transaction. It may be broken off
// and begun again, and the same file twice changes nothing, because each transaction is recorded under its own id.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"mizan/api/client"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/money"
)

type importCmd struct {
	remoteFlags
	Book         string `required:"" help:"Code of the book." placeholder:"CODE"`
	Format       string `required:"" help:"Format of the file: tiktok, amazon-v2 or csv." enum:"tiktok,amazon-v2,csv" placeholder:"FORMAT"`
	Role         string `required:"" help:"Whose book it is: platform, bookkeeper or attribution." enum:"platform,bookkeeper,attribution" placeholder:"ROLE"`
	Seller       string `required:"" help:"The seller whose statement it is." placeholder:"ID"`
	Channel      string `help:"The marketplace; left out, the format's name." placeholder:"ID"`
	Processor    string `help:"As platform: the account at the processor that collected the sales." placeholder:"ID"`
	Carrier      string `help:"As platform: who carried the goods." placeholder:"ID"`
	Creator      string `help:"As platform: who earned the affiliate commission." placeholder:"ID"`
	Agency       string `help:"As platform: who earned the partner commission." placeholder:"ID"`
	Jurisdiction string `help:"Whose taxes they are; left out, the book's market." placeholder:"CODE"`
	DryRun       bool   `help:"Say what would be posted and leave nothing behind."`
	File         string `arg:"" help:"The statement." type:"existingfile"`
}

// importChunk is how many transactions are sent at once.
const importChunk = 200

// errBreaks is what an import ends with when transactions could not be imported.
var errBreaks = errors.New("transactions were not imported; see above")

// importReport counts what became of a file.
type importReport struct {
	posted, known int
	settled       money.Minor // of what is recorded
	breaks        []string
}

// Run reads the whole file before anything of it is posted.
func (c *importCmd) Run(ctx context.Context, s *surroundings) error {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	if c.Channel == "" {
		c.Channel = c.Format
	}
	st, err := intake.ReadFile(file, intake.FileOptions{Format: intake.Format(c.Format), Settlement: commerce.ImportedSettlement{Role: c.Role, Channel: c.Channel,
		Seller: c.Seller, Processor: c.Processor, Carrier: c.Carrier, Creator: c.Creator, Agency: c.Agency, Jurisdiction: c.Jurisdiction}})
	if err != nil {
		return err
	}
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	var report importReport
	for chunk := range slices.Chunk(st.Transactions, importChunk) {
		if err := report.send(ctx, remote, c, chunk, st.Currency); err != nil {
			return fmt.Errorf("the import stopped after %d transactions; run it again to go on: %w", report.posted+report.known, err)
		}
	}
	if err := report.write(s.stdout, st, c.DryRun); err != nil {
		return err
	}
	if len(report.breaks) > 0 {
		return errBreaks
	}
	return nil
}

// send posts some of the file's transactions and notes what became of each.
func (r *importReport) send(ctx context.Context, remote *client.Client, c *importCmd, chunk []intake.Settled, in money.Currency) error {
	type item struct {
		Type      string                       `json:"type"`
		Reference string                       `json:"reference"`
		Data      *commerce.ImportedSettlement `json:"data"`
	}
	batch := struct {
		Atomic bool   `json:"atomic"`
		Events []item `json:"events"`
	}{}
	for i := range chunk {
		batch.Events = append(batch.Events, item{"import.settlement_line", chunk[i].Reference(), &chunk[i].Event})
	}
	body, err := json.Marshal(batch)
	if err != nil {
		return err
	}
	results, err := remote.PostEventsJSON(ctx, c.Book, body, c.DryRun)
	if err != nil {
		return err
	}
	if len(results) != len(chunk) {
		return errors.New("the service answered another number of transactions than were sent")
	}
	for i, result := range results {
		switch {
		case result.Problem == nil && result.Event != nil:
			if result.Event.Replayed {
				r.known++
			} else {
				r.posted++
			}
			r.settled += settledBy(&chunk[i].Event, in)
		case result.Status >= 500:
			return result.Problem
		default:
			r.breaks = append(r.breaks, fmt.Sprintf("line %d, transaction %s: %s: %s", chunk[i].Line, chunk[i].Event.Transaction, result.Problem.Code, result.Problem.Detail))
		}
	}
	return nil
}

// settledBy is what a transaction adds to the statement's total: what it settles, and the movement of its reserve.
func settledBy(e *commerce.ImportedSettlement, c money.Currency) money.Minor {
	sum := importedAmount(e.Settlement, c)
	for _, a := range e.Amounts {
		switch a.Field {
		case "reserve_amount", "previous_reserve", "current_reserve":
			sum += importedAmount(a.Amount, c)
		}
	}
	return sum
}

// importedAmount reads an amount that the file's reader has written.
func importedAmount(text string, c money.Currency) money.Minor {
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	m, err := money.ParseAmount(text, c)
	if err != nil {
		return 0
	}
	if negative {
		return -m
	}
	return m
}

// write prints the totals by field, what became of the transactions, and the statement's total beside ours.
func (r *importReport) write(w io.Writer, st *intake.Statement, dry bool) error {
	sums, counts := map[string]money.Minor{}, map[string]int{}
	var names []string
	for i := range st.Transactions {
		for _, a := range st.Transactions[i].Event.Amounts {
			if counts[a.Field] == 0 {
				names = append(names, a.Field)
			}
			counts[a.Field]++
			sums[a.Field] += importedAmount(a.Amount, st.Currency)
		}
	}
	slices.Sort(names)
	table := newTable("FIELD", ">COUNT", ">"+string(st.Currency))
	for _, name := range names {
		table.add(name, fmt.Sprint(counts[name]), sums[name].Format(st.Currency))
	}
	if err := table.write(w, ""); err != nil {
		return err
	}
	verb := "posted"
	if dry {
		verb = "would be posted"
	}
	fmt.Fprintf(w, "\n%d transactions %s, %d were there before, %d breaks, %d rows without money.\n", r.posted, verb, r.known, len(r.breaks), st.Empty)
	said := st.Sum
	if st.Said {
		said = st.Total
	}
	fmt.Fprintf(w, "The statement comes to %s %s; in the book are %s, a difference of %s.\n", said.Format(st.Currency), st.Currency, r.settled.Format(st.Currency), (said - r.settled).Format(st.Currency))
	for _, b := range r.breaks {
		fmt.Fprintln(w, "BREAK", b)
	}
	return nil
}
