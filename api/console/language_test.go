package console

import (
	"io/fs"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/locale"
	"mizan/ledger/vault"
	"mizan/payouts"
	"mizan/payouts/reports"
)

// Every language says everything that English says, with the same places, and nothing else.
func TestWords(t *testing.T) {
	t.Parallel()
	for _, problem := range phrases().Problems() {
		t.Error(problem)
	}
}

var saidInPage = regexp.MustCompile(`\(?\bsay(?:to)? \$?[.A-Za-z]+ (?:\.Kind )?"([^"]+)"`)

// What pages say is written down; TestWords then finds what is missing in a language.
func TestPagesHaveWords(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		t.Fatal(err)
	}
	said := 0
	for _, name := range names {
		source, err := fs.ReadFile(pageFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range saidInPage.FindAllStringSubmatch(string(source), -1) {
			said++
			if !strings.HasSuffix(m[1], ".") && !phrases().Has(m[1]) {
				t.Errorf("%s says %q, which nobody wrote down", name, m[1])
			}
		}
	}
	if said < 10 {
		t.Errorf("only %d texts were found in pages; the test looks for another shape", said)
	}
}

// A reader's language is what the address asks for, else what was chosen at the foot of a page, else what the browser prefers.
func TestLanguageOfAPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	h.register(uk, commerce.Payee{ID: "sel_uk", Kind: "seller"})
	b := h.payee(uk, "sel_uk")
	is := func(path, lang, dir, title string) page {
		t.Helper()
		p := b.get(path, 200)
		if !strings.Contains(p.source, `<html lang="`+lang+`" dir="`+dir+`">`) || !strings.Contains(p.Text, title) {
			t.Errorf("%s is not in %s (%s):\n%.300s", path, lang, dir, p.source)
		}
		return p
	}
	is("/portal", "en", "ltr", "My balances")
	b.header.Set("Accept-Language", "ar-AE,ar;q=0.9,en;q=0.5")
	p := is("/portal", "ar", "rtl", "أرصدتي")
	if vary := p.header.Get("Vary"); !strings.Contains(vary, "Accept-Language") || !strings.Contains(vary, "Cookie") {
		t.Errorf("the page varies by %q", vary)
	}
	is("/portal?lang=th", "th", "ltr", "ยอดเงินของฉัน")
	is("/portal?lang=xx", "ar", "rtl", "أرصدتي")
	is("/portal?dir=ltr", "ar", "ltr", "أرصدتي")

	choose := func(form url.Values, referer string, status int, to string) {
		t.Helper()
		b.header.Set("Referer", referer)
		if got := b.post("/language", form, status).header.Get("Location"); got != to {
			t.Errorf("choosing %v from %q leads to %q, want %q", form, referer, got, to)
		}
		b.header.Set("Referer", "")
	}
	choose(url.Values{"lang": {"vi"}}, "https://"+testHost+"/portal?lang=th&after=x", 303, "/portal?after=x")
	if c := b.cookies["__Host-mizan-language"]; c == nil || c.Value != "vi" || !c.HttpOnly || !c.Secure || c.MaxAge < 86400 {
		t.Errorf("the browser remembers %v", c)
	}
	is("/portal", "vi", "ltr", "Số dư của tôi")
	is("/portal?lang=ms", "ms", "ltr", "Baki saya")
	// Nobody is led elsewhere.
	for _, back := range []string{"//evil.example", "https://evil.example/portal", `/\evil.example`, "javascript:x", "/a\r\nb", "portal", "/" + strings.Repeat("x", maxBack)} {
		choose(url.Values{"lang": {"vi"}, "back": {back}}, "", 303, "/")
	}
	for _, referer := range []string{"https://evil.example/portal", "", "%", "https://" + testHost + "//evil.example"} {
		choose(url.Values{"lang": {"vi"}}, referer, 303, "/")
	}
	choose(url.Values{"lang": {"xx"}}, "", 400, "")
	b.header.Set("Sec-Fetch-Site", "cross-site")
	b.header.Set("Origin", "https://evil.example")
	b.post("/language", url.Values{"lang": {"zh"}}, 403)
	b.header.Del("Sec-Fetch-Site")
	b.header.Del("Origin")
	is("/portal", "vi", "ltr", "Số dư của tôi")

	// What is hidden and what is missing look the same in every language.
	hidden, missing := b.get("/portal/payees/sel_other/payouts?lang=ar", 404), b.get("/none?lang=ar", 404)
	if hidden.source != missing.source || !strings.Contains(hidden.Text, "غير موجود") {
		t.Errorf("%s\n%s", hidden.Text, missing.Text)
	}
	staff := h.in("Fatima", access.Grant{Role: access.Finance, Book: "uk"})
	staff.header.Set("Accept-Language", "ar")
	p = staff.get("/console?lang=ar", 200)
	if !strings.Contains(p.source, `<html lang="ar" dir="rtl">`) || !strings.Contains(p.source, `action="/language"`) {
		t.Errorf("a page of the staff: %.200s", p.source)
	}
}

