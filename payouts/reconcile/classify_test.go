package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Each class from the smallest group that has it.

var (
	tuesday = time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)
	month   = ledger.Period(202611)
)

func atProcessor() situation {
	return situation{Match: R1, Kind: KindProcessor, Rules: Shipped(), CutOff: tuesday.AddDate(0, 0, 14), Zone: time.UTC}
}

func atBank() situation {
	x := atProcessor()
	x.Match, x.Kind = R2, KindBank
	return x
}

// charged is a line of a charge.
func charged(number int64, gross, fee money.Minor) External {
	return External{Number: number, ID: fmt.Sprintf("txn_%d", number), Key: "ch_1", SourceRef: "ch_1", Currency: "USD", Gross: gross, Fee: fee, Net: gross - fee,
		Category: "charge", MovedAt: tuesday}
}

func ofCategory(number int64, category string, gross money.Minor) External {
	l := charged(number, gross, 0)
	l.Category = category
	return l
}

func entryOf(sequence int64, event string, amount money.Minor) Entry {
	return Entry{Sequence: sequence, Line: 1, Key: "ch_1", Account: "assets:processor:pending:main", Currency: "USD", Amount: amount, ExternalRef: "ch_1",
		Event: event, OccurredAt: tuesday, Period: month}
}

func captured(sequence int64, amount money.Minor) Entry {
	return entryOf(sequence, "order.captured", amount)
}
func feeOf(sequence int64, amount money.Minor) Entry {
	return entryOf(sequence, "processor.fee_recorded", amount)
}

func reversing(e Entry, of int64) Entry {
	e.Reverses = of
	return e
}

func movedOn(l External, at time.Time) External {
	l.MovedAt = at
	return l
}

func happened(e Entry, at time.Time) Entry {
	e.OccurredAt = at
	return e
}

func rated(l External) External {
	l.Rate = "1.2"
	return l
}

// brief writes findings so that a person can compare them.
func brief(findings []Finding) string {
	texts := make([]string, len(findings))
	for i, f := range findings {
		members := []string{}
		for _, n := range f.External {
			members = append(members, fmt.Sprint("e", n))
		}
		for _, e := range f.Entries {
			members = append(members, fmt.Sprint("l", e.Sequence))
		}
		flags := ""
		if f.Suspend {
			flags += " suspend"
		}
		if f.TrueUp {
			flags += " true-up"
		}
		texts[i] = fmt.Sprintf("%s %s %d %s%s", strings.TrimPrefix(f.Identity, "ch_1|USD|"), f.Class, f.Amount, strings.Join(members, "+"), flags)
	}
	return strings.Join(texts, "; ")
}

