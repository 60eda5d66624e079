//go:build !race

package pan

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
)

// testNumbers are what processors publish for tests, and made-up ones where they publish none.
var testNumbers = map[string][]string{
	"Visa":             {"4111111111111111", "4242424242424242", "4012888888881881", "4000056655665556", checked("400000000000000000")},
	"Mastercard":       {"5555555555554444", "5105105105105100", "5200828282828210", "2223003122003222", checked("222100000000000"), checked("272099999999999")},
	"American Express": {"378282246310005", "371449635398431", "341111111111111"},
	"Discover":         {"6011111111111117", "6011000990139424", checked("644000000000000"), checked("649999999999999"), checked("650000000000000")},
	"JCB":              {"3530111333300000", "3566002020360505", checked("352800000000000"), checked("358999999999999")},
	"UnionPay":         {"6200000000000005", "6205500000000000004"},
	"Diners Club":      {"30569309025904", "38520000023237", "36227206271667", checked("3000000000000"), checked("3059999999999"), checked("3900000000000")},
}

// checked appends the digit that checks the others.
func checked(digits string) string {
	for d := range 10 {
		if s := digits + fmt.Sprint(d); luhn(values(s)) {
			return s
		}
	}
	panic("no digit fits")
}

func values(s string) []byte {
	b := []byte(s)
	for i := range b {
		b[i] -= '0'
	}
	return b
}

// grouped writes digits in groups of the sizes, the last one taking what is left.
func grouped(s, between string, sizes ...int) string {
	var parts []string
	for _, n := range sizes {
		if n < len(s) {
			parts, s = append(parts, s[:n]), s[n:]
		}
	}
	return strings.Join(append(parts, s), between)
}

// inScript writes digits in the script whose zero is given.
func inScript(s string, zero rune) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return zero + r - '0'
		}
		return r
	}, s)
}

func TestNumbersOfEveryBrand(t *testing.T) {
	t.Parallel()
	for brand, numbers := range testNumbers {
		for _, n := range numbers {
			for _, written := range []string{
				n, grouped(n, " ", 4, 4, 4, 4), grouped(n, "-", 4, 4, 4, 4), grouped(n, " ", 4, 6), grouped(n, "\u00a0", 4, 4, 4, 4), grouped(n, "\u2013", 4, 4, 4, 4),
				strings.Join(strings.Split(n, ""), " "), strings.Join(strings.Split(n, ""), "-"),
				inScript(n, '０'), inScript(n, '٠'), inScript(n, '۰'), inScript(n, '०'), inScript(grouped(n, " ", 4, 4, 4, 4), '٠'), inScript(n, '𝟬'),
			} {
				for _, text := range []string{
					written, "card: " + written, written + ".", "(" + written + ")", "order_" + written, "a/" + written + "/b", "بطاقة " + written + "، شكرا", "卡号：" + written + "。",
					strings.Repeat("word ", 50) + written, written + strings.Repeat(", word", 50), "x  " + written + "  12/27",
				} {
					if !Found(text) {
						t.Errorf("%s is not found in %q", brand, text)
					}
				}
			}
			for _, text := range []string{"pay " + n + " 12/27 123", "7 " + n, grouped(n, " ", 4, 4, 4, 4) + " 12/27"} {
				if len(n) >= 16 && !Found(text) {
					t.Errorf("%s is not found in %q", brand, text)
				}
			}
			last := byte('0' + (n[len(n)-1]-'0'+1)%10)
			for _, text := range []string{
				n[:len(n)-1] + string(last), "a" + n, n + "z", "é" + n, n + "號", "1.0" + n[1:], "0." + n, n[:6] + "******" + n[12:], n[:6] + "XXXXXX" + n[12:], "**** **** **** " + n[12:],
				"000000" + n, n + "123456", grouped(n, "  ", 4, 4, 4, 4), grouped(n, "/", 4, 4, 4, 4), grouped(n, "\n", 4, 4, 4, 4), n[:8], n[:13],
			} {
				if Found(text) {
					t.Errorf("%s is found in %q", brand, text)
				}
			}
		}
	}
}

