package payouts

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/vault"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

// payeeHouse is a book with payees, a vault, a desk, and a processor that is imitated over HTTP.
type payeeHouse struct {
	*testing.T
	*Service
	db    *pgtest.DB
	book  ledger.Book
	clock *simulator.Clock
	sim   *simulator.Simulator
	vault *vault.Vault
	desk  *guard.Desk
	trail *guard.Trail
}

var (
	houseStart = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	ann        = guard.Actor{Kind: guard.Person, ID: "per_ann", Person: "per_ann"}
	ben        = guard.Actor{Kind: guard.Person, ID: "per_ben", Person: "per_ben"}
	cyd        = guard.Actor{Kind: guard.Person, ID: "per_cyd", Person: "per_cyd"}
)

const (
	houseKey = "sk_test_canary_of_the_key_1234567890"
	ownAcct  = "acct_platform"
)

func newPayeeHouse(t *testing.T) *payeeHouse {
	t.Helper()
	h := &payeeHouse{T: t, db: pgtest.New(t), clock: simulator.NewClock(houseStart)}
	var err error
	if h.sim, err = simulator.New(simulator.Options{Now: h.clock.Now, Key: houseKey, Seed: 7, Rate: -1}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h.sim)
	t.Cleanup(server.Close)
	driver, err := stripe.New(stripe.Options{Key: houseKey, Now: h.clock.Now, BaseURL: server.URL, PlatformSecret: "whsec_canary_platform_h5", ConnectSecret: "whsec_canary_connect_h5"})
	if err != nil {
		t.Fatal(err)
	}
	books := ledger.New(h.db.Pool, ledger.Options{Now: h.clock.Now})
	t.Cleanup(func() { books.Close(t.Context()) })
	h.book, _, err = books.CreateBook(t.Context(), ledger.NewBook{Code: "us", Name: "US", Currencies: []money.Currency{"EUR", "USD"}, TimeZone: "America/New_York", Market: "US"})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := vault.ParseKeys("k1=" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n")
	if err != nil {
		t.Fatal(err)
	}
	h.trail = guard.NewTrail(h.db.Pool, h.clock.Now)
	h.vault = vault.New(h.db.Pool, vault.Options{Now: h.clock.Now, Keys: keys, Trail: h.trail})
	events := commerce.New(books, commerce.NewRuleSets(h.db.Pool, h.clock.Now), h.clock.Now)
	h.Service = New(Options{Pool: h.db.Pool, Ledger: books, Events: events, Trail: h.trail, Vault: h.vault, Now: h.clock.Now,
		Rails: []Rail{{Name: RailConnected, Processor: "main", Driver: driver, PerSecond: 25, Own: ownAcct}, {Name: RailBank}}})
	acts := append(h.Acts(), h.AfterVault(h.vault.Acts(func(_ context.Context, _ guard.Book) (string, error) { return "", nil }))...)
	h.desk = guard.NewDesk(h.db.Pool, h.trail, h.clock.Now, acts)
	return h
}

func (h *payeeHouse) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// wants fails unless the error has the code, and says so at the pointer if one is given.
func (h *payeeHouse) wants(err error, want *fault.Error, pointer string) {
	h.Helper()
	if fault.CodeOf(err) != want.Code {
		h.Errorf("the answer is %v, want %s", err, want.Code)
		return
	}
	var known *fault.Error
	if pointer == "" || errors.As(err, &known) && strings.Contains(mustJSON(known.Fields), `"`+pointer+`"`) {
		return
	}
	h.Errorf("the answer does not point to %s: %v", pointer, err)
}

func mustJSON(v any) string {
	content, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(content)
}

// payee registers one.
func (h *payeeHouse) payee(id, kind string) string {
	h.Helper()
	_, _, err := h.events.RegisterPayee(h.Context(), ann, h.book, commerce.Payee{ID: id, Kind: kind, Country: "US", Currency: "USD"})
	h.ok(err)
	return id
}

// minor registers a minor with its guardian.
func (h *payeeHouse) minor(id, guardian string) {
	h.Helper()
	h.payee(guardian, "guardian")
	_, _, err := h.events.RegisterPayee(h.Context(), ann, h.book, commerce.Payee{ID: id, Kind: "creator", Country: "US", Currency: "USD", Minor: true, Guardian: guardian})
	h.ok(err)
}

// account is a connected account at the processor whose bank has a holder.
func (h *payeeHouse) account(id, holder string) string {
	h.Helper()
	h.ok(h.sim.AddAccount(id, "US", "usd"))
	h.ok(h.sim.ChangeAccount(id, func(a *simulator.Account) { a.Banks[0].Holder = holder }))
	return id
}

// named gives a payee a name in the vault.
func (h *payeeHouse) named(id, name string) {
	h.Helper()
	_, _, err := h.vault.Write(h.Context(), ann, vault.Owner{Book: int32(h.book.ID)}, guardBook(h.book), "payee:"+id, map[string]string{"name": name}, "Told by the payee.")
	h.ok(err)
}

// ask asks for an approval.
func (h *payeeHouse) ask(by guard.Actor, act string, payload any) (guard.Approval, error) {
	return h.desk.Ask(h.Context(), by, guardBook(h.book), guard.Request{Act: act, Payload: json.RawMessage(mustJSON(payload)), Reason: "Because.", Document: "doc-1"})
}

func (h *payeeHouse) approve(by guard.Actor, a guard.Approval) (guard.Approval, error) {
	return h.desk.Approve(h.Context(), by, guardBook(h.book), a.ID, a.Hash, "Looked at.")
}

// agreed has two people do something.
func (h *payeeHouse) agreed(act string, payload any) guard.Approval {
	h.Helper()
	a, err := h.ask(ann, act, payload)
	h.ok(err)
	done, err := h.approve(ben, a)
	h.ok(err)
	return done
}

type wanted map[string]any

// to is the payload for a connected account.
func to(payee, account string) wanted {
	return wanted{"payee": payee, "rail": RailConnected, "account": account, "currencies": []string{"USD"}, "mode": ModeManual}
}

// standing is the payee's destination that stands, of the rail.
func (h *payeeHouse) standing(payee, rail string) Destination {
	h.Helper()
	d, err := destinationOf(h.pool.QueryRow(h.Context(), sqlStandingDestination, h.book.ID, payee, rail))
	h.ok(err)
	return d
}

// money gives an account of the ledger something.
func (h *payeeHouse) money(address string, amount money.Minor, c money.Currency, reference string) {
	h.Helper()
	out := h.ledger.Post(h.Context(), h.book, ledger.Submission{Reference: reference, Drafts: []ledger.Draft{{Event: "manual.adjusted", Lines: []ledger.Line{
		{Account: "assets:processor:available:main", Amount: amount, Currency: c}, {Account: ledger.Address(address), Amount: -amount, Currency: c}}}}})
	h.ok(out.Err)
}

// tx runs something in a transaction.
func (h *payeeHouse) tx(f func(tx pgx.Tx) error) {
	h.Helper()
	h.ok(h.pool.Tx(h.Context(), f))
}

// acts are the acts of the book's trail so far that begin with the prefix.
func (h *payeeHouse) told(prefix string) (acts []string) {
	h.Helper()
	rows, err := h.trail.Rows(h.Context(), guardBook(h.book), guard.Filter{}, 0, 1000)
	h.ok(err)
	for _, r := range rows {
		if strings.HasPrefix(r.Act, prefix) {
			acts = append(acts, r.Act)
		}
	}
	return acts
}
