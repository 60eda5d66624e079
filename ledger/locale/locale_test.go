package locale

import (
	"math"
	"math/big"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"mizan/ledger/money"
)

// Every digit that the ledger has stands on the page, whatever the currency's usual decimals are.
func TestNoDigitIsLost(t *testing.T) {
	t.Parallel()
	for _, l := range Languages {
		for _, c := range money.Currencies() {
			for _, m := range []money.Minor{1, -1, 1_234_567_891, math.MaxInt64, math.MinInt64} {
				written := strings.Map(func(r rune) rune {
					if '0' <= r && r <= '9' {
						return r
					}
					return -1
				}, strings.Replace(l.Amount(m, c), l.Symbol(c), "", 1))
				if want := strings.NewReplacer("-", "", ".", "").Replace(m.Format(c)); written != want {
					t.Errorf("%s: %s is written with the digits %s", l, m.Format(c), written)
				}
				if minus := strings.Contains(l.Amount(m, c), "-"); minus != (m < 0) {
					t.Errorf("%s: the sign of %s is lost: %s", l, m.Format(c), l.Amount(m, c))
				}
			}
		}
	}
}

// No two currencies look alike in a language, and none has a bare sign of several countries.
func TestCurrenciesAreToldApart(t *testing.T) {
	t.Parallel()
	for _, l := range Languages {
		seen := map[string]money.Currency{}
		for _, c := range money.Currencies() {
			s := l.Symbol(c)
			if other, twice := seen[s]; twice || s == "$" || s == "¥" || s == "" {
				t.Errorf("%s: %s is written %q, like %s", l, c, s, other)
			}
			seen[s] = c
		}
	}
}

func TestWiderThanTheLedger(t *testing.T) {
	t.Parallel()
	wide, _ := new(big.Int).SetString("-123456789012345678901", 10)
	if got, want := Indonesian.Sum(wide, "IDR"), "-Rp\u00a01.234.567.890.123.456.789,01"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := English.SumFigure(wide, "JPY"), "-123,456,789,012,345,678,901"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := English.SumFigure(big.NewInt(5), "KWD"), "0.005"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := Vietnamese.Figure(-123456, "USD"), "-1.234,56"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What a reader types is read as what it looks like to them, or not at all.
func TestRead(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		l           Language
		typed, want string
	}{
		{English, "1,250.50", "1250.50"}, {English, " 1250.5 ", "1250.5"}, {English, "12,50", ""}, {English, "1,2500", ""}, {English, ",500", ""}, {English, "1.250.000", ""}, {English, "", ""},
		{English, "-1", ""}, {English, ".5", ""}, {English, "5.", ""}, {English, "1e3", ""}, {English, "1,250.500,5", ""}, {English, "١٢", ""},
		{Indonesian, "1.250,50", "1250.50"}, {Indonesian, "1.250", "1250"}, {Indonesian, "12.50", ""}, {Indonesian, "12,50", "12.50"}, {Vietnamese, "1.250.000", "1250000"},
		{Vietnamese, "1250.00", ""}, {Arabic, "1,250.50", "1250.50"}, {Thai, "0.05", "0.05"},
	} {
		if got, ok := x.l.Read(x.typed); got != x.want || ok != (x.want != "") {
			t.Errorf("%s: %q is read as %q, want %q", x.l, x.typed, got, x.want)
		}
	}
	for _, l := range Languages {
		if got, ok := l.Read(l.Figure(123456789, "USD")); !ok || got != "1234567.89" {
			t.Errorf("%s does not read what it writes: %q", l, got)
		}
	}
}

