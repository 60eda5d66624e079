package main

// Verify: are the books what their rows say, and is every row of the audit trails there as it was recorded? It reads the
// database itself, not the service, and changes nothing.

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/payouts"
	"mizan/payouts/earnings"
	"mizan/payouts/reconcile"
)

var errUnsound = fault.New(fault.Conflict, "book-unsound",
	"A book is not what its rows say. Stop payouts from it, keep the database as it is, and compare it with the last backup from the first transaction named on.")

type verifyCmd struct {
	databaseFlags
	Data         string   `help:"Directory in which mizan dev keeps its data, if no address of a database is set." default:".mizan" placeholder:"DIR"`
	Book         string   `help:"Code of the book; every book without it." placeholder:"CODE"`
	FromSequence int64    `help:"Trust what lies before this transaction and begin with it; needs --book." placeholder:"SEQUENCE"`
	After        string   `help:"A checkpoint to begin after, as a verification printed it; needs --book." placeholder:"SEQUENCE:DIGEST"`
	Known        []string `help:"A checkpoint taken earlier, which the history must come to; needs --book. May be given several times." placeholder:"SEQUENCE:DIGEST"`
	Method       string   `help:"both: a replay and the database's own checks, compared; replay: the replay alone, which looks at everything in less than half the time; database: its checks alone, without content hashes." enum:"both,replay,database" default:"both"`
	JSON         bool     `name:"json" help:"Print a JSON document for each book."`
}

// verification is what is printed of one book as JSON.
type verification struct {
	Book         string          `json:"book"`
	Sound        bool            `json:"sound"`
	FirstBad     int64           `json:"first_bad_sequence,omitempty"`
	From         int64           `json:"from_sequence"`
	Through      int64           `json:"through_sequence"`
	Transactions int64           `json:"transactions"`
	Entries      int64           `json:"entries"`
	Accounts     int64           `json:"accounts"`
	References   int64           `json:"references"`
	Seconds      float64         `json:"seconds"`
	Checkpoint   string          `json:"checkpoint,omitempty"`
	FindingCount int64           `json:"finding_count"`
	Findings     []verifyFinding `json:"findings"`
	Payouts      payoutsVerdict  `json:"payouts"`
	Closings     closingsVerdict `json:"closed_months"`
	Suspense     suspenseVerdict `json:"suspense"`
	Earnings     earningsVerdict `json:"earnings"`
	Trail        trailVerdict    `json:"audit_trail"`
	Told         toldVerdict     `json:"acts_told"`
}

type verifyFinding struct {
	Invariant string `json:"invariant"`
	Sequence  int64  `json:"sequence,omitempty"`
	Account   string `json:"account,omitempty"`
	Currency  string `json:"currency,omitempty"`
	What      string `json:"what"`
}

// Run verifies book after book. It fails with errUnsound if it found anything in any.
func (c *verifyCmd) Run(ctx context.Context, s *surroundings) (err error) {
	options, err := c.options()
	if err != nil {
		return err
	}
	d, err := c.join(ctx, s, c.Data)
	if err != nil {
		return err
	}
	defer func() {
		if e := d.stop(ctx); err == nil {
			err = e
		}
	}()
	if err := d.current(ctx); err != nil {
		return err
	}
	// It only reads, and a standby has the same rows.
	pool, err := d.poolWith(ctx, s, postgres.Options{MaxConns: 4, Standby: true})
	if err != nil {
		return err
	}
	defer pool.Close()
	books := ledger.New(pool, ledger.Options{Now: s.now})
	defer func() { _ = books.Close(ctx) }()
	codes, err := c.codes(ctx, books)
	if err != nil {
		return err
	}
	trail := guard.NewTrail(pool, s.now)
	rules := commerce.NewRuleSets(pool, s.now)
	events := commerce.New(books, rules, s.now)
	also := verifyBeside{
		rules:    rules,
		payouts:  payouts.New(payouts.Options{Pool: pool, Ledger: books, Trail: trail, Now: s.now}),
		closing:  reconcile.New(reconcile.Options{Pool: pool, Ledger: books, Events: events, Trail: trail, Now: s.now}),
		earnings: earnings.New(earnings.Options{Pool: pool, Ledger: books, Events: events, Now: s.now}),
	}
	all := verdicts{true, true, true, true, true, nil}
	for _, code := range codes {
		one, err := c.verify(ctx, s, books, trail, also, code, options)
		if err != nil {
			return fmt.Errorf("%s: %w", code, err)
		}
		all = verdicts{all.sound && one.sound, all.chained && one.chained, all.told && one.told, all.accounted && one.accounted, all.summed && one.summed, errors.Join(all.unread, one.unread)}
	}
	if c.Book == "" {
		verdict, told, err := c.verifyInstallation(ctx, s, trail)
		if err != nil {
			return err
		}
		all.chained, all.told = all.chained && verdict.Sound, all.told && told.Sound
	}
	switch {
	case !all.sound:
		return errUnsound
	case !all.chained:
		return errTrailsUnsound
	case !all.accounted:
		return errSuspenseUneven
	case !all.told: // what was found once is found for ever, and must hide nothing that is new
		return errActsUntold
	case !all.summed:
		return errEarningsUneven
	}
	return all.unread
}

