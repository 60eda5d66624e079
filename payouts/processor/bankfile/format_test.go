package bankfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

var (
	writeGolden = flag.Bool("golden.write", false, "write the golden files anew")
	seed        = flag.Uint64("bankfile.seed", 1, "seed of the random files")
)

// canary stands in personal data of tests: no error may hold it.
const canary = "KANARI"

var madeAt = time.Date(2026, 11, 20, 14, 5, 6, 0, time.UTC)

// accounts of the company in every kind of market.
var debtors = map[string]Debtor{
	"eur":    {Format: Pain001, Currency: "EUR", Name: "Mizan Contoh BV", Account: ibanOf("NL", "TEST0123456789"), Bank: "TESTNL2A", Originator: "12345678", Country: "NL"},
	"urgent": {Format: Pain001, Currency: "EUR", Name: "Mizan Contoh BV", Account: ibanOf("NL", "TEST0123456789"), Bank: "TESTNL2A", Country: "NL", Urgent: true},
	"gbp":    {Format: Pain001, Currency: "GBP", Name: "Mizan Example Ltd", Account: "00000001", Bank: "000001", Country: "GB"},
	"idr":    {Format: Pain001, Currency: "IDR", Name: "PT Mizan Contoh", Account: "0000000001", Bank: "TESTIDJA", Country: "ID"},
	"vnd":    {Format: Pain001, Currency: "VND", Name: "Mizan Ví Dụ", Account: "0000000002", Bank: "TESTVNVX", Country: "VN"},
	"thb":    {Format: Pain001, Currency: "THB", Name: "มิซาน ตัวอย่าง", Account: "0000000003", Bank: "TESTTHBK", Country: "TH"},
	"kwd":    {Format: Pain001, Currency: "KWD", Name: "Mizan Example", Account: "0000000004", Bank: "TESTKWKW", Country: "KW"},
	"usd":    {Format: NACHA, Currency: "USD", Name: "Mizan Example", Bank: "012345672", Originator: "1000000001", BankName: "Test Bank", Country: "US"},
}

// ibanOf returns an IBAN with right check digits, found by trying.
func ibanOf(country, rest string) string {
	for i := 2; i < 99; i++ {
		if s := fmt.Sprintf("%s%02d%s", country, i, rest); iban(s) {
			return s
		}
	}
	panic("no check digits")
}

// routingOf returns a routing number with a right check digit, found by trying.
func routingOf(prefix int) string {
	for i := range 10 {
		if s := fmt.Sprintf("%08d%d", prefix, i); routing(s) {
			return s
		}
	}
	panic("no check digit")
}

// creditorOf returns a receiver that can be paid by a debtor.
func creditorOf(d Debtor, r *rand.Rand) Creditor {
	names := []string{"Siti Contoh", "Nguyễn Văn Thử", "Jürgen Müßig", "Łucja Próba", "Anna-María O'Test", "Ève Œuvre"}
	c := Creditor{Name: names[r.IntN(len(names))], Country: d.Country, Account: fmt.Sprintf("%08d", r.IntN(1e8)), Bank: d.Bank}
	switch {
	case d.Format == NACHA:
		c.Bank, c.Company, c.Savings = routingOf(1+r.IntN(12_999_999)), r.IntN(2) == 0, r.IntN(3) == 0
	case d.sepa():
		c.Country = []string{"NL", "DE", "GB"}[r.IntN(3)]
		c.Account = ibanOf(c.Country, fmt.Sprintf("TEST%012d", r.IntN(1e9)))
		c.Bank = []string{"", "TESTDEFF", "TESTGB2LXXX"}[r.IntN(3)]
	case d.Country == "TH":
		c.Name = "สมชาย ทดสอบ"
	}
	return c
}

