package bankfile_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/payouts/processor"
	"mizan/payouts/processor/bankfile"
)

// TestAFileIsMadeOnceAndAnswered goes the whole way of a file with three payments, each step twice and by two services.
func TestAFileIsMadeOnceAndAnswered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	other := h.another()
	all := h.many(3)
	if w, err := h.Waiting(t.Context(), h.book); err != nil || len(w) != 1 || w[0].Payments != 3 || w[0].Sum != 3003 || w[0].Currency != "EUR" {
		t.Errorf("%+v, %v", w, err)
	}
	f := h.one()
	for _, s := range []*bankfile.Service{h.Service, other} {
		if again, err := s.MakeFiles(t.Context(), h.book, jobs); err != nil || len(again) != 0 {
			t.Errorf("nothing waits, and %+v, %v", again, err)
		}
	}
	if f.Number != 1 || f.State != bankfile.FileMade || f.Lines != 3 || f.Sum != 3003 || f.Counts[bankfile.PaymentFiled] != 3 || !f.ExecuteOn.Equal(time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", f)
	}
	if _, err := h.Sent(t.Context(), h.book, "EUR", 1, ann, "too early"); fault.CodeOf(err) != bankfile.ErrFileState.Code {
		t.Errorf("nobody has it, and it was sent: %v", err)
	}
	first, got, err := h.Content(t.Context(), h.book, "EUR", 1, ann, "pay day")
	h.ok(err)
	second, _, err := other.Content(t.Context(), h.book, "EUR", 1, ben, "again")
	h.ok(err)
	digest := sha256.Sum256(first)
	if string(first) != string(second) || hex.EncodeToString(digest[:]) != f.Digest || got.State != bankfile.FileFetched || got.FetchedBy != ann.ID ||
		strings.Count(string(first), canaryName) != 3 {
		t.Errorf("%d bytes, %+v", len(first), got)
	}
	for _, s := range []*bankfile.Service{h.Service, other} {
		if got, err = s.Sent(t.Context(), h.book, "EUR", 1, ann, "uploaded"); err != nil || got.State != bankfile.FileSent {
			t.Errorf("%+v, %v", got, err)
		}
	}
	h.state(all[0], processor.PayoutInTransit, "")
	text := report(f, "", said{all[0].ID, "ACSC", "", "10.00"}, said{all[1].ID, "RJCT", "AC04", "10.01"}, said{all[2].ID, "ACCP", "", ""})
	r := h.taken(text)
	if r.Settled != 1 || r.Failed != 1 || r.Accepted != 1 || r.File != 1 || r.Strange+r.Unchanged != 0 {
		t.Errorf("%+v", r)
	}
	for _, s := range []*bankfile.Service{h.Service, other} {
		if again, err := s.TakeReport(t.Context(), h.book, "EUR", strings.NewReader(text), ben); err != nil || again != r {
			t.Errorf("%+v, %v", again, err)
		}
	}
	h.state(all[0], processor.PayoutPaid, "")
	h.state(all[1], processor.PayoutFailed, "AC04")
	h.state(all[2], processor.PayoutInTransit, "")
	h.balance(all[1].Account, "EUR", 1001)
	if got, err := h.File(t.Context(), h.book, "EUR", 1); err != nil || got.State != bankfile.FileAnswered {
		t.Errorf("%+v, %v", got, err)
	}
	if _, _, err := h.Content(t.Context(), h.book, "EUR", 1, ann, "once more"); fault.CodeOf(err) != bankfile.ErrFileState.Code {
		t.Errorf("what was answered is handed out: %v", err)
	}
	h.clock.advance(time.Second)
	h.taken(report(f, "", said{all[2].ID, "RJCT", "AM04", ""}))
	h.state(all[2], processor.PayoutCancelled, "AM04") // the money was missing, which passes
	if got, err := h.File(t.Context(), h.book, "EUR", 1); err != nil || got.State != bankfile.FileClosed || got.ClosedAt.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	items, err := h.ReportItems(t.Context(), h.book, r.Digest, 0, 10)
	if err != nil || len(items) != 3 || items[1].Code != "AC04" || items[1].Outcome != "failed" || items[1].Payment != all[1].ID {
		t.Errorf("%+v, %v", items, err)
	}
	if list, err := h.Reports(t.Context(), h.book, "", 10); err != nil || len(list) != 2 || list[1].Digest != r.Digest {
		t.Errorf("%+v, %v", list, err)
	}
	rows, err := h.trail.Rows(t.Context(), guard.Book{ID: int32(h.book.ID), Code: h.book.Code}, guard.Filter{Act: "bank_file."}, 0, 10)
	if err != nil || len(rows) != 4 || rows[1].Act != "bank_file.fetched" || rows[1].Why != "pay day" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	h.sound()
}

