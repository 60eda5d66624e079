package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
)

// TestBatchesIndependentAndAtomic posts a batch with one bad item both ways.
func TestBatchesIndependentAndAtomic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	bad := sale("B-2", "sel_a", 1000)
	bad.Drafts[0].Lines[0].Amount++
	batch := []ledger.Submission{sale("B-1", "sel_a", 1000), bad, sale("B-3", "sel_a", 1000), sale("B-1", "sel_a", 1000)}
	outcomes := b.PostAtomic(t.Context(), b.book, batch)
	for i, want := range []error{ledger.ErrGroupRefused, ledger.ErrUnbalanced, ledger.ErrGroupRefused, ledger.ErrGroupRefused} {
		if !errors.Is(outcomes[i].Err, want) {
			t.Errorf("atomic item %d: got %v, want %v", i, outcomes[i].Err, want)
		}
	}
	if head, _ := b.Head(t.Context(), b.book); head.LastSequence != 0 {
		t.Errorf("the refused batch left the book at %d", head.LastSequence)
	}
	outcomes = b.PostBatch(t.Context(), b.book, batch)
	for i, want := range []int64{1, 0, 2, 1} {
		if want == 0 {
			if !errors.Is(outcomes[i].Err, ledger.ErrUnbalanced) {
				t.Errorf("item %d: %v", i, outcomes[i].Err)
			}
			continue
		}
		if outcomes[i].Err != nil || outcomes[i].Transactions[0].Sequence != want || outcomes[i].Replayed != (i == 3) {
			t.Errorf("item %d: %+v, want sequence %d", i, outcomes[i], want)
		}
	}
	b.mustPost(t, sale("B-2", "sel_a", 1000)) // a rejection never burns a reference
	checkInvariants(t, b.db)
}

// TestOneItemsFundsFeedTheNext pays out of a reserve in the same batch, and in the same event, that fills it.
func TestOneItemsFundsFeedTheNext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	fill := ledger.Draft{Event: "reserve.held", Lines: []ledger.Line{line("liabilities:seller:available:s", 100, "GBP"), line("liabilities:seller:reserve:s", -100, "GBP")}}
	drain := ledger.Draft{Event: "reserve.released", Lines: []ledger.Line{line("liabilities:seller:reserve:s", 100, "GBP"), line("liabilities:seller:available:s", -100, "GBP")}}
	for i, batch := range [][]ledger.Submission{
		{{Reference: "A-1", Drafts: []ledger.Draft{fill}}, {Reference: "A-2", Drafts: []ledger.Draft{drain}}},
		{{Reference: "B-1", Drafts: []ledger.Draft{fill, drain}}},
	} {
		for j, out := range b.PostBatch(t.Context(), b.book, batch) {
			if out.Err != nil {
				t.Errorf("batch %d item %d: %v", i, j, out.Err)
			}
		}
	}
	out := b.Post(t.Context(), b.book, ledger.Submission{Reference: "C", Drafts: []ledger.Draft{drain, fill}})
	if !errors.Is(out.Err, ledger.ErrFloor) {
		t.Errorf("draining before filling: %v", out.Err)
	}
	var f *fault.Error
	if !errors.As(out.Err, &f) || !strings.Contains(f.Message, "liabilities:seller:reserve:s holds 0.00 GBP") {
		t.Errorf("the refusal does not say what is missing: %v", out.Err)
	}
	checkInvariants(t, b.db)
}

// TestFloorsByAuthority checks the four classes: a fact may leave a payee in debt, a decision may not.
func TestFloorsByAuthority(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cases := []struct {
		debit     string
		authority ledger.Authority
		want      error
	}{
		{"liabilities:seller:available:s", ledger.ByChart, nil},
		{"liabilities:seller:available:t", ledger.ByDecision, ledger.ErrFloor},
		{"liabilities:seller:reserve:s", ledger.ByChart, ledger.ErrFloor},
		{"liabilities:tax:sales:US-TX", ledger.ByDecision, nil},
		{"revenue:referral_fee", ledger.ByDecision, nil},
		{"liabilities:payout_in_transit", ledger.ByChart, ledger.ErrFloor},
	}
	for i, c := range cases {
		out := b.Post(t.Context(), b.book, ledger.Submission{Reference: ref("F", i), Drafts: []ledger.Draft{{Event: "test.posted",
			Authority: c.authority, Lines: []ledger.Line{line(c.debit, 100, "GBP"), line("equity:opening", -100, "GBP")}}}})
		if !errors.Is(out.Err, c.want) {
			t.Errorf("%s by %d: got %v, want %v", c.debit, c.authority, out.Err, c.want)
		}
	}
	checkInvariants(t, b.db)
}

