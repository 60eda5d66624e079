package bankfile_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/vault"
	"mizan/payouts/processor"
	"mizan/payouts/processor/bankfile"
)

var (
	houseStart = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) // a Monday
	ann        = guard.Actor{Kind: guard.Person, ID: "per_ann", Person: "per_ann"}
	ben        = guard.Actor{Kind: guard.Person, ID: "per_ben", Person: "per_ben"}
	jobs       = guard.Actor{Kind: guard.System, ID: "jobs"}
)

// canaryName is in the bank data of every payee: it stands in files and nowhere else.
const canaryName = "Kanari"

// hand is a clock that tests move.
type hand struct {
	mu sync.Mutex
	at time.Time
}

func (c *hand) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *hand) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type house struct {
	*testing.T
	*bankfile.Service
	db     *pgtest.DB
	book   ledger.Book
	books  *ledger.Ledger
	clock  *hand
	vault  *vault.Vault
	trail  *guard.Trail
	keys   vault.Keys
	driver processor.Driver
	logged *bytes.Buffer
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, db: pgtest.New(t, pgtest.MaxConns(24)), clock: &hand{at: houseStart}, logged: &bytes.Buffer{}}
	h.books = ledger.New(h.db.Pool, ledger.Options{Now: h.clock.Now})
	t.Cleanup(func() { h.books.Close(context.Background()) })
	var err error
	h.book, _, err = h.books.CreateBook(t.Context(), ledger.NewBook{Code: "de", Name: "DE", Currencies: []money.Currency{"EUR", "USD", "GBP"}, TimeZone: "Europe/Berlin", Market: "US"})
	h.ok(err)
	keys, err := vault.ParseKeys("k1=" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n")
	h.ok(err)
	h.keys = keys
	h.trail = guard.NewTrail(h.db.Pool, h.clock.Now)
	h.vault = vault.New(h.db.Pool, vault.Options{Now: h.clock.Now, Keys: keys, Trail: h.trail})
	h.Service = h.another()
	h.driver = h.Driver(h.book)
	return h
}

// another is a second service on the same database, as another process would be.
func (h *house) another() *bankfile.Service {
	return bankfile.New(bankfile.Options{Pool: h.db.Pool, Trail: h.trail, Vault: h.vault, Now: h.clock.Now, Log: slog.New(slog.NewTextHandler(&locked{w: h.logged}, nil))})
}

type locked struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) exec(sql string, args ...any) error {
	_, err := h.db.Pool.Exec(h.Context(), sql, args...)
	return err
}

func (h *house) count(sql string, args ...any) (n int) {
	h.Helper()
	h.ok(h.db.Pool.QueryRow(h.Context(), sql, args...).Scan(&n))
	return n
}

const euroAccount = `{"currency":"EUR","debtor":{"format":"pain.001.001.09","name":"Mizan GmbH","account":"DE02120300000000202051","bank":"BYLADEM1001","country":"DE"},"paid_after":%d}`
const dollarAccount = `{"currency":"USD","debtor":{"format":"nacha","name":"Mizan Inc","bank":"091000019","originator":"1234567890","bank_name":"First Bank","country":"US"},"paid_after":%d}`

// euros and dollars give the book a bank account.
func (h *house) euros(paidAfter int) {
	h.Helper()
	_, err := h.SetAccount(h.Context(), ann, h.book, json.RawMessage(fmt.Sprintf(euroAccount, paidAfter)), "test")
	h.ok(err)
}

func (h *house) dollars(paidAfter int) {
	h.Helper()
	_, err := h.SetAccount(h.Context(), ann, h.book, json.RawMessage(fmt.Sprintf(dollarAccount, paidAfter)), "test")
	h.ok(err)
}

// iban is a German IBAN with right check digits.
func iban(n int) string {
	bban := fmt.Sprintf("10020030%010d", n)
	number, _ := new(big.Int).SetString(bban+"131400", 10)
	rest := new(big.Int).Mod(number, big.NewInt(97)).Int64()
	return fmt.Sprintf("DE%02d%s", 98-rest, bban)
}

// banked gives a payee bank data in the vault: an IBAN for one number, an American account otherwise.
func (h *house) banked(payee string, fields map[string]string) {
	h.Helper()
	h.ok(h.db.Pool.Tx(h.Context(), func(tx pgx.Tx) error {
		_, _, err := h.vault.PutTx(h.Context(), tx, vault.Owner{Book: int32(h.book.ID)}, "payee:"+payee, fields)
		return err
	}))
}

