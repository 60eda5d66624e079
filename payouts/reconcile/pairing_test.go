package reconcile

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/money"
)

// What is paired without a key, and what only asked about.

func received(number int64, amount money.Minor, ref string, days int) External {
	return External{Number: number, ID: fmt.Sprint("b", number), Key: fmt.Sprint("b", number), SourceRef: ref, Currency: "USD", Gross: amount, Net: amount,
		Category: "transfer", MovedAt: tuesday.AddDate(0, 0, days)}
}

func booked(sequence int64, amount money.Minor, ref string, days int) Entry {
	e := Entry{Sequence: sequence, Line: 1, Key: ref, ExternalRef: ref, Account: "assets:bank:operating:main", Currency: "USD", Amount: amount,
		Event: "treasury.landed", OccurredAt: tuesday.AddDate(0, 0, days)}
	if ref == "" {
		e.Key = fmt.Sprintf("@%d.1", sequence)
	}
	return e
}

func about(e Entry, subject string) Entry {
	e.Subject = subject
	return e
}

func batched(l External, batch string) External {
	l.Batch = batch
	return l
}

func briefPairings(pairings []Pairing) string {
	texts := make([]string, len(pairings))
	for i, p := range pairings {
		members := []string{}
		for _, n := range p.External {
			members = append(members, fmt.Sprint("e", n))
		}
		for _, e := range p.Entries {
			members = append(members, fmt.Sprint("l", e.Sequence))
		}
		texts[i] = strings.Join(members, "+") + " " + p.Kind + " " + p.Basis
	}
	slices.Sort(texts)
	return strings.Join(texts, "; ")
}

func groupsOf(external []External, entries []Entry) []Group {
	_, open := referenceMatch(external, entries)
	return open
}

