package reconcile_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts/reconcile"
)

// TestReconciledMonth plays the finance scenario (S12): November is closed, a refund of one of its orders is made in December, and
// the report of December lists it once, with November as its original month, and no late posting. November keeps its hash.
func TestReconciledMonth(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	m.clock.set(day(2026, 11, 30))
	for range 2 {
		m.post("order.captured", day(2026, 11, 30), 0, "", entry{"assets:processor:pending:main", 3000}, entry{"liabilities:seller:pending:sel_r", -2730}, entry{"revenue:referral_fee", -270})
		m.post("processor.fee_recorded", day(2026, 11, 30), 0, "", entry{"expenses:processor_fee", 65}, entry{"assets:processor:pending:main", -65})
	}
	m.post("recon.fee_trued_up", day(2026, 11, 30), 0, "", entry{"expenses:processor_fee", 1}, entry{"assets:processor:pending:main", -1})
	m.clock.set(day(2026, 12, 1))
	november := m.close("2026-11")
	m.post("processor.funds_available", day(2026, 12, 1), 0, "", entry{"assets:processor:available:main", 5869}, entry{"assets:processor:pending:main", -5869})
	m.post("recon.suspense_in", day(2026, 12, 1), 0, "", entry{"assets:suspense", 3000}, entry{"assets:processor:available:main", -3000})
	m.clock.set(day(2026, 12, 2))
	m.post("refund.full", day(2026, 12, 2), 202611, "order:2", entry{"liabilities:seller:pending:sel_r", 2730}, entry{"revenue:referral_fee", 270}, entry{"assets:suspense", -3000})
	m.post("order.settled", day(2026, 12, 2), 202611, "order:1", entry{"liabilities:seller:pending:sel_r", 2730}, entry{"liabilities:seller:available:sel_r", -2730})
	m.post("accrual.reversed", day(2026, 12, 2), 202611, "accrual:a", entry{"liabilities:accrued:processor", 100}, entry{"expenses:processor_fee", -100})

	refunds := m.late(reconcile.EarlierSales, 202612)
	if len(refunds) != 1 || refunds[0].Amount != 3000 || refunds[0].Original != 202611 || refunds[0].Event != "refund.full" || refunds[0].Effective != 202612 {
		t.Errorf("refunds of earlier sales: %+v", refunds)
	}
	if late := m.late(reconcile.LatePostings, 202612); len(late) != 0 {
		t.Errorf("late postings: %+v", late)
	}
	m.proved()
	if again := m.last("2026-11"); again.Hash != november.Hash || again.Totals != november.Totals || !bytes.Equal(again.Document, november.Document) {
		t.Errorf("November is %x now and was %x", again.Hash, november.Hash)
	}
	if november.Preparer != "per_ann" || november.Approver != "per_ben" || november.Act != "close" || !strings.Contains(string(november.Document), `"accepted":[{"item":"sub_ledgers","stood":"Sub-ledgers agree`) {
		t.Errorf("%+v %s", november, november.Document)
	}
	if got := string(november.Document); !strings.Contains(got, `{"account":"expenses:processor_fee","currency":"GBP","debits":"1.31","credits":"0.00","balance":"1.31"}`) {
		t.Errorf("the control totals are %s", got)
	}
}

