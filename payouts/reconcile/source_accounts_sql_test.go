package reconcile

import (
	"fmt"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// bankHouse is a house with an account at a bank whose lines and entries go by the same names.
type bankHouse struct {
	*comparing
	version, lines, size int
}

func newBankHouse(t *testing.T) *bankHouse {
	t.Helper()
	h := &bankHouse{comparing: newComparing(t), size: 2}
	h.exec(`INSERT INTO evidence_sources (book_id, id, kind, name, recorded_at) VALUES ($1, 2, 'bank', 'main', now())`, h.book.ID)
	h.exec(`INSERT INTO evidence_heads (book_id, source_id) VALUES ($1, 2)`, h.book.ID)
	h.exec(`INSERT INTO evidence_receipts (book_id, source_id, number, kind, format, settings, sha256, bytes, first_line, new_lines, known_lines, taken_by, recorded_at)
 VALUES ($1, 2, 1, 'statement', 'csv', 1, sha256(''), 0, 1, 3, 0, 'test', now())`, h.book.ID)
	return h
}

// mirrors sets the accounts of the ledger that the bank account is.
func (h *bankHouse) mirrors(accounts string) {
	h.Helper()
	h.version++
	h.exec(`INSERT INTO evidence_settings (book_id, source_id, version, document, recorded_at) VALUES ($1, 2, $2, '{"accounts":[' || $3 || '],"currency":"EUR"}', now())`, h.book.ID, h.version, accounts)
}

const (
	operating   = `"assets:bank:operating:main"`
	safeguarded = `"assets:bank:safeguarded:main"`
)

// shows has the bank show a movement.
func (h *bankHouse) shows(key string, amount money.Minor) {
	h.Helper()
	h.lines++
	h.exec(`INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, moved_at)
 VALUES ($1, 2, $2::bigint, 1, 'b' || $2::bigint, $3, 'EUR', $4::bigint, 0, $4::bigint, 'transfer', $5)`, h.book.ID, h.lines, key, int64(amount), h.Now())
	h.exec(`UPDATE evidence_heads SET last_line = $2, last_receipt = 1 WHERE book_id = $1 AND source_id = 2`, h.book.ID, h.lines)
}

// books posts movements of bank accounts; what they do not come to is revenue.
func (h *bankHouse) books(lines ...ledger.Line) {
	h.Helper()
	h.posted++
	var sum money.Minor
	for i := range lines {
		lines[i].Account, lines[i].Currency = "assets:bank:"+lines[i].Account+":main", "EUR"
		sum += lines[i].Amount
	}
	if sum != 0 {
		lines = append(lines, ledger.Line{Account: "revenue:transaction_fee", Amount: -sum, Currency: "EUR"})
	}
	h.ok(h.comparing.books.Post(h.Context(), h.book, ledger.Submission{Reference: fmt.Sprint("b", h.posted), Drafts: []ledger.Draft{{Event: "test.moved", OccurredAt: h.Now(), Lines: lines}}}).Err)
}

// compares runs, and wants so many items open and the same when it is made again.
func (h *bankHouse) compares(open int64) Run {
	h.Helper()
	h.advance(24 * time.Hour)
	run, err := h.compareBy(h.Context(), h.turn(), Asked{Match: R2, Source: 2}, h.size)
	h.ok(err)
	h.same(run)
	if run.OpenItems != open {
		h.Errorf("run %d left %d items open, want %d: %s", run.Number, run.OpenItems, open, run.Summary)
	}
	return run
}

func moves(account ledger.Address, amount money.Minor, ref string) ledger.Line {
	return ledger.Line{Account: account, Amount: amount, ExternalRef: ref}
}

// TestAnAccountComesLater: an account of the ledger becomes one of a source that was compared without it. What it held before is taken by
// the next run, a transfer between the two is none any more, and the sums tie.
func TestAnAccountComesLater(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, sliceLines} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			h := newBankHouse(t)
			h.size = size
			h.mirrors(operating)
			h.books(moves("operating", 1000, "a1"))
			h.books(moves("safeguarded", 700, "s1"))
			h.books(moves("operating", -300, ""), moves("safeguarded", 300, ""))
			h.books(moves("operating", -40, "t1"), moves("safeguarded", 40, "t1"))
			h.books(moves("safeguarded", 55, "s2"))
			h.shows("a1", 1000)
			h.shows("s1", 700)
			h.compares(3) // the line s1, and one end of each transfer
			h.mirrors(operating + "," + safeguarded)
			h.books(moves("safeguarded", 20, "s3"))
			h.books(moves("operating", -10, ""), moves("safeguarded", 10, ""))
			run := h.compares(2) // s2 and s3
			if n := h.count(`SELECT count(*) FROM recon_breaks WHERE ended_at IS NULL`); n != 2 {
				t.Errorf("%d breaks are open", n)
			}
			if run.FromSequence != 5 {
				t.Errorf("the run began after %d", run.FromSequence)
			}
			h.shows("s2", 55)
			h.shows("s3", 20)
			h.compares(0)
		})
	}
}

// TestATransferThatNamesTwoThings: what moves between two accounts and names another thing at each end waits for both of their lines,
// whether the second account was the source's when it moved or became it later.
func TestATransferThatNamesTwoThings(t *testing.T) {
	t.Parallel()
	for _, later := range []bool{false, true} {
		h := newBankHouse(t)
		both := operating + "," + safeguarded
		if later {
			h.mirrors(operating)
		} else {
			h.mirrors(both)
		}
		h.books(moves("operating", -100, "w1"), moves("safeguarded", 100, "w2"))
		if later {
			h.compares(1)
			h.mirrors(both)
		}
		h.compares(2)
		if n := h.count(`SELECT count(*) FROM recon_breaks WHERE ended_at IS NULL`); n != 2 {
			t.Errorf("the second account later %v: %d breaks are open", later, n)
		}
		h.shows("w1", -100)
		h.shows("w2", 100)
		h.compares(0)
	}
}

// TestAnAccountGoes: an account that is one of a source no more is held against it as it stood at the run before. What was open of it may
// still be shown; what it moves later is not the source's, until it comes back, and then all of it is.
func TestAnAccountGoes(t *testing.T) {
	t.Parallel()
	h := newBankHouse(t)
	h.mirrors(operating + "," + safeguarded)
	h.books(moves("operating", 1000, "a1"))
	h.books(moves("safeguarded", 700, "s1"))
	h.books(moves("safeguarded", 80, "s2"))
	h.shows("a1", 1000)
	h.compares(2)
	h.mirrors(operating)
	h.books(moves("safeguarded", 55, "s3"))
	h.books(moves("operating", -300, "t1"), moves("safeguarded", 300, "t1"))
	h.shows("s1", 700)
	h.shows("t1", -300)
	h.compares(1)
	h.books(moves("safeguarded", 5, "s4"))
	h.compares(1)
	h.mirrors(operating + "," + safeguarded)
	h.books(moves("safeguarded", 6, "s5"))
	h.compares(5) // s2, and what the account moved meanwhile: s3, its end of t1, s4 and s5
	for key, amount := range map[string]money.Minor{"s2": 80, "s3": 55, "s4": 5, "s5": 6, "t1": 300} {
		h.shows(key, amount)
	}
	h.compares(0)
}