// fileOf returns a file of so many random payments.
func fileOf(d Debtor, number int64, lines int, r *rand.Rand) File {
	f := File{Number: number, MessageID: fmt.Sprintf("MIZAN-%d", number), MadeAt: madeAt, ExecuteOn: madeAt.AddDate(0, 0, r.IntN(20))}
	for i := range lines {
		amount := money.Minor(1 + r.Int64N(1_000_000))
		if r.IntN(10) == 0 {
			amount = 1 + money.Minor(r.Int64N(int64(nachaMost)/100))
		}
		line := Line{EndToEnd: fmt.Sprintf("po_%d_%06d", number, i), Amount: amount, Creditor: creditorOf(d, r)}
		if r.IntN(3) > 0 {
			line.Reference = fmt.Sprintf("Payout %d", i)
		}
		f.Lines = append(f.Lines, line)
	}
	return f
}

// random is the source of a test's randomness, and prints how to have it again.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	t.Logf("replay with -bankfile.seed=%d", *seed)
	return rand.New(rand.NewPCG(*seed, 7))
}

func write(t *testing.T, d Debtor, f File) ([]byte, Totals) {
	t.Helper()
	var out bytes.Buffer
	totals, err := d.Write(&out, f)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), totals
}

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *writeGolden {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s differs:\n%s", name, got)
	}
}

// refused demands a declared error that names the fields, in order, and nothing of what was given.
func refused(t *testing.T, what string, err error, declared *fault.Error, fields ...string) {
	t.Helper()
	if !errors.Is(err, declared) {
		t.Errorf("%s: got %v, want %s", what, err, declared.Code)
		return
	}
	var known *fault.Error
	errors.As(err, &known)
	var got []string
	for _, f := range known.Fields {
		got = append(got, f.Pointer)
	}
	if strings.Join(got, " ") != strings.Join(fields, " ") {
		t.Errorf("%s: names %v, want %v", what, got, fields)
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("%s: the error repeats what was given", what)
	}
}

