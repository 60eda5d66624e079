//go:build !race

package evidence_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"mizan/payouts/reconcile/evidence"
)

// Files that were made to hurt are refused, and never need much more memory than they have bytes.
func TestHostileFiles(t *testing.T) {
	const most = evidence.MaxBytes
	fill := func(before, unit, after string) []byte {
		return []byte(before + strings.Repeat(unit, (most-len(before)-len(after))/len(unit)) + after)
	}
	camt := func(inside string) string {
		return "<Document><BkToCstmrStmt><Stmt><Id>1</Id><Acct><Id><IBAN>DE1</IBAN></Id></Acct>" + inside
	}
	none := small()
	none.NoHeader, none.Columns = true, evidence.Columns{Booked: "1", Amount: "2"}
	for _, c := range []struct {
		name    string
		format  evidence.Format
		p       *evidence.Profile
		content []byte
		code    string
	}{
		{"a byte too many", evidence.CAMT053, nil, make([]byte, most+1), "statement-too-large"},
		{"nothing", evidence.CAMT053, nil, nil, "statement-unreadable"},
		{"nothing of lines", evidence.MT940, nil, nil, "statement-unreadable"},
		{"nothing of records", evidence.BAI2, nil, nil, "statement-unreadable"},
		{"an unknown format", "ofx", nil, []byte("x"), "statement-unreadable"},
		{"a deep tree", evidence.CAMT053, nil, fill("", "<a>", ""), "statement-unreadable"},
		{"a deep statement", evidence.CAMT053, nil, fill(camt(""), "<Ntry>", ""), "statement-unreadable"},
		{"empty entries", evidence.CAMT053, nil, fill(camt(""), "<Ntry/>", ""), "statement-unreadable"},
		{"empty payments", evidence.CAMT053, nil, fill(camt("<Ntry><Sts>BOOK</Sts><NtryDtls>"), "<TxDtls/>", "</NtryDtls></Ntry>"), "statement-too-large"},
		{"pending entries", evidence.CAMT053, nil, fill(camt(""), "<Ntry><Sts>PDNG</Sts></Ntry>", ""), "statement-too-large"},
		{"empty charges", evidence.CAMT053, nil, fill(camt("<Ntry><Chrgs>"), "<Rcrd/>", ""), "statement-unreadable"},
		{"empty balances", evidence.CAMT053, nil, fill(camt(""), "<Bal/>", ""), "statement-unreadable"},
		{"empty amounts", evidence.CAMT053, nil, fill(camt("<Ntry>"), "<Amt/>", ""), "statement-unreadable"},
		{"attributes", evidence.CAMT053, nil, fill("<Document", ` a="b"`, ""), "statement-unreadable"},
		{"laughs", evidence.CAMT053, nil, []byte(`<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><Document>&b;</Document>`), "statement-unreadable"},
		{"a file of another", evidence.CAMT053, nil, []byte(`<!DOCTYPE l SYSTEM "file:///etc/passwd"><Document/>`), "statement-unreadable"},
		{"movements", evidence.MT940, nil, fill(":20:1\n:25:1\n:60F:C261120EUR0,\n", ":61:261120C0,NMSC\n", ":62F:C261120EUR0,\n"), "statement-too-large"},
		{"statements", evidence.MT940, nil, fill("", ":20:1\n:25:1\n:60F:C261120EUR0,\n:62F:C261120EUR0,\n", ""), "statement-too-large"},
		{"empty lines", evidence.MT940, nil, fill(":20:1", "\n", ""), "statement-unreadable"},
		{"a long line", evidence.MT940, nil, fill(":20:", "a", ""), "statement-unreadable"},
		{"slashes", evidence.MT940, nil, fill(":20:1\n:25:1\n:60F:C261120EUR0,\n:61:261120C0,NMSC\n:86:", "/EREF/", "\n:62F:C261120EUR0,\n"), ""},
		{"questions", evidence.MT940, nil, fill(":20:1\n:25:1\n:60F:C261120EUR0,\n:61:261120C0,NMSC\n:86:166", "?20EREF+", "\n:62F:C261120EUR0,\n"), ""},
		{"commas", evidence.BAI2, nil, fill("01", ",", ""), "statement-unreadable"},
		{"continuations", evidence.BAI2, nil, fill("01,a/\n", "88,,,,,,,,/\n", ""), "statement-unreadable"},
		{"records", evidence.BAI2, nil, fill("01,a/\n02,a,b,1,261120/\n03,1,USD,010,0,,,015,0,,/\n", "16,165,0/\n", ""), "statement-too-large"},
		{"rows", evidence.CSV, none, fill("", "2026-11-20,0\n", ""), "statement-too-large"},
		{"lines of nothing", evidence.CSV, none, fill("", "\n", "x"), "statement-too-large"},
		{"cells", evidence.CSV, none, fill("", ",", ""), "statement-unreadable"},
		{"cells with line ends", evidence.CSV, none, fill("", "\"\n\",", ""), "statement-too-large"},
		{"an open quote", evidence.CSV, none, fill("2026-11-20,\"", "a", ""), "statement-unreadable"},
		{"NUL", evidence.CSV, none, bytes.Repeat([]byte{0}, 100), "statement-profile"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, err := evidence.Read(c.format, c.p, c.content)
			runtime.ReadMemStats(&after)
			sound(t, got, err)
			if c.code == "" && err != nil || c.code != "" && (err == nil || !strings.HasPrefix(err.Error(), c.code+":")) {
				t.Errorf("got %v, want %q", err, c.code)
			}
			// All that was allocated on the way, garbage counted, which does not depend on the machine.
			if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 400 {
				t.Errorf("reading took %d MiB", used)
			}
		})
	}
}