func TestClasses(t *testing.T) {
	t.Parallel()
	loose := atProcessor()
	loose.Rules.LedgerDays = 30
	late := tuesday.AddDate(0, 0, 15)
	fresh := tuesday.AddDate(0, 0, 14)
	type lines = []External
	type books = []Entry
	cases := []struct {
		name string
		x    situation
		g    Group
		want string
	}{
		{"agrees", atProcessor(), Group{External: lines{charged(1, 100, 3)}, Entries: books{captured(1, 100), feeOf(2, -3)}}, ""},
		{"agrees after a reversal", atProcessor(), Group{External: lines{charged(1, 100, 0)}, Entries: books{captured(1, 90), reversing(captured(2, -90), 1), captured(3, 100)}}, ""},
		{"a reversal that the source shows", atProcessor(), Group{External: lines{charged(1, 100, 0), ofCategory(2, "charge_failure", -100)},
			Entries: books{captured(1, 100), reversing(captured(2, -100), 1)}}, ""},
		{"reversed in the books only", atProcessor(), Group{External: lines{charged(1, 100, 0)}, Entries: books{captured(1, 100), reversing(captured(2, -100), 1)}},
			"in missing_in_ledger 100 e1 suspend"},
		{"booked again in a later run", atProcessor(), Group{Entries: books{reversing(captured(2, -100), 1), captured(3, 100)}, ExternalBefore: lines{charged(1, 100, 0)},
			EntriesBefore: books{captured(1, 100)}}, ""},
		{"booked again, and wrong", atProcessor(), Group{External: lines{charged(1, 100, 0)}, Entries: books{captured(1, 100), reversing(captured(2, -100), 1), captured(3, 99)}},
			"in amount_differs 1 e1+l3"},
		{"what waits in suspense", atProcessor(), Group{External: lines{charged(1, 100, 3)}, Entries: books{entryOf(1, "recon.suspense_in", 97)}}, ""},
		{"what waited in suspense in part", atProcessor(), Group{External: lines{charged(1, 100, 3)},
			Entries: books{entryOf(1, "recon.suspense_in", 97), captured(2, 3), feeOf(3, -3)}}, ""},
		{"what was taken back from suspense", atProcessor(), Group{External: lines{charged(1, 100, 3)},
			Entries: books{entryOf(1, "recon.suspense_in", 97), captured(2, 100), feeOf(3, -3), entryOf(4, "recon.suspense_returned", -97)}}, ""},
		{"suspense that was counted twice", atProcessor(), Group{External: lines{charged(1, 100, 3)},
			Entries: books{entryOf(1, "recon.suspense_in", 97), captured(2, 100), feeOf(3, -3)}}, "l:1.1 duplicate -97 l1"},
		{"a reversal is no copy", atProcessor(), Group{Entries: books{reversing(entryOf(3, "entry.reversed", -50), 2)},
			ExternalBefore: lines{ofCategory(8, "refund", -50), ofCategory(9, "refund_failure", 50)},
			EntriesBefore:  books{entryOf(1, "refund.made", -50), entryOf(2, "refund.failed", 50)}}, "l:3.1 missing_at_processor 50 l3"},
		{"a fee within the tolerance", atProcessor(), Group{External: lines{charged(1, 100, 5)}, Entries: books{captured(1, 100), feeOf(2, -3)}}, "fee fee_differs -2 e1+l2 true-up"},
		{"a fee above the tolerance", atProcessor(), Group{External: lines{charged(1, 100, 6)}, Entries: books{captured(1, 100), feeOf(2, -3)}}, "fee fee_differs -3 e1+l2"},
		{"a fee that is less", atProcessor(), Group{External: lines{charged(1, 100, 1)}, Entries: books{captured(1, 100), feeOf(2, -3)}}, "fee fee_differs 2 e1+l2 true-up"},
		{"no fee in the books", atProcessor(), Group{External: lines{charged(1, 100, 2)}, Entries: books{captured(1, 100)}}, "fee fee_differs -2 e1 true-up"},
		{"no fee in the books yet", loose, Group{External: lines{charged(1, 100, 2)}, Entries: books{captured(1, 100)}}, "fee timing -2 e1"},
		{"no fee at the source", atProcessor(), Group{External: lines{charged(1, 100, 0)}, Entries: books{captured(1, 100), feeOf(2, -9)}}, "fee fee_differs 9 l2"},
		{"a fee twice", atProcessor(), Group{External: lines{charged(1, 100, 9)}, Entries: books{captured(1, 100), feeOf(2, -9), feeOf(3, -9)}}, "l:3.1 duplicate 9 l3"},
		{"a fee twice, in two runs", atProcessor(), Group{Entries: books{feeOf(3, -9)}, ExternalBefore: lines{charged(1, 100, 9)}}, "l:3.1 duplicate 9 l3"},
		{"a second fee in a later run", atProcessor(), Group{Entries: books{feeOf(3, -8)}, ExternalBefore: lines{charged(1, 100, 9)}}, "fee fee_differs 8 l3"},
		{"a fee in two entries", atProcessor(), Group{External: lines{charged(1, 100, 9)}, Entries: books{captured(1, 100), feeOf(2, -4), feeOf(3, -5)}}, ""},
		{"a payment for two orders with a fee that differs", atProcessor(), Group{External: lines{charged(1, 100, 9)}, Entries: books{captured(1, 60), captured(2, 40), feeOf(3, -8)}},
			"fee fee_differs -1 e1+l3 true-up"},
		{"a refund as large as a fee", atProcessor(), Group{External: lines{charged(1, 100, 3)}, Entries: books{captured(1, 100), feeOf(2, -3), entryOf(3, "refund.made", -3)}},
			"out missing_at_processor 3 l3"},
		{"gross and fee differ", atProcessor(), Group{External: lines{charged(1, 100, 9)}, Entries: books{captured(1, 90), feeOf(2, -8)}},
			"fee fee_differs -1 e1+l2 true-up; in amount_differs 10 e1+l1"},
		{"a bill that differs", atProcessor(), Group{External: lines{ofCategory(1, "fee", -70)}, Entries: books{entryOf(1, "processor.invoiced", -71)}}, "fee fee_differs 1 e1+l1 true-up"},
		{"one unit off", atProcessor(), Group{External: lines{charged(1, 100, 0)}, Entries: books{captured(1, 99)}}, "in amount_differs 1 e1+l1"},
		{"one unit off, converted", atProcessor(), Group{External: lines{rated(charged(1, 100, 0))}, Entries: books{captured(1, 99)}}, "in fx_differs 1 e1+l1"},
		{"two units off, converted", atProcessor(), Group{External: lines{rated(charged(1, 100, 0))}, Entries: books{captured(1, 98)}}, "in amount_differs 2 e1+l1"},
		{"a payment for two orders, one unit off", atProcessor(), Group{External: lines{charged(1, 100, 0)}, Entries: books{captured(1, 60), captured(2, 41)}}, "in amount_differs -1 e1+l1+l2"},
		{"the other way", atProcessor(), Group{External: lines{charged(1, 100, 0)}, Entries: books{captured(1, -100)}}, "in sign_differs 200 e1+l1"},
		{"a refund the other way", atProcessor(), Group{External: lines{ofCategory(1, "refund", -100)}, Entries: books{entryOf(1, "refund.made", 100)}}, "out sign_differs -200 e1+l1"},
		{"two movements of opposite natures", atProcessor(), Group{External: lines{ofCategory(1, "dispute_reversal", 100)}, Entries: books{entryOf(1, "dispute.opened", -100)}},
			"in missing_in_ledger 100 e1 suspend; out missing_at_processor 100 l1"},
		{"twice at the source", atProcessor(), Group{External: lines{charged(1, 100, 3), charged(2, 100, 3)}, Entries: books{captured(1, 100), feeOf(2, -3)}}, "e:2 duplicate 97 e2"},
		{"twice at the source, in two runs", atProcessor(), Group{External: lines{charged(2, 100, 3)}, ExternalBefore: lines{charged(1, 100, 3)}}, "e:2 duplicate 97 e2"},
		{"twice in the books", atProcessor(), Group{External: lines{charged(1, 100, 0)}, Entries: books{captured(1, 100), captured(2, 100)}}, "l:2.1 duplicate -100 l2"},
		{"twice in the books, in two runs", atProcessor(), Group{Entries: books{captured(2, 100)}, ExternalBefore: lines{charged(1, 100, 0)}}, "l:2.1 duplicate -100 l2"},
		{"twice in the books, the first at hand", atProcessor(), Group{Entries: books{captured(2, 100)}, ExternalBefore: lines{charged(1, 100, 0)}, EntriesBefore: books{captured(1, 100)}},
			"l:2.1 duplicate -100 l2"},
		{"two of one amount, and nothing there", atProcessor(), Group{Entries: books{captured(1, 50), captured(2, 50)}}, "in missing_at_processor -50 l1; l:2.1 missing_at_processor -50 l2"},
		{"a dispute and its reversal", atProcessor(), Group{External: lines{ofCategory(1, "dispute", -100), ofCategory(2, "dispute_reversal", 100)}, Entries: books{entryOf(1, "dispute.opened", -100)}},
			"in missing_in_ledger 100 e2 suspend"},
		{"a charge that the books do not have", atProcessor(), Group{External: lines{charged(1, 100, 3)}}, "in missing_in_ledger 97 e1 suspend"},
		{"the books may still have it", loose, Group{External: lines{charged(1, 100, 3)}}, "in timing 97 e1"},
		{"a refund in the dashboard", atProcessor(), Group{External: lines{ofCategory(1, "refund", -30)}}, "out missing_in_ledger -30 e1 suspend"},
		{"a word that nobody knows", atProcessor(), Group{External: lines{ofCategory(1, "moon_levy", -30)}}, "out unclassified -30 e1 suspend"},
		{"a payout that came back", atProcessor(), Group{External: lines{ofCategory(1, "payout_reversal", 30)}, ExternalBefore: lines{ofCategory(9, "payout", -30)}}, "in payout_returned 30 e1"},
		{"money that came", atBank(), Group{External: lines{ofCategory(1, "transfer", 30)}}, "in unknown_receipt 30 e1 suspend"},
		{"money that went", atBank(), Group{External: lines{ofCategory(1, "transfer", -30)}}, "out missing_in_ledger -30 e1 suspend"},
		{"a payment that came back", atBank(), Group{External: lines{ofCategory(1, "transfer", 30)}, ExternalBefore: lines{ofCategory(9, "transfer", -30)}}, "in payout_returned 30 e1"},
		{"a return by the bank's word", atBank(), Group{External: lines{ofCategory(1, "ACH-RETURN", 30)}}, "in payout_returned 30 e1"},
		{"expected", atProcessor(), Group{Entries: books{happened(captured(1, 100), fresh), happened(feeOf(2, -3), fresh)}}, "in timing -97 l1+l2"},
		{"not shown in its time", atProcessor(), Group{Entries: books{captured(1, 100), feeOf(2, -3)}}, "in missing_at_processor -97 l1+l2"},
		{"not shown by the bank in its time", atBank(), Group{Entries: books{entryOf(1, "payout.submitted", -100)}}, "out missing_at_bank 100 l1"},
		{"a line after the cut-off", atProcessor(), Group{External: lines{movedOn(charged(1, 100, 3), late)}}, ""},
		{"an entry after the cut-off", atProcessor(), Group{Entries: books{happened(captured(1, 100), late)}}, ""},
		{"half of it after the cut-off", atProcessor(), Group{External: lines{charged(1, 100, 0)}, Entries: books{happened(captured(1, 99), late)}}, "in amount_differs 1 e1+l1"},
		{"nothing", atProcessor(), Group{}, ""},
		{"nothing moved", atProcessor(), Group{External: lines{charged(1, 0, 0)}, Entries: books{captured(1, 0)}}, ""},
	}
	for _, c := range cases {
		c.g.Key, c.g.Currency = "ch_1", "USD"
		got := classify(c.g, c.x)
		if brief(got) != c.want {
			t.Errorf("%s: found %q, not %q", c.name, brief(got), c.want)
		}
		if open := strings.Contains(c.name, "after the cut-off"); agrees(c.g, c.x) != (c.want == "" && !open) {
			t.Errorf("%s: agrees is %t", c.name, agrees(c.g, c.x))
		}
		for _, f := range got {
			if len(f.Detail) < 2 || f.HappenedAt.IsZero() || f.Currency != "USD" || f.Left == "" && f.Right == "" {
				t.Errorf("%s: %+v says too little", c.name, f)
			}
			if (f.Class == Timing) != f.ExpectedBy.After(c.x.CutOff) {
				t.Errorf("%s: %s is expected by %s", c.name, f.Class, f.ExpectedBy)
			}
		}
	}
}