// What is written every day and is no card number, whatever its last digit happens to be.
func TestOtherNumbersPass(t *testing.T) {
	t.Parallel()
	const seed = 20261121
	dice := rand.New(rand.NewPCG(seed, 6))
	digits := func(prefix string, length int) string {
		b := []byte(prefix)
		for len(b) < length {
			b = append(b, byte('0'+dice.IntN(10)))
		}
		return string(b)
	}
	for range 20_000 {
		for _, text := range []string{
			digits("57", 18), digits("74", 19), digits("17", 19), // orders, videos and products of TikTok
			digits("5", 13), digits("6", 13), digits("4", 13), digits("4", 14), digits("1", 14), // orders and lines of Shopify
			"gid://shopify/Order/" + digits("6", 13),
			digits("1", 10), digits("17", 13), digits("17", 16), // seconds, milliseconds and microseconds since 1970
			"+44 20 " + digits("7", 4) + " " + digits("", 4), "+1 415 " + digits("", 3) + "-" + digits("", 4),
			digits("1", 3) + "-" + digits("", 7) + "-" + digits("", 7), // orders of Amazon
			"2026-11-2" + digits("", 1) + " 10:30:" + digits("", 2), "2026112" + digits("", 1) + "103" + digits("", 3), "2026-11-21 2026-11-2" + digits("", 1),
			"pi_3" + digits("", 16) + "Ab", digits("5", 16) + "e", digits("4", 17), digits("4", 18), digits("4", 20),
		} {
			if Found(text) {
				t.Fatalf("seed %d: found in %q", seed, text)
			}
		}
		if text := digits("39", 14); Certain(text) || Certain("a "+text+" b") {
			t.Fatalf("seed %d: an id of a shop is taken for certain: %s", seed, text)
		}
	}
	for _, text := range []string{"", "-", " ", strings.Repeat(" ", 100), strings.Repeat("-", 100), strings.Repeat("0", 16), "1.4111111111111111", strings.Repeat("\xff", 40), strings.Repeat("٠", 16)} {
		if Found(text) {
			t.Errorf("found in %q", text)
		}
	}
}

// Account numbers are grouped like cards, and a tenth of them pass the check of cards by accident.
func TestAccountNumbersPass(t *testing.T) {
	t.Parallel()
	const seed = 20261122
	dice := rand.New(rand.NewPCG(seed, 6))
	close := 0
	for range 50_000 {
		for _, c := range []struct{ country, begins string }{{"DE", "5105"}, {"GB", "LOYD3000"}, {"FR", "4000"}, {"ES", "4111"}, {"NL", "ABNA0411"}} {
			account := c.begins
			for len(account) < 18 {
				account += fmt.Sprint(dice.IntN(10))
			}
			rest := 0
			for i := range len(account) {
				rest = append97(rest, account[i])
			}
			for _, x := range []byte(c.country + "00") {
				rest = append97(rest, x)
			}
			iban := fmt.Sprintf("%s%02d%s", c.country, 98-rest, account)
			// One wrong digit never passes the check; a digit more or fewer does, once in ninety-seven.
			wrong := iban[:len(iban)-1] + string('0'+(iban[len(iban)-1]-'0'+1)%10)
			if !Account(iban) || !Account(strings.ToLower(iban)) || Account(wrong) || Account(iban[2:]) {
				t.Fatalf("seed %d: %q is an account, %q is not", seed, iban, wrong)
			}
			for _, text := range []string{iban, grouped(iban, " ", 4, 4, 4, 4, 4), "to " + grouped(iban, " ", 4, 4, 4, 4, 4) + ", please", strings.ToLower(iban)} {
				if Found(text) {
					t.Fatalf("seed %d: found in %q", seed, text)
				}
			}
			if Found(strings.Replace(grouped(iban, " ", 4, 4, 4, 4, 4), iban[2:4], "00", 1)) {
				close++
			}
		}
	}
	if close == 0 {
		t.Error("no account number looked like a card, so the test shows nothing")
	}
	if !Found("DE89 3704 0044 0532 0130 00 and 4111 1111 1111 1111") || !Found("XX00 4111 1111 1111 1111") {
		t.Error("an account number hides a card")
	}
}

func TestDigitsOfEveryScript(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if (digit(r) >= 0) != unicode.IsDigit(r) {
			t.Fatalf("%U: %d", r, digit(r))
		}
		if d := digit(r); d > 0 && digit(r-1) != d-1 || d == 0 && digit(r+9) != 9 {
			t.Fatalf("%U is %d, and its neighbours do not follow", r, d)
		}
	}
}

// plain is the rule without any haste, for texts of one run of ASCII digits with gaps.
func plain(run string) bool {
	run = strings.Trim(run, " -")
	if run == "" {
		return false
	}
	groups := strings.FieldsFunc(run, func(r rune) bool { return r == ' ' || r == '-' })
	number := func(g []string) bool {
		d := values(strings.Join(g, ""))
		return len(d) >= shortest && len(d) <= longest && issued(d) && luhn(d)
	}
	if number(groups) {
		return true
	}
	for i := range groups {
		if number(groups[i : i+1]) {
			return true
		}
		for _, shape := range shapes {
			fits := i+len(shape) <= len(groups)
			for j := 0; fits && j < len(shape); j++ {
				fits = len(groups[i+j]) == shape[j]
			}
			if fits && number(groups[i:i+len(shape)]) {
				return true
			}
		}
	}
	return false
}

