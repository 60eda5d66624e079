package console

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"mizan/api/console/browsertest"
	"mizan/ledger/locale"
	"mizan/ledger/money"
)

// Amounts below zero are drawn with the sign before the digits and the currency's sign whole, in all languages and on pages of both
// directions, alone and inside a sentence.
func TestAmountsAreDrawn(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	var amounts, sentences []string
	page.WriteString(`<!doctype html><meta charset="utf-8"><title>Amounts</title><style>p { white-space: nowrap; font-size: 1rem; }</style>`)
	for _, direction := range []string{"ltr", "rtl"} {
		for _, l := range locale.Languages {
			fmt.Fprintf(&page, `<div lang="%s" dir="%s">`, l, direction)
			for _, c := range []money.Currency{"GBP", "USD", "EGP", "SAR", "KWD", "VND", "IDR", "CHF", "XOF", "PHP"} {
				for _, m := range []money.Minor{-123456, 123456, 0} {
					fmt.Fprintf(&page, `<p class="amount">%s</p>`, moneyHTML(l, minor(m, c)))
					amounts = append(amounts, drawnAmount(l, m, c))
				}
			}
			fmt.Fprintf(&page, `<p class="figure">%s</p>`, figureHTML(l, minor(-123456, "GBP")))
			fmt.Fprintf(&page, `<p class="sentence" dir="%s">%s</p></div>`, l.Direction(), phrases().Say(l, "order.whatif.gives", "amount", l.Amount(-220, "GBP")))
			sentences = append(sentences, drawnAmount(l, -220, "GBP"))
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, page.String())
	}))
	defer server.Close()
	w := browsertest.New(t, server.URL)
	w.Open("/")
	if got := w.Drawn(".amount"); !slices.Equal(got, amounts) {
		for i, want := range amounts {
			if got[i] != want {
				t.Errorf("%q is drawn where %q belongs", got[i], want)
			}
		}
	}
	for i, got := range w.Drawn(".figure") {
		if l := locale.Languages[i%len(locale.Languages)]; got != strings.TrimPrefix(l.Figure(-123456, "GBP"), "\u200e") || !strings.HasPrefix(got, "-") {
			t.Errorf("%s: the figure is drawn %q", l, got)
		}
	}
	for i, got := range w.Drawn(".sentence") {
		if !strings.Contains(got, sentences[i]) {
			t.Errorf("%s: the sentence is drawn %q, without %q", locale.Languages[i%len(locale.Languages)], got, sentences[i])
		}
	}
}

// drawnAmount is an amount from left to right, without spaces: as the language writes it, and in Arabic with the currency on the left, which
// is behind the number there.
func drawnAmount(l locale.Language, m money.Minor, c money.Currency) string {
	if !l.RightToLeft() {
		return strings.Join(strings.Fields(l.Amount(m, c)), "")
	}
	symbol := []rune(strings.NewReplacer("\u200f", "", "\u202f", "").Replace(l.Symbol(c)))
	if symbol[0] >= 0x600 && symbol[0] < 0x700 {
		slices.Reverse(symbol)
	}
	return string(symbol) + strings.TrimPrefix(l.Figure(m, c), "\u200e")
}