// TestIdentityStays follows one difference through runs: it stays one, whatever it turns out to be.
func TestIdentityStays(t *testing.T) {
	t.Parallel()
	x := atProcessor()
	early := x
	early.CutOff = tuesday.Add(time.Hour)
	alone := Group{Key: "ch_1", Currency: "USD", Entries: []Entry{captured(1, 100)}}
	both := Group{Key: "ch_1", Currency: "USD", External: []External{charged(1, 99, 0)}, Entries: []Entry{captured(1, 100)}}
	line := Group{Key: "ch_1", Currency: "USD", External: []External{charged(1, 99, 0)}}
	seen := []Finding{classify(alone, early)[0], classify(alone, x)[0], classify(both, x)[0], classify(line, x)[0]}
	classes := []Class{Timing, MissingAtProcessor, AmountDiffers, MissingInLedger}
	for i, f := range seen {
		if f.Class != classes[i] || f.Identity != seen[0].Identity {
			t.Errorf("%d: %s %s, not %s %s", i, f.Class, f.Identity, classes[i], seen[0].Identity)
		}
	}
	euro := line
	euro.Currency = "EUR"
	other := classifyKey([]Group{euro, alone}, x)
	if len(other) != 1 || other[0].Class != CurrencyDiffers || other[0].Identity != classify(euro, x)[0].Identity {
		t.Errorf("in another currency it is %s", brief(other))
	}
}