func euroBank(n int) map[string]string {
	return map[string]string{"name": fmt.Sprintf("%s %d", canaryName, n), "bank_account": iban(n), "bank_holder": fmt.Sprintf("%s %d", canaryName, n)}
}

func dollarBank(n int) map[string]string {
	return map[string]string{"name": fmt.Sprintf("%s %d", canaryName, n), "bank_account": fmt.Sprintf("77%08d", n), "bank_holder": canaryName, "bank_code": "011000015"}
}

func key(t *testing.T, instruction string, attempt int, first time.Time, sending int) processor.Key {
	t.Helper()
	k, err := processor.Name(instruction, attempt)
	if err == nil {
		k, err = k.Keep(t.Context(), first, sending, func(context.Context) error { return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func done[T any](h *house, o processor.Outcome[T]) T {
	h.Helper()
	if o.Verdict != processor.Done {
		h.Fatalf("%s %s %s", o.Verdict, o.Code, o.Next)
	}
	return o.Object
}

// ordered sets money aside for a payee and has it wait for a file. It returns the payment.
func (h *house) ordered(payee, instruction string, amount money.Minor, c money.Currency) processor.Payout {
	h.Helper()
	k := key(h.T, instruction, 1, h.clock.Now(), 1)
	t, err := processor.NewTransfer(k, "payee:"+payee, amount, c, nil)
	h.ok(err)
	done(h, h.driver.SendTransfer(h.Context(), t))
	p, err := processor.NewPayout(k, "payee:"+payee, processor.Standard, amount, c, nil)
	h.ok(err)
	return done(h, h.driver.CreatePayout(h.Context(), p))
}

// many orders a payment of 10.00 and some cents for each of n payees.
func (h *house) many(n int) (all []processor.Payout) {
	h.Helper()
	for i := range n {
		payee := fmt.Sprintf("cre_%d", i)
		h.banked(payee, euroBank(i))
		all = append(all, h.ordered(payee, fmt.Sprintf("po_%016d", i), money.Minor(1000+i), "EUR"))
		h.clock.advance(time.Second)
	}
	return all
}

// one makes the only file that there is to make.
func (h *house) one() bankfile.FileRecord {
	h.Helper()
	files, err := h.MakeFiles(h.Context(), h.book, jobs)
	h.ok(err)
	if len(files) != 1 {
		h.Fatalf("%d files", len(files))
	}
	return files[0]
}

// sent makes the only file, fetches it and says that it was sent.
func (h *house) sent() (bankfile.FileRecord, []byte) {
	h.Helper()
	f := h.one()
	content, _, err := h.Content(h.Context(), h.book, f.Currency, f.Number, ann, "pay day")
	h.ok(err)
	f, err = h.Sent(h.Context(), h.book, f.Currency, f.Number, ann, "uploaded")
	h.ok(err)
	return f, content
}

// said is what a bank says of one payment.
type said struct {
	payment, status, code string
	amount                string
}

var reports int

var reportsLock sync.Mutex

// report is a pain.002 about a file; group may be empty.
func report(f bankfile.FileRecord, group string, items ...said) string {
	reportsLock.Lock()
	reports++
	id := fmt.Sprintf("R-%d", reports)
	reportsLock.Unlock()
	return reportNamed(id, f, group, items...)
}

func reportNamed(id string, f bankfile.FileRecord, group string, items ...said) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>` + id +
		`</MsgId><CreDtTm>2026-03-04T10:00:00Z</CreDtTm></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>` + f.MessageID + `</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>`)
	if group != "" {
		b.WriteString(`<GrpSts>` + group + `</GrpSts>`)
	}
	b.WriteString(`</OrgnlGrpInfAndSts>`)
	if len(items) > 0 {
		b.WriteString(`<OrgnlPmtInfAndSts><OrgnlPmtInfId>` + f.MessageID + `</OrgnlPmtInfId>`)
		for _, i := range items {
			b.WriteString(`<TxInfAndSts><OrgnlEndToEndId>` + strings.ReplaceAll(i.payment, "_", "-") + `</OrgnlEndToEndId><TxSts>` + i.status + `</TxSts>`)
			if i.code != "" {
				b.WriteString(`<StsRsnInf><Rsn><Cd>` + i.code + `</Cd></Rsn></StsRsnInf>`)
			}
			if i.amount != "" {
				b.WriteString(`<OrgnlTxRef><Amt><InstdAmt Ccy="` + string(f.Currency) + `">` + i.amount + `</InstdAmt></Amt></OrgnlTxRef>`)
			}
			b.WriteString(`</TxInfAndSts>`)
		}
		b.WriteString(`</OrgnlPmtInfAndSts>`)
	}
	b.WriteString(`</CstmrPmtStsRpt></Document>`)
	return b.String()
}

func (h *house) take(text string) (bankfile.ReportRecord, error) {
	h.Helper()
	return h.TakeReport(h.Context(), h.book, "EUR", strings.NewReader(text), ben)
}

func (h *house) taken(text string) bankfile.ReportRecord {
	h.Helper()
	r, err := h.take(text)
	h.ok(err)
	return r
}

// state wants a payment in a state, and returns it.
func (h *house) state(p processor.Payout, state, code string) processor.Payout {
	h.Helper()
	got, err := h.driver.ReadPayout(h.Context(), p.Account, p.ID)
	if err != nil || got.State != state || got.FailureCode != code {
		h.Errorf("%s is %q %q, %v; want %q %q", p.ID, got.State, got.FailureCode, err, state, code)
	}
	return got
}

// balance wants what a payee has set aside.
func (h *house) balance(account string, c money.Currency, want money.Minor) {
	h.Helper()
	got, err := h.driver.ReadBalance(h.Context(), account)
	if err != nil || got[c].Available != want {
		h.Errorf("%s has %d, %v; want %d", account, got[c].Available, err, want)
	}
}

// sound checks what holds whatever happened: the journal's sums are the balances, every payment is in at most one standing
// file, files are numbered without gaps, and nothing personal stands anywhere but in the vault and in files.
func (h *house) sound() {
	h.Helper()
	for what, sql := range map[string]string{
		"balances that are not their entries": `SELECT count(*) FROM bank_balances b WHERE b.book_id = $1 AND b.balance <> (SELECT sum(e.amount) FROM bank_entries e
			WHERE e.book_id = b.book_id AND e.account = b.account AND e.currency = b.currency)`,
		"gaps": `SELECT count(*) FROM (SELECT currency, max(number) - count(*) AS gap FROM bank_files WHERE book_id = $1 GROUP BY currency) g WHERE gap <> 0`,
		"files that are not their lines": `SELECT count(*) FROM bank_files f WHERE f.book_id = $1 AND NOT (f.state = 'void' AND f.fetched_at IS NULL)
			AND NOT EXISTS (SELECT FROM bank_payments p WHERE p.book_id = f.book_id AND p.currency = f.currency AND p.file = f.number
			HAVING count(*) = f.lines AND sum(p.amount) = f.sum)`,
		"payments in two standing files": `SELECT count(*) FROM (SELECT s.payment FROM bank_payment_steps s JOIN bank_payments p ON p.book_id = s.book_id AND p.id = s.payment
			JOIN bank_files f ON f.book_id = s.book_id AND f.currency = p.currency AND f.number = s.file AND f.state <> 'void'
			WHERE s.book_id = $1 AND s.state = 'filed' GROUP BY s.payment HAVING count(*) > 1) x`,
		"steps that are missing": `SELECT count(*) FROM bank_payments p WHERE p.book_id = $1 AND p.steps <> (SELECT count(*) FROM bank_payment_steps s WHERE s.book_id = p.book_id AND s.payment = p.id)`,
	} {
		if n := h.count(sql, h.book.ID); n != 0 {
			h.Errorf("%s: %d", what, n)
		}
	}
	if strings.Contains(h.logged.String(), canaryName) {
		h.Error("a name stands in the log")
	}
	for _, table := range []string{"bank_payments", "bank_files", "bank_payment_steps", "bank_reports", "bank_report_items", "bank_transfers", "bank_orders", "audit_rows"} {
		if h.count(`SELECT count(*) FROM `+table+` x WHERE book_id = $1 AND x::text LIKE '%' || $2 || '%'`, h.book.ID, canaryName) != 0 {
			h.Errorf("a name stands in %s", table)
		}
	}
}