// TestLateFacts closes a month: what happened in it and is known later counts in the next, stands among the late postings, and its
// taxes are listed one by one.
func TestLateFacts(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	m.sale(day(2026, 10, 20))
	m.close("2026-10")
	for i := range 3 {
		late := m.post("order.captured", day(2026, 10, 21+i), 0, "", entry{"assets:processor:available:main", 1200}, entry{"liabilities:tax:vat:UK:deemed", -300},
			entry{"liabilities:tax:vat:UK:deemed", 100}, entry{"revenue:referral_fee", -1000})
		if late.Period != 202611 || late.Effective != 202610 {
			t.Fatalf("%s of %s", late.Period, late.Effective)
		}
	}
	if late := m.late(reconcile.LatePostings, 202611); len(late) != 3 || late[0].Amount != 1300 || late[0].Currency != "GBP" {
		t.Errorf("late postings: %+v", late)
	}
	taxes := m.late(reconcile.LateTaxes, 202611)
	if len(taxes) != 6 || taxes[0].Amount != -300 || taxes[1].Amount != 100 || taxes[0].Account != "liabilities:tax:vat:UK:deemed" {
		t.Errorf("late taxes: %+v", taxes)
	}
	var paged []reconcile.LateLine
	q := reconcile.LateQuery{Report: reconcile.LateTaxes, Period: 202611, AtSequence: 3, Limit: 1}
	for {
		page, err := m.Late(t.Context(), m.book, q)
		m.ok(err)
		paged = append(paged, page.Lines...)
		if !page.More {
			break
		}
		q.After, q.AfterLine = page.After, page.AfterLine
	}
	if len(paged) != 4 || !slices.Equal(paged, taxes[:4]) {
		t.Errorf("one by one up to the third transaction: %+v", paged)
	}
	_, err := m.Late(t.Context(), m.book, reconcile.LateQuery{Report: "canary"})
	m.want(err, reconcile.ErrLateReport.Code)
	m.proved()
}

// TestReopen opens a closed month with the one after it, by two people: closed again unchanged it has the same totals, and changed it
// says what changed.
func TestReopen(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	m.sale(day(2026, 9, 20))
	m.sale(day(2026, 10, 20))
	m.close("2026-09")
	october := m.close("2026-10")
	_, err := m.ask(m.desk, "period.close", closing("2026-10"))
	m.want(err, ledger.ErrPeriodOrder.Code)
	_, err = m.ask(m.desk, "period.reopen", `{"period":"2026-11"}`)
	m.want(err, ledger.ErrPeriodOrder.Code)
	a := m.reopen("2026-09")
	if !strings.Contains(string(a.Result), `"months":2`) || !strings.Contains(fmt.Sprint(a.Effect), "2026-10 opens") {
		t.Errorf("%s %+v", a.Result, a.Effect)
	}
	if last := m.last("2026-10"); last.Act != "reopen" || last.Totals != october.Totals || last.Number != 3 {
		t.Errorf("%+v", last)
	}
	_, err = m.ask(m.desk, "period.close", closing("2026-10"))
	m.want(err, reconcile.ErrPeriodBlocked.Code)
	if !strings.Contains(detail(err), "2026-09") {
		t.Error(detail(err))
	}
	m.sale(day(2026, 9, 21))
	a, err = m.ask(m.desk, "period.close", closing("2026-09"))
	m.ok(err)
	if !strings.Contains(fmt.Sprint(a.Effect.Difference), "revenue:referral_fee GBP: debits 0.00 became 0.00, credits 10.00 became 20.00, the balance -10.00 became -20.00") {
		t.Errorf("%q", a.Effect.Difference)
	}
	_, err = m.decide(m.desk, decider, a)
	m.ok(err)
	m.reopen("2026-09")
	a, err = m.ask(m.desk, "period.close", closing("2026-09"))
	m.ok(err)
	if !strings.Contains(fmt.Sprint(a.Effect.Difference), "the same as when it was closed before") {
		t.Errorf("%q", a.Effect.Difference)
	}
	before := m.last("2026-09")
	_, err = m.decide(m.desk, decider, a)
	m.ok(err)
	if again := m.last("2026-09"); again.Totals != before.Totals || again.Hash == before.Hash {
		t.Errorf("%+v after %+v", again, before)
	}
	if r := m.proved(); r.Rows != 7 || r.Closed != 1 {
		t.Errorf("%+v", r)
	}
}