func FuzzFound(f *testing.F) {
	for _, numbers := range testNumbers {
		for _, n := range numbers {
			f.Add(n, uint8(3))
			f.Add("a "+grouped(n, " ", 4, 4, 4, 4)+" 12", uint8(7))
		}
	}
	f.Add("DE89 5105 0015 0123 4567 89", uint8(5))
	f.Fuzz(func(t *testing.T, text string, cut uint8) {
		found := Found(text)
		if Certain(text) && !found {
			t.Errorf("certain and not found: %q", text)
		}
		// Text of digits, gaps and what is neither: compared with the plain rule.
		simple := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r == ' ' || r == '-' {
				return r
			}
			return '/'
		}, text)
		want := false
		for run := range strings.SplitSeq(simple, "/") {
			for _, two := range []string{"  ", "--", " -", "- "} {
				run = strings.ReplaceAll(run, two, "//")
			}
			for part := range strings.SplitSeq(run, "/") {
				want = want || plain(part)
			}
		}
		if got := Found(simple); got != want {
			t.Errorf("%q: %v, want %v", simple, got, want)
		}
		// In parts of any size the answer is the same.
		var s Stream
		for rest := text; rest != ""; {
			n := min(len(rest), int(cut)+1)
			s.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		if got := s.End(); len(text) < context && got != Certain(text) {
			t.Errorf("in parts of %d: %v; %q", cut+1, got, text)
		}
	})
}

func TestFilesInParts(t *testing.T) {
	t.Parallel()
	const card = "4111 1111 1111 1111"
	long := strings.Repeat("576461234567890123,2026-11-21,12.50,39072856637540\n", 3000)
	for size := 1; size < 200; size += 7 {
		for _, c := range []struct {
			text  string
			found bool
		}{
			{long[:size*51] + card + "\n" + long[:510], true}, {long[:size*51] + `"` + card + `"`, true}, {long[:size*51] + card, true}, {long[:size*51], false},
			{long[:size*51] + "DE89 5105 0015 0123 4567 89\n", false}, {strings.Repeat("名前", size) + "：" + inScript("4111111111111111", '０'), true},
		} {
			if strings.Contains(c.text, "DE89 5105") && Certain(c.text) {
				c.found = true // its check digits are wrong
			}
			var s Stream
			for rest := c.text; rest != ""; {
				n := min(len(rest), size*size)
				s.Write([]byte(rest[:n]))
				rest = rest[n:]
			}
			if got := s.End(); got != c.found {
				t.Errorf("parts of %d: %v, want %v: …%q", size*size, got, c.found, c.text[max(0, len(c.text)-80):])
			}
			if cap(s.held) > 4*block {
				t.Fatalf("it keeps %d bytes", cap(s.held))
			}
		}
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"note":"4111111111111111"}`:                          true,
		`{"note":"\u0034111111111111111"}`:                     true,
		`{"4111 1111 1111 1111":1}`:                            true,
		`{"deep":[{"x":["4111-1111-1111-1111"]}]}`:             true,
		`{"number":4111111111111111}`:                          true,
		`{"number":-4111111111111111}`:                         true,
		`broken "4111111111111111"`:                            true,
		`{"a":1} "4111111111111111"`:                           true,
		`{"a":"x`:                                              false,
		`{"id":30569309025904,"variant":"30569309025904"}`:     false,
		`{"card":{"last4":"1111","bin":"411111"}}`:             false,
		`{"masked":"4111 11** **** 1111","x":"•••• 1111"}`:     false,
		`{"rate":0.4111111111111111,"id":"ch_41111111111111"}`: false,
		``: false,
	} {
		if got := Message([]byte(body)); got != want {
			t.Errorf("%s: %v", body, got)
		}
		if Document([]byte(body)) != want {
			t.Errorf("%s by the rule of what is written", body)
		}
	}
}

// A hostile text must not cost more than its length.
func TestLongTextsAreRead(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"1 ", "4", "- ", "4111 ", "٠ ", "\xff", "a1 "} {
		if text := strings.Repeat(unit, 1<<20/len(unit)); Found(text) != plain("") {
			t.Errorf("found in many %q", unit)
		}
	}
}

func BenchmarkFound(b *testing.B) {
	for name, text := range map[string]string{
		"words":  strings.Repeat("A buyer's order was paid. ", 32)[:830],
		"sale":   strings.Repeat(`{"account":"liabilities:seller:available:sel_uk","direction":"credit","amount":"12.50","currency":"GBP"},`, 8)[:830],
		"arabic": strings.Repeat("تم دفع الطلب ", 40)[:830],
		"digits": strings.Repeat("576461234567890123,", 44)[:830],
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if Found(text) {
					b.Fatal("found")
				}
			}
		})
	}
}