func (c *verifyCmd) options() (o ledger.VerifyOptions, err error) {
	if c.Book == "" && (c.FromSequence != 0 || c.After != "" || len(c.Known) > 0) {
		return o, usageError("A place in a book needs the book: say --book too.")
	}
	switch {
	case c.FromSequence != 0 && c.After != "":
		return o, usageError("--from-sequence and --after both say where to begin. Leave one out.")
	case c.FromSequence < 0:
		return o, usageError("--from-sequence is the sequence of a transaction: 1, 2, 3 …")
	case c.FromSequence > 0:
		o.After.Sequence = c.FromSequence - 1
	case c.After != "":
		if o.After, err = parseCheckpoint(c.After); err != nil {
			return o, err
		}
	}
	o.Method = map[string]ledger.VerifyMethod{"both": ledger.VerifyTwice, "replay": ledger.VerifyReplay, "database": ledger.VerifySQL}[c.Method]
	for _, text := range c.Known {
		known, err := parseCheckpoint(text)
		if err != nil {
			return o, err
		}
		// Without a digest to begin with, or behind it, the history never comes to the checkpoint: it would pass unseen.
		if c.FromSequence > 1 || known.Sequence < o.After.Sequence {
			return o, usageError("The checkpoint of --known lies before what is verified, or nothing leads up to it. Begin with the book, or with --after at an earlier checkpoint.")
		}
		o.Known = append(o.Known, known)
	}
	return o, nil
}

// parseCheckpoint reads what formatCheckpoint writes.
func parseCheckpoint(text string) (c ledger.VerifyCheckpoint, err error) {
	sequence, digest, _ := strings.Cut(text, ":")
	if c.Sequence, err = strconv.ParseInt(sequence, 10, 64); err == nil && c.Sequence >= 0 {
		var n int
		if n, err = hex.Decode(c.Digest[:], []byte(digest)[:min(len(digest), 2*len(c.Digest))]); err == nil && n == len(c.Digest) && len(digest) == 2*n {
			return c, nil
		}
	}
	return c, usageError("A checkpoint is a sequence, a colon and 64 hexadecimal digits, as a verification prints it.")
}

func formatCheckpoint(c ledger.VerifyCheckpoint) string {
	if c == (ledger.VerifyCheckpoint{}) {
		return ""
	}
	return fmt.Sprintf("%d:%x", c.Sequence, c.Digest)
}

// codes returns the books to verify.
func (c *verifyCmd) codes(ctx context.Context, books *ledger.Ledger) (codes []string, err error) {
	if c.Book != "" {
		return []string{c.Book}, nil
	}
	return everyBook(ctx, books)
}

// everyBook returns the codes of all books.
func everyBook(ctx context.Context, books *ledger.Ledger) (codes []string, err error) {
	for after := ""; ; {
		page, err := books.Books(ctx, after, 1000)
		if err != nil {
			return nil, err
		}
		for _, b := range page {
			codes = append(codes, b.Code)
		}
		if len(page) == 0 {
			return codes, nil
		}
		after = page[len(page)-1].Code
	}
}

// verifyBeside are the services that prove what stands beside the books.
type verifyBeside struct {
	rules    *commerce.RuleSets
	payouts  *payouts.Service
	closing  *reconcile.Service
	earnings *earnings.Service
}

// verdicts are what was found of books: that they are what their rows say with what stands beside them, that their trails are whole,
// that they tell of every act, that breaks account for suspense, and that earnings are sums of the entries.
type verdicts struct {
	sound, chained, told, accounted, summed bool
	// unread is why earnings could not be compared.
	unread error
}