// TestFirstClose gives every month before it that holds postings a row; afterwards months close one by one.
func TestFirstClose(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	for _, at := range []time.Time{day(2026, 3, 2), day(2026, 5, 2), day(2026, 9, 2), day(2026, 10, 2)} {
		m.sale(at)
	}
	a, err := m.ask(m.desk, "period.close", closing("2026-09"))
	m.ok(err)
	if !strings.Contains(a.Effect.Summary, "the 2 months before it") || len(a.Effect.Difference) != 4 {
		t.Errorf("%+v", a.Effect)
	}
	_, err = m.decide(m.desk, decider, a)
	m.ok(err)
	rows, err := m.Closings(t.Context(), m.book, 0, 100)
	m.ok(err)
	var periods []ledger.Period
	for _, r := range rows {
		periods = append(periods, r.Period)
	}
	if !slices.Equal(periods, []ledger.Period{202603, 202605, 202609}) {
		t.Error(periods)
	}
	_, err = m.ask(m.desk, "period.close", closing("2026-11"))
	m.want(err, reconcile.ErrPeriodBlocked.Code)
	m.close("2026-10")
	m.proved()
}

// TestYearEnd walks through December: it does not close before the result of the year is carried over, what is known later of the
// closed year counts in January, and auditors correct it there.
func TestYearEnd(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	m.clock.set(day(2027, 1, 5))
	m.sale(day(2026, 11, 20))
	m.sale(day(2026, 12, 20))
	m.close("2026-11")
	_, err := m.ask(m.desk, "period.close", closing("2026-12"))
	m.want(err, reconcile.ErrPeriodBlocked.Code)
	if !strings.Contains(detail(err), "year.closed") || strings.Contains(detail(err), "name year in accept") {
		t.Error(detail(err))
	}
	_, err = m.ask(m.desk, "period.close", `{"period":"2026-12","accept":["year"]}`)
	m.want(err, guard.ErrApprovalInvalid.Code)
	closed := m.events.Post(t.Context(), m.book, commerceEvent(t, "year.closed", "y", `{"year":2026}`))
	m.ok(closed.Err)
	m.close("2026-12")
	late := m.sale(day(2026, 12, 30))
	if late.Period != 202701 {
		t.Errorf("a late fact of the year counts in %s", late.Period)
	}
	if list := m.late(reconcile.LatePostings, 202701); len(list) != 1 || list[0].Sequence != late.Sequence {
		t.Errorf("late postings: %+v", list)
	}
	audited := m.events.Post(t.Context(), m.book, commerceEvent(t, "audit.adjusted", "a", `{"adjustment":"A","effective_period":"2026-12","reason":"wrong","document":"D","approved_by":["u_1","u_2"],
 "entries":[{"account":"expenses:goodwill","direction":"debit","amount":"1.00","currency":"GBP"},{"account":"revenue:referral_fee","direction":"credit","amount":"1.00","currency":"GBP"}]}`))
	m.ok(audited.Err)
	if list := m.late(reconcile.EarlierSales, 202701); len(list) != 1 || list[0].Event != "audit.adjusted" || list[0].Original != 202612 {
		t.Errorf("corrections of earlier months: %+v", list)
	}
	m.reopen("2026-12")
	m.sale(day(2026, 12, 29))
	_, err = m.ask(m.desk, "period.close", closing("2026-12"))
	m.want(err, reconcile.ErrPeriodBlocked.Code)
	closed = m.events.Post(t.Context(), m.book, commerceEvent(t, "year.closed", "y2", `{"year":2026}`))
	m.ok(closed.Err)
	m.close("2026-12")
	m.proved()
}

