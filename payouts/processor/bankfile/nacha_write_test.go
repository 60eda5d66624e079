package bankfile

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// column is a field of a record as the published layouts have it, with its first and last position and what may stand in
// it: N digits, right-aligned with zeros; A text, left-aligned with blanks; B blank; anything else is that text itself.
type column struct {
	name        string
	first, last int
	kind        string
}

// layouts are the records of PPD and CCD files.
var layouts = map[byte][]column{
	'1': {{"type", 1, 1, "1"}, {"priority", 2, 3, "01"}, {"destination", 4, 13, "R"}, {"origin", 14, 23, "A"}, {"date", 24, 29, "N"}, {"time", 30, 33, "N"},
		{"modifier", 34, 34, "A"}, {"size", 35, 37, "094"}, {"blocking", 38, 39, "10"}, {"format", 40, 40, "1"}, {"destination name", 41, 63, "A"},
		{"origin name", 64, 86, "A"}, {"reference", 87, 94, "B"}},
	'5': {{"type", 1, 1, "5"}, {"service", 2, 4, "220"}, {"company name", 5, 20, "A"}, {"discretionary", 21, 40, "B"}, {"company", 41, 50, "A"},
		{"class", 51, 53, "A"}, {"description", 54, 63, "A"}, {"descriptive date", 64, 69, "N"}, {"effective", 70, 75, "N"}, {"settlement", 76, 78, "B"},
		{"originator status", 79, 79, "1"}, {"bank", 80, 87, "N"}, {"batch", 88, 94, "N"}},
	'6': {{"type", 1, 1, "6"}, {"code", 2, 3, "N"}, {"bank", 4, 11, "N"}, {"check", 12, 12, "N"}, {"account", 13, 29, "A"}, {"amount", 30, 39, "N"},
		{"id", 40, 54, "A"}, {"name", 55, 76, "A"}, {"discretionary", 77, 78, "B"}, {"addenda", 79, 79, "N"}, {"trace", 80, 94, "N"}},
	'7': {{"type", 1, 1, "7"}, {"kind", 2, 3, "05"}, {"text", 4, 83, "A"}, {"sequence", 84, 87, "0001"}, {"entry", 88, 94, "N"}},
	'8': {{"type", 1, 1, "8"}, {"service", 2, 4, "220"}, {"count", 5, 10, "N"}, {"hash", 11, 20, "N"}, {"debits", 21, 32, "N"}, {"credits", 33, 44, "N"},
		{"company", 45, 54, "A"}, {"authentication", 55, 73, "B"}, {"reserved", 74, 79, "B"}, {"bank", 80, 87, "N"}, {"batch", 88, 94, "N"}},
	'9': {{"type", 1, 1, "9"}, {"batches", 2, 7, "N"}, {"blocks", 8, 13, "N"}, {"count", 14, 21, "N"}, {"hash", 22, 31, "N"}, {"debits", 32, 43, "N"},
		{"credits", 44, 55, "N"}, {"reserved", 56, 94, "B"}},
}

// laid reads a record by its layout, and fails where a field is not of its kind.
func laid(t *testing.T, record string) map[string]string {
	t.Helper()
	fields, at := map[string]string{}, 0
	for _, c := range layouts[record[0]] {
		if c.first != at+1 {
			t.Fatalf("the layout of %c has a gap before %s", record[0], c.name)
		}
		at = c.last
		value := record[c.first-1 : c.last]
		ok := value == c.kind
		switch c.kind {
		case "N":
			_, err := strconv.ParseUint(value, 10, 64)
			ok = err == nil
		case "A":
			ok = value[0] != ' ' && value == fmt.Sprintf("%-*s", len(value), strings.TrimSpace(value))
		case "R":
			ok = value[0] == ' ' && len(strings.TrimSpace(value)) == 9
		case "B":
			ok = strings.TrimSpace(value) == ""
		}
		if !ok {
			t.Fatalf("%s of record %q is %q", c.name, record[:1], value)
		}
		fields[c.name] = strings.TrimSpace(value)
	}
	if at != 94 {
		t.Fatalf("the layout of %c ends at %d", record[0], at)
	}
	return fields
}

