package payouts

import (
	"strings"
	"testing"

	"mizan/ledger/money"
	"mizan/payouts/processor"
)

func TestNamesAreCompared(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ holder, name, want string }{
		{"Ann Bee", "Ann Bee", NameMatches},
		{"  ann   BEE ", "Ann Bee", NameMatches},
		{"ANN-BEE", "Ann Bee", NameMatches},
		{"Ann O'Bee", "ann obee", NameMatches},
		{"Bee, Ann", "Ann Bee", NameClose},
		{"A. Bee", "Ann Bee", NameClose},
		{"Ann Bee", "Ann Maria Bee", NameClose},
		{"Ann Maria Bee", "Ann Bee", NameClose},
		{"Annabel Beeson", "Annabel Besson", NameClose}, // a slip of one letter
		{"Ann Bea", "Ann Bee", NameMismatch},            // too short for a slip
		{"Ann", "Ann Bee", NameMismatch},                // one word names nobody
		{"A B", "Ann Bee", NameMismatch},                // initials alone
		{"Bob Bee", "Ann Bee", NameMismatch},
		{"Mule Services Ltd", "Ann Bee", NameMismatch},
		{"", "Ann Bee", NameUnknown},
		{"Ann Bee", "", NameUnknown},
		{"...", "Ann Bee", NameUnknown},
		{"李小龙", "李小龙", NameMatches},
		{"раураl", "paypal", NameMismatch}, // letters that only look alike
		{strings.Repeat("a ", 1000), strings.Repeat("b ", 1000), NameMismatch},
		{strings.Repeat("a", 100_000), strings.Repeat("a", 99_999), NameMismatch},
	} {
		if got := matchNames(x.holder, x.name); got != x.want {
			t.Errorf("%.40q of %.40q: %s, want %s", x.holder, x.name, got, x.want)
		}
		if matchNames(x.holder, x.name) != matchNames(x.name, x.holder) {
			t.Errorf("%.40q and %.40q: it matters which comes first", x.holder, x.name)
		}
	}
}

func TestTheWorstOfSeveralHoldersCounts(t *testing.T) {
	t.Parallel()
	bank := func(holder string) processor.Bank { return processor.Bank{Holder: holder, Currency: "USD"} }
	for _, x := range []struct {
		banks []processor.Bank
		want  string
	}{
		{nil, NameUnknown},
		{[]processor.Bank{bank("Ann Bee")}, NameMatches},
		{[]processor.Bank{bank("Ann Bee"), bank("A Bee")}, NameClose},
		{[]processor.Bank{bank("Ann Bee"), bank("")}, NameUnknown},
		{[]processor.Bank{bank("Bob Cat"), bank(""), bank("Ann Bee")}, NameMismatch},
	} {
		if got := matchHolders(x.banks, "Ann Bee"); got != x.want {
			t.Errorf("%v: %s, want %s", x.banks, got, x.want)
		}
	}
}

func TestBanksAreKnownByTheirFingerprints(t *testing.T) {
	t.Parallel()
	a, b := processor.Bank{ID: "ba_1", Fingerprint: "f1", Currency: "USD"}, processor.Bank{ID: "ba_2", Fingerprint: "f2", Currency: "EUR"}
	again := a
	again.ID, again.State, again.Holder = "ba_9", "errored", "Somebody"
	if banksDigest([]processor.Bank{a, b}) != banksDigest([]processor.Bank{b, again}) {
		t.Error("the order, the id or the state matters")
	}
	for name, other := range map[string][]processor.Bank{"fewer": {a}, "none": nil, "another number": {a, {Fingerprint: "f3", Currency: "EUR"}}, "another currency": {a, {Fingerprint: "f2", Currency: money.Currency("USD")}}} {
		if banksDigest([]processor.Bank{a, b}) == banksDigest(other) {
			t.Errorf("%s: the same", name)
		}
	}
}