// TestCloseWhilePosting closes months at two desks by two people while many post: each closes once, what was seen is what closed, and
// nothing lands in a month after its close.
func TestCloseWhilePosting(t *testing.T) {
	t.Parallel()
	m := newMonths(t, pgtest.MaxConns(24))
	m.sale(day(2026, 10, 1))
	_, second := m.another()
	desks, deciders := []*guard.Desk{m.desk, second}, []guard.Actor{decider, other}
	stop := make(chan struct{})
	var posting sync.WaitGroup
	for i := range 20 {
		posting.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				at := day(2026, 10-n%2*i%2, 1+n%28)
				d := ledger.Draft{Event: "order.captured", OccurredAt: at, Lines: []ledger.Line{
					{Account: "assets:processor:available:main", Amount: 1, Currency: "GBP"}, {Account: "revenue:referral_fee", Amount: -1, Currency: "GBP"}}}
				if out := m.books.Post(t.Context(), m.book, ledger.Submission{Reference: fmt.Sprintf("p-%d-%d", i, n), Drafts: []ledger.Draft{d}}); out.Err != nil {
					t.Error(out.Err)
					return
				}
			}
		})
	}
	// The month is posted to all the time, so what was seen is rarely what would close. Now and then posting rests.
	changed := 0
	for range 5 {
		a, err := m.ask(m.desk, "period.close", closing("2026-10"))
		m.ok(err)
		if _, err = m.decide(m.desk, decider, a); err == nil {
			break
		}
		m.want(err, guard.ErrApprovalChanged.Code)
		changed++
	}
	close(stop)
	posting.Wait()
	if head, err := m.books.Head(t.Context(), m.book); err != nil || head.FirstOpenPeriod != 202611 {
		a, err := m.ask(m.desk, "period.close", closing("2026-10"))
		m.ok(err)
		var race sync.WaitGroup
		won := make([]bool, 4)
		for i := range won {
			race.Go(func() {
				_, err := m.decide(desks[i%2], deciders[i/2], a)
				won[i] = err == nil
			})
		}
		race.Wait()
		if !slices.Contains(won, true) || won[0] && won[2] || won[1] && won[3] {
			t.Errorf("%v won", won)
		}
	}
	if late := m.sale(day(2026, 10, 9)); late.Period != 202611 {
		t.Errorf("it counts in %s", late.Period)
	}
	r := m.proved()
	t.Logf("%d times it had changed, %d rows", changed, r.Rows)
}

var closingsSeed = flag.Uint64("closings.seed", 0, "the seed of the random months; 0 draws one")

