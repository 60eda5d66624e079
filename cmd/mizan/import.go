package main

// Import: a marketplace's statement from a file into a book. The service keeps the file, applies it by itself and remembers
// what became of each row; the command sends it, waits, and prints the report. The same file twice changes nothing.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"mizan/api/client"
)

type importCmd struct {
	remoteFlags
	Book         string        `required:"" help:"Code of the book." placeholder:"CODE"`
	Format       string        `required:"" help:"Format of the file: tiktok, amazon-v2 or csv." enum:"tiktok,amazon-v2,csv" placeholder:"FORMAT"`
	Role         string        `required:"" help:"Whose book it is: platform, bookkeeper or attribution." enum:"platform,bookkeeper,attribution" placeholder:"ROLE"`
	Seller       string        `required:"" help:"The seller whose statement it is." placeholder:"ID"`
	Channel      string        `help:"The marketplace; left out, the format's name." placeholder:"ID"`
	Processor    string        `help:"As platform: the account at the processor that collected the sales." placeholder:"ID"`
	Carrier      string        `help:"As platform: who carried the goods." placeholder:"ID"`
	Creator      string        `help:"As platform: who earned the affiliate commission." placeholder:"ID"`
	Agency       string        `help:"As platform: who earned the partner commission." placeholder:"ID"`
	Jurisdiction string        `help:"Whose taxes they are; left out, the book's market." placeholder:"CODE"`
	DryRun       bool          `help:"Say what would become of the file and leave nothing behind." xor:"way"`
	NoWait       bool          `help:"Send the file and do not wait for the report." xor:"way"`
	Retry        bool          `help:"If the file was sent before, try its parked rows again." xor:"way"`
	Wait         time.Duration `help:"How long to wait for the report." default:"10m"`
	File         string        `arg:"" help:"The statement." type:"existingfile"`
}

const (
	// The report is asked for often at first, and less often of a file that takes longer.
	firstLook = 50 * time.Millisecond
	lastLook  = 2 * time.Second
	// shownBreaks bounds the rows that are printed.
	shownBreaks = 1000
)

var (
	errBreaks      = errors.New("rows were parked or are changed; see above")
	errFileRefused = errors.New("the file was refused; nothing of it was applied")
	errStillWaits  = errors.New("the file is stored and not applied to its end yet; run the same command again to see the report")
)

// Run sends the file and prints what became of it.
func (c *importCmd) Run(ctx context.Context, s *surroundings) error {
	remote, file, size, err := c.connectWithFile(s, c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	defer remote.CloseIdleConnections()
	i, err := remote.ImportFile(ctx, c.Book, client.NewImport{Format: c.Format, Role: c.Role, Seller: c.Seller, Channel: c.Channel, Processor: c.Processor,
		Carrier: c.Carrier, Creator: c.Creator, Agency: c.Agency, Jurisdiction: c.Jurisdiction, DryRun: c.DryRun}, file, size)
	if err != nil {
		return err
	}
	if c.DryRun {
		return writeImport(s.stdout, &i, i.Breaks)
	}
	verb := "is stored as"
	if i.Replayed {
		verb = "was received before as"
	}
	fmt.Fprintf(s.stdout, "The file %s import %s.\n", verb, i.ID)
	if c.Retry && i.State == "done" && i.Counts.Parked > 0 {
		if i, err = remote.RetryImport(ctx, c.Book, i.ID, ""); err != nil {
			return err
		}
	}
	if c.NoWait {
		return nil
	}
	if i, err = c.await(ctx, remote, i); err != nil {
		return err
	}
	var breaks []client.ImportRow
	for _, state := range []string{"parked", "changed"} {
		more, err := client.Collect(remote.ImportRows(ctx, c.Book, i.ID, state), shownBreaks)
		if err != nil {
			return err
		}
		breaks = append(breaks, more...)
	}
	return writeImport(s.stdout, &i, breaks)
}

// await asks for the import until it has come to its end, or the time is over.
func (c *importCmd) await(ctx context.Context, remote *client.Client, i client.Import) (client.Import, error) {
	limited, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	for pause := firstLook; i.State != "done" && i.State != "refused"; pause = min(2*pause, lastLook) {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-limited.Done():
			timer.Stop()
			return i, errors.Join(errStillWaits, ctx.Err())
		}
		next, err := remote.GetImport(ctx, c.Book, i.ID)
		if err != nil {
			return i, err
		}
		i = next
	}
	return i, nil
}

// writeImport prints the totals by field, what became of the rows, and the statement's total beside what is in the book.
func writeImport(w io.Writer, i *client.Import, breaks []client.ImportRow) error {
	if i.State == "refused" {
		fmt.Fprintln(w, "REFUSED", i.Reason+":", i.Detail)
		return errFileRefused
	}
	table := newTable("FIELD", ">COUNT", ">"+i.Currency)
	for _, t := range i.Totals {
		table.add(t.Field, fmt.Sprint(t.Count), t.Amount)
	}
	if err := table.write(w, ""); err != nil {
		return err
	}
	verb := "applied"
	if i.ID == "" {
		verb = "would be applied"
	}
	n := i.Counts
	fmt.Fprintf(w, "\n%d rows %s, %d were there before, %d parked, %d changed, %d without money.\n", n.Applied, verb, n.Repeated, n.Parked, n.Changed, n.Ignored)
	if i.FileTotal != nil && i.BookedTotal != nil && i.Difference != nil {
		said, subject := *i.FileTotal, "The rows of the file come to"
		if i.StatedTotal != nil {
			said, subject = *i.StatedTotal, "The statement says"
		}
		fmt.Fprintf(w, "%s %s %s; in the book are %s, a difference of %s.\n", subject, said, i.Currency, *i.BookedTotal, *i.Difference)
	}
	for _, b := range breaks {
		fmt.Fprintf(w, "BREAK line %d, transaction %s: %s: %s\n", b.Row, b.Identity, b.Reason, strings.TrimPrefix(b.Detail, fmt.Sprintf("Line %d: ", b.Row)))
	}
	if n.Parked+n.Changed > 0 {
		return errBreaks
	}
	return nil
}
