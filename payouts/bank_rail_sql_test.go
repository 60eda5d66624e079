package payouts

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
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
	"mizan/ledger/vault"
	"mizan/payouts/processor/bankfile"
)

// bankHouse is a house whose payees are paid by bank files.
type bankHouse struct {
	*railHouse
	bank *bankfile.Service
	// peers are two services on the same database, as two processes would be.
	peers []*Service
}

// One person brings files to the bank, another brings its reports back.
var (
	bankClerk  = guard.Actor{Kind: guard.Person, ID: "per_ann", Person: "per_ann"}
	bankReader = guard.Actor{Kind: guard.Person, ID: "per_ben", Person: "per_ben"}
)

func newBankHouse(t *testing.T) *bankHouse {
	t.Helper()
	h := &bankHouse{railHouse: newRailHouse(t)}
	keys, err := vault.ParseKeys("k1=" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n")
	if err != nil {
		t.Fatal(err)
	}
	h.option.Vault = vault.New(h.db.Pool, vault.Options{Now: h.clock.Now, Keys: keys, Trail: h.option.Trail})
	for range 2 {
		h.bank = bankfile.New(bankfile.Options{Pool: h.db.Pool, Trail: h.option.Trail, Vault: h.option.Vault, Now: h.clock.Now, Log: slog.New(slog.NewTextHandler(h.logged, nil)),
			Kept: func(ctx context.Context, book ledger.Book, instructions []string) (map[string]bool, error) {
				return h.KeptBack(ctx, book, instructions)
			}})
		o := h.option
		o.Rails = []Rail{{Name: RailBank, Processor: "bank", Bank: "main", Of: h.bank.Driver, PerSecond: 1000}}
		h.peers = append(h.peers, New(o))
	}
	h.Service = h.peers[0]
	_, err = h.bank.SetAccount(t.Context(), bankClerk, h.book, json.RawMessage(`{"currency":"USD","debtor":{"format":"pain.001.001.09","name":"Mizan Ltd",
		"account":"000123456789","bank":"BKTRUS33","country":"US"},"paid_after":2}`), "test")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// owed gives a seller money, bank data and a destination, and has a payout of it created.
func (h *bankHouse) owed(payee string, cents money.Minor) string {
	h.t.Helper()
	d := ledger.Draft{Event: "opening.balance", Lines: []ledger.Line{{Account: "assets:bank:operating:main", Amount: cents, Currency: "USD"},
		{Account: ledger.Address("liabilities:seller:available:" + payee), Amount: -cents, Currency: "USD"}}}
	if out := h.ledger.Post(h.t.Context(), h.book, ledger.Submission{Reference: newID("open"), Drafts: []ledger.Draft{d}}); out.Err != nil {
		h.t.Fatal(out.Err)
	}
	destination, now := newID("dst"), h.clock.Now()
	h.exec(`INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, name_match, created_at, active_since, changed_at)
		VALUES ($1, $2, $3, 'bank', $4, '{USD}', 'manual', 'active', 'match', $5, $5, $5)`, h.book.ID, destination, payee, "payee:"+payee, now)
	var id string
	err := h.db.Pool.Tx(h.t.Context(), func(tx pgx.Tx) error {
		if _, _, err := h.option.Vault.PutTx(h.t.Context(), tx, vault.Owner{Book: int32(h.book.ID)}, "payee:"+payee, map[string]string{"name": "Kanari " + payee,
			"bank_holder": "Kanari", "bank_account": "77001122", "bank_code": "CHASUS33"}); err != nil {
			return err
		}
		if err := h.ledger.LockTx(h.t.Context(), tx, h.book); err != nil {
			return err
		}
		list, err := h.createTx(h.t.Context(), tx, "test", h.book, h.run, []order{{holder: Holder{PayeeKey{"seller", payee}, "USD"}, receiver: payee,
			source: commerce.SourceAvailable, part: 1, amount: cents, method: MethodStandard, destination: destination, rail: RailBank, account: "payee:" + payee, mode: ModeManual}})
		if err == nil {
			id = list[0].ID
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	// What planning adds up for a run.
	h.exec(`INSERT INTO payout_run_totals (book_id, run_id, currency, payouts, amount, fee) VALUES ($1, $2, 'USD', 1, $3, 0)
		ON CONFLICT (book_id, run_id, currency) DO UPDATE SET payouts = payout_run_totals.payouts + 1, amount = payout_run_totals.amount + excluded.amount`, h.book.ID, h.run, cents)
	return id
}

// both has both services do a work at the same time, and wants no error of either.
func (h *bankHouse) both(do func(s *Service) error) {
	h.t.Helper()
	var wait sync.WaitGroup
	for _, s := range h.peers {
		wait.Go(func() {
			if err := do(s); err != nil {
				h.t.Error(err)
			}
		})
	}
	wait.Wait()
}

// carryOn moves the clock on and has both services submit and follow, often enough for everything to come to rest.
func (h *bankHouse) carryOn() {
	h.t.Helper()
	for range 6 {
		h.both(func(s *Service) error { _, err := s.Submit(h.t.Context(), h.turn()); return err })
		h.both(func(s *Service) error { _, err := s.Poll(h.t.Context(), h.turn()); return err })
		h.clock.Advance(61 * time.Minute)
	}
}

// file makes the next file, which both services try, fetches it and says that it was sent.
func (h *bankHouse) file() bankfile.FileRecord {
	h.t.Helper()
	if _, err := h.bank.MakeFiles(h.t.Context(), h.book, bankClerk); err != nil {
		h.t.Fatal(err)
	}
	files, err := h.bank.Files(h.t.Context(), h.book, "USD", 0, 1)
	if err != nil || len(files) != 1 {
		h.t.Fatalf("%d files, %v", len(files), err)
	}
	if _, _, err := h.bank.Content(h.t.Context(), h.book, "USD", files[0].Number, bankClerk, "pay day"); err != nil {
		h.t.Fatal(err)
	}
	f, err := h.bank.Sent(h.t.Context(), h.book, "USD", files[0].Number, bankClerk, "uploaded")
	if err != nil {
		h.t.Fatal(err)
	}
	return f
}

// says has the bank say something of payouts: "status" or "status code" of each; the empty id is the whole file.
func (h *bankHouse) says(id string, f bankfile.FileRecord, of map[string]string) (bankfile.ReportRecord, error) {
	var items, group strings.Builder
	ids := make([]string, 0, len(of))
	for payout := range of {
		ids = append(ids, payout)
	}
	slices.Sort(ids)
	for _, payout := range ids {
		status, code, _ := strings.Cut(of[payout], " ")
		if payout == "" {
			group.WriteString("<GrpSts>" + status + "</GrpSts>")
			continue
		}
		items.WriteString("<TxInfAndSts><OrgnlEndToEndId>" + strings.ReplaceAll(h.read(payout).Outgoing, "_", "-") + "</OrgnlEndToEndId><TxSts>" + status + "</TxSts>")
		if code != "" {
			items.WriteString("<StsRsnInf><Rsn><Cd>" + code + "</Cd></Rsn></StsRsnInf>")
		}
		items.WriteString("</TxInfAndSts>")
	}
	text := `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>` + id + `</MsgId><CreDtTm>2026-03-04T10:00:00Z</CreDtTm></GrpHdr>` +
		`<OrgnlGrpInfAndSts><OrgnlMsgId>` + f.MessageID + `</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>` + group.String() + `</OrgnlGrpInfAndSts>`
	if items.Len() > 0 {
		text += `<OrgnlPmtInfAndSts><OrgnlPmtInfId>` + f.MessageID + `</OrgnlPmtInfId>` + items.String() + `</OrgnlPmtInfAndSts>`
	}
	return h.bank.TakeReport(h.t.Context(), h.book, "USD", strings.NewReader(text+`</CstmrPmtStsRpt></Document>`), bankReader)
}

func (h *bankHouse) said(id string, f bankfile.FileRecord, of map[string]string) {
	h.t.Helper()
	if _, err := h.says(id, f, of); err != nil {
		h.t.Fatal(err)
	}
}

// destination is the state of a payee's destination.
func (h *bankHouse) destination(payee string) (state string) {
	h.t.Helper()
	if err := h.db.Pool.QueryRow(h.t.Context(), `SELECT state FROM payout_destinations WHERE book_id = $1 AND payee = $2`, h.book.ID, payee).Scan(&state); err != nil {
		h.t.Fatal(err)
	}
	return state
}

// sound wants that the books prove themselves, and each payment in at most one standing file.
func (h *bankHouse) sound() {
	h.t.Helper()
	if proof, err := h.Verify(h.t.Context(), h.book); err != nil || !proof.Sound() {
		h.t.Errorf("%+v, %v", proof, err)
	}
	var twice, lines, filed int
	err := h.db.Pool.QueryRow(h.t.Context(), `SELECT (SELECT count(*) FROM (SELECT instruction FROM bank_payments WHERE book_id = $1 AND file IS NOT NULL AND state <> 'cancelled' GROUP BY instruction HAVING count(*) > 1) x),
		(SELECT coalesce(sum(lines), 0) FROM bank_files WHERE book_id = $1 AND state <> 'void'), (SELECT count(*) FROM bank_payments WHERE book_id = $1 AND file IS NOT NULL)`, h.book.ID).Scan(&twice, &lines, &filed)
	if err != nil || twice != 0 || lines != filed {
		h.t.Errorf("%d instructions twice, %d lines, %d payments in files, %v", twice, lines, filed, err)
	}
	if strings.Contains(h.logged.String(), "Kanari") {
		h.t.Error("a name stands in the log")
	}
}

// TestPayoutsByBankFile: a run's payouts end to end with two services: one paid, one rejected, one that fails to be paid for a
// reason that passes, and one that comes back after it was paid.
func TestPayoutsByBankFile(t *testing.T) {
	t.Parallel()
	h := newBankHouse(t)
	var ids []string
	for i := range 4 {
		ids = append(ids, h.owed(fmt.Sprintf("sel_%d", i), money.Minor(10_000+i)))
	}
	h.carryOn()
	for _, id := range ids {
		if p := h.want(id, Submitted, ""); p.Outgoing == "" || p.ExpectedOn.IsZero() {
			t.Fatalf("%+v\n%s\n%s", p, h.steps(id), h.logged)
		}
	}
	if got := h.balances(); got["assets:cash_in_transit:bank"] != 40_006 || got["assets:bank:operating:main"] != 0 {
		t.Errorf("%v", got)
	}
	f := h.file()
	if f.Lines != 4 || f.Sum != 40_006 {
		t.Errorf("%+v", f)
	}
	h.said("R1", f, map[string]string{ids[0]: "ACSC", ids[1]: "RJCT AC04", ids[2]: "RJCT MS03", ids[3]: "ACSC"})
	h.carryOn()
	h.want(ids[0], Paid, "")
	h.want(ids[3], Paid, "")
	rejected := h.want(ids[1], Failed, "AC04")
	h.want(ids[2], Failed, "MS03")
	if a, b := h.destination("sel_1"), h.destination("sel_2"); a != "disabled" || b != "active" {
		t.Errorf("the rejected one's destination is %s, that of the one who may try again %s", a, b)
	}
	if got := h.balances(); got["assets:cash_in_transit:bank"] != 0 || got["assets:bank:operating:main"] != 10_001+10_002 || got["liabilities:seller:available:sel_1"] != 10_001 {
		t.Errorf("%v", got)
	}
	steps, err := h.Steps(t.Context(), h.book, rejected.ID, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Cr assets:cash_in_transit:bank 100.01", "Cr liabilities:seller:available:sel_1 100.01", "Dr assets:bank:operating:main 100.01", "Dr liabilities:payout_in_transit:sel_1 100.01"}
	if got := h.entries(steps[len(steps)-1].Sequence); !slices.Equal(got, want) {
		t.Errorf("failed as %v", got)
	}
	h.sound()
	// A day later the receiver's bank sends one back.
	h.clock.Advance(24 * time.Hour)
	h.said("R2", f, map[string]string{ids[3]: "RJCT AC06"})
	h.clock.Advance(24 * time.Hour)
	h.carryOn()
	if p := h.want(ids[3], Paid, "AC06"); p.ReturnedAt.IsZero() {
		t.Errorf("not returned: %+v\n%s", p, h.steps(ids[3]))
	}
	if got := h.destination("sel_3"); got != "disabled" {
		t.Errorf("the destination is %s", got)
	}
	if got := h.balances(); got["liabilities:seller:available:sel_3"] != 10_003 || got["assets:bank:operating:main"] != 10_001+10_002+10_003 {
		t.Errorf("%v", got)
	}
	h.sound()
}

// TestABankRejectsAFile as a whole, and another one is paid by silence.
func TestABankRejectsAFile(t *testing.T) {
	t.Parallel()
	h := newBankHouse(t)
	a, b := h.owed("sel_a", 500), h.owed("sel_b", 700)
	h.carryOn()
	first := h.file()
	if r, err := h.says("R1", first, map[string]string{"": "RJCT"}); err != nil || r.Failed != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	h.carryOn()
	h.want(a, Failed, bankfile.CodeRejected)
	h.want(b, Failed, bankfile.CodeRejected)
	if h.destination("sel_a") != "active" {
		t.Error("a file's rejection is laid at a payee's door")
	}
	c := h.owed("sel_c", 900)
	h.carryOn()
	if f := h.file(); f.Number != 2 || f.Lines != 1 {
		t.Errorf("%+v", f)
	}
	h.clock.Advance(6 * 24 * time.Hour)
	h.both(func(*Service) error { _, err := h.bank.Settle(t.Context(), h.book); return err })
	h.carryOn()
	h.want(c, Paid, "")
	h.sound()
}

// TestBankDataThatAreGone end a payout, disable the destination and bring the money back; nobody else waits for it.
func TestBankDataThatAreGone(t *testing.T) {
	t.Parallel()
	h := newBankHouse(t)
	gone, good := h.owed("sel_gone", 500), h.owed("sel_good", 700)
	h.carryOn()
	err := h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		_, _, err := h.option.Vault.PutTx(t.Context(), tx, vault.Owner{Book: int32(h.book.ID)}, "payee:sel_gone", map[string]string{"bank_account": ""})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if f := h.file(); f.Lines != 1 {
		t.Errorf("%+v", f)
	}
	h.carryOn()
	h.want(gone, Failed, bankfile.CodeBankMissing)
	h.want(good, Submitted, "")
	if got := h.destination("sel_gone"); got != "disabled" {
		t.Errorf("the destination is %s", got)
	}
	h.sound()
}

// TestHeldBeforeTheFile: a payout waits for the next file, and its payee is held, or names another bank, before that is made. It
// is in no file, and its money comes back.
func TestHeldBeforeTheFile(t *testing.T) {
	t.Parallel()
	h := newBankHouse(t)
	held, moved, good := h.owed("sel_held", 500), h.owed("sel_moved", 600), h.owed("sel_good", 700)
	h.carryOn()
	h.pause("sel_held", "")
	h.exec(`UPDATE payout_destinations SET state = 'retired' WHERE book_id = $1 AND payee = 'sel_moved'`, h.book.ID)
	if f := h.file(); f.Lines != 1 || f.Sum != 700 {
		t.Errorf("%+v", f)
	}
	h.carryOn()
	h.want(held, Failed, bankfile.CodeKept)
	h.want(moved, Failed, bankfile.CodeKept)
	h.want(good, Submitted, "")
	if got := h.destination("sel_held"); got != "active" {
		t.Errorf("the destination is %s", got)
	}
	h.sound()
}