// TestDryRunLeavesNoTrace dry-runs lawful and unlawful submissions and compares a dump of the whole database (peers' bug 3).
func TestDryRunLeavesNoTrace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustPost(t, sale("S-1", "sel_a", 1000))
	before := dump(t, b.db)
	for _, atomic := range []bool{false, true} {
		outcomes, err := b.DryRun(t.Context(), b.book, []ledger.Submission{sale("S-2", "new_seller", 500), sale("S-1", "sel_a", 1000)}, atomic)
		if err != nil || outcomes[0].Err != nil || outcomes[0].Transactions[0].Sequence != 2 || !outcomes[1].Replayed {
			t.Errorf("atomic %v: %+v, %v", atomic, outcomes, err)
		}
	}
	outcomes, err := b.DryRun(t.Context(), b.book, []ledger.Submission{sale("S-1", "sel_a", 999)}, false)
	if err != nil || !errors.Is(outcomes[0].Err, ledger.ErrReferenceReused) {
		t.Errorf("a reused reference: %+v, %v", outcomes, err)
	}
	if diff := cmp.Diff(before, dump(t, b.db)); diff != "" {
		t.Errorf("the dry run changed the database:\n%s", diff)
	}
}

// dump reads every row of every table of the ledger as text.
func dump(t testing.TB, db *pgtest.DB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, table := range []string{"books", "accounts", "balances", "transactions", "entries", "transaction_references", "transaction_links",
		"period_totals", "chart_totals", "partition_head", "subjects"} {
		var text *string
		err := db.Pool.QueryRow(context.Background(), fmt.Sprintf(`SELECT string_agg(x::text, E'\n' ORDER BY x::text) FROM %s x`, table)).Scan(&text)
		if err != nil {
			t.Fatal(err)
		}
		if text != nil {
			all[table] = *text
		}
	}
	return all
}