// TestNobodyIsHeldUp: bank data that are missing or cannot be paid to, and amounts beyond the field, end with a code.
func TestNobodyIsHeldUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	good := h.many(1)[0]
	missing := h.ordered("cre_none", "po_none", 500, "EUR")
	h.banked("cre_odd", map[string]string{"name": "Odd", "bank_account": "DE00100200301234567890", "bank_holder": "Odd"})
	odd := h.ordered("cre_odd", "po_odd", 600, "EUR")
	h.banked("cre_rich", euroBank(9))
	rich := h.ordered("cre_rich", "po_rich", 100_000_000_000, "EUR") // beyond what SEPA takes
	f := h.one()
	if f.Lines != 1 || f.Sum != 1000 {
		t.Errorf("%+v", f)
	}
	h.state(good, processor.PayoutInTransit, "")
	h.state(missing, processor.PayoutFailed, bankfile.CodeBankMissing)
	h.state(odd, processor.PayoutFailed, bankfile.CodeBankInvalid)
	h.state(rich, processor.PayoutCancelled, bankfile.CodeLineInvalid)
	h.balance("payee:cre_none", "EUR", 500)
	if none, err := h.MakeFiles(t.Context(), h.book, jobs); err != nil || len(none) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
	h.sound()
}

// TestNumbersHaveNoGaps: twenty make files at once while orders come in; each payment is in one file.
func TestNumbersHaveNoGaps(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	other := h.another()
	for round := range 3 {
		for i := range 10 {
			payee := fmt.Sprintf("cre_%d_%d", round, i)
			h.banked(payee, euroBank(100*round+i))
			h.ordered(payee, fmt.Sprintf("po_%d_%d", round, i), 100, "EUR")
		}
		var wait sync.WaitGroup
		files := make(chan []bankfile.FileRecord, 20)
		for i := range 20 {
			wait.Go(func() {
				s := h.Service
				if i%2 == 1 {
					s = other
				}
				made, err := s.MakeFiles(t.Context(), h.book, jobs)
				if err != nil {
					t.Error(err)
				}
				files <- made
			})
		}
		wait.Wait()
		close(files)
		lines := 0
		for made := range files {
			for _, f := range made {
				lines += f.Lines
			}
		}
		if lines != 10 {
			t.Errorf("%d lines in round %d", lines, round)
		}
	}
	h.sound()
	all, err := h.Files(t.Context(), h.book, "EUR", 0, 100)
	h.ok(err)
	for i, f := range all {
		if f.Number != int64(len(all)-i) {
			t.Errorf("file %d at place %d", f.Number, i)
		}
	}
}