func number(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n }

// sums are what the entries of a batch or a file come to.
type sums struct{ count, hash, credits int64 }

func (s sums) check(t *testing.T, control map[string]string) {
	t.Helper()
	if number(control["count"]) != s.count || number(control["hash"]) != s.hash%10_000_000_000 || number(control["credits"]) != s.credits || number(control["debits"]) != 0 {
		t.Fatalf("the control record %v does not hold %+v", control, s)
	}
}

// nachaReadBack reads a written file by the layouts and compares it with what was asked for.
func nachaReadBack(t *testing.T, d Debtor, f File, totals Totals, out []byte) {
	t.Helper()
	records := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(records)%10 != 0 {
		t.Fatalf("%d records do not fill blocks", len(records))
	}
	lines := map[string]Line{}
	for i, line := range f.Lines {
		lines[totals.Traces[i]] = line
	}
	if len(lines) != len(f.Lines) {
		t.Fatal("traces are not unique")
	}
	var batch, all sums
	var header, entry map[string]string
	var last string
	batches, ended := int64(0), false
	for i, record := range records {
		if len(record) != 94 || strings.ContainsFunc(record, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("record %d is not of 94 characters", i)
		}
		if ended {
			if record != strings.Repeat("9", 94) || i < len(records)-9 {
				t.Fatalf("record %d does not fill the block", i)
			}
			continue
		}
		fields := laid(t, record)
		switch record[0] {
		case '1':
			if i != 0 || fields["destination"] != d.Bank || fields["origin"] != d.Originator || fields["date"] != "261120" || fields["time"] != "1405" {
				t.Fatal("the header is wrong")
			}
		case '5':
			header, batch, last, batches = fields, sums{}, "", batches+1
			if number(fields["batch"]) != batches || fields["bank"] != d.Bank[:8] || fields["effective"] != BankingDay(f.ExecuteOn).Format("060102") {
				t.Fatal("a batch's header is wrong")
			}
		case '6':
			entry = fields
			nachaEntryBack(t, d, f, header["class"], entry, lines[entry["trace"]])
			if entry["trace"] <= last {
				t.Fatal("traces do not ascend")
			}
			last = entry["trace"]
			batch = sums{batch.count + 1, batch.hash + number(entry["bank"]), batch.credits + number(entry["amount"])}
		case '7':
			if entry["addenda"] != "1" || fields["entry"] != entry["trace"][8:] || fields["text"] != strings.ToUpper(lines[entry["trace"]].Reference) {
				t.Fatal("an addenda record is wrong")
			}
			batch.count++
		case '8':
			batch.check(t, fields)
			if fields["batch"] != header["batch"] || fields["company"] != d.Originator {
				t.Fatal("a batch's control is wrong")
			}
			all = sums{all.count + batch.count, all.hash + batch.hash, all.credits + batch.credits}
		case '9':
			all.check(t, fields)
			if number(fields["batches"]) != batches || number(fields["blocks"]) != int64(len(records)/10) {
				t.Fatal("the file's control is wrong")
			}
			ended = true
		}
	}
	if !ended || len(lines) != 0 && totals.Lines != len(f.Lines) || totals.EntryHash != all.hash%10_000_000_000 || int64(totals.Sum) != all.credits {
		t.Fatalf("totals are %+v", totals)
	}
}