func TestPairings(t *testing.T) {
	t.Parallel()
	type lines = []External
	type books = []Entry
	bank, processor := atBank(), atProcessor()
	pair11 := "e1+l1 one_to_one amount"
	cases := []struct {
		name                      string
		x                         situation
		lines                     lines
		books                     books
		made, suggested, findings string
	}{
		{"one of each", bank, lines{received(1, 50, "", 3)}, books{booked(1, 50, "INV-7", 0)}, pair11, "", ""},
		{"one of each, earlier", bank, lines{received(1, 50, "", -3)}, books{booked(1, 50, "", 0)}, pair11, "", ""},
		{"too far apart", bank, lines{received(1, 50, "", 4)}, books{booked(1, 50, "INV-7", 0)}, "", "", "missing_at_bank -50 l1; unknown_receipt 50 e1 suspend"},
		{"ids of two kinds", bank, lines{received(1, 50, "E2E-1", 0)}, books{booked(1, 50, "INV-7", 0)}, pair11, "", ""},
		{"ids that contradict", bank, lines{received(1, 50, "PAY-1", 0)}, books{booked(1, 50, "PAY-2", 0)}, "", pair11, "missing_at_bank -50 l1; unknown_receipt 50 e1 suspend"},
		{"the other sign", bank, lines{received(1, 50, "", 0)}, books{booked(1, -50, "", 0)}, "", "", "missing_at_bank 50 l1; unknown_receipt 50 e1 suspend"},
		{"a processor's, without an id in the books", processor, lines{ofCategory(1, "charge", 50)}, books{booked(1, 50, "", 0)}, "", pair11,
			"missing_at_processor -50 l1; missing_in_ledger 50 e1 suspend"},
		{"a processor's, with another id", processor, lines{ofCategory(1, "charge", 50)}, books{booked(1, 50, "INV-7", 0)}, "", pair11,
			"missing_at_processor -50 l1; missing_in_ledger 50 e1 suspend"},
		{"two lines", bank, lines{received(1, 50, "", 0), received(2, 50, "", 0)}, books{booked(1, 50, "", 0)}, "",
			"e1+l1 one_to_one amount; e2+l1 one_to_one amount", "ambiguous 50 e1+e2+l1"},
		{"two entries", bank, lines{received(1, 50, "", 0)}, books{booked(1, 50, "", 0), booked(2, 50, "", 2)}, "",
			"e1+l1 one_to_one amount; e1+l2 one_to_one amount", "ambiguous -50 e1+l1+l2"},
		{"two of each, a week apart", bank, lines{received(1, 50, "", 0), received(2, 50, "", 7)}, books{booked(1, 50, "", 0), booked(2, 50, "", 7)},
			"e1+l1 one_to_one amount; e2+l2 one_to_one amount", "", ""},
		{"a chain of days", bank, lines{received(1, 50, "", 0), received(2, 50, "", 6)}, books{booked(1, 50, "", 3)}, "",
			"e1+l1 one_to_one amount; e2+l1 one_to_one amount", "ambiguous 50 e1+e2+l1"},
		{"a longer chain of days", bank, lines{received(1, 50, "", 3), received(2, 50, "", 5)}, books{booked(1, 50, "", 0), booked(2, 50, "", 2)}, "",
			"e1+l1 one_to_one amount; e1+l2 one_to_one amount; e2+l2 one_to_one amount", "ambiguous 0 e1+e2+l1+l2"},
		{"two lines and two entries of a batch", bank, lines{batched(received(1, 20, "", 9), "F1"), batched(received(2, 40, "", 9), "F1")},
			books{about(booked(1, 25, "", 0), "F1"), about(booked(2, 35, "", 0), "F1")}, "", "",
			"missing_at_bank -25 l1; missing_at_bank -35 l2; unknown_receipt 20 e1 suspend; unknown_receipt 40 e2 suspend"},
		{"parts of two directions", bank, lines{received(1, 20, "", 0)}, books{about(booked(1, 60, "", 0), "o"), about(booked(2, -40, "", 0), "o")}, "", "",
			"missing_at_bank -60 l1; missing_at_bank 40 l2; unknown_receipt 20 e1 suspend"},
		{"a file named by its batch", bank, lines{batched(received(1, -60, "", 9), "F1")}, books{about(booked(1, -20, "PAY-1", 0), "F1"), about(booked(2, -40, "PAY-2", 0), "F1")},
			"e1+l1+l2 one_to_many sum", "", ""},
		{"a file that comes to something else", bank, lines{batched(received(1, -61, "", 9), "F1")},
			books{about(booked(1, -20, "PAY-1", 0), "F1"), about(booked(2, -40, "PAY-2", 0), "F1")}, "", "",
			"missing_at_bank 20 l1; missing_at_bank 40 l2; missing_in_ledger -61 e1 suspend"},
		{"several lines of a batch", bank, lines{batched(received(1, 20, "", 9), "F1"), batched(received(2, 30, "", 9), "F1")}, books{about(booked(1, 50, "", 0), "F1")},
			"e1+e2+l1 many_to_one sum", "", ""},
		{"parts of one subject", bank, lines{received(1, 60, "", 1)}, books{about(booked(1, 20, "", 0), "o"), about(booked(2, 40, "", 0), "o"), about(booked(3, 7, "", 0), "o")},
			"", "e1+l1+l2 one_to_many sum", "missing_at_bank -7 l3; split 0 e1+l1+l2"},
		{"parts of one subject with ids that contradict", bank, lines{received(1, 60, "PAY-9", 1)},
			books{about(booked(1, 20, "PAY-1", 0), "o"), about(booked(2, 40, "PAY-2", 0), "o")}, "", "e1+l1+l2 one_to_many sum",
			"missing_at_bank -20 l1; missing_at_bank -40 l2; unknown_receipt 60 e1 suspend"},
		{"parts too far away", bank, lines{received(1, 60, "", 4)}, books{about(booked(1, 20, "", 0), "o"), about(booked(2, 40, "", 0), "o")}, "", "",
			"missing_at_bank -20 l1; missing_at_bank -40 l2; unknown_receipt 60 e1 suspend"},
		{"parts of one subject in two ways", bank, lines{received(1, 60, "", 1)},
			books{about(booked(1, 20, "", 0), "o"), about(booked(2, 40, "", 0), "o"), about(booked(3, 25, "", 0), "o"), about(booked(4, 35, "", 0), "o")},
			"", "e1+l1+l2 one_to_many sum; e1+l3+l4 one_to_many sum", "ambiguous -60 e1+l1+l2+l3+l4"},
		{"the whole of a day", bank, lines{received(1, 60, "", 1)}, books{booked(1, 20, "", 0), booked(2, 40, "", 0)}, "", "e1+l1+l2 one_to_many sum", "split 0 e1+l1+l2"},
		{"a part of a day is a hint", bank, lines{received(1, 60, "", 1)}, books{booked(1, 20, "", 0), booked(2, 40, "", 0), booked(3, 7, "", 0)}, "",
			"e1+l1+l2 one_to_many sum", "missing_at_bank -20 l1; missing_at_bank -40 l2; missing_at_bank -7 l3; unknown_receipt 60 e1 suspend"},
		{"two lines for the whole of a day", bank, lines{received(1, 60, "", 1), received(2, 60, "", 1)}, books{booked(1, 20, "", 0), booked(2, 40, "", 0)}, "",
			"e1+l1+l2 one_to_many sum; e2+l1+l2 one_to_many sum", "ambiguous 60 e1+e2+l1+l2"},
		{"merged", bank, lines{batched(received(1, 20, "", 0), "B"), batched(received(2, 40, "", 0), "B")}, books{booked(1, 60, "", 1)}, "",
			"e1+e2+l1 many_to_one sum", "merged 0 e1+e2+l1"},
		{"a payment and its fee are one", processor, lines{charged(1, 100, 3)}, books{withRef(captured(1, 100)), withRef(feeOf(2, -3))}, "", "e1+l1+l2 one_to_one amount",
			"missing_at_processor -97 l1+l2; missing_in_ledger 97 e1 suspend"},
	}
	for _, c := range cases {
		findings, made, suggested := explain(groupsOf(c.lines, c.books), c.x)
		texts := make([]string, len(findings))
		for i, f := range findings {
			_, texts[i], _ = strings.Cut(brief([]Finding{f}), " ")
		}
		slices.Sort(texts)
		if got := strings.Join(texts, "; "); got != c.findings {
			t.Errorf("%s: found %q, not %q", c.name, got, c.findings)
		}
		if got := briefPairings(made); got != c.made {
			t.Errorf("%s: made %q, not %q", c.name, got, c.made)
		}
		if got := briefPairings(suggested); got != c.suggested {
			t.Errorf("%s: suggested %q, not %q", c.name, got, c.suggested)
		}
		m, s := pair(c.lines, c.books, c.x)
		if !reflect.DeepEqual(m, made) || !reflect.DeepEqual(s, suggested) {
			t.Errorf("%s: pairing alone comes to something else", c.name)
		}
	}
}

