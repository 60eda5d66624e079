package bankfile

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mizan/ledger/fault"
)

// sound demands of whatever was read that it is refused whole, or holds nothing that cannot be.
func sound(t *testing.T, data []byte, format Format) {
	r, err := ReadReport(bytes.NewReader(data), format)
	if again, other := ReadReport(bytes.NewReader(data), format); (err == nil) != (other == nil) || !reflect.DeepEqual(r, again) {
		t.Fatal("the same report is read in two ways")
	}
	if err != nil {
		var known *fault.Error
		if !errors.As(err, &known) || !errors.Is(err, ErrReport) && !errors.Is(err, ErrReportSize) || !reflect.DeepEqual(r, Report{}) {
			t.Fatalf("refused with %v", err)
		}
		return
	}
	statuses := []Status{Accepted, Settled, Rejected, Returned, Partial, Other}
	if r.MessageID == "" || r.CreatedAt.IsZero() || len(r.Items) > ReportItems || len(r.Items) == 0 && r.Group == "" || r.Group != "" && !slices.Contains(statuses, r.Group) {
		t.Fatalf("read %+v", r)
	}
	seen := map[string]bool{}
	for _, item := range r.Items {
		if !slices.Contains(statuses, item.Status) || item.Status == Partial || item.EndToEnd == "" && item.Trace == "" || item.Amount < 0 ||
			(item.Amount > 0) != (item.Currency != "") || item.On.IsZero() || strings.ContainsAny(item.EndToEnd+item.Trace+item.Code, "\n\r\x00<") {
			t.Fatalf("read %+v", item)
		}
		if format == Pain001 {
			if seen[item.EndToEnd] && item.EndToEnd != "" {
				t.Fatal("a payment is named twice")
			}
			seen[item.EndToEnd] = true
		}
	}
}

func FuzzReadPain(f *testing.F) {
	f.Add([]byte(statusReport("10", counted(2, "12.50")+status("PART"), "", told("po-A", "12-1", "RJCT", why("AC04")+priced("10.00", "EUR")), told("po-B", "12-2", "ACSC", priced("2.5", "EUR")))))
	f.Add([]byte(statusReport("03", status("RJCT")+why("FF01"), "")))
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, data, Pain001) })
}

func FuzzReadNACHA(f *testing.F) {
	f.Add([]byte(returnsFile(back{code: "R02", amount: 500, id: "000000012-00001"}, back{code: "C01", class: "COR"}, back{code: "R61", amount: 1, class: "CCD"})))
	f.Add([]byte(strings.ReplaceAll(returnsFile(back{code: "R29", amount: 500, class: "CCD"}), "\n", "")))
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, data, NACHA) })
}

// FuzzName demands that whatever a name is, the file made with it is refused or as sound as any other.
func FuzzName(f *testing.F) {
	for _, name := range []string{"Siti Contoh", "=1+1", "a\nb", "\u202eb", "Nguyễn Văn Thử", "สมชาย", "𝐀lice", "ß", "]]>", "a\u0300\u0301"} {
		f.Add(name, name)
	}
	f.Fuzz(func(t *testing.T, name, reference string) {
		for market, d := range debtors {
			file := fileOf(d, 1, 1, rand.New(rand.NewPCG(1, 1)))
			file.Lines[0].Creditor.Name, file.Lines[0].Reference = name, reference
			var out bytes.Buffer
			totals, err := d.Write(&out, file)
			if err != nil {
				if !errors.Is(err, ErrFile) || out.Len() > 0 {
					t.Fatalf("%s: %v", market, err)
				}
				continue
			}
			if d.Format == NACHA {
				file.Lines[0].Reference, _ = d.text(reference)
				nachaReadBack(t, d, file, totals, out.Bytes())
			} else if d.sepa() {
				file.Lines[0].Reference, _ = d.text(reference)
				painReadBack(t, d, file, totals, out.Bytes())
			} else {
				painReadBack(t, d, file, totals, out.Bytes())
			}
		}
	})
}

// TestMemoryIsBounded reads the worst reports of the largest size and looks at what was kept at once, by what was taken
// altogether: never more than some tens of times the bytes.
func TestMemoryIsBounded(t *testing.T) {
	full := func(s string) []byte { return []byte(strings.Repeat(s, ReportBytes/len(s))) }
	head, _, _ := strings.Cut(statusReport("10", "", ""), "<OrgnlPmtInfId>")
	for name, c := range map[string]struct {
		data   []byte
		format Format
	}{
		"attributes": {append([]byte("<a "), full(`a=">" `)[3:]...), Pain001}, "elements": {full("<a>"), Pain001}, "text": {append([]byte(head+"<OrgnlPmtInfId>"), full("x")[2000:]...), Pain001},
		"supplements": {append([]byte(strings.Replace(head, "<OrgnlPmtInfAndSts>", "<SplmtryData>", 1)), full("<a/>")[2000:]...), Pain001},
		"items":       {append([]byte(head+"<OrgnlPmtInfId>1</OrgnlPmtInfId>"), full("<TxInfAndSts/>")[2000:]...), Pain001},
		"nines":       {full("9"), NACHA}, "lines": {full("\n"), NACHA}, "records": {full(strings.Repeat("9", 94) + "\n"), NACHA},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ReadReport(bytes.NewReader(c.data), c.format)
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; err == nil || taken > 20*ReportBytes {
			t.Errorf("%s: %d MiB taken, %v", name, taken>>20, err)
		} else {
			t.Logf("%s: %d MiB", name, taken>>20)
		}
	}
}

// TestGoldenFilesAreNoReports: what we send is never taken for an answer.
func TestGoldenFilesAreNoReports(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/*.*")
	if len(files) < 5 {
		t.Fatal("the golden files are missing")
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []Format{Pain001, NACHA} {
			if _, err := ReadReport(bytes.NewReader(data), format); !errors.Is(err, ErrReport) {
				t.Errorf("%s as %s: %v", path, format, err)
			}
		}
	}
}