// verify verifies one book with what stands beside it and its trail, and prints what it found.
func (c *verifyCmd) verify(ctx context.Context, s *surroundings, books *ledger.Ledger, trail *guard.Trail, also verifyBeside, code string, options ledger.VerifyOptions) (v verdicts, err error) {
	book, err := books.Book(ctx, code)
	if err != nil {
		return v, err
	}
	began := s.now()
	told := began
	options.Progress = func(p ledger.VerifyProgress) {
		if now := s.now(); now.Sub(told) >= time.Second {
			told = now
			fmt.Fprintf(s.stderr, "%s: %s %d of %d\n", code, p.Phase, p.Done, p.Total)
		}
	}
	report, err := books.Verify(ctx, book, options)
	if err != nil {
		return v, err
	}
	took := s.now().Sub(began)
	lines, err := verifyPayouts(ctx, also.payouts, book)
	if err != nil {
		return v, err
	}
	months, err := verifyClosings(ctx, also.closing, book)
	if err != nil {
		return v, err
	}
	waits, err := verifySuspense(ctx, also.closing, book)
	if err != nil {
		return v, err
	}
	// What is found of the books is told also where the sums beside them cannot be read.
	sums, unread := verifyEarnings(ctx, also.earnings, book)
	verdict, err := verifyTrail(ctx, trail, guard.Book{ID: int32(book.ID), Code: code})
	if err != nil {
		return v, err
	}
	acts, err := toldOfBook(ctx, trail, also, book)
	if err != nil {
		return v, err
	}
	v = verdicts{report.Sound() && lines.Sound && months.Sound, verdict.Sound, acts.Sound, waits.Sound, sums.Sound || unread != nil, unread}
	if c.JSON {
		document := verificationOf(report, took)
		document.Trail, document.Told, document.Payouts, document.Closings, document.Suspense, document.Earnings = verdict, acts, lines, months, waits, sums
		return v, writeJSON(s.stdout, document)
	}
	if err := printVerification(s.stdout, report, took); err != nil {
		return v, err
	}
	if err := printPayouts(s.stdout, code, lines); err != nil {
		return v, err
	}
	if err := printClosings(s.stdout, code, months); err != nil {
		return v, err
	}
	if err := printSuspense(s.stdout, code, waits); err != nil {
		return v, err
	}
	if err := printEarnings(s.stdout, code, sums); err != nil {
		return v, err
	}
	if err := printTrail(s.stdout, code, verdict); err != nil {
		return v, err
	}
	return v, printTold(s.stdout, code, acts)
}

func verificationOf(r ledger.VerifyReport, took time.Duration) verification {
	v := verification{Book: r.Book, Sound: r.Sound(), FirstBad: r.FirstBad(), From: r.From, Through: r.Through, Transactions: r.Transactions,
		Entries: r.Entries, Accounts: r.Accounts, References: r.References, Seconds: took.Seconds(), Checkpoint: formatCheckpoint(r.Checkpoint),
		FindingCount: r.FindingCount, Findings: make([]verifyFinding, len(r.Findings))}
	for i, f := range r.Findings {
		v.Findings[i] = verifyFinding{string(f.Invariant), f.Sequence, string(f.Account), string(f.Currency), f.What}
	}
	return v
}

func printVerification(w io.Writer, r ledger.VerifyReport, took time.Duration) error {
	counts := fmt.Sprintf("transactions %d to %d, %d entries, %d accounts, %d references, in %.1f s", r.From, r.Through, r.Entries, r.Accounts,
		r.References, took.Seconds())
	if r.Sound() {
		_, err := fmt.Fprintf(w, "%s: sound: %s. Checkpoint %s\n", r.Book, counts, formatCheckpoint(r.Checkpoint))
		return err
	}
	first := "no single transaction"
	if n := r.FirstBad(); n > 0 {
		first = fmt.Sprintf("%s-%d", r.Book, n)
	}
	fmt.Fprintf(w, "%s: NOT SOUND: %d findings, the first at %s; %s\n", r.Book, r.FindingCount, first, counts)
	for _, f := range r.Findings {
		at := "-"
		if f.Sequence > 0 {
			at = fmt.Sprintf("%s-%d", r.Book, f.Sequence)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-9s %-12s %s %s %s", f.Invariant, at, f.What, f.Account, f.Currency), " ")); err != nil {
			return err
		}
	}
	return nil
}