// TestAFileThatChangedIsNotHandedOut, and becomes void by one person as long as nobody has seen it.
func TestAFileThatChangedIsNotHandedOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	all := h.many(2)
	f := h.one()
	h.banked("cre_1", euroBank(77))
	content, _, err := h.Content(t.Context(), h.book, "EUR", f.Number, ann, "pay day")
	if fault.CodeOf(err) != bankfile.ErrFileChanged.Code || content != nil || strings.Contains(err.Error(), canaryName) {
		t.Errorf("%d bytes, %v", len(content), err)
	}
	if got, err := h.File(t.Context(), h.book, "EUR", f.Number); err != nil || got.State != bankfile.FileMade {
		t.Errorf("%+v, %v", got, err)
	}
	got, err := h.Void(t.Context(), h.book, "EUR", f.Number, ann, "bank data changed")
	if err != nil || got.State != bankfile.FileVoid || got.VoidBy != ann.ID {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := h.Void(t.Context(), h.book, "EUR", f.Number, ann, "again"); fault.CodeOf(err) != bankfile.ErrFileState.Code {
		t.Errorf("%v", err)
	}
	h.state(all[0], processor.PayoutPending, "")
	next, bytes := h.sent()
	if next.Number != 2 || next.Lines != 2 || !strings.Contains(string(bytes), canaryName+" 77") {
		t.Errorf("%+v", next)
	}
	// Nobody has brought the first file to a bank, so no bank can report on it.
	if _, err := h.take(report(f, "ACCP")); fault.CodeOf(err) != bankfile.ErrReportFile.Code {
		t.Errorf("%v", err)
	}
	h.sound()
}