func TestPercentOfNoDecimal(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "-", "6,5", ".5", "5.", "1e3", "six"} {
		if got := English.Percent(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestNoDay(t *testing.T) {
	t.Parallel()
	if English.Day(time.Time{})+Thai.Moment(time.Time{}, time.UTC) != "" {
		t.Error("a day that is not known is written")
	}
}

func TestPreferred(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]Language{
		"": English, "ar": Arabic, "ar-EG,ar;q=0.9,en;q=0.8": Arabic, "de-DE,de;q=0.9": English, "de,th;q=0.5": Thai, "tl-PH": Filipino, "in": Indonesian,
		"zh-TW": Chinese, "en-GB,ar;q=0.9": English, "vi;q=0.2, ms;q=0.9": Malay, "*": English, "ar;q=0": English, "x y z;;": English, strings.Repeat("ar,", 200) + "ar": English,
	} {
		if got := Preferred(header); got != want {
			t.Errorf("%.60q is answered in %s, want %s", header, got, want)
		}
	}
}

func TestUnknownLanguageReadsEnglish(t *testing.T) {
	t.Parallel()
	if got := Language("xx").Amount(1250, "USD"); got != "US$12.50" {
		t.Error(got)
	}
	if _, ok := Parse("EN"); ok {
		t.Error("a code is taken that is none")
	}
}

// An isolated text cannot turn what stands around it.
func TestIsolate(t *testing.T) {
	t.Parallel()
	if got := Isolate("a\u2069\u202eb\u2067c"); got != "\u2068abc\u2069" {
		t.Errorf("%q", got)
	}
}

func words(files map[string]string) fstest.MapFS {
	all := fstest.MapFS{}
	for name, text := range files {
		all["words/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

func TestSay(t *testing.T) {
	t.Parallel()
	c, err := Load(words(map[string]string{
		"en/a.json":  `{"said": "It arrived on {day}.", "only": "Only here", "orders": {"one": "{count} order", "other": "{count} orders"}}`,
		"ar/a.json":  `{"said": "وصل في {day}.", "orders": {"zero": "لا طلبات", "one": "طلب واحد", "two": "طلبان", "few": "{count} طلبات", "many": "{count} طلبًا", "other": "{count} طلب"}}`,
		"fil/a.json": `{"orders": {"one": "{count} order", "other": "{count} na order"}}`,
		"th/a.json":  `{"orders": {"other": "{count} คำสั่งซื้อ"}}`,
	}), "words")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		l     Language
		key   string
		pairs []any
		want  string
	}{
		{English, "said", []any{"day", "Nov 3"}, "It arrived on Nov 3."}, {English, "said", []any{"day", "علي"}, "It arrived on \u2068علي\u2069."},
		{English, "said", nil, "It arrived on {day}."}, {English, "said", []any{"day", "{day}"}, "It arrived on {day}."},
		{Arabic, "said", []any{"day", "3 نوفمبر"}, "وصل في \u20683 نوفمبر\u2069."}, {Thai, "said", []any{"day", "1"}, "It arrived on 1."},
		{Arabic, "only", nil, "Only here"}, {English, "none", nil, "none"}, {"xx", "only", nil, "Only here"},
		{English, "orders", []any{"count", 1}, "1 order"}, {English, "orders", []any{"count", 1200}, "1,200 orders"}, {English, "orders", []any{"count", int64(0)}, "0 orders"},
		{Arabic, "orders", []any{"count", 0}, "لا طلبات"}, {Arabic, "orders", []any{"count", 2}, "طلبان"}, {Arabic, "orders", []any{"count", 7}, "\u20687\u2069 طلبات"},
		{Arabic, "orders", []any{"count", 11}, "\u206811\u2069 طلبًا"}, {Arabic, "orders", []any{"count", 100}, "\u2068100\u2069 طلب"},
		{Filipino, "orders", []any{"count", 4}, "4 na order"}, {Filipino, "orders", []any{"count", 5}, "5 order"}, {Thai, "orders", []any{"count", 1}, "1 คำสั่งซื้อ"},
	} {
		if got := c.Say(x.l, x.key, x.pairs...); got != x.want {
			t.Errorf("%s %s %v: %q, want %q", x.l, x.key, x.pairs, got, x.want)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	files := map[string]string{"en/a.json": `{"said": "On {day}.", "orders": {"one": "{count} order", "other": "{count} orders"}}`}
	for _, l := range []string{"zh", "id", "vi", "th", "ms"} {
		files[l+"/a.json"] = `{"said": "{day}.", "orders": "{count}"}`
	}
	files["ar/a.json"] = `{"said": "{dya}.", "orders": {"one": "x", "other": "{count}"}}`
	files["fil/a.json"] = `{"orders": "{count} ", "more": "x"}`
	c, err := Load(words(files), "words")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(c.Problems(), "\n")
	for _, want := range []string{
		"ar: orders has the forms one other and needs zero one two few many other", "ar: said (other) has the places [{dya}] and the English text has [{day}]",
		"fil: orders has the forms other and needs one other", "fil: orders (other) begins or ends with a space", "fil: said is missing", "fil: more is not among the English texts",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("not said: %s", want)
		}
	}
	if n := len(c.Problems()); n != 6 {
		t.Errorf("%d problems:\n%s", n, got)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"a language that is not ours": {"de/a.json": `{}`}, "no object": {"en/a.json": `[]`}, "a number": {"en/a.json": `{"a": 1}`}, "a plural without other": {"en/a.json": `{"a": {"one": "x"}}`},
		"a key of the format": {"en/a.json": `{"other": "x"}`}, "a key in capitals": {"en/a.json": `{"Hello": "x"}`}, "an unknown form": {"en/a.json": `{"a": {"other": "x", "id": "y"}}`},
		"a key twice": {"en/a.json": `{"a": "x"}`, "en/b.json": `{"a": "y"}`}, "an empty text": {"en/a.json": `{"a": ""}`}, "too large": {"en/a.json": strings.Repeat(" ", maxWordFile) + `{}`},
	} {
		if _, err := Load(words(files), "words"); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
