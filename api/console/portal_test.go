package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/vault"
)

func mustBook(t *testing.T, h *house, code string) ledger.Book {
	t.Helper()
	book, err := h.ledger.Book(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	return book
}

func TestPortal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	us := h.book("us", "Souk US", "USD", "EUR", "GBP")
	for _, p := range []commerce.Payee{{ID: "cre_amy", Kind: "creator"}, {ID: "cre_amy2", Kind: "creator"}, {ID: "gua_pat", Kind: "guardian"},
		{ID: "cre_minor", Kind: "creator", Minor: true, Guardian: "gua_pat", TrustRate: "0.15"}, {ID: "sel_uk", Kind: "seller"}, {ID: "cha_1", Kind: "charity"}} {
		h.register(us, p)
	}
	for i, x := range []struct {
		account ledger.Address
		amount  int64
	}{{"liabilities:creator:available:cre_amy", 123456789}, {"liabilities:creator:pending:cre_amy", 4500}, {"liabilities:creator:available:cre_amy2", 777700},
		{"liabilities:creator:dispute_hold:cre_amy", 990}, {"liabilities:payout_in_transit:cre_amy", 1100}, {"liabilities:creator:available:cre_minor", 3450}, {"liabilities:creator:minor_trust:cre_minor", 600},
		{"liabilities:seller:available:cre_amy", 555500}, {"liabilities:seller:reserve:sel_uk", 1200}, {"liabilities:seller_deposit:sel_uk", 50000},
		{"liabilities:donation:available:cha_1:camp-1", 100}, {"liabilities:donation:available:cha_1:camp-2", 250}} {
		d := sale(pending, x.account, 0, "USD")
		d.Lines[0].Amount, d.Lines[1].Amount = minorOf(x.amount), -minorOf(x.amount)
		h.post(us, fmt.Sprintf("p%d", i), d)
	}
	d := sale("liabilities:creator:available:cre_amy", pending, 550, "EUR")
	h.post(us, "debt", d)
	h.know(vault.Owner{Book: int32(us.ID), Region: us.Region}, "payee:cre_amy", map[string]string{"name": "Amy Canary", "email": "canary@example.com"})

	amy := h.payee(us, "cre_amy")
	p := amy.get("/portal", 200)
	p.has(t, "Amy Canary", "cre_amy", "creator", "Souk US", "Available 1,234,567.89", "Being paid out 11.00", "On its way 45.00", "Held for disputes 9.90", "You owe 5.50", "What is known of you", "name", "email")
	p.hasNot(t, "canary@example.com", "7,777.00", "5,555.00", "cre_amy2", "cre_minor", "34.50")
	pat := h.payee(us, "gua_pat").get("/portal", 200)
	pat.has(t, "Whom you act for", "cre_minor", "Available 34.50", "In trust 6.00", "You have no balances of your own here", "Nothing personal is stored")
	pat.hasNot(t, "cre_amy", "1,234,567.89")
	h.payee(us, "sel_uk").get("/portal", 200).has(t, "Reserve 12.00", "Deposit 500.00")
	h.payee(us, "cha_1").get("/portal", 200).has(t, "Available 3.50")
	for _, path := range []string{"/portal/cre_minor", "/portal?payee=cre_minor"} {
		status, got := amy.send(http.MethodGet, path, nil)
		if strings.Contains(got.source, "cre_minor") || status == http.StatusInternalServerError {
			t.Errorf("%s: %d", path, status)
		}
	}
	h.eraseSubject(vault.Owner{Book: int32(us.ID), Region: us.Region}, "payee:cre_amy")
	p = amy.get("/portal", 200)
	p.has(t, "erased", "cre_amy", "1,234,567.89")
	p.hasNot(t, "Canary")
	amy.press(p, "/sign-out", nil, http.StatusSeeOther)
	amy.get("/portal", http.StatusSeeOther)
}