// TestPostTxJoinsTheCallersTransaction posts inside a caller's transaction that commits, that rolls back, and that
// continues after a savepoint.
func TestPostTxJoinsTheCallersTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	err := b.db.Pool.Tx(ctx, func(tx pgx.Tx) error {
		out, err := b.PostTx(ctx, tx, b.book, []ledger.Submission{sale("T-1", "sel_a", 1000)})
		if err == nil && out[0].Transactions[0].Sequence != 1 {
			err = fmt.Errorf("sequence %d", out[0].Transactions[0].Sequence)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	undo := errors.New("the caller changed its mind")
	err = b.db.Pool.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := b.PostTx(ctx, tx, b.book, []ledger.Submission{sale("T-2", "sel_a", 1000)}); err != nil {
			return err
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	err = b.db.Pool.Tx(ctx, func(tx pgx.Tx) error {
		nested, err := tx.Begin(ctx)
		if err != nil {
			return err
		}
		if _, err := b.PostTx(ctx, nested, b.book, []ledger.Submission{sale("T-3", "sel_a", 1000), sale("T-4", "sel_a", 1000)}); err != nil {
			return err
		}
		if err := nested.Commit(ctx); err != nil {
			return err
		}
		out, err := b.PostTx(ctx, tx, b.book, []ledger.Submission{sale("T-1", "sel_a", 1000)})
		if err == nil && !out[0].Replayed {
			err = errors.New("T-1 was not recognised")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.PostTx(ctx, nil, b.book, make([]ledger.Submission, ledger.MaxTxSubmissions+1))
	if !errors.Is(err, ledger.ErrInvalid) {
		t.Errorf("too many submissions: %v", err)
	}
	if head, _ := b.Head(ctx, b.book); head.LastSequence != 3 {
		t.Errorf("the book is at %d, want 3", head.LastSequence)
	}
	checkInvariants(t, b.db)
}

// TestPartitionsAreMadeInTime posts across many narrow partitions through two ledgers; rows land in them and nothing is
// lost at a border.
func TestPartitionsAreMadeInTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	super := connect(t, b.db.SuperURL)
	exec(t, super, `UPDATE partition_head SET width = 1000`)
	exec(t, super, `UPDATE books SET last_sequence = 499900`)
	other := open(t, b.db, ledger.Options{})
	done := make(chan error, 2)
	for w, l := range []*ledger.Ledger{b.Ledger, other} {
		go func() {
			for i := range 15 {
				batch := make([]ledger.Submission, 300)
				for j := range batch {
					batch[j] = sale(fmt.Sprintf("P-%d-%d-%d", w, i, j), fmt.Sprintf("sel_%d", j%5), 1000)
				}
				for _, out := range l.PostBatch(t.Context(), b.book, batch) {
					if out.Err != nil {
						done <- out.Err
						return
					}
				}
			}
			done <- nil
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	var partitions, rows int
	if err := super.QueryRow(t.Context(), `SELECT count(DISTINCT tableoid), count(*) FROM transactions`).Scan(&partitions, &rows); err != nil {
		t.Fatal(err)
	}
	if partitions < 2 || rows != 9000 {
		t.Errorf("%d rows in %d partitions", rows, partitions)
	}
	page, err := b.Balances(t.Context(), b.book, ledger.BalanceQuery{Prefix: "assets:processor:pending:main", AtSequence: 499900 + 4500, Limit: 1})
	if err != nil || page.Balances[0].Net() != 4500*1000 {
		t.Errorf("balance across partitions: %+v, %v", page, err)
	}
}

// TestQueueIsBounded fills a small queue behind a held lock: what does not fit is refused at once with nothing posted,
// and what waited is posted when the lock goes.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	l := open(t, db, ledger.Options{Limits: ledger.Limits{QueueItems: 5, BatchTransactions: 2}})
	b := &bundle{Ledger: l, db: db, book: makeBook(t, l, "uk"), t: t}
	holder, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec(t.Context(), `SELECT 1 FROM books FOR NO KEY UPDATE`); err != nil {
		t.Fatal(err)
	}
	const callers = 40
	outcomes := make(chan error, callers+2)
	for i := range callers {
		go func() { outcomes <- b.Post(t.Context(), b.book, sale(ref("Q", i), "sel_a", 1000)).Err }()
	}
	refused, posted := 0, 0
	for range callers - 7 { // at most two are in the flusher's hands and five wait
		if err := <-outcomes; !errors.Is(err, ledger.ErrQueueFull) {
			t.Fatalf("got %v while the book was locked, want a full queue", err)
		}
		refused++
	}
	// The flusher may have taken its two after the last refusal: whoever comes now takes their places.
	const late = 2
	for i := range late {
		go func() { outcomes <- b.Post(t.Context(), b.book, sale(ref("L", i), "sel_a", 1000)).Err }()
	}
	for end := time.Now().Add(10 * time.Second); !errors.Is(b.Congested(b.book), ledger.ErrQueueFull); {
		if time.Now().After(end) {
			t.Fatal("a full queue does not say so")
		}
	}
	if err := holder.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 7 + late {
		if err := <-outcomes; err == nil {
			posted++
		} else if !errors.Is(err, ledger.ErrQueueFull) {
			t.Error(err)
		}
	}
	if err := b.Congested(b.book); err != nil {
		t.Errorf("an empty queue says %v of itself", err)
	}
	if head, _ := b.Head(t.Context(), b.book); head.LastSequence != int64(posted) || posted < 5 {
		t.Errorf("%d were acknowledged, the book holds %d", posted, head.LastSequence)
	}
	checkInvariants(t, db)
}

// TestCloseDrains closes the ledger under load: what was accepted is answered and recorded, the rest is refused.
func TestCloseDrains(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	l := ledger.New(db.Pool, ledger.Options{Now: time.Now})
	book := makeBook(t, l, "uk")
	const callers = 200
	outcomes := make(chan error, callers)
	started := make(chan struct{}, callers)
	for i := range callers {
		go func() {
			started <- struct{}{}
			outcomes <- l.Post(context.Background(), book, sale(ref("D", i), "sel_a", 1000)).Err
		}()
	}
	for range callers / 2 {
		<-started
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	posted := 0
	for range callers {
		if err := <-outcomes; err == nil {
			posted++
		} else if !errors.Is(err, ledger.ErrShuttingDown) {
			t.Error(err)
		}
	}
	if out := l.Post(t.Context(), book, sale("too late", "sel_a", 1000)); !errors.Is(out.Err, ledger.ErrShuttingDown) {
		t.Errorf("after closing: %v", out.Err)
	}
	var rows int
	if err := db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM transactions`).Scan(&rows); err != nil || rows != posted {
		t.Errorf("%d acknowledged, %d recorded (%v)", posted, rows, err)
	}
	checkInvariants(t, db)
}

// TestBackendsKilled terminates the ledger's database sessions again and again under load. Every caller ends with
// success or with "unknown", repeating gives every reference exactly one effect, and the service recovers by itself.
func TestBackendsKilled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	super := connect(t, b.db.SuperURL)
	const callers, each = 16, 30
	done := make(chan error, callers)
	for c := range callers {
		go func() {
			for i := range each {
				out := b.Post(t.Context(), b.book, sale(fmt.Sprintf("K-%d-%d", c, i), "sel_a", 1000))
				for try := 0; fault.KindOf(out.Err) == fault.Unavailable && try < 50; try++ {
					out = b.Post(t.Context(), b.book, sale(fmt.Sprintf("K-%d-%d", c, i), "sel_a", 1000))
				}
				if out.Err != nil {
					done <- out.Err
					return
				}
			}
			done <- nil
		}()
	}
	const mostKills = 15 // enough to hit every phase of a batch, few enough that the callers' patience lasts
	kills, finished := 0, 0
	for finished < callers {
		if kills < mostKills {
			tag, err := super.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND usename = 'mizan_app' AND state <> 'idle' LIMIT 1`)
			if err != nil {
				t.Fatal(err)
			}
			kills += int(tag.RowsAffected())
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			finished++
		case <-time.After(time.Millisecond):
		}
	}
	if kills == 0 {
		t.Error("no session was ever killed, so nothing was tested")
	}
	if got := b.balance(t, "liabilities:seller:pending:sel_a", "GBP"); got != money.Minor(callers*each*900) {
		t.Errorf("the seller holds %d, want %d: %d sessions were killed", got, callers*each*900, kills)
	}
	checkInvariants(t, b.db)
}

// TestTwoBooksStayApart uses the same references and accounts in two books at once, one of them created while the other
// is being posted to (peers' bugs 4, 19).
func TestTwoBooksStayApart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustPost(t, sale("S-1", "sel_a", 1000))
	us := makeBook(t, b.Ledger, "us")
	out := b.Post(t.Context(), us, sale("S-1", "sel_a", 3000))
	if out.Err != nil || out.Replayed || out.Transactions[0].ID() != "us-1" {
		t.Fatalf("the same reference in another book: %+v", out)
	}
	if got := b.balance(t, "liabilities:seller:pending:sel_a", "GBP"); got != 900 {
		t.Errorf("book uk holds %d, want 900", got)
	}
	same, created, err := b.CreateBook(t.Context(), us.NewBook)
	if err != nil || created || same.ID != us.ID {
		t.Errorf("the same book again: %+v, %v, %v", same, created, err)
	}
	us.Name = "another"
	if _, _, err := b.CreateBook(t.Context(), us.NewBook); !errors.Is(err, ledger.ErrBookExists) {
		t.Errorf("another book under the same code: %v", err)
	}
	checkInvariants(t, b.db)
}

// TestRepeatedBatchIsReadBack repeats a batch of 600: every item comes back as it was recorded, in order.
func TestRepeatedBatchIsReadBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch := make([]ledger.Submission, 600)
	for i := range batch {
		batch[i] = sale(ref("R", i), fmt.Sprintf("sel_%d", i%9), 1000)
	}
	first := b.PostBatch(t.Context(), b.book, batch)
	again := b.PostBatch(t.Context(), b.book, batch)
	for i := range batch {
		if again[i].Err != nil || !again[i].Replayed || compare(first[i].Transactions[0], again[i].Transactions[0]) != "" {
			t.Fatalf("item %d: %+v, then %+v", i, first[i], again[i])
		}
	}
}

// TestPagesAreBoundedByText posts transactions with the most metadata: pages end early, say that more follow, and leave
// none out.
func TestPagesAreBoundedByText(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const n, most = 300, 5 << 20
	metadata := make(map[string]string, 50)
	for i := range 50 {
		metadata[fmt.Sprintf("k%d", i)] = strings.Repeat("m", 500)
	}
	for i := range n {
		s := sale(fmt.Sprintf("R-%d", i), "s1", 100)
		s.Drafts[0].Metadata = metadata
		b.mustPost(t, s)
	}
	for _, descending := range []bool{false, true} {
		var after int64
		read := 0
		for more := true; more; {
			page, err := b.Transactions(t.Context(), b.book, ledger.TransactionQuery{After: after, Limit: 1000, Descending: descending})
			if err != nil || len(page.Transactions) == 0 {
				t.Fatalf("after %d transactions: %v, %d", read, err, len(page.Transactions))
			}
			size := 0
			for _, transaction := range page.Transactions {
				for _, value := range transaction.Metadata {
					size += len(value)
				}
			}
			if size > most {
				t.Errorf("a page of %d bytes", size)
			}
			read += len(page.Transactions)
			after, more = page.Transactions[len(page.Transactions)-1].Sequence, page.More
		}
		if read != n {
			t.Errorf("descending %t: read %d of %d", descending, read, n)
		}
	}
}

// TestPagesAreBoundedByEntries posts transactions of the most lines: a page ends early and says that more follow.
func TestPagesAreBoundedByEntries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const transactions = 45
	for i := range transactions {
		d := ledger.Draft{Event: "order.captured"}
		for range ledger.MaxLines / 2 {
			d.Lines = append(d.Lines, line("assets:processor:pending:main", 1, "GBP"), line("revenue:referral_fee", -1, "GBP"))
		}
		b.mustPost(t, ledger.Submission{Reference: ref("W", i), Drafts: []ledger.Draft{d}})
	}
	var seen int64
	for pages := 1; ; pages++ {
		page, err := b.Transactions(t.Context(), b.book, ledger.TransactionQuery{After: seen, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range page.Transactions {
			if seen++; x.Sequence != seen || len(x.Entries) != ledger.MaxLines {
				t.Fatalf("sequence %d with %d entries, want %d with %d", x.Sequence, len(x.Entries), seen, ledger.MaxLines)
			}
		}
		if !page.More {
			if seen != transactions || pages != 2 {
				t.Errorf("%d transactions in %d pages, want %d in 2", seen, pages, transactions)
			}
			return
		}
	}
}

// TestSmallPoolServesManyBooks has a fresh ledger with two connections serve eight books at once, two of them without
// pause, while somebody reads and somebody posts inside transactions of their own: nobody waits for ever.
func TestSmallPoolServesManyBooks(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.MaxConns(2))
	l := open(t, db, ledger.Options{})
	books := make([]ledger.Book, 8)
	for i := range books {
		books[i] = makeBook(t, l, fmt.Sprintf("b%d", i))
	}
	fresh := open(t, db, ledger.Options{}) // knows no partition yet
	errs := make(chan error, 64)
	work := 0
	start := func(run func() error) {
		work++
		go func() { errs <- run() }()
	}
	for i, book := range books {
		posts := 5
		if i < 2 {
			posts = 60
		}
		for c := range 3 {
			start(func() error {
				for n := range posts {
					if out := fresh.Post(t.Context(), book, sale(fmt.Sprintf("%d-%d", c, n), "s", 1000)); out.Err != nil {
						return out.Err
					}
				}
				return nil
			})
		}
		start(func() error { _, err := fresh.Head(t.Context(), book); return err })
		start(func() error {
			return db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
				_, err := fresh.PostTx(t.Context(), tx, book, []ledger.Submission{sale("tx", "s", 1000)})
				return err
			})
		})
	}
	for range work {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	checkInvariants(t, db)
}
