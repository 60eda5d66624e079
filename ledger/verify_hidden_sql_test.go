package ledger_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"mizan/ledger"
)

// Tamperings that hide where nobody looks first: under numbers that no account has, behind the place where a verification
// begins, in values that read like others.

// TestVerifyMeetsEveryAccountNumber slips in rows under account numbers that the ledger never gives. Each is found, by
// every method and from a checkpoint too, and none breaks the verification.
func TestVerifyMeetsEveryAccountNumber(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 9 {
		b.mustPost(t, sale(fmt.Sprintf("R-%d", i), "s1", 100))
	}
	middle := ledger.VerifyCheckpoint{Sequence: 4}
	m := newTamperer(t, b, 1)
	const (
		entry   = `INSERT INTO entries (book_id, account_id, sequence, amount, account_version, balance_after, debits_after, line) SELECT id, %d, 7, 1, 1, 1, 1, 9 FROM books`
		balance = `INSERT INTO balances (book_id, account_id, debits, credits, version, last_sequence) SELECT id, %d, 5, 0, 1, 7 FROM books`
		total   = `INSERT INTO period_totals (book_id, account_id, period, debits, credits) SELECT id, %d, 202601, 5, 0 FROM books`
	)
	for _, id := range []int{math.MinInt32, -2048, -5, -1, 0, 77, math.MaxInt32} {
		for table, sql := range map[string]string{"entries": entry, "balances": balance, "period_totals": total} {
			m.must(fmt.Sprintf(sql, id))
			for _, method := range []ledger.VerifyMethod{ledger.VerifyTwice, ledger.VerifyReplay, ledger.VerifySQL} {
				for _, after := range []ledger.VerifyCheckpoint{{}, middle} {
					report, err := b.Verify(t.Context(), b.book, ledger.VerifyOptions{Method: method, After: after})
					if err != nil || report.Sound() || table == "entries" && report.FirstBad() != 7 {
						t.Errorf("%s of account %d, method %d after %d: %v, %+v", table, id, method, after.Sequence, err, report.Findings)
					}
				}
			}
			m.restore(table)
		}
	}
	wantSound(t, verify(t, b, ledger.VerifyOptions{}))
}

// TestVerifyFindsRepeatedLines gives two lines the numbers of others so that their count, bounds and sum stay as they
// were, in transactions of few and of many lines. The database finds it alone.
func TestVerifyFindsRepeatedLines(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const few, most, many = 8, 60, 124
	for _, lines := range []int{few, most, most + 2, many} {
		d := ledger.Draft{Event: "order.captured"}
		for i := range lines / 2 {
			d.Lines = append(d.Lines, line(fmt.Sprintf("assets:processor:pending:p%d", i), 5, "GBP"), line(fmt.Sprintf("liabilities:seller:pending:s%d", i), -5, "GBP"))
		}
		b.mustPost(t, ledger.Submission{Reference: fmt.Sprintf("R-%d", lines), Drafts: []ledger.Draft{d}})
	}
	sound := func() {
		t.Helper()
		for _, method := range []ledger.VerifyMethod{ledger.VerifyTwice, ledger.VerifyReplay, ledger.VerifySQL} {
			wantSound(t, verify(t, b, ledger.VerifyOptions{Method: method}))
		}
	}
	sound()
	m := newTamperer(t, b, 1)
	for i, from := range []int{3, most - 3, 50, 80} {
		m.must(fmt.Sprintf(`UPDATE entries SET line = CASE line WHEN %[2]d THEN %[2]d - 1 ELSE %[2]d + 2 END WHERE sequence = %[1]d AND line IN (%[2]d, %[2]d + 1)`, i+1, from))
		for _, method := range []ledger.VerifyMethod{ledger.VerifyTwice, ledger.VerifyReplay, ledger.VerifySQL} {
			report := verify(t, b, ledger.VerifyOptions{Method: method})
			if report.FirstBad() != int64(i+1) {
				t.Errorf("method %d: lines repeated in transaction %d: %+v", method, i+1, report.Findings)
			}
			for _, f := range report.Findings {
				if f.Invariant == ledger.InvariantAgreement {
					t.Errorf("method %d: %+v", method, f)
				}
			}
		}
		m.restore("entries")
	}
	sound()
}