// TestClosingsAreProved posts at random, closes and reopens at random, and proves it; then rows are changed behind the service's
// back, and each change is found.
func TestClosingsAreProved(t *testing.T) {
	t.Parallel()
	seed := *closingsSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-closings.seed=%d", seed)
	d := rand.New(rand.NewPCG(seed, 8))
	m := newMonths(t)
	m.sale(day(2026, 3, 1))
	next := ledger.Period(202603)
	for range 12 {
		for range 1 + d.IntN(8) {
			accounts := []ledger.Address{"revenue:referral_fee", "liabilities:tax:sales:TX", "liabilities:seller:pending:s1", "expenses:goodwill"}
			amount := money.Minor(1 + d.Int64N(99_999))
			m.post("order.captured", day(2026, 1+d.IntN(10), 1+d.IntN(28)), 0, "", entry{"assets:processor:available:main", amount}, entry{accounts[d.IntN(4)], -amount})
		}
		if d.IntN(4) == 0 && next > 202603 {
			p := 202603 + ledger.Period(d.IntN(int(next-202603)))
			m.reopen(p.String())
			next = p
		} else if next < 202610 {
			m.close(next.String())
			next = next.Next()
		}
	}
	if next == 202603 {
		m.close("2026-03")
	}
	m.proved()
	conn, err := pgx.Connect(t.Context(), m.db.SuperURL)
	m.ok(err)
	defer func() { _ = conn.Close(t.Context()) }()
	bend := func(sql string) {
		t.Helper()
		tag, err := conn.Exec(t.Context(), sql)
		m.ok(err)
		if tag.RowsAffected() == 0 {
			t.Fatalf("nothing changed: %s", sql)
		}
	}
	bend(`SET session_replication_role = replica; ALTER TABLE period_closings DISABLE TRIGGER ALL; ALTER TABLE transactions DISABLE TRIGGER ALL; CREATE TABLE kept AS TABLE period_closings`)
	for _, x := range []struct{ name, does, undo, says string }{
		{"a total", `UPDATE period_closings SET document = replace(document, '"rows":[', '"rows":[ ') WHERE number = 1`, "", "changed after"},
		{"the approver", `UPDATE period_closings SET approver = 'per_zoe' WHERE number = 1`, "", "changed after"},
		{"the sequence", `UPDATE period_closings SET at_sequence = at_sequence + 1 WHERE number = 1`, "", "changed after"},
		{"a hash", `UPDATE period_closings SET totals = sha256('x') WHERE number = 1`, "", "not that of its control totals"},
		{"a row is gone", `DELETE FROM period_closings WHERE number = 1`, "", "rows are missing"},
		{"the first open month", `UPDATE books SET first_open_period = 202612`, fmt.Sprintf(`UPDATE books SET first_open_period = %d`, m.open()), "first open month"},
		{"a total of the ledger", `UPDATE chart_totals SET debits = debits + 1 WHERE period = 202603`, `UPDATE chart_totals SET debits = debits - 1 WHERE period = 202603`, "not what it was"},
	} {
		bend(x.does)
		r, err := m.VerifyClosings(t.Context(), m.book)
		m.ok(err)
		if !strings.Contains(fmt.Sprint(r.Findings), x.says) {
			t.Errorf("%s: %+v", x.name, r.Findings)
		}
		if x.undo != "" {
			bend(x.undo)
		} else {
			bend(`WITH gone AS (DELETE FROM period_closings) SELECT 1`)
			bend(`INSERT INTO period_closings TABLE kept`)
		}
	}
	m.proved()
	m.sale(day(2026, 11, 1))
	bend(`UPDATE transactions SET period = 202603, effective_period = 202603 WHERE sequence = (SELECT max(sequence) FROM transactions)`)
	r, err := m.VerifyClosings(t.Context(), m.book)
	m.ok(err)
	if !strings.Contains(fmt.Sprint(r.Findings), "closed when it was posted") {
		t.Errorf("%+v", r.Findings)
	}
}

func (m *months) open() ledger.Period {
	m.Helper()
	head, err := m.books.Head(m.Context(), m.book)
	m.ok(err)
	return head.FirstOpenPeriod
}

// TestClosingsStay: the application can neither change nor remove a row, nor write one twice.
func TestClosingsStay(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	m.sale(day(2026, 10, 1))
	m.close("2026-10")
	for _, sql := range []string{
		`UPDATE period_closings SET reason = 'x'`, `DELETE FROM period_closings`, `TRUNCATE period_closings`,
		`INSERT INTO period_closings SELECT * FROM period_closings`,
		`INSERT INTO period_closings SELECT book_id, 2, 'shut', period, at_sequence, document, totals, previous, hash, preparer, approver, approval, reason, recorded_at FROM period_closings`,
		`INSERT INTO period_closings SELECT book_id, 2, act, 202613, at_sequence, document, totals, previous, hash, preparer, approver, approval, reason, recorded_at FROM period_closings`,
		`INSERT INTO period_closings SELECT book_id, 2, act, period, at_sequence, document, 'short', previous, hash, preparer, approver, approval, reason, recorded_at FROM period_closings`,
	} {
		if err := m.exec(sql); err == nil {
			t.Errorf("the database let it be: %s", sql)
		}
	}
	m.proved()
}