func nachaEntryBack(t *testing.T, d Debtor, f File, class string, entry map[string]string, line Line) {
	t.Helper()
	c := line.Creditor
	code := map[bool]string{false: "22", true: "32"}[c.Savings]
	if line.EndToEnd == "" || entry["code"] != code || class != map[bool]string{false: "PPD", true: "CCD"}[c.Company] ||
		entry["bank"]+entry["check"] != c.Bank || entry["account"] != c.Account || number(entry["amount"]) != int64(line.Amount) ||
		entry["trace"][:8] != d.Bank[:8] || entry["addenda"] != map[bool]string{false: "1", true: "0"}[line.Reference == ""] {
		t.Fatalf("an entry is not what was asked for: %v", entry)
	}
	file, at := identified(entry["id"])
	if file != f.Number || f.Lines[at-1].EndToEnd != line.EndToEnd {
		t.Fatalf("an entry's id %s does not name its line", entry["id"])
	}
}

func TestNACHAGolden(t *testing.T) {
	t.Parallel()
	d := debtors["usd"]
	bank := routingOf(9_999_999)
	out, totals := write(t, d, File{Number: 12, MessageID: "MIZAN-12", MadeAt: madeAt, ExecuteOn: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), Lines: []Line{
		{EndToEnd: "po_TEST0001", Reference: "Payout November", Amount: 125_000, Creditor: Creditor{Name: "Siti Contoh", Account: "000000009", Bank: bank, Country: "US"}},
		{EndToEnd: "po_TEST0002", Amount: 7, Creditor: Creditor{Name: "Example Trading Company Limited", Account: "000000010", Bank: bank, Country: "US", Company: true}},
		{EndToEnd: "po_TEST0003", Amount: 9_999_999_999, Creditor: Creditor{Name: "José Ejemplo", Account: "00-11", Bank: bank, Country: "US", Savings: true}}}})
	golden(t, "nacha.txt", out)
	if want := []string{"012345670120001", "012345670120002", "012345670120003"}; fmt.Sprint(totals.Traces) != fmt.Sprint(want) || totals.EntryHash != 29_999_997 {
		t.Fatalf("totals are %+v", totals)
	}
}

// TestBankingDays compares with the calendar that the Federal Reserve publishes for 2024 to 2027.
func TestBankingDays(t *testing.T) {
	t.Parallel()
	closed := map[string]bool{}
	for _, day := range strings.Fields(`2024-01-01 2024-01-15 2024-02-19 2024-05-27 2024-06-19 2024-07-04 2024-09-02 2024-10-14 2024-11-11 2024-11-28 2024-12-25
		2025-01-01 2025-01-20 2025-02-17 2025-05-26 2025-06-19 2025-07-04 2025-09-01 2025-10-13 2025-11-11 2025-11-27 2025-12-25
		2026-01-01 2026-01-19 2026-02-16 2026-05-25 2026-06-19 2026-09-07 2026-10-12 2026-11-11 2026-11-26 2026-12-25
		2027-01-01 2027-01-18 2027-02-15 2027-05-31 2027-07-05 2027-09-06 2027-10-11 2027-11-11 2027-11-25`) {
		closed[day] = true
	}
	for day := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2028; day = day.AddDate(0, 0, 1) {
		open := day.Weekday() != time.Saturday && day.Weekday() != time.Sunday && !closed[day.Format("2006-01-02")]
		if got := BankingDay(day.Add(23 * time.Hour)); got.Equal(day) != open || got.Before(day) {
			t.Errorf("%s: open is %v", day.Format("2006-01-02"), !open)
		}
	}
}

func TestRoutingAndIBAN(t *testing.T) {
	t.Parallel()
	right := map[string]bool{"021000021": true, "011401533": true, "091000019": true, "021000022": false, "210000021": false, "02100002": false, "0210000211": false, "02100002a": false}
	for s, want := range right {
		if routing(s) != want {
			t.Errorf("%s: %v", s, !want)
		}
	}
	// Examples of the IBAN registry.
	for _, s := range []string{"GB29NWBK60161331926819", "NL91ABNA0417164300", "DE89370400440532013000", "MT84MALT011000012345MTLCAST001S", "NO9386011117947"} {
		if !iban(s) || iban(s[:len(s)-1]) || iban(strings.ToLower(s)) || iban(s[:4]+"Z"+s[5:]) {
			t.Errorf("%s is not judged right", s)
		}
	}
}
