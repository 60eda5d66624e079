//go:build !race

package pan

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
)

// eachFormat is how many ids of each format are drawn; the figures in the handbook are of a million.
var eachFormat = flag.Int("ids", 20_000, "how many ids of each format are drawn")

// idFormats are ids as shops, carriers and networks give them out. A # is a random digit, and @ a hexadecimal one. Most is how
// many of a million may be taken for a card: nothing but a check digit tells numbers of 15 and 16 digits without a gap from
// cards, so those of formats that begin like cards are.
var idFormats = []struct {
	name, shape string
	most        float64
}{
	{"Shopify order", "6############", 0},
	{"Shopify order, older", "4############", 0},
	{"Shopify line", "1#############", 0},
	{"Shopify line to come", "39############", 0},
	{"Shopify global id", "gid://shopify/Order/5############", 0},
	{"TikTok Shop order", "57################", 0},
	{"TikTok Shop product", "17#################", 0},
	{"TikTok video", "75#################", 0},
	{"TikTok package", "115################", 0},
	{"Amazon order", "###-#######-#######", 0},
	{"AliExpress order", "30##############", 0},
	{"eBay order", "##-#####-#####", 0},
	{"Walmart order", "2000###########", 0},
	{"Shopee order", "2611##ABCD####", 0},
	{"Lazada order of 15 digits", "###############", 2_500},
	{"Lazada order of 16 digits", "################", 25_000},
	{"Lazada order with a letter before it", "L###############", 0},
	{"FedEx 12", "############", 0},
	{"FedEx 15", "###############", 2_500},
	{"UPS", "1Z999AA1##########", 0},
	{"USPS", "94####################", 0},
	{"DHL", "##########", 0},
	{"DPD", "1#############", 0},
	{"Evri", "H###############", 0},
	{"Canada Post", "################", 25_000},
	{"J&T", "8###########", 0},
	{"telephone, GB", "+44 7### ######", 0},
	{"telephone, US", "+1 ###-###-####", 0},
	{"telephone, DE", "+49 15# ########", 0},
	{"telephone, CN", "+86 138 #### ####", 0},
	{"telephone, VN", "+84 9# ### ## ##", 0},
	{"telephone without gaps", "+4915#########", 0},
	{"UUID", "@@@@@@@@-@@@@-4@@@-8@@@-@@@@@@@@@@@@", 0},
	{"UUID of digits only", "########-####-4###-8###-############", 0},
	{"milliseconds", "17###########", 0},
	{"microseconds", "17##############", 0},
}

func drawn(dice *rand.Rand, shape string, into []byte) []byte {
	into = into[:0]
	for i := range len(shape) {
		switch shape[i] {
		case '#':
			into = append(into, byte('0'+dice.IntN(10)))
		case '@':
			into = append(into, "0123456789abcdef"[dice.IntN(16)])
		default:
			into = append(into, shape[i])
		}
	}
	return into
}

// TestIdsPass measures how many ids are taken for card numbers by what callers write, and by what shops send.
func TestIdsPass(t *testing.T) {
	t.Parallel()
	const seed = 20261123
	for i, f := range idFormats {
		dice := rand.New(rand.NewPCG(seed, uint64(i)))
		var id []byte
		given, certain := 0, 0
		for range *eachFormat {
			id = drawn(dice, f.shape, id)
			if text := string(id); Certain(text) {
				certain++
				if Given(text) {
					given++
				}
			} else if strings.Contains(text, " ") && Given(text) {
				given++
			}
		}
		rate := func(n int) float64 { return float64(n) * 1e6 / float64(*eachFormat) }
		t.Logf("%-36s %8.0f of a million when written, %8.0f when sent", f.name, rate(given), rate(certain))
		if rate(given) > f.most || rate(certain) > f.most {
			t.Errorf("seed %d: %s: %.0f and %.0f of a million are taken for cards, at most %.0f may be", seed, f.name, rate(given), rate(certain), f.most)
		}
	}
}

// TestCardsThatHide writes cards as careless and as cunning callers do.
func TestCardsThatHide(t *testing.T) {
	t.Parallel()
	const n = "4111111111111111"
	for _, text := range []string{
		"4111.1111.1111.1111", "order_4111_1111_1111_1111", "see 4111.1111.1111.1111.", "4111\u00ad1111\u00ad1111\u00ad1111", "4111\u200b1111\u200b1111\u200b1111",
		strings.Join(strings.Split(n, ""), "\u200d"), "\ufeff" + n, "order:" + n, "x-" + n, n + "-1", "３７８２８２２４６３１０００５", "3056 9309 0259 04", "card 30569309025904 ok", "6205500000000000004",
	} {
		if !Given(text) {
			t.Errorf("not found in %q", text)
		}
	}
	for _, number := range []string{n, "-" + n, n + ".0", n + "e0", "4.111111111111111e15", "41111111111111110E-1", "4111111111111111.00e+0"} {
		if !Number(number) || !Message([]byte(`{"x":`+number+`}`)) || !Document([]byte(`{"x":`+number+`}`)) {
			t.Errorf("not found in the number %s", number)
		}
	}
	for _, text := range []string{"30569309025904", "39072856637540", "1.4111.1111", "14111.1111.1111.1111", "4111.1111.1111.11112", "a4111.1111.1111.1111", "4111.1111.1111.1112", "4111.1111_1111.1111", "2026.1121.1030.0000"} {
		if Given(text) {
			t.Errorf("found in %q", text)
		}
	}
	for _, number := range []string{"0.4111111111111111", "1e400", "4.111111111111111e14", "1.5", "39072856637540", "4111111111111112e0"} {
		if Number(number) {
			t.Errorf("found in the number %s", number)
		}
	}
	var s Stream
	for _, part := range []string{"a,4111.", "1111.1111", ".1111", ",b"} {
		s.Write([]byte(part))
	}
	if !s.End() {
		t.Error("not found in parts")
	}
}
