package bankfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// back is one entry of a file of returns.
type back struct {
	class, code, trace, id, company string
	amount, tx                      int
}

// returnsFile makes a file of returns by the published layouts, a batch for each entry.
func returnsFile(entries ...back) string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	add("101 %-9s %-9s%s1200A094101%-23s%-23s%8s", "100000000", "012345672", "261124", "MIZAN EXAMPLE", "TEST BANK", "")
	records, hash, credits := 0, 0, 0
	for i, e := range entries {
		if e.class == "" {
			e.class = "PPD"
		}
		if e.company == "" {
			e.company = "1000000001"
		}
		if e.trace == "" {
			e.trace = fmt.Sprintf("01234567012%04d", i+1)
		}
		if e.tx == 0 {
			e.tx = 21
		}
		kind := 99
		if e.code[0] == 'C' {
			kind = 98
		}
		add("5220%-16s%20s%-10s%s%-10s%6s%s%3s1%s%07d", "MIZAN EXAMPLE", "", e.company, e.class, "PAYOUT", "", "261124", "328", "09100001", i+1)
		trace := fmt.Sprintf("09100001%07d", i+1)
		add("6%d%s%-17s%010d%-15s%-22s%2s1%s", e.tx, "012345672", "000000009", e.amount, e.id, "SITI CONTOH", "", trace)
		corrected := map[int]string{98: "091000019 000000010 22"}[kind]
		add("7%d%s%s%6s%s%-44s%s", kind, e.code, e.trace, "", "09999999", corrected, trace)
		add("8220%06d%010d%012d%012d%-10s%19s%6s%s%07d", 2, 1234567, 0, e.amount, e.company, "", "", "09100001", i+1)
		records, hash, credits = records+2, (hash+1234567)%10_000_000_000, credits+e.amount
	}
	blocks := (len(out) + 10) / 10
	add("9%06d%06d%08d%010d%012d%012d%39s", len(entries), blocks, records, hash, 0, credits, "")
	for len(out)%10 != 0 {
		out = append(out, strings.Repeat("9", 94))
	}
	return strings.Join(out, "\n") + "\n"
}

func readReturns(s string) (Report, error) { return ReadReport(strings.NewReader(s), NACHA) }