func TestDebtorIsChecked(t *testing.T) {
	t.Parallel()
	for name, d := range debtors {
		if err := d.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []struct {
		of     string
		change func(*Debtor)
		fields []string
	}{
		{"eur", func(d *Debtor) { d.Format = "mt101" }, []string{"/format"}},
		{"eur", func(d *Debtor) { d.Currency = "EURO" }, []string{"/currency"}},
		{"eur", func(d *Debtor) { d.Country = "nl" }, []string{"/country", "/account"}},
		{"eur", func(d *Debtor) { d.Country = "DE" }, []string{"/account"}},
		{"eur", func(d *Debtor) { d.Account = "NL00TEST0123456789" }, []string{"/account"}},
		{"eur", func(d *Debtor) { d.Account = "12345678" }, []string{"/account"}},
		{"eur", func(d *Debtor) { d.Name = strings.Repeat("n", 71) }, []string{"/name"}},
		{"eur", func(d *Debtor) { d.Name = "" }, []string{"/name"}},
		{"eur", func(d *Debtor) { d.Bank = "TESTNL2" }, nil}, // any local code where no system is known
		{"eur", func(d *Debtor) { d.Bank = "TEST NL" }, []string{"/bank"}},
		{"eur", func(d *Debtor) { d.Originator = "/1" }, []string{"/originator"}},
		{"idr", func(d *Debtor) { d.Bank = "" }, []string{"/bank"}},
		{"idr", func(d *Debtor) { d.Name = strings.Repeat("n", 141) }, []string{"/name"}},
		{"idr", func(d *Debtor) { d.Account = strings.Repeat("1", 35) }, []string{"/account"}},
		{"gbp", func(d *Debtor) { d.Bank = "00001" }, []string{"/bank"}},
		{"usd", func(d *Debtor) { d.Bank = "012345678" }, []string{"/bank"}},
		{"usd", func(d *Debtor) { d.Bank = "000000000" }, []string{"/bank"}},
		{"usd", func(d *Debtor) { d.Currency = "EUR" }, []string{"/currency"}},
		{"usd", func(d *Debtor) { d.Country = "CA" }, []string{"/country"}},
		{"usd", func(d *Debtor) { d.Originator = "123456789" }, []string{"/originator"}},
		{"usd", func(d *Debtor) { d.Name = strings.Repeat("n", 17) }, []string{"/name"}},
		{"usd", func(d *Debtor) { d.BankName = strings.Repeat("n", 24) }, []string{"/bank_name"}},
		{"usd", func(d *Debtor) { d.Urgent = true }, []string{"/urgent"}},
	} {
		d := debtors[c.of]
		c.change(&d)
		err := d.Check()
		if c.fields == nil {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		refused(t, c.of, err, ErrDebtor, c.fields...)
		if _, err := d.Write(&bytes.Buffer{}, File{}); !errors.Is(err, ErrDebtor) {
			t.Errorf("%s: a file was written: %v", c.of, err)
		}
	}
}

func TestCreditorIsChecked(t *testing.T) {
	t.Parallel()
	r := random(t)
	for _, c := range []struct {
		of     string
		change func(*Creditor)
		field  string
	}{
		{"eur", func(c *Creditor) { c.Account = "NL00" + canary + "56789" }, "/account"},
		{"eur", func(c *Creditor) { c.Account = strings.ToLower(c.Account) }, "/account"},
		{"eur", func(c *Creditor) { c.Country, c.Account = "SG", ibanOf("SG", "TEST000000000001") }, "/country"},
		{"eur", func(c *Creditor) { c.Bank = canary + "!" }, "/bank"},
		{"eur", func(c *Creditor) { c.Savings = true }, "/savings"},
		{"eur", func(c *Creditor) { c.Name = canary + strings.Repeat("n", 65) }, "/name"},
		{"eur", func(c *Creditor) { c.Name = "สมชาย " + canary }, "/name"},
		{"urgent", func(c *Creditor) { c.Account, c.Bank = "12345678", "" }, "/bank"},
		{"idr", func(c *Creditor) { c.Bank = "" }, "/bank"},
		{"idr", func(c *Creditor) { c.Account = canary + " 1" }, "/account"},
		{"idr", func(c *Creditor) { c.Country = "" }, "/country"},
		{"idr", func(c *Creditor) { c.Name = canary + strings.Repeat("n", 135) }, "/name"},
		{"gbp", func(c *Creditor) { c.Bank = canary }, "/bank"},
		{"usd", func(c *Creditor) { c.Bank = "012345678" }, "/bank"},
		{"usd", func(c *Creditor) { c.Account = canary + "123456789012" }, "/account"},
		{"usd", func(c *Creditor) { c.Account = " 1" }, "/account"},
		{"usd", func(c *Creditor) { c.Country = "MX" }, "/country"},
		{"usd", func(c *Creditor) { c.Name = "山田 " + canary }, "/name"},
	} {
		d := debtors[c.of]
		who := creditorOf(d, r)
		if err := d.CheckCreditor(who); err != nil {
			t.Fatalf("%s: %v", c.of, err)
		}
		c.change(&who)
		refused(t, c.of+c.field, d.CheckCreditor(who), ErrCreditor, c.field)
		f := fileOf(d, 1, 2, r)
		f.Lines[1].Creditor = who
		_, err := d.Write(&bytes.Buffer{}, f)
		refused(t, c.of+c.field, err, ErrFile, "/lines/1/creditor"+c.field)
	}
}

// TestHostileText: names and references that would do something to a program or deceive a reader are refused by every format.
func TestHostileText(t *testing.T) {
	t.Parallel()
	for name, d := range debtors {
		for _, text := range []string{"", " a", "a ", "=1+1", "+1", "-1", "@a", "\ta", "a\nb", "a\r\nb", "a\x00b", "a\x1bb", "a\u202eb", "a\u2066b", "a\u200bb", "a\ufeffb",
			"a\u200db", "a\u00adb", "a\u2028b", "a\ufffdb", "a\xffb", "a😀", "𝐀lice", "a\ue000", "a\ufe0f", "a|b", "a;b", "a<b>", "a\"b", strings.Repeat("a", 2000)} {
			f := fileOf(d, 1, 1, rand.New(rand.NewPCG(1, 1)))
			f.Lines[0].Creditor.Name = text
			if _, err := d.Write(&bytes.Buffer{}, f); !errors.Is(err, ErrFile) {
				t.Errorf("%s: the name %q was written: %v", name, text, err)
			}
			f = fileOf(d, 1, 1, rand.New(rand.NewPCG(1, 1)))
			f.Lines[0].Reference = text
			if _, err := d.Write(&bytes.Buffer{}, f); text != "" && !errors.Is(err, ErrFile) {
				t.Errorf("%s: the reference %q was written: %v", name, text, err)
			}
		}
	}
	// What XML and the fields of a line keep for themselves (G23): every sign that may stand in a name is read again as it was written.
	for name, d := range debtors {
		f := fileOf(d, 1, 1, rand.New(rand.NewPCG(1, 1)))
		f.Lines[0].Creditor.Name, f.Lines[0].Reference = "Tom & Co's (UK)/No-7", "A&B: no. 7,+?"
		file, _ := write(t, d, f)
		told := string(file)
		if d.Format != NACHA {
			var root element
			if err := xml.Unmarshal(file, &root); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, file)
			}
			told = root.one("CstmrCdtTrfInitn/PmtInf/CdtTrfTxInf/Cdtr/Nm") + "\n" + root.one("CstmrCdtTrfInitn/PmtInf/CdtTrfTxInf/RmtInf/Ustrd")
		}
		want := []string{"Tom & Co's (UK)/No-7", "A&B: no. 7,+?"}
		switch {
		case d.sepa():
			want = []string{"Tom + Co's (UK)/No-7", "A+B: no. 7,+?"}
		case d.Format == NACHA: // has capitals alone
			want = []string{"TOM + CO'S (UK)/NO-7", "A+B: NO. 7,+?"}
		}
		for _, text := range want {
			if !strings.Contains(told, text) {
				t.Errorf("%s: the file says %q and not %q", name, told, text)
			}
		}
	}
	for in, want := range map[string]string{"Nguyễn Văn Thử": "Nguyen Van Thu", "Jürgen Müßig": "Jurgen Mussig", "Łucja Źdźbło": "Lucja Zdzblo",
		"Đặng Thị Ơn": "Dang Thi On", "İpek Işık": "Ipek Isik", "Ève Œuvre": "Eve OEuvre", "Nguye\u0302\u0303n": "Nguyen", "Tom & Co": "Tom + Co", "O’Test": "O'Test"} {
		for _, of := range []string{"eur", "usd"} {
			if got, ok := debtors[of].text(in); !ok || got != want {
				t.Errorf("%s: %q is %q, %v", of, in, got, ok)
			}
		}
		if got, ok := debtors["vnd"].text(in); ok == strings.Contains(in, "’") || ok && got != in {
			t.Errorf("%q is %q, %v", in, got, ok)
		}
	}
}

