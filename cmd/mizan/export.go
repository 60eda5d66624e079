package main

// Export: the books in forms that others can check without us. The journal is read through the public feed, as anyone with
// a key can read it, and rendered by ledger/journal.

import (
	"context"
	"fmt"
	"io"
	"time"

	"mizan/api/client"
	"mizan/ledger/journal"
)

type exportCmd struct {
	Journal exportJournalCmd `cmd:"" help:"Write the whole journal of a book, for hledger, for beancount, as CSV or as JSON lines."`
	Report  exportReportCmd  `cmd:"" help:"Ask for a report as a file, with its manifest beside it."`
	Check   exportCheckCmd   `cmd:"" help:"Say whether a file is the one of its manifest: whole and unchanged."`
}

type exportJournalCmd struct {
	remoteFlags
	Book   string `required:"" help:"Code of the book." placeholder:"CODE"`
	Format string `required:"" help:"hledger, beancount, csv or jsonl." placeholder:"FORMAT"`
	UpTo   int64  `help:"Sequence of the last transaction; without it, the last one when the export begins." placeholder:"SEQUENCE"`
	Output string `help:"File to write, which appears complete or not at all; without it, standard output." type:"path" placeholder:"FILE"`
}

// An export is long, and half of one is worth nothing, so it waits for a service that is started anew: the attempts of one
// page take half a minute altogether.
const (
	exportAttempts = 20
	exportTimeout  = time.Minute
	exportPage     = 1000
)

// Run writes the journal, and says on standard error what was written.
func (c *exportJournalCmd) Run(ctx context.Context, s *surroundings) error {
	format, err := journal.ParseFormat(c.Format)
	if err != nil {
		return usageError(explain(err))
	}
	if c.UpTo < 0 {
		return usageError("--up-to is the sequence of a transaction: 1, 2, 3 …")
	}
	remote, err := c.connectWith(s, client.Options{Attempts: exportAttempts, Timeout: exportTimeout})
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	head, err := readJournalHead(ctx, remote, c.Book, c.UpTo)
	if err != nil {
		return err
	}
	var done journal.Trailer
	write := func(to io.Writer) (err error) {
		done, err = writeJournal(ctx, remote, to, format, head)
		return err
	}
	name := "standard output"
	if c.Output == "" {
		err = write(s.stdout)
	} else {
		name = c.Output
		err = replaceFile(c.Output, write)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stderr, "%s: transactions 1 to %d, %d entries, written to %s. Every account comes to its balance in the service.\n",
		c.Book, done.Transactions, done.Entries, name)
	return nil
}

// writeJournal reads the journal of the head and renders it.
func writeJournal(ctx context.Context, remote *client.Client, to io.Writer, format journal.Format, head journal.Head) (journal.Trailer, error) {
	w, err := journal.NewWriter(to, format, head)
	if err != nil {
		return journal.Trailer{}, err
	}
	sides, err := writeAccounts(ctx, remote, w, head)
	if err != nil {
		return journal.Trailer{}, err
	}
	if head.UpTo > 0 {
		for item, err := range remote.Feed(ctx, head.Book, client.FeedQuery{UpTo: head.UpTo, PageSize: exportPage}) {
			if err != nil {
				return journal.Trailer{}, err
			}
			t, err := journalTransaction(item, sides)
			if err != nil {
				return journal.Trailer{}, err
			}
			if err := w.Transaction(&t); err != nil {
				return journal.Trailer{}, err
			}
		}
	}
	return w.Close()
}