// What is a payee's own is found however many others have ids that begin like its own.
func TestPortalBesideOthers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	h.register(uk, commerce.Payee{ID: "cha_1", Kind: "charity"})
	for i := range 3 {
		d := ledger.Draft{Event: "order.captured"}
		for n := range 90 {
			account := ledger.Address(fmt.Sprintf("liabilities:donation:available:cha_1%d%02d", i, n))
			d.Lines = append(d.Lines, ledger.Line{Account: account, Amount: -1, Currency: "GBP"})
		}
		d.Lines = append(d.Lines, ledger.Line{Account: pending, Amount: 90, Currency: "GBP"})
		h.post(uk, fmt.Sprint("others-", i), d)
	}
	for i := range 3 {
		d := ledger.Draft{Event: "order.captured"}
		for n := range 90 {
			account := ledger.Address(fmt.Sprintf("liabilities:donation:available:cha_1:camp-%d-%d", i, n))
			d.Lines = append(d.Lines, ledger.Line{Account: account, Amount: -100, Currency: "GBP"})
		}
		d.Lines = append(d.Lines, ledger.Line{Account: pending, Amount: 9000, Currency: "GBP"})
		h.post(uk, fmt.Sprint("own-", i), d)
	}
	p := h.payee(uk, "cha_1").get("/portal", 200)
	p.has(t, "Available 270.00")
}

// Somebody of one book is nobody in another, whatever their id is there.
func TestPortalOfAnotherBook(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	us, uk := h.book("us", "Souk US", "GBP"), h.book("uk", "Souk UK", "GBP")
	for _, book := range []ledger.Book{us, uk} {
		h.register(book, commerce.Payee{ID: "cre_amy", Kind: "creator"})
	}
	h.post(uk, "a", sale(pending, "liabilities:creator:available:cre_amy", 4711, "GBP"))
	h.payee(us, "cre_amy").get("/portal", 200).hasNot(t, "47.11", "Souk UK")
	h.payee(uk, "cre_amy").get("/portal", 200).has(t, "47.11", "Souk UK")
}

// A vault without its keys does not keep payees from their balances.
func TestPortalWithClosedVault(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	h.register(uk, commerce.Payee{ID: "cre_amy", Kind: "creator"})
	h.know(vault.Owner{Book: int32(uk.ID)}, "payee:cre_amy", map[string]string{"name": "Amy Canary"})
	h.post(uk, "a", sale(pending, "liabilities:creator:available:cre_amy", 4711, "GBP"))
	amy := h.payee(uk, "cre_amy")
	for name, closed := range map[string]*vault.Vault{"without keys": vault.New(h.pool, vault.Options{Now: h.now}), "of another region": vault.New(h.pool, vault.Options{Now: h.now, Region: "elsewhere"})} {
		h.Handler = New(Config{Ledger: h.ledger, Access: h.access, Desk: h.desk, Trail: h.trail, Commerce: h.events, Vault: closed, Now: h.now, Secure: true})
		p := amy.get("/portal", 200)
		p.has(t, "cre_amy", "47.11")
		p.hasNot(t, "Canary")
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	d := documentOf(json.RawMessage(`{"b":1.50,"a":{"x":[true,null,"",{"y":12345678901234567890}]},"empty":{},"none":[]}`))
	var lines []string
	for _, l := range d.Lines {
		lines = append(lines, fmt.Sprintf("%d %s=%s", l.Depth, l.Name, l.Value))
	}
	want := "0 b=1.50|0 a=|1 x=|2 1=yes|2 2=nothing|2 3=empty|2 4=|3 y=12345678901234567890|0 empty=nothing|0 none=nothing"
	if got := strings.Join(lines, "|"); got != want || d.More {
		t.Errorf("the lines are\n%s\nwant\n%s", got, want)
	}
	for name, x := range map[string]struct {
		raw   string
		lines int
		more  bool
	}{"nothing": {"", 0, false}, "a number": {"7", 1, false}, "no JSON": {"{", 0, false}, "deep": {strings.Repeat("[", 5000) + strings.Repeat("]", 5000), documentDepth, true},
		"many": {"[" + strings.Repeat("1,", 100_000) + "1]", documentLines, true}, "long": {`"` + strings.Repeat("x", 1<<20) + `"`, 1, true},
		"bytes": {"\"\xff\xfe\"", 1, false}, "two": {"1 2", 1, false}} {
		d := documentOf(json.RawMessage(x.raw))
		if len(d.Lines) > documentLines || len(d.Text) > 2*documentBytes || d.More != x.more || x.lines > 1 && len(d.Lines) < x.lines-1 || x.lines < 2 && len(d.Lines) != x.lines {
			t.Errorf("%s: %d lines, %d bytes, more %v", name, len(d.Lines), len(d.Text), d.More)
		}
	}
	if got := plain("a\u202eb\u0000c\u200bd\te\nf\ufeff"); got != "a⟨U+202E⟩b⟨U+0000⟩c⟨U+200B⟩d\te\nf⟨U+FEFF⟩" {
		t.Errorf("%q", got)
	}
}

func minorOf(n int64) money.Minor { return money.Minor(n) }