// TestLateIndex: every partition has the index of transactions that count in another month, also those made later, and the lists
// are read by it.
func TestLateIndex(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	m.sale(day(2026, 10, 1))
	conn, err := pgx.Connect(t.Context(), m.db.SuperURL)
	m.ok(err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), `SELECT prepare_partitions(1000001)`)
	m.ok(err)
	var partitions, indexed int
	m.ok(conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_inherits WHERE inhparent = 'transactions'::regclass`).Scan(&partitions))
	m.ok(conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_inherits WHERE inhparent = 'transactions_other_period'::regclass`).Scan(&indexed))
	if partitions < 3 || indexed != partitions {
		t.Errorf("%d of %d partitions have the index", indexed, partitions)
	}
	rows, err := conn.Query(t.Context(), `EXPLAIN SELECT x.* FROM transactions x WHERE x.book_id = 1 AND x.period = 202611 AND x.sequence >= 0 AND x.sequence <= 9
 AND (x.effective_period <> x.period OR x.original_period <> x.period) ORDER BY x.sequence LIMIT 1000`)
	m.ok(err)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	m.ok(err)
	if said := strings.Join(plan, "\n"); !strings.Contains(said, "book_id_period_sequence_idx") || strings.Contains(said, "Seq Scan") {
		t.Errorf("the plan is %s", said)
	}
}

// TestHostileCloses refuses what is no month, and repeats nothing of it.
func TestHostileCloses(t *testing.T) {
	t.Parallel()
	const canary = "canary-4711"
	m := newMonths(t)
	m.sale(day(2026, 10, 1))
	for _, x := range []struct{ act, payload, code string }{
		{"period.close", `{"period":"` + canary + `"}`, guard.ErrApprovalInvalid.Code},
		{"period.close", `{"period":"2026-13"}`, guard.ErrApprovalInvalid.Code},
		{"period.close", `{"period":"2026-10","accept":["` + canary + `"]}`, guard.ErrApprovalInvalid.Code},
		{"period.close", `{"period":"2026-10","accept":["breaks"]}`, guard.ErrApprovalInvalid.Code},
		{"period.close", `{"period":"2026-10","` + canary + `":1}`, guard.ErrApprovalInvalid.Code},
		{"period.close", `{"period":"2026-10"}`, reconcile.ErrPeriodBlocked.Code},
		{"period.reopen", `{"period":"` + canary + `"}`, guard.ErrApprovalInvalid.Code},
		{"period.reopen", `{"period":"2026-10","accept":[]}`, guard.ErrApprovalInvalid.Code},
		{"period.reopen", `{"period":"2026-10"}`, ledger.ErrPeriodOrder.Code},
	} {
		_, err := m.ask(m.desk, x.act, x.payload)
		m.want(err, x.code)
		if strings.Contains(detail(err), canary) {
			t.Errorf("the refusal repeats what was sent: %s", detail(err))
		}
	}
	a, err := m.ask(m.desk, "period.close", `{"period":"2026-10","accept":["sub_ledgers","evidence","coverage","evidence"]}`)
	m.ok(err)
	if string(a.Payload) != `{"period":"2026-10","accept":["coverage","evidence","sub_ledgers"]}` {
		t.Error(string(a.Payload))
	}
	_, err = m.decide(m.desk, preparer, a)
	m.want(err, guard.ErrSelfApproval.Code)
	m.sale(day(2026, 11, 1)) // another month: what was seen still holds
	m.clock.set(day(2026, 11, 1).Add(time.Hour))
	_, err = m.decide(m.desk, decider, a)
	m.ok(err)
	if m.sale(day(2026, 10, 2)).Period != 202611 {
		t.Error("it was not closed")
	}
}

// commerceEvent is an event as a program sends it.
func commerceEvent(t *testing.T, kind, reference, data string) (e commerce.Event) {
	t.Helper()
	k, err := commerce.TypeOf(kind)
	if err != nil {
		t.Fatal(err)
	}
	e = commerce.Event{Type: kind, Reference: reference, Data: k.New()}
	if err := json.Unmarshal([]byte(data), e.Data); err != nil {
		t.Fatal(err)
	}
	return e
}
