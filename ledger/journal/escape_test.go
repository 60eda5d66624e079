package journal

import (
	"bytes"
	"encoding/csv"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

// texts are what escaping begins with: all that has a meaning in one of the formats.
var texts = []string{"", "plain", "=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n", "'", "''=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201", `"`, `a"b`, `\`, `\n`,
	"a,b", "a;b", "a|b", "[2001-01-01]", "date:2001-01-01", "%2C", "100%", " edge ", "\u00a0edge\u3000", "* cleared", "! pending", "(code)", "ميزان", "👩‍👩‍👧",
	"\u2028", "\u2029", "\u0085", "\xff\xfe", "\x00", "a\r\nb", "\ufeff", "\ufffd"}

func TestEscapedTag(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"plain text": "plain text", "a,b": "a%2Cb", " x ": "%20x%20", "ميزان": "ميزان", "100%": "100%25",
		"(x) * [y]": "%28x) * %5By%5D", "\u00a0x": "%C2%A0x", "\n": "%0A", "\xff": "%FF", "a;b|c": "a%3Bb%7Cc", "": ""} {
		if got := string(appendEscaped(nil, in)); got != want {
			t.Errorf("%q is written %q, want %q", in, got, want)
		}
	}
}

// Text for hledger has nothing in it that hledger reads as anything but text, and gives back what it was.
func FuzzHledgerText(f *testing.F) {
	for _, s := range texts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := string(appendEscaped(nil, s))
		if strings.ContainsAny(got, ",;|[]\r\n") || strings.TrimSpace(got) != got || got != "" && strings.ContainsRune("*!(", rune(got[0])) {
			t.Errorf("%q is written %q", s, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
				t.Errorf("%q is written %q", s, got)
			}
		}
		if back, err := url.PathUnescape(got); err != nil || back != s {
			t.Errorf("%q is written %q, which is %q (%v)", s, got, back, err)
		}
	})
}

// A row of CSV has nothing in it that a spreadsheet runs, and encoding/csv reads what was written.
func FuzzCSVText(f *testing.F) {
	for i, s := range texts {
		f.Add(s, texts[len(texts)-1-i])
	}
	f.Fuzz(func(t *testing.T, memo, reference string) {
		transaction := Transaction{ID: "uk-1", Sequence: 1, Reference: reference, Event: "order.captured", Memo: memo, Metadata: map[string]string{"k": memo},
			Entries: []Entry{{Line: 1, Account: "assets:a", Currency: "GBP", Amount: -1, BalanceAfter: -1, ExternalRef: reference}}}
		c := newCSV()
		file := c.transaction(c.head(nil, nil), &transaction)
		rows, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%d rows, %v:\n%s", len(rows), err, file)
		}
		row := map[string]string{}
		for i, name := range rows[0] {
			row[name] = rows[1][i]
		}
		if row["amount"] != "-0.01" || row["balance_after"] != "-0.01" {
			t.Errorf("amounts %q and %q", row["amount"], row["balance_after"])
		}
		// RFC 4180 ends lines with a carriage return and a line feed, also within a cell, so that one alone does not come back.
		// The ledger takes neither.
		for name, in := range map[string]string{"memo": memo, "reference": reference, "external_ref": reference} {
			cell := row[name]
			if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r\n") || strings.HasPrefix(cell, "\uff1d") || strings.HasPrefix(cell, "\uff0b") ||
				strings.HasPrefix(cell, "\uff0d") || strings.HasPrefix(cell, "\uff20") {
				t.Errorf("%s: %q would be run", name, cell)
			}
			if back := strings.TrimPrefix(cell, "'"); back != strings.ReplaceAll(in, "\r", "") {
				t.Errorf("%s: %q is written %q", name, in, cell)
			}
		}
	})
}

// Every name is one that beancount takes, and no two addresses share one.
func TestAccountNames(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"liabilities:seller:available:sel_uk": "Liabilities:Seller:Available:Sel--uk", "assets:orders:UK-1": "Assets:Orders:X-cUK-h1",
		"revenue:x": "Revenue:X", "revenue:X": "Revenue:X-cX", "revenue:x-c": "Revenue:X-hc", "expenses:9.a_-": "Expenses:9-da---h", "assets:_": "Assets:X-c--"} {
		if got := AccountName(address); got != want {
			t.Errorf("%s is %s, want %s", address, got, want)
		}
	}
	seen := map[string]string{}
	var all func(segment string, length int)
	all = func(segment string, length int) {
		if segment != "" {
			for _, address := range []string{"assets:" + segment, "assets:" + segment + ":a", "assets:a:" + segment} {
				name := AccountName(address)
				if other, ok := seen[name]; ok && other != address {
					t.Fatalf("%s and %s are both %s", address, other, name)
				}
				seen[name] = address
			}
		}
		if length > 0 {
			for _, c := range "aAxXcChHdD0_.-" {
				all(segment+string(c), length-1)
			}
		}
	}
	all("", 4)
}

// The name leads back to the address.
func FuzzAccountName(f *testing.F) {
	for _, s := range []string{"assets:a", "liabilities:seller:available:sel_uk", "assets:X-c", "assets:x-c:-:_:.:A:9", "revenue:-hX-c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		address := "assets"
		for segment := range strings.SplitSeq(s, ":") {
			segment = strings.Map(func(r rune) rune {
				if r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.-", r)) {
					return r
				}
				return -1
			}, segment)
			if segment != "" {
				address += ":" + segment
			}
		}
		name := AccountName(address)
		for part := range strings.SplitSeq(name, ":") {
			if part[0] < '0' || part[0] > '9' && part[0] < 'A' || part[0] > 'Z' || strings.Trim(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != "" {
				t.Fatalf("%s is %s, whose part %s beancount refuses", address, name, part)
			}
		}
		if back := addressOf(name); back != address {
			t.Errorf("%s is %s, which is %s", address, name, back)
		}
	})
}

// addressOf undoes AccountName, by its description and not by its code.
func addressOf(name string) string {
	parts := strings.Split(name, ":")
	for i, part := range parts {
		rest, kept := strings.CutPrefix(part, "X-c")
		if !kept {
			rest = strings.ToLower(part[:1]) + part[1:]
		}
		parts[i] = strings.NewReplacer("--", "_", "-h", "-", "-d", ".").Replace(rest)
	}
	return strings.Join(parts, ":")
}

// Metadata keys of beancount stay apart from each other.
func TestMetaNames(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, a := range "aA-._d" {
		for _, b := range "aA-._d" {
			for _, c := range "aA-._d" {
				key := string([]rune{a, b, c})
				name := metaName(key)
				if other, ok := seen[name]; ok || strings.Trim(name, "mdaA-_") != "" {
					t.Errorf("%s and %s are both %s", key, other, name)
				}
				seen[name] = key
			}
		}
	}
}