func TestOtherCurrency(t *testing.T) {
	t.Parallel()
	x := atProcessor()
	in := func(g Group, c money.Currency) Group {
		g.Key, g.Currency = "ch_1", c
		return g
	}
	line, entry := Group{External: []External{charged(1, 100, 3)}}, Group{Entries: []Entry{captured(1, 100), feeOf(2, -3)}}
	out := Group{Entries: []Entry{captured(1, -100)}}
	known := Group{Entries: []Entry{captured(1, 100)}, ExternalBefore: []External{charged(9, 100, 0)}}
	after := Group{External: []External{movedOn(charged(1, 100, 3), x.CutOff.Add(time.Hour))}}
	afterToo := Group{Entries: []Entry{happened(captured(1, 100), x.CutOff.Add(time.Hour))}}
	cases := []struct {
		name   string
		groups []Group
		want   string
	}{
		{"one", []Group{in(line, "EUR"), in(entry, "USD")}, "ch_1|EUR|in currency_differs 97 e1+l1+l2"},
		{"money the other way", []Group{in(line, "EUR"), in(out, "USD")}, "ch_1|EUR|in missing_in_ledger 97 e1 suspend; out missing_at_processor 100 l1"},
		{"two of the books", []Group{in(line, "EUR"), in(entry, "USD"), in(entry, "GBP")},
			"ch_1|EUR|in missing_in_ledger 97 e1 suspend; ch_1|GBP|in missing_at_processor -97 l1+l2; in missing_at_processor -97 l1+l2"},
		{"two of the source", []Group{in(line, "EUR"), in(line, "USD"), in(entry, "GBP")},
			"ch_1|EUR|in missing_in_ledger 97 e1 suspend; ch_1|GBP|in missing_at_processor -97 l1+l2; in missing_in_ledger 97 e1 suspend"},
		{"one that agreed before", []Group{in(line, "EUR"), in(known, "USD")}, "ch_1|EUR|in missing_in_ledger 97 e1 suspend; l:1.1 duplicate -100 l1"},
		{"the source after the cut-off", []Group{in(after, "EUR"), in(entry, "USD")}, "ch_1|EUR|in currency_differs 97 e1+l1+l2"},
		{"all after the cut-off", []Group{in(after, "EUR"), in(afterToo, "USD")}, ""},
		{"two that differ each", []Group{in(line, "EUR"), in(line, "USD")}, "ch_1|EUR|in missing_in_ledger 97 e1 suspend; in missing_in_ledger 97 e1 suspend"},
	}
	for _, c := range cases {
		got := classifyKey(c.groups, x)
		if brief(got) != c.want {
			t.Errorf("%s: found %q, not %q", c.name, brief(got), c.want)
		}
		slices.Reverse(c.groups)
		if brief(classifyKey(c.groups, x)) != c.want {
			t.Errorf("%s: the order of the groups matters", c.name)
		}
	}
}