// What a charity is told in words of its own says that it was given something, and not that anything was sold.
func TestWordsOfACharity(t *testing.T) {
	t.Parallel()
	told := 0
	for _, key := range phrases().Keys() {
		common, apart := strings.CutSuffix(key, "."+payouts.KindCharity)
		if !apart || !phrases().Has(common) {
			continue
		}
		told++
		if english := strings.ToLower(phrases().Say(locale.English, key, "count", 3)); strings.Contains(english, "sale") || strings.Contains(english, "earned") {
			t.Errorf("%s says %q", key, english)
		}
		for _, l := range locale.Languages {
			if phrases().Say(l, key, "count", 3) == phrases().Say(l, common, "count", 3) {
				t.Errorf("%s says the same to a charity and to others in %s", key, l)
			}
		}
	}
	days := orderWords{language: locale.English, currency: "GBP", zone: time.UTC, kind: payouts.KindCharity}.days([]payouts.WayDay{{Amount: 300, Count: 3}})
	if told < 10 || len(days) != 1 || days[0].Note != "3 donations" {
		t.Errorf("%d texts are for charities, and %+v is on its way", told, days)
	}
}

// Somebody who chooses a language on the page of a link comes back to it and can sign in.
func TestLanguageOfALink(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	form := b.get("/sign-in/link?token=ml_abcdef", 200).forms()["/language"]
	form.Set("lang", "id")
	if to := b.post("/language", form, 303).header.Get("Location"); to != "/sign-in/link?token=ml_abcdef" {
		t.Errorf("it leads to %q", to)
	}
	b.get("/sign-in/link?token=ml_abcdef", 200).has(t, "Masukkan saya")
}

// What the payouts say of a reason is what the words say of it in English, and every code has words.
func TestReasonsHaveWords(t *testing.T) {
	t.Parallel()
	english := teller{locale.English}
	for _, code := range payouts.ReasonCodes() {
		r := payouts.Reason{Code: code}
		if got, want := english.say("reason."+code, "amount", "Some money", "limit", "nothing", "at", "a later day"), r.Text("USD"); got != want {
			t.Errorf("%s: %q, and the payouts say %q", code, got, want)
		}
	}
	for _, change := range []string{payouts.ChangeNothing, payouts.ChangeRegister, payouts.ChangeVerify, payouts.ChangeGuardian, payouts.ChangeTaxForm, payouts.ChangeSupport, payouts.ChangeRelease,
		payouts.ChangeEarnDebt, payouts.ChangeAdd, payouts.ChangeReplace, payouts.ChangeConfirm, payouts.ChangeName, payouts.ChangeDestination, payouts.ChangeMethod, payouts.ChangeWait,
		payouts.ChangeEarn, payouts.ChangeAskLess, payouts.ChangeAskWhole, payouts.ChangeAskParts} {
		if got, want := english.say("change."+change), (payouts.Reason{Change: change}).ChangeText(); got != want {
			t.Errorf("%s: %q, and the payouts say %q", change, got, want)
		}
	}
	for _, code := range []string{payouts.TwoFourEyes, payouts.TwoFirst, payouts.TwoManual} {
		if got, want := english.say("second."+code), payouts.SecondPersonText(code); got != want {
			t.Errorf("%s: %q, and the payouts say %q", code, got, want)
		}
	}
	for _, row := range ledger.StandardChart().Rows() {
		if got := english.say("chart." + strconv.Itoa(row.Code)); got != row.Meaning {
			t.Errorf("row %d: %q, and the chart says %q", row.Code, got, row.Meaning)
		}
	}
	for _, r := range commerce.AdjustmentReasons() {
		if got := english.say("acts.reason." + r.Code); got != r.Meaning {
			t.Errorf("%s: %q, and adjustments say %q", r.Code, got, r.Meaning)
		}
	}
	for _, r := range reports.Reports() {
		if got := english.say("export.report." + r.Name); got != r.Title {
			t.Errorf("%s: %q, and the report says %q", r.Name, got, r.Title)
		}
	}
	for state := range ownStates {
		if !phrases().Has("pay.state." + state) {
			t.Errorf("the state %s has no words", state)
		}
	}
	for _, f := range vault.Fields() {
		if !phrases().Has("personal." + f.Name) {
			t.Errorf("the field %s has no words", f.Name)
		}
	}
	for _, name := range holdings {
		if !phrases().Has("portal.holding."+name) || !phrases().Has("portal.holding."+name+".note") {
			t.Errorf("the holding %s has no words", name)
		}
	}
	for _, key := range headings {
		if !phrases().Has(key) {
			t.Errorf("%s has no words", key)
		}
	}
}