func TestReturnsAreRead(t *testing.T) {
	t.Parallel()
	var entries []back
	for _, code := range []string{"R01", "R02", "R03", "R04", "R10", "R29", "R85"} {
		entries = append(entries, back{code: code, amount: 1_000, id: fmt.Sprintf("000000012-%05d", len(entries)+1)})
	}
	for _, code := range []string{"R61", "R69", "R77", "R99"} { // refused and contested returns, and a code nobody knows
		entries = append(entries, back{code: code, amount: 1_000, class: "CCD", tx: 31})
	}
	for i := 1; i <= 13; i++ {
		entries = append(entries, back{code: fmt.Sprintf("C%02d", i), class: "COR", id: "another's id"})
	}
	entries = append(entries, back{code: "R03", amount: 9_999_999_999, company: "9999999999", trace: "999999990000001", id: "000000012-00001"})
	file := returnsFile(entries...)
	for name, s := range map[string]string{"LF": file, "no last end": strings.TrimSuffix(file, "\n"), "CRLF": strings.ReplaceAll(file, "\n", "\r\n"), "none": strings.ReplaceAll(file, "\n", "")} {
		r, err := readReturns(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Format != "nacha-return" || r.MessageID != "012345672-100000000-261124-1200-A" || r.CreatedAt.Format("2006-01-02 15:04") != "2026-11-24 12:00" || r.Original != "" || len(r.Items) != len(entries) {
			t.Fatalf("%s: %+v", name, r)
		}
		for i, item := range r.Items {
			want := Item{Trace: fmt.Sprintf("01234567012%04d", i+1), Status: Returned, Code: entries[i].code, Amount: 1_000, Currency: "USD", On: date(r.CreatedAt), Company: "1000000001"}
			switch {
			case i < 7:
				want.File, want.Line = 12, i+1
			case i < 11:
				want.Status = Other
			case i < 24:
				want.Status, want.Correction, want.Amount, want.Currency = Settled, true, 0, ""
			default:
				want.Company, want.Trace, want.Amount, want.File, want.Line = "9999999999", "999999990000001", 9_999_999_999, 12, 1
			}
			if item != want {
				t.Errorf("%s: %d is %+v, want %+v", name, i, item, want)
			}
		}
	}
}

func TestUnsoundReturnsAreRefused(t *testing.T) {
	t.Parallel()
	good := returnsFile(back{code: "R02", amount: 500, id: "000000012-00001"}, back{code: "R03", amount: 700}, back{code: "R04", amount: 900, class: "CCD"})
	if _, err := readReturns(good); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(good, "\n")
	// at replaces positions of a line, both counted from 1.
	at := func(line, position int, with string) string {
		changed := append([]string(nil), lines...)
		s := changed[line-1]
		changed[line-1] = s[:position-1] + with + s[position-1+len(with):]
		return strings.Join(changed, "")
	}
	cut := func(n int) string { return strings.Join(lines[:n], "") }
	for name, s := range map[string]string{
		"empty": "", "header only": cut(1), "half a batch": cut(3), "no control": cut(13), "not filled": strings.Join(lines[:14], "") + "9\n",
		"truncated": good[:len(good)-40], "a byte less": good[:len(good)-2], "a byte more": good + "x", "a line more": good + strings.Repeat("9", 94) + "\n", "ten lines more": good + strings.Repeat(strings.Repeat("9", 94)+"\n", 10),
		"two files": good + good, "blank line": good + "\n", "short line": strings.Replace(good, lines[1], lines[1][:90]+"\n", 1), "long line": strings.Replace(good, "\n5", " \n5", 1),
		"tab": at(3, 60, "\t"), "utf-8": at(3, 60, "é"), "nul": at(3, 60, "\x00"), "mixed ends": strings.Replace(good, "\n", "\r\n", 1), "BOM": "\ufeff" + good,
		"other record size": at(1, 35, "095"), "other blocking": at(1, 38, "11"), "no date": at(1, 24, "261399"), "no modifier": at(1, 34, "-"), "no origin": at(1, 14, "          "),
		"no batch header": strings.Replace(good, lines[1], "", 1), "batch control twice": strings.Replace(good, lines[4], lines[4]+lines[4], 1),
		"international": at(2, 51, "IAT"), "debits": at(2, 2, "225"), "another batch ends": at(5, 94, "9"), "another company ends": at(5, 45, "1999999999"), "another bank ends": at(5, 80, "19"),
		"entries": at(5, 10, "3"), "hash": at(5, 20, "8"), "debit": at(5, 32, "1"), "credit": at(5, 44, "1"), "blank credit": at(5, 33, "            "),
		"a forward credit": at(3, 2, "22"), "a returned debit": at(3, 2, "26"), "amount": at(3, 39, "1"), "no amount": at(3, 30, "0000000000"), "amount with sign": at(3, 30, "-000000500"), "bank's check digit": at(3, 12, "3"),
		"no addenda": strings.Replace(good, lines[3], "", 1), "addenda not announced": at(3, 79, "0"), "payment addenda": at(4, 2, "05"), "change in a return": at(4, 2, "98"), "no code": at(4, 4, "   "), "code of a change": at(4, 4, "C01"), "code": at(4, 4, "RXX"),
		"no trace": at(4, 7, strings.Repeat(" ", 15)), "zero trace": at(4, 7, strings.Repeat("0", 15)), "other trace": at(4, 94, "9"),
		"batches": at(14, 7, "4"), "blocks": at(14, 13, "1"), "file's entries": at(14, 21, "5"), "file's hash": at(14, 31, "5"), "file's debits": at(14, 43, "5"), "file's credits": at(14, 55, "5"), "text behind": at(14, 60, "x"), "fill": at(15, 60, "8"),
		"twice":    returnsFile(back{code: "R02", amount: 500, trace: "012345670120001"}, back{code: "R03", amount: 500, trace: "012345670120001"}),
		"no entry": returnsFile(), "zero return": returnsFile(back{code: "R02"}), "change with an amount": returnsFile(back{code: "C01", class: "COR", amount: 5}),
	} {
		r, err := readReturns(s)
		if !errors.Is(err, ErrReport) || len(r.Items) > 0 {
			t.Errorf("%s: %v, %d items", name, err, len(r.Items))
		} else if !strings.Contains(err.Error(), "Line ") || strings.Contains(err.Error(), "SITI") || strings.Contains(err.Error(), "000000009") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readReturns(at(14, 21, "5")); !strings.Contains(err.Error(), "Line 14 ") {
		t.Error(err)
	}
	many := make([]back, ReportItems+1)
	for i := range many {
		many[i] = back{code: "R02", amount: 1, trace: fmt.Sprintf("%015d", i+1)}
	}
	if _, err := readReturns(returnsFile(many...)); !errors.Is(err, ErrReportSize) {
		t.Errorf("too many: %v", err)
	}
	if r, err := readReturns(returnsFile(many[:ReportItems]...)); err != nil || len(r.Items) != ReportItems {
		t.Errorf("many: %v", err)
	}
	if _, err := readReturns(strings.Repeat("9", ReportBytes+1)); !errors.Is(err, ErrReportSize) {
		t.Errorf("too large: %v", err)
	}
}