// TestVerifyFindsANull turns an empty metadata value into a null, which reads alike and has the same hash.
func TestVerifyFindsANull(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := sale("R-1", "s1", 100)
	s.Drafts[0].Metadata = map[string]string{"note": "", "other": "null"}
	b.mustPost(t, sale("R-0", "s1", 100))
	b.mustPost(t, s)
	wantSound(t, verify(t, b, ledger.VerifyOptions{}))
	m := newTamperer(t, b, 1)
	m.must(`UPDATE transactions SET metadata = metadata || '{"note": null}' WHERE sequence = 2`)
	if report := verify(t, b, ledger.VerifyOptions{}); report.Sound() || report.FirstBad() != 2 {
		t.Errorf("a null passed: %+v", report)
	}
}

// TestVerifyAgainstSeveralCheckpoints demands that every known checkpoint counts, also two at one place and one where the
// verification begins.
func TestVerifyAgainstSeveralCheckpoints(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustPost(t, sale("R-0", "s1", 100))
	b.mustPost(t, sale("R-1", "s1", 100))
	right := verify(t, b, ledger.VerifyOptions{}).Checkpoint
	b.mustPost(t, sale("R-2", "s1", 100))
	wrong := right
	wrong.Digest[5] ^= 1
	for what, options := range map[string]ledger.VerifyOptions{
		"the wrong one first":      {Known: []ledger.VerifyCheckpoint{wrong, right}},
		"the right one first":      {Known: []ledger.VerifyCheckpoint{right, wrong}},
		"one where it begins":      {After: right, Known: []ledger.VerifyCheckpoint{wrong}},
		"begun at the wrong place": {After: wrong, Known: []ledger.VerifyCheckpoint{right}},
	} {
		if report := verify(t, b, options); report.Sound() || report.FirstBad() != right.Sequence {
			t.Errorf("%s: %+v", what, report)
		}
	}
	wantSound(t, verify(t, b, ledger.VerifyOptions{Known: []ledger.VerifyCheckpoint{right, right}}))
	wantSound(t, verify(t, b, ledger.VerifyOptions{After: right, Known: []ledger.VerifyCheckpoint{right}}))
}

// TestVerifyOfAMissingHeader removes headers whose accounts appear nowhere else: the database still sees their entries and
// the replay cannot, which is no disagreement.
func TestVerifyOfAMissingHeader(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 5 {
		b.mustPost(t, sale(fmt.Sprintf("R-%d", i), fmt.Sprintf("only%d", i), 100))
	}
	m := newTamperer(t, b, 1)
	m.must(`DELETE FROM transactions WHERE sequence = 3`)
	report := verify(t, b, ledger.VerifyOptions{})
	if report.FirstBad() != 3 {
		t.Errorf("%+v", report)
	}
	for _, f := range report.Findings {
		if f.Invariant == ledger.InvariantAgreement {
			t.Errorf("%+v", f)
		}
	}
}

// TestVerifyOutlastsASlowPageOfAccounts holds up the reading of totals until a read has been ended for taking too long.
// The verification asks for less and goes on.
func TestVerifyOutlastsASlowPageOfAccounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	variedBook(t, b, rand.New(rand.NewPCG(1, 1)), 2)
	m := newTamperer(t, b, 1)
	m.must(`BEGIN`)
	m.must(`LOCK TABLE chart_totals, period_totals IN ACCESS EXCLUSIVE MODE`)
	type outcome struct {
		report ledger.VerifyReport
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		report, err := b.Verify(t.Context(), b.book, ledger.VerifyOptions{})
		done <- outcome{report, err}
	}()
	waiting := func() (n int) {
		if err := m.conn.QueryRow(t.Context(), `SELECT coalesce(max(pid), 0) FROM pg_locks WHERE NOT granted AND relation = 'period_totals'::regclass`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	first := 0
	until(t, func() bool { first = waiting(); return first != 0 })
	until(t, func() bool { return waiting() != first }) // the read was ended
	m.must(`ROLLBACK`)
	out := <-done
	if out.err != nil {
		t.Fatal(out.err)
	}
	wantSound(t, out.report)
}
