package bankfile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/ledger/vault"
	"mizan/payouts/processor"
	"mizan/payouts/processor/bankfile"
)

// owner does what the application's role may not.
func (h *house) owner(sql string, args ...any) {
	h.Helper()
	conn, err := pgx.Connect(h.Context(), h.db.OwnerURL)
	h.ok(err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(h.Context(), sql, args...)
	h.ok(err)
}

// askVoid asks for a file to be declared void.
func (h *house) askVoid(c money.Currency, number int64) (*guard.Desk, guard.Approval, error) {
	h.Helper()
	desk := guard.NewDesk(h.db.Pool, h.trail, h.clock.Now, h.Acts(h.bookOf))
	asked, err := desk.Ask(h.Context(), ann, guard.Book{ID: int32(h.book.ID), Code: h.book.Code}, guard.Request{Act: bankfile.ActVoid,
		Payload: json.RawMessage(fmt.Sprintf(`{"currency":%q,"number":%d}`, c, number)), Reason: "the bank lost it", Document: "mail-1"})
	return desk, asked, err
}

// ordersOf orders a payment in dollars for each of n payees.
func (h *house) ordersOf(n int) (all []processor.Payout) {
	h.Helper()
	for i := range n {
		payee := fmt.Sprintf("cre_%d", i)
		h.banked(payee, dollarBank(i))
		all = append(all, h.ordered(payee, fmt.Sprintf("po_%d", i), 1000, "USD"))
		h.clock.advance(time.Second)
	}
	return all
}

// TestWhatTheBankCarriesOutIsNeverVoid: a bank that returns a payment, says that it paid one that came back, or that it takes a
// part, has the file. Were it void, those that it pays would be paid again.
func TestWhatTheBankCarriesOutIsNeverVoid(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]func(h *house, f bankfile.FileRecord, all []processor.Payout){
		"paid and then returned": func(h *house, f bankfile.FileRecord, all []processor.Payout) {
			h.taken(report(f, "", said{payment: all[0].ID, status: "ACSC"}))
			h.taken(report(f, "", said{payment: all[0].ID, status: "RJCT", code: "AC04"}))
		},
		"a part": func(h *house, f bankfile.FileRecord, all []processor.Payout) {
			h.taken(report(f, "PART", said{payment: all[0].ID, status: "RJCT", code: "AC04"}))
		},
		"a word that is not known": func(h *house, f bankfile.FileRecord, all []processor.Payout) {
			h.taken(report(f, "", said{payment: all[0].ID, status: "XXXX"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.euros(0)
			all := h.many(3)
			f, _ := h.sent()
			says(h, f, all)
			h.neverVoid(f)
		})
	}
	t.Run("an American return", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		h.dollars(0)
		h.ordersOf(3)
		f, content := h.sent()
		_, err := h.TakeReport(t.Context(), h.book, "USD", strings.NewReader(returned(content, map[int]string{1: "R03"})), ben)
		h.ok(err)
		h.neverVoid(f)
	})
}

// TestWhoSentAFileBringsNoMoneyBack: a forged rejection would have what the bank carries out paid again. It takes another person
// than the one who had the file, or a key that belongs to nobody; good news takes none.
func TestWhoSentAFileBringsNoMoneyBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	all := h.many(2)
	f, _ := h.sent()
	rejected := report(f, "", said{all[0].ID, "RJCT", "AC04", ""})
	for name, text := range map[string]string{"one payment": rejected, "the file": report(f, "RJCT")} {
		if _, err := h.TakeReport(t.Context(), h.book, "EUR", strings.NewReader(text), ann); fault.CodeOf(err) != bankfile.ErrReportOwn.Code {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.state(all[0], processor.PayoutInTransit, "")
	if r, err := h.TakeReport(t.Context(), h.book, "EUR", strings.NewReader(report(f, "", said{all[1].ID, "ACSC", "", ""})), ann); err != nil || r.Settled != 1 {
		t.Errorf("good news: %+v, %v", r, err)
	}
	gateway := guard.Actor{Kind: guard.Program, ID: "key_bank"}
	if r, err := h.TakeReport(t.Context(), h.book, "EUR", strings.NewReader(rejected), gateway); err != nil || r.Failed != 1 {
		t.Errorf("the bank's own door: %+v, %v", r, err)
	}
	h.state(all[0], processor.PayoutFailed, "AC04")
	h.sound()
}

// neverVoid wants that two people cannot declare a file void, and nobody behind the service's back.
func (h *house) neverVoid(f bankfile.FileRecord) {
	h.Helper()
	if _, _, err := h.askVoid(f.Currency, f.Number); fault.CodeOf(err) != bankfile.ErrFileReported.Code {
		h.Errorf("the bank carries it out, and it may be void: %v", err)
	}
	err := h.exec(`UPDATE bank_files SET state = 'void', void_at = now(), approval = 'apr_x' WHERE book_id = $1`, h.book.ID)
	if postgres.SQLState(err) == "" {
		h.Errorf("void behind the service's back: %v", err)
	}
	if err := h.exec(`UPDATE bank_files SET taken = false WHERE book_id = $1`, h.book.ID); postgres.SQLState(err) == "" {
		h.Error("the bank's word is forgotten")
	}
	h.sound()
}

// TestAReportOvertakesAVoid: two people were asked while the bank was silent, and it answers before the second agrees.
func TestAReportOvertakesAVoid(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	all := h.many(2)
	f, _ := h.sent()
	desk, asked, err := h.askVoid(f.Currency, f.Number)
	h.ok(err)
	h.taken(report(f, "", said{payment: all[0].ID, status: "ACSC"}))
	h.taken(report(f, "", said{payment: all[0].ID, status: "RJCT", code: "AC04"}))
	if _, err := desk.Approve(t.Context(), ben, guard.Book{ID: int32(h.book.ID), Code: h.book.Code}, asked.ID, asked.Hash, "yes"); err == nil {
		t.Error("it became void all the same")
	}
	h.state(all[1], processor.PayoutInTransit, "")
	h.sound()
}

// TestSilenceBeginsWhenTheBankHasTheFile: a file lies here for longer than silence lasts.
func TestSilenceBeginsWhenTheBankHasTheFile(t *testing.T) {
	t.Parallel()
	for name, has := range map[string]func(h *house, f bankfile.FileRecord, all []processor.Payout){
		"as somebody says": func(h *house, f bankfile.FileRecord, _ []processor.Payout) {
			_, err := h.Sent(h.Context(), h.book, "EUR", f.Number, ann, "late")
			h.ok(err)
		},
		"as the bank says": func(h *house, f bankfile.FileRecord, all []processor.Payout) {
			h.taken(report(f, "", said{payment: all[0].ID, status: "RJCT", code: "AC04"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.euros(3)
			all := h.many(2)
			f := h.one()
			_, _, err := h.Content(t.Context(), h.book, "EUR", f.Number, ann, "pay day")
			h.ok(err)
			h.clock.advance(14 * 24 * time.Hour) // Monday again
			has(h, f, all)
			if n, err := h.Settle(t.Context(), h.book); err != nil || n != 0 {
				t.Errorf("the bank had no day, and %d are paid, %v", n, err)
			}
			h.clock.advance(3 * 24 * time.Hour)
			if n, err := h.Settle(t.Context(), h.book); err != nil || n == 0 {
				t.Errorf("%d are paid, %v", n, err)
			}
			h.sound()
		})
	}
}

// TestMoneyHasACause: with the application's own role nothing is paid that was not taken from what is set aside, nothing ends
// without its money coming back, and no number is lost.
func TestMoneyHasACause(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	all := h.many(2)
	f, _ := h.sent()
	h.taken(report(f, "", said{payment: all[0].ID, status: "RJCT", code: "AC04"}))
	for name, sql := range map[string]string{
		"a payment of another's money": `INSERT INTO bank_payments (book_id, id, instruction, key, digest, account, amount, currency, state, arrives_on, metadata, entry, created_at, changed_at)
			SELECT book_id, 'po_aaaaaaaaaaaaaaaaaaaa', instruction, 'forged', digest, account, amount, currency, 'queued', arrives_on, metadata, entry, created_at, changed_at FROM bank_payments WHERE book_id = $1 LIMIT 1`,
		"a transfer without money": `INSERT INTO bank_transfers (book_id, id, instruction, key, digest, account, amount, currency, metadata, entry, arrived, created_at)
			SELECT book_id, 'tr_aaaaaaaaaaaaaaaaaaaa', instruction, 'forged', digest, account, amount, currency, metadata, entry, 'py_aaaaaaaaaaaaaaaaaaaa', created_at FROM bank_transfers WHERE book_id = $1 LIMIT 1`,
		"a reversal without money": `INSERT INTO bank_reversals (book_id, id, transfer, instruction, key, digest, amount, entry, created_at)
			SELECT book_id, 'trr_aaaaaaaaaaaaaaaaaaaa', id, instruction, 'forged', digest, 1, entry, created_at FROM bank_transfers WHERE book_id = $1 LIMIT 1`,
		"an end with another's money": `UPDATE bank_payments p SET state = 'failed', code = 'x', steps = steps + 1, failure_entry = (SELECT q.failure_entry FROM bank_payments q WHERE q.failure_entry IS NOT NULL)
			WHERE p.book_id = $1 AND p.failure_entry IS NULL`,
		"paid without a step":        `UPDATE bank_payments SET state = 'settled', steps = steps + 1 WHERE book_id = $1 AND state = 'filed'`,
		"paid without being counted": `UPDATE bank_payments SET state = 'settled' WHERE book_id = $1 AND state = 'filed'`,
		"a number without a file":    `UPDATE bank_account_heads SET files = files + 1 WHERE book_id = $1`,
		"closed over open payments":  `UPDATE bank_files SET state = 'closed', closed_at = now() WHERE book_id = $1`,
		"void over open payments":    `UPDATE bank_files SET state = 'void', void_at = now(), approval = 'apr_x' WHERE book_id = $1`,
		"a head that begins at 7":    `INSERT INTO bank_account_heads (book_id, currency, files) VALUES ($1, 'GBP', 7)`,
	} {
		if err := h.exec(sql, h.book.ID); postgres.SQLState(err) == "" || postgres.SQLState(err) == "42601" {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.sound()
}

// TestAFilesRejectionIsNoReceiversFault: the reason is our own account's, and nobody's destination is disabled for it.
func TestAFilesRejectionIsNoReceiversFault(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	all := h.many(3)
	f, _ := h.sent()
	text := strings.Replace(report(f, "RJCT", said{payment: all[0].ID, status: "RJCT", code: "AC04"}, said{payment: all[1].ID, status: "RJCT"}),
		"<GrpSts>RJCT</GrpSts>", "<GrpSts>RJCT</GrpSts><StsRsnInf><Rsn><Cd>AC06</Cd></Rsn></StsRsnInf>", 1)
	text = strings.Replace(text, strings.ReplaceAll(all[1].ID, "_", "-")+"</OrgnlEndToEndId><TxSts>RJCT</TxSts>", strings.ReplaceAll(all[1].ID, "_", "-")+"</OrgnlEndToEndId>", 1)
	if r := h.taken(text); r.Failed != 3 {
		t.Errorf("%+v", r)
	}
	h.state(all[0], processor.PayoutFailed, "AC04") // this one the bank names
	h.state(all[1], processor.PayoutCancelled, "AC06")
	h.state(all[2], processor.PayoutCancelled, "AC06")
	// It says afterwards that it has paid the file: a person sees of which payments.
	r := h.taken(report(f, "ACSC"))
	items, err := h.ReportItems(t.Context(), h.book, r.Digest, 0, 10)
	if err != nil || r.Strange != 3 || len(items) != 3 || items[2].Outcome != "strange" || items[2].Payment == "" {
		t.Errorf("%+v, %+v, %v", r, items, err)
	}
	h.sound()
}

// corrected is a NACHA file of notifications of change: of each, the entry of our file and the code.
func corrected(sent []byte, of ...said) string {
	lines := strings.Split(strings.TrimRight(string(sent), "\n"), "\n")
	header, batch := []byte(lines[0]), []byte(lines[1])
	field(header, 4, " 123456789")
	field(header, 34, "B")
	field(batch, 51, "COR")
	out := []string{string(header), string(batch)}
	hash := int64(0)
	for i, s := range of {
		for _, l := range lines {
			if l[0] != '6' || l[79:94] != s.payment {
				continue
			}
			e, a := []byte(l), []byte(strings.Repeat(" ", 94))
			trace := fmt.Sprintf("01100001%07d", i+1)
			field(e, 2, "21")
			field(e, 30, "0000000000")
			field(e, 79, "1"+trace)
			field(a, 1, "798"+s.code+l[79:94])
			field(a, 28, l[3:11])
			field(a, 36, "99999")
			field(a, 80, trace)
			out = append(out, string(e), string(a))
			var bank int64
			fmt.Sscan(strings.TrimLeft(l[3:11], "0"), &bank)
			hash += bank
		}
	}
	control, end := []byte(strings.Repeat(" ", 94)), []byte(strings.Repeat(" ", 94))
	field(control, 1, fmt.Sprintf("8%s%06d%010d%012d%012d%s", lines[1][1:4], 2*len(of), hash, 0, 0, lines[1][40:50]))
	field(control, 80, lines[1][79:94])
	out = append(out, string(control))
	field(end, 1, fmt.Sprintf("9%06d%06d%08d%010d%012d%012d", 1, (len(out)+10)/10, 2*len(of), hash, 0, 0))
	out = append(out, string(end))
	for len(out)%10 != 0 {
		out = append(out, strings.Repeat("9", 94))
	}
	return strings.Join(out, "\n") + "\n"
}

// TestTwoCorrectionsOfOneEntry hold up no report: the account's number and the bank's are two.
func TestTwoCorrectionsOfOneEntry(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.dollars(0)
	all := h.ordersOf(2)
	_, content := h.sent()
	trace := func(p processor.Payout) string {
		got, err := h.driver.ReadPayout(t.Context(), p.Account, p.ID)
		h.ok(err)
		return got.Trace
	}
	text := corrected(content, said{payment: trace(all[0]), code: "C01"}, said{payment: trace(all[0]), code: "C02"}, said{payment: trace(all[1]), code: "C01"})
	r, err := h.TakeReport(t.Context(), h.book, "USD", strings.NewReader(text), ben)
	if err != nil || r.Settled != 2 || r.Unchanged != 1 || r.Strange != 0 {
		t.Fatalf("%+v, %v\n%s", r, err, text)
	}
	h.state(all[0], processor.PayoutPaid, "")
	items, err := h.ReportItems(t.Context(), h.book, r.Digest, 0, 10)
	if err != nil || len(items) != 3 || items[1].Code != "C02" {
		t.Errorf("%+v, %v", items, err)
	}
	h.sound()
}

// TestTheOldBankStillAnswers: the account changed its bank and the format while a file was open. Its report is read as what it is,
// and its company is that of the file, not that of the newest account; what was never a format of the account is refused.
func TestTheOldBankStillAnswers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.dollars(0)
	first := h.ordersOf(2)
	old, content := h.sent()
	if _, err := h.TakeReport(t.Context(), h.book, "USD", strings.NewReader(report(old, "ACCP")), ben); fault.CodeOf(err) != bankfile.ErrReport.Code {
		t.Errorf("a format that the account never had: %v", err)
	}
	other := strings.Replace(fmt.Sprintf(dollarAccount, 0), "1234567890", "9999999999", 1)
	for _, payload := range []string{other, `{"currency":"USD","debtor":{"format":"pain.001.001.09","name":"Mizan Inc","account":"000123456789","bank":"BKTRUS33","country":"US"},"paid_after":0}`} {
		_, err := h.SetAccount(t.Context(), ann, h.book, json.RawMessage(payload), "another bank")
		h.ok(err)
	}
	late := h.ordered("cre_1", "po_late", 500, "USD")
	next, _ := h.sent()
	if r, err := h.TakeReport(t.Context(), h.book, "USD", strings.NewReader(report(next, "", said{payment: late.ID, status: "ACSC"})), ben); err != nil || r.Settled != 1 {
		t.Errorf("the new bank: %+v, %v", r, err)
	}
	text := returned(content, map[int]string{1: "R03"})
	forged := strings.ReplaceAll(text, "1234567890", "9999999999")
	if r, err := h.TakeReport(t.Context(), h.book, "USD", strings.NewReader(forged), ben); fault.CodeOf(err) != bankfile.ErrReportFile.Code {
		t.Errorf("the company of another account: %+v, %v", r, err)
	}
	if r, err := h.TakeReport(t.Context(), h.book, "USD", strings.NewReader(report(old, "ACSC")), ben); fault.CodeOf(err) != bankfile.ErrReportFile.Code {
		t.Errorf("a file of the old bank, in the new one's format: %+v, %v", r, err)
	}
	r, err := h.TakeReport(t.Context(), h.book, "USD", strings.NewReader(text), ben)
	if err != nil || r.Failed != 1 || r.File != old.Number {
		t.Errorf("the old bank: %+v, %v", r, err)
	}
	h.state(first[0], processor.PayoutFailed, "R03")
	h.sound()
}

// TestWhatIsNobodysFaultWaits: the vault is closed, one payee's data do not open, or the account is not complete. Nobody's payment
// ends for it, whoever can be paid is paid, and the one who makes files is told.
func TestWhatIsNobodysFaultWaits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	all := h.many(3)
	closed := bankfile.New(bankfile.Options{Pool: h.db.Pool, Trail: h.trail, Now: h.clock.Now, Vault: vault.New(h.db.Pool, vault.Options{Now: h.clock.Now, Trail: h.trail})})
	if made, err := closed.MakeFiles(t.Context(), h.book, jobs); len(made) != 0 || fault.CodeOf(err) != vault.ErrClosed.Code {
		t.Errorf("the vault is closed: %+v, %v", made, err)
	}
	h.owner(`UPDATE vault_values SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) WHERE subject = 'payee:cre_1'`)
	made, err := h.MakeFiles(t.Context(), h.book, jobs)
	if len(made) != 1 || made[0].Lines != 2 || fault.CodeOf(err) != vault.ErrBroken.Code || strings.Contains(err.Error(), canaryName) {
		t.Errorf("one payee's data do not open: %+v, %v", made, err)
	}
	h.state(all[1], processor.PayoutPending, "")
	h.state(all[2], processor.PayoutInTransit, "")
	before, err := bankfile.Told(t.Context(), h.trail, h.book)
	h.ok(err)
	h.ok(h.exec(`INSERT INTO bank_accounts (book_id, currency, version, document, recorded_at) SELECT book_id, currency, 2, replace(document, 'DE02', 'DE03'), recorded_at FROM bank_accounts WHERE book_id = $1`, h.book.ID))
	if told, err := bankfile.Told(t.Context(), h.trail, h.book); err != nil || !before.Sound() || len(told.Untold) != 1 || told.Untold[0].Object != "bank_account:EUR" {
		t.Errorf("an account that nobody set: before %+v, after %+v, %v", before, told, err)
	}
	last := h.ordered("cre_2", "po_last", 100, "EUR")
	if made, err := h.MakeFiles(t.Context(), h.book, jobs); len(made) != 0 || fault.CodeOf(err) != bankfile.ErrDebtor.Code {
		t.Errorf("the account is not complete: %+v, %v", made, err)
	}
	h.state(all[1], processor.PayoutPending, "")
	h.state(last, processor.PayoutPending, "")
	h.sound()
}

// TestHeldUntilItIsHandedOut: a payee is held while bank data are read, or when its file is made and nobody has it.
func TestHeldUntilItIsHandedOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	all := h.many(2)
	held := map[string]bool{}
	s := bankfile.New(bankfile.Options{Pool: h.db.Pool, Trail: h.trail, Vault: h.vault, Now: h.clock.Now,
		Kept: func(_ context.Context, _ ledger.Book, instructions []string) (map[string]bool, error) {
			// A change of bank data holds their payments. This one comes as late as it can before they are asked about.
			if len(held) == 0 {
				h.banked("cre_1", euroBank(88))
			}
			return held, nil
		}})
	made, err := s.MakeFiles(t.Context(), h.book, jobs)
	if err != nil || len(made) != 1 || made[0].Lines != 2 {
		t.Fatalf("%+v, %v", made, err)
	}
	content, _, err := s.Content(t.Context(), h.book, "EUR", 1, ann, "pay day")
	if content != nil || fault.CodeOf(err) != bankfile.ErrFileChanged.Code {
		t.Errorf("data that were not asked about are in the file: %d bytes, %v", len(content), err)
	}
	h.banked("cre_1", euroBank(1))
	held["po_0000000000000000"] = true
	if content, _, err = s.Content(t.Context(), h.book, "EUR", 1, ann, "pay day"); content != nil || fault.CodeOf(err) != bankfile.ErrFileChanged.Code {
		t.Errorf("a held payee's payment is handed out: %d bytes, %v", len(content), err)
	}
	_, err = s.Void(t.Context(), h.book, "EUR", 1, ann, "held")
	h.ok(err)
	made, err = s.MakeFiles(t.Context(), h.book, jobs)
	if err != nil || len(made) != 1 || made[0].Lines != 1 || made[0].Number != 2 {
		t.Fatalf("%+v, %v", made, err)
	}
	h.state(all[0], processor.PayoutCancelled, bankfile.CodeKept)
	if content, _, err = s.Content(t.Context(), h.book, "EUR", 2, ann, "pay day"); err != nil || len(content) == 0 {
		t.Error(err)
	}
	h.sound()
}

// TestTheBankCarriesOutAVoidFile: it sends back one of its payments, or says that it pays a part. The others are paid, and somebody
// has to know.
func TestTheBankCarriesOutAVoidFile(t *testing.T) {
	t.Parallel()
	void := func(h *house, f bankfile.FileRecord) {
		h.Helper()
		desk, asked, err := h.askVoid(f.Currency, f.Number)
		h.ok(err)
		_, err = desk.Approve(h.Context(), ben, guard.Book{ID: int32(h.book.ID), Code: h.book.Code}, asked.ID, asked.Hash, "yes")
		h.ok(err)
	}
	t.Run("it returns one", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		h.dollars(0)
		all := h.ordersOf(2)
		f, content := h.sent()
		void(h, f)
		r, err := h.TakeReport(t.Context(), h.book, "USD", strings.NewReader(returned(content, map[int]string{1: "R03"})), ben)
		if err != nil || r.Strange != 1 || !strings.Contains(h.logged.String(), "contradicts") {
			t.Errorf("%+v, %v", r, err)
		}
		h.balance(all[0].Account, "USD", 1000)
		h.sound()
	})
	t.Run("it pays a part", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		h.euros(0)
		all := h.many(2)
		f, _ := h.sent()
		void(h, f)
		if r := h.taken(report(f, "PART", said{payment: all[0].ID, status: "RJCT", code: "AC04"})); r.Strange != 1 || !strings.Contains(h.logged.String(), "contradicts") {
			t.Errorf("%+v", r)
		}
		h.sound()
	})
}

// TestBooksAreApart: a payee of another book with the same id has its own bank data and money, and a report on one book's file
// moves nothing in the other.
func TestBooksAreApart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	mine := h.many(1)[0]
	f, content := h.sent()
	first := h.book
	var err error
	h.book, _, err = h.books.CreateBook(t.Context(), ledger.NewBook{Code: "fr", Name: "FR", Currencies: []money.Currency{"EUR"}, TimeZone: "Europe/Paris", Market: "US"})
	h.ok(err)
	h.driver = h.Driver(h.book)
	h.euros(0)
	h.banked("cre_0", euroBank(33))
	theirs := h.ordered("cre_0", "po_0000000000000000", 1000, "EUR")
	next, other := h.sent()
	if next.Number != 1 || next.MessageID == f.MessageID || strings.Contains(string(other), iban(0)) || strings.Contains(string(content), iban(33)) {
		t.Errorf("%+v", next)
	}
	for name, text := range map[string]string{"its file": report(f, "ACSC"), "its payment": report(next, "", said{payment: mine.ID, status: "RJCT", code: "AC04"})} {
		if r, err := h.take(text); fault.CodeOf(err) != bankfile.ErrReportFile.Code && fault.CodeOf(err) != bankfile.ErrReportItem.Code {
			t.Errorf("%s, of the other book: %+v, %v", name, r, err)
		}
	}
	h.state(theirs, processor.PayoutInTransit, "")
	h.sound()
	h.book, h.driver = first, h.Driver(first)
	h.state(mine, processor.PayoutInTransit, "")
	h.sound()
}

// TestKeysAreFoundOnTheFirstDay: a table that has no statistics yet is read by its primary key for each row that points to it. By
// another index every check would read the whole book, and a first file of thousands of lines could not be made.
func TestKeysAreFoundOnTheFirstDay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	conn, err := pgx.Connect(t.Context(), h.db.OwnerURL)
	h.ok(err)
	defer func() { _ = conn.Close(context.Background()) }()
	for _, table := range []string{"bank_entries", "bank_transfers", "bank_payments"} {
		all, err := conn.PgConn().Exec(t.Context(), `SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
			PREPARE pointed (int, text) AS SELECT 1 FROM ONLY `+table+` x WHERE book_id = $1 AND id = $2 FOR KEY SHARE OF x; EXPLAIN EXECUTE pointed (1, 'a'); DEALLOCATE pointed`).ReadAll()
		h.ok(err)
		var plan strings.Builder
		for _, result := range all {
			for _, row := range result.Rows {
				plan.Write(append(row[0], '\n'))
			}
		}
		if !strings.Contains(plan.String(), table+"_pkey") {
			t.Errorf("%s is read by:\n%s", table, plan.String())
		}
	}
}