func TestFileIsChecked(t *testing.T) {
	t.Parallel()
	r := random(t)
	for name, d := range debtors {
		for what, c := range map[string]struct {
			change func(*File)
			field  string
		}{
			"no number":     {func(f *File) { f.Number = 0 }, "/number"},
			"no id":         {func(f *File) { f.MessageID = "" }, "/message_id"},
			"long id":       {func(f *File) { f.MessageID = strings.Repeat("a", 36) }, "/message_id"},
			"bad id":        {func(f *File) { f.MessageID = "a//b" }, "/message_id"},
			"underscore":    {func(f *File) { f.MessageID = "a_b" }, "/message_id"},
			"no time":       {func(f *File) { f.MadeAt, f.ExecuteOn = time.Time{}, time.Time{} }, "/made_at /execute_on"},
			"past":          {func(f *File) { f.ExecuteOn = madeAt.AddDate(0, 0, -2) }, "/execute_on"},
			"far":           {func(f *File) { f.ExecuteOn = madeAt.AddDate(1, 0, 1) }, "/execute_on"},
			"no lines":      {func(f *File) { f.Lines = nil }, "/lines"},
			"too many":      {func(f *File) { f.Lines = make([]Line, MaxLines+1) }, "/lines"},
			"twice":         {func(f *File) { f.Lines[2].EndToEnd = f.Lines[0].EndToEnd }, "/lines/2/end_to_end"},
			"no end to end": {func(f *File) { f.Lines[1].EndToEnd = "" }, "/lines/1/end_to_end"},
			"hyphen":        {func(f *File) { f.Lines[1].EndToEnd = "po-1" }, "/lines/1/end_to_end"},
			"long":          {func(f *File) { f.Lines[1].EndToEnd = strings.Repeat("a", 36) }, "/lines/1/end_to_end"},
			"zero":          {func(f *File) { f.Lines[1].Amount = 0 }, "/lines/1/amount"},
			"negative":      {func(f *File) { f.Lines[1].Amount = -1 }, "/lines/1/amount"},
			"reference":     {func(f *File) { f.Lines[1].Reference = strings.Repeat(canary, 24) }, "/lines/1/reference"},
		} {
			f := fileOf(d, 3, 3, r)
			c.change(&f)
			var out bytes.Buffer
			_, err := d.Write(&out, f)
			refused(t, name+": "+what, err, ErrFile, strings.Fields(c.field)...)
			if out.Len() > 0 {
				t.Errorf("%s: %s: something was written", name, what)
			}
		}
		most, lines := money.Max, 1
		switch {
		case d.Format == NACHA:
			most, lines = nachaMost, 100
		case d.sepa():
			most = sepaMost
		}
		f := fileOf(d, 4, lines, r)
		for i := range f.Lines {
			f.Lines[i].Amount = most
		}
		if _, totals := write(t, d, f); totals.Sum != most*money.Minor(lines) {
			t.Errorf("%s: the sum is %d", name, totals.Sum)
		}
		f.Lines[0].Amount++
		if _, err := d.Write(&bytes.Buffer{}, f); !errors.Is(err, ErrFile) {
			t.Errorf("%s: an amount beyond the field was written", name)
		}
		f.Lines[0].Amount--
		f.Lines = append(f.Lines, fileOf(d, 5, 1, r).Lines...)
		f.Lines[lines].Amount = most
		if _, err := d.Write(&bytes.Buffer{}, f); !d.sepa() && !errors.Is(err, ErrFile) {
			t.Errorf("%s: a sum beyond the field was written", name)
		}
	}
}

func TestReasonsHaveWords(t *testing.T) {
	t.Parallel()
	for i := 1; i <= 85; i++ {
		published := i <= 47 || i >= 50 && i <= 53 || i >= 61 && i <= 77 || i >= 80
		if got := ReasonWord(fmt.Sprintf("R%02d", i)) != ""; got != published {
			t.Errorf("R%02d: words are %v", i, got)
		}
	}
	for code, words := range reasons {
		if !strings.HasSuffix(words, ".") || strings.ContainsAny(words, "\n") {
			t.Errorf("%s: %q is no sentence", code, words)
		}
	}
	for _, code := range permanent {
		if ReasonWord(code) == "" {
			t.Errorf("%s has no words", code)
		}
	}
	for code, want := range map[string]bool{"AC01": true, "AC04": true, "R02": true, "R03": true, "R04": true, "AM04": false, "MS03": false, "R01": false, "C01": false, "R10": false, "": false, "XX": false} {
		if Permanent(code) != want {
			t.Errorf("%q: permanent is %v", code, !want)
		}
	}
	if ReasonWord("ZZ99") != "" {
		t.Error("an unknown code has words")
	}
}