func withRef(e Entry) Entry {
	e.ExternalRef, e.Key = "ch_2", "ch_2"
	return e
}

// TestPairsWait proves that one line and one entry of an amount wait for each other until no other of the amount can come, and that
// another one that comes by then makes them ambiguous.
func TestPairsWait(t *testing.T) {
	t.Parallel()
	x := atBank()
	last := tuesday.AddDate(0, 0, 1)
	over := x.endOf(x.day(last).AddDate(0, 0, x.Rules.WindowDays))
	external, entries := []External{received(1, 50, "", 0)}, []Entry{booked(1, 50, "", 1)}
	for _, c := range []struct {
		name           string
		cutOff         time.Time
		late           []External
		made, findings string
	}{
		{"at once", last, nil, "", "timing 0 e1+l1"},
		{"an instant early", over.Add(-time.Nanosecond), nil, "", "timing 0 e1+l1"},
		{"when the days are over", over, nil, "e1+l1 one_to_one amount", ""},
		{"when another came", over, []External{received(2, 50, "", 1+x.Rules.WindowDays)}, "", "ambiguous 50 e1+e2+l1"},
		{"when another came too late", over.AddDate(0, 0, 1), []External{received(2, 50, "", 2+x.Rules.WindowDays)}, "e1+l1 one_to_one amount", "unknown_receipt 50 e2 suspend"},
	} {
		x.CutOff = c.cutOff
		findings, made, _ := explain(groupsOf(slices.Concat(external, c.late), entries), x)
		_, text, _ := strings.Cut(brief(findings), " ")
		if got := briefPairings(made); got != c.made || text != c.findings {
			t.Errorf("%s: made %q, found %q", c.name, got, text)
		}
		if len(findings) == 1 && findings[0].Class == Timing && (!findings[0].ExpectedBy.Equal(over) || findings[0].Suspend) {
			t.Errorf("%s: %+v", c.name, findings[0])
		}
	}
}

// TestRefusedPairings proves that what a person refused does not come again, and that its members are what they were.
func TestRefusedPairings(t *testing.T) {
	t.Parallel()
	x := atBank()
	external := []External{received(1, 60, "", 1), received(2, 9, "", 0)}
	entries := []Entry{about(booked(1, 20, "", 0), "o"), about(booked(2, 40, "", 0), "o"), booked(3, 9, "", 0)}
	findings, made, suggested := explain(groupsOf(external, entries), x)
	if len(findings) != 1 || len(made) != 1 || len(suggested) != 1 {
		t.Fatalf("%s, made %s, suggested %s", brief(findings), briefPairings(made), briefPairings(suggested))
	}
	x.Refused = map[string]bool{made[0].Identity: true, suggested[0].Identity: true}
	findings, made, suggested = explain(groupsOf(external, entries), x)
	if len(findings) != 5 || len(made)+len(suggested) > 0 {
		t.Errorf("%s, made %s, suggested %s", brief(findings), briefPairings(made), briefPairings(suggested))
	}
}