// TestTwoPeopleDeclareAFileVoid that somebody has seen, and not once the bank has taken a payment of it.
func TestTwoPeopleDeclareAFileVoid(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	all := h.many(3)
	f, _ := h.sent()
	if _, err := h.Void(t.Context(), h.book, "EUR", f.Number, ann, "mistake"); fault.CodeOf(err) != guard.ErrApprovalRequired.Code {
		t.Errorf("alone: %v", err)
	}
	h.taken(report(f, "", said{payment: all[0].ID, status: "RJCT", code: "AC01"}))
	desk := guard.NewDesk(h.db.Pool, h.trail, h.clock.Now, h.Acts(h.bookOf))
	book := guard.Book{ID: int32(h.book.ID), Code: h.book.Code}
	asked, err := desk.Ask(t.Context(), ann, book, guard.Request{Act: bankfile.ActVoid, Payload: json.RawMessage(`{"currency":"EUR","number":1}`), Reason: "the bank refused the file", Document: "mail-17"})
	h.ok(err)
	if len(asked.Effect.Warnings) == 0 || asked.Effect.Count != 2 {
		t.Errorf("%+v", asked.Effect)
	}
	if _, err := desk.Approve(t.Context(), ann, book, asked.ID, asked.Hash, "yes"); err == nil {
		t.Error("one person approved alone")
	}
	if _, err := desk.Approve(t.Context(), ben, book, asked.ID, asked.Hash, "yes"); err != nil {
		t.Fatal(err)
	}
	h.state(all[0], processor.PayoutFailed, "AC01")
	h.state(all[1], processor.PayoutCancelled, bankfile.CodeVoid)
	h.balance(all[1].Account, "EUR", 1001)
	if got, err := h.File(t.Context(), h.book, "EUR", 1); err != nil || got.State != bankfile.FileVoid || got.Approval != asked.ID {
		t.Errorf("%+v, %v", got, err)
	}
	// The bank carries it out all the same: nothing moves, and a person is told.
	if r := h.taken(report(f, "", said{payment: all[1].ID, status: "ACSC"})); r.Strange != 1 || r.Settled != 0 {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(h.logged.String(), "contradicts") {
		t.Error("nobody was told")
	}
	h.banked("cre_late", euroBank(50))
	late := h.ordered("cre_late", "po_late", 100, "EUR")
	f, _ = h.sent()
	h.taken(report(f, "", said{payment: late.ID, status: "ACCP"}))
	if _, err := desk.Ask(t.Context(), ann, book, guard.Request{Act: bankfile.ActVoid, Payload: json.RawMessage(`{"currency":"EUR","number":2}`), Reason: "x", Document: "y"}); fault.CodeOf(err) != bankfile.ErrFileReported.Code {
		t.Errorf("%v", err)
	}
	h.sound()
}

// bookOf finds the book of an approval.
func (h *house) bookOf(_ context.Context, b guard.Book) (ledger.Book, error) {
	if int32(h.book.ID) != b.ID {
		return ledger.Book{}, ledger.ErrBookUnknown
	}
	return h.book, nil
}

// TestABankAccountTakesTwoPeople, and says what changes.
func TestABankAccountTakesTwoPeople(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	desk := guard.NewDesk(h.db.Pool, h.trail, h.clock.Now, h.Acts(h.bookOf))
	book := guard.Book{ID: int32(h.book.ID), Code: h.book.Code}
	for payload, want := range map[string]string{
		`{"currency":"JPY","debtor":{"format":"pain.001.001.09","name":"M","account":"DE02120300000000202051","bank":"BYLADEM1001","country":"DE"},"paid_after":0}`: "/currency",
		`{"currency":"EUR","debtor":{"format":"pain.001.001.09","name":"M","account":"DE02120300000000202052","country":"DE"},"paid_after":0}`:                      "/debtor/account",
		`{"currency":"EUR","debtor":{"format":"pain.001.001.09","name":"M","account":"DE02120300000000202051","country":"DE"},"paid_after":31}`:                     "/paid_after",
		`{"currency":"EUR","debtor":{"format":"csv","name":"M","account":"DE02120300000000202051","country":"DE"},"paid_after":0}`:                                  "/debtor/format",
	} {
		_, err := h.SetAccount(t.Context(), ann, h.book, json.RawMessage(payload), "x")
		var e *fault.Error
		if !errors.As(err, &e) || e.Code != bankfile.ErrAccountInvalid.Code || len(e.Fields) != 1 || e.Fields[0].Pointer != want {
			t.Errorf("%s: %v", want, err)
		}
	}
	h.euros(0)
	asked, err := desk.Ask(t.Context(), ann, book, guard.Request{Act: bankfile.ActAccount, Payload: json.RawMessage(fmt.Sprintf(euroAccount, 3)), Reason: "the bank reports failures only", Document: "contract"})
	h.ok(err)
	if len(asked.Effect.Difference) != 2 || strings.Contains(fmt.Sprint(asked.Effect), "DE0212030000") {
		t.Errorf("%+v", asked.Effect)
	}
	if _, err := desk.Approve(t.Context(), ben, book, asked.ID, asked.Hash, "yes"); err != nil {
		t.Fatal(err)
	}
	got, err := h.Accounts(t.Context(), h.book)
	if err != nil || len(got) != 1 || got[0].Version != 2 || got[0].PaidAfter != 3 || got[0].Approval != asked.ID {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestSilenceCountsAsPaid where the account says so, after business days alone.
func TestSilenceCountsAsPaid(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(3)
	all := h.many(3)
	f, _ := h.sent() // on Monday, carried out on Tuesday
	if !f.PaidOn.Equal(time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("paid on %s", f.PaidOn)
	}
	h.taken(report(f, "", said{payment: all[0].ID, status: "RJCT", code: "AC04"}))
	h.clock.advance(3 * 24 * time.Hour) // Thursday
	if n, err := h.Settle(t.Context(), h.book); err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	h.clock.advance(24 * time.Hour)
	var wait sync.WaitGroup
	counts := make(chan int, 10)
	for range 10 {
		wait.Go(func() {
			n, err := h.another().Settle(t.Context(), h.book)
			if err != nil {
				t.Error(err)
			}
			counts <- n
		})
	}
	wait.Wait()
	close(counts)
	sum := 0
	for n := range counts {
		sum += n
	}
	if sum != 2 {
		t.Errorf("%d were settled", sum)
	}
	h.state(all[1], processor.PayoutPaid, "")
	// A word after silence: it came back.
	h.taken(report(f, "", said{payment: all[1].ID, status: "RJCT", code: "AC06"}))
	h.state(all[1], processor.PayoutFailed, "AC06")
	h.balance(all[1].Account, "EUR", 1001)
	steps, err := h.Steps(t.Context(), h.book, all[1].ID)
	if err != nil || len(steps) != 4 || steps[2].Actor != "silence" || steps[3].Report == "" {
		t.Errorf("%+v, %v", steps, err)
	}
	h.sound()
}