var (
	latinWord    = regexp.MustCompile(`[A-Za-z]{2,}`)
	notWords     = regexp.MustCompile(`[A-Za-z0-9]*[_:][A-Za-z0-9_:-]+|\bpo_\w+|\b(GBP|EUR|UK|uk|Mizan|Souk UK|Amy Canary|Fatima|Europe|London|API|SHA)\b|UK£`)
	labels       = regexp.MustCompile(` (?:aria-label|title|alt|placeholder)="([^"]*)"`)
	codesShape   = regexp.MustCompile(`(?s)<bdi dir="ltr"[^>]*>.*?</bdi>|<time .*?</time>|<pre .*?</pre>|<span class="unit">[^<]*</span>| UTC\b| value="[^"]*"`)
	tonguesShape = regexp.MustCompile(`(?s)<select id="lang".*?</select>`)
)

// An Arabic reader finds no English word on a page of the portal, but for names, ids and codes of currencies.
func TestPortalInArabic(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.ready("creator", "cre_amy")
	m.account("cre_amy")
	m.know(vault.Owner{Book: int32(m.book.ID), Region: m.book.Region}, "payee:cre_amy", map[string]string{"name": "Amy Canary", "email": "canary@example.com"})
	m.earn("creator", "cre_amy", "available", 50000)
	for _, bucket := range []string{"pending", "dispute_hold", "blocked"} {
		m.earn("creator", "cre_amy", bucket, 1250)
	}
	m.register(m.book, commerce.Payee{ID: "cre_bob", Kind: "creator"})
	m.earn("creator", "cre_bob", "available", 9900)
	m.plan()
	m.earn("creator", "cre_amy", "available", 7000)
	read := func(b *browser, path string, status int) page {
		t.Helper()
		b.header.Set("Accept-Language", "ar")
		p := b.get(path, status)
		p.source = codesShape.ReplaceAllString(tonguesShape.ReplaceAllString(p.source, ""), "")
		rest := page{source: p.source, ids: map[string]bool{}}
		if err := rest.read(); err != nil {
			t.Fatal(err)
		}
		shown := rest.Text
		for _, label := range labels.FindAllStringSubmatch(p.source, -1) {
			shown += " " + label[1]
		}
		if words := latinWord.FindAllString(notWords.ReplaceAllString(shown, " "), -1); len(words) > 0 {
			t.Errorf("%s says %q in Arabic:\n%s", path, words, rest.Text)
		}
		if p.dir != "rtl" {
			t.Errorf("%s runs %s", path, p.dir)
		}
		return p
	}
	amy, bob := m.payee(m.book, "cre_amy"), m.payee(m.book, "cre_bob")
	po := m.one("cre_amy")
	fatima, at := m.in("Fatima", access.Grant{Role: access.Finance, Book: "uk"}, access.Grant{Role: access.Auditor, Book: "uk"}), "/console/books/uk"
	for _, path := range []string{"/console", at, "/books/uk", "/books/uk?period=2026-11", "/books/uk/transactions", "/books/uk/accounts", "/books/uk/accounts?code=2220",
		"/books/uk/accounts/liabilities:creator:available:cre_amy?currency=GBP", "/books/uk/accounts?code=2220&period=2026-11", at + trialBalancePath, at + adjustmentsPath} {
		read(fatima, path, 200)
	}
	read(amy, "/portal", 200).has(t, "أرصدتك", "متاح 70.00", "دُفع في", "البريد الإلكتروني")
	read(bob, "/portal", 200).has(t, "لم يُدفع في", "لم يكتمل التحقق من الهوية")
	read(amy, "/portal/payouts/"+po.ID, 200).has(t, "تستلم 500.00", "المجموع")
	for _, path := range []string{"/portal/payees/cre_amy/payouts", "/portal/payees/cre_amy/waits", "/portal/payees/cre_amy/decisions", "/portal/payees/cre_amy/payout?currency=GBP", "/portal/payees/cre_amy/payout?currency=GBP&amount=10", "/sign-in"} {
		read(amy, path, 200)
	}
	read(amy, "/portal/payees/cre_amy/payout?currency=GBP&amount=9%2C999", 200).has(t, "لا يمكن دفع هذا الآن")
	read(amy, "/portal/payees/cre_amy/payout?currency=GBP&amount=1%2C5", 400).has(t, "لم يُنفَّذ شيء")
	read(amy, "/portal/payees/cre_eve/payouts", 404)
	read(amy, "/portal/payees/cre_amy/waits?after=x", 400)
	for _, path := range []string{"/", "/sign-in", "/sign-in?signed=out", "/sign-in/link?token=ml_abcdef"} {
		read(m.browser(), path, 200)
	}
	read(m.browser(), "/sign-in/link?token=x", 410)
	amy.header.Set("Accept-Language", "id")
	amy.get("/portal/payees/cre_amy/payout?currency=GBP&amount=10%2C50", 200).has(t, "Diterima 10,50 GBP")
	amy.get("/portal/payees/cre_amy/payout?currency=GBP&amount=10.50", 400).has(t, "Tulis jumlah dengan angka")
}