func TestCuts(t *testing.T) {
	t.Parallel()
	x := atProcessor()
	x.Zone = time.FixedZone("east", 7*3600)
	// 17:30 UTC on the last of October is November there.
	end := time.Date(2026, 10, 31, 16, 30, 0, 0, time.UTC)
	g := Group{Key: "ch_1", Currency: "USD", External: []External{movedOn(charged(1, 100, 3), end)}, Entries: []Entry{captured(1, 100), feeOf(2, -3)}}
	if got := brief(cuts(g, x)); got != "cut period_cut 0 e1+l1" {
		t.Errorf("in October there and in November here: %q", got)
	}
	g.External[0].MovedAt = end.Add(time.Hour)
	if got := brief(cuts(g, x)); got != "" {
		t.Errorf("both in November of the zone: %q", got)
	}
}

func TestExpectedBy(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	x := atProcessor()
	x.Zone = zone
	x.Holiday = func(day time.Time) bool { return day.Month() == time.November && day.Day() == 16 }
	local := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, zone) }
	cases := []struct {
		name string
		kind Kind
		at   time.Time
		days int
		want time.Time
	}{
		{"the same day", KindProcessor, local(10, 9), 0, local(11, 0)},
		{"early in the local day", KindProcessor, local(11, 1), 0, local(12, 0)},
		{"the next day", KindProcessor, local(10, 9), 1, local(12, 0)},
		{"over a weekend and a holiday", KindProcessor, local(13, 23), 1, local(18, 0)},
		{"from a weekend", KindBank, local(14, 1), 3, local(20, 0)},
		{"days of a channel are days", KindChannel, local(13, 23), 3, local(17, 0)},
		{"no less than nothing", KindProcessor, local(10, 9), -5, local(11, 0)},
	}
	for _, c := range cases {
		x.Kind = c.kind
		x.Rules.ProcessorDays, x.Rules.BankDays, x.Rules.ChannelDays = c.days, c.days, c.days
		if got := x.expectedBy(c.at); !got.Equal(c.want) {
			t.Errorf("%s: %s, not %s", c.name, got.In(zone), c.want)
		}
	}
	x.Holiday = func(time.Time) bool { return true }
	x.Kind, x.Rules.ProcessorDays = KindProcessor, 1<<30
	if x.expectedBy(tuesday).IsZero() {
		t.Error("holidays without end have no end")
	}
}

// What came back names the payout that it was, where the books say so.
func TestReturnedNamesPayout(t *testing.T) {
	t.Parallel()
	sent := entryOf(7, "payout.paid", -30)
	sent.Subject = "payout:po_7"
	for what, g := range map[string]Group{
		"in an earlier run": {ExternalBefore: []External{ofCategory(9, "transfer", -30)}, EntriesBefore: []Entry{sent}},
		"in this run":       {External: []External{ofCategory(9, "transfer", -30)}, Entries: []Entry{sent}},
	} {
		g.Key, g.Currency = "ch_1", "USD"
		g.External = append(g.External, ofCategory(10, "transfer", 30))
		found := classify(g, atBank())
		if len(found) != 1 || found[0].Class != PayoutReturned || found[0].Right != "payout:po_7" || !strings.Contains(found[0].Detail, "payout:po_7") {
			t.Errorf("%s: %+v", what, found)
		}
	}
}