// TestManyOfOneAmount pairs a hundred thousand equal amounts: alone on their days, and all on one day. It ends because the work does
// not grow with the square.
func TestManyOfOneAmount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name              string
		x                 situation
		ref, other        string
		n, step           int
		made, least, most int
	}{
		{"each on its day", atBank(), "", "", 5_000, 8, 5_000, 0, 0},
		{"all on one day", atBank(), "", "", 50_000, 0, 0, 500, 50_000},
		{"in a chain of days", atBank(), "", "", 5_000, 1, 0, 50, 5_000},
		{"all with ids that contradict", atBank(), "PAY-", "PAY-X", 5_000, 0, 0, 0, 0},
		{"all at a processor", atProcessor(), "ch_", "ch_x", 5_000, 0, 0, 0, 0},
	} {
		external, entries := make([]External, c.n), make([]Entry, c.n)
		for i := range c.n {
			external[i], entries[i] = received(int64(i+1), 50, c.ref, i*c.step), booked(int64(i+1), 50, c.other, i*c.step)
			if c.ref != "" {
				external[i].SourceRef = fmt.Sprint(c.ref, i)
				entries[i].ExternalRef = fmt.Sprint(c.other, i)
				entries[i].Key = entries[i].ExternalRef
			}
		}
		c.x.CutOff = tuesday.AddDate(200, 0, 0)
		made, suggested := pair(external, entries, c.x)
		if len(made) != c.made || len(suggested) < c.least || len(suggested) > c.most {
			t.Errorf("%s: %d made and %d suggested", c.name, len(made), len(suggested))
		}
	}
}

// TestManySums keeps the search for sums bounded where every number could be a part.
func TestManySums(t *testing.T) {
	t.Parallel()
	var external []External
	var entries []Entry
	for i := range 6_000 {
		external = append(external, batched(received(int64(i+1), money.Minor(i%97+2), "", i%5), fmt.Sprint("B", i/9)))
		entries = append(entries, about(booked(int64(i+1), money.Minor(i%89+1), "", i%7), fmt.Sprint("o", i/11)))
	}
	findings, made, suggested := explain(groupsOf(external, entries), atBank())
	if len(findings) == 0 || len(made) > len(entries) || len(suggested) == 0 {
		t.Errorf("%d findings, %d made, %d suggested", len(findings), len(made), len(suggested))
	}
	for _, f := range findings {
		if len(f.External) > 3*mostChunk && len(f.Entries) > 3*mostChunk {
			t.Errorf("a finding has %d lines and %d entries", len(f.External), len(f.Entries))
		}
	}
}

// TestPairingIsForWhatHasNoKey leaves a movement alone whose key the other side knows, and sums of more parts than the rules allow.
func TestPairingIsForWhatHasNoKey(t *testing.T) {
	t.Parallel()
	x := atProcessor()
	won := ofCategory(2, "dispute_reversal", 100)
	_, made, suggested := explain(groupsOf([]External{ofCategory(1, "dispute", -100), won}, []Entry{entryOf(1, "dispute.opened", -100), booked(9, 100, "", 0)}), x)
	if len(made)+len(suggested) > 0 {
		t.Errorf("made %s, suggested %s", briefPairings(made), briefPairings(suggested))
	}
	if _, made, suggested = explain(groupsOf([]External{won}, []Entry{booked(9, 100, "", 0)}), x); len(made) > 0 || len(suggested) != 1 {
		t.Errorf("made %s, suggested %s", briefPairings(made), briefPairings(suggested))
	}
	x = atBank()
	external := []External{received(1, 60, "", 1)}
	entries := []Entry{about(booked(1, 10, "", 0), "o"), about(booked(2, 20, "", 0), "o"), about(booked(3, 30, "", 0), "o"), about(booked(4, 7, "", 0), "o")}
	for most, want := range map[int]int{2: 0, 3: 1} {
		x.Rules.MostParts = most
		if _, _, suggested = explain(groupsOf(external, entries), x); len(suggested) != want {
			t.Errorf("of %d parts at most: suggested %s", most, briefPairings(suggested))
		}
	}
}
