package intake

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

const (
	newSecret, oldSecret = "shop-secret-new", "shop-secret-old"
	fuzzedSecrets        = "uk/shopify=" + newSecret + "\nuk/shopify=" + oldSecret + "\nuk/stripe=" + newSecret + "\nuk/stripe=" + oldSecret + "\nvn/stripe=another-secret\n"
)

// signing is what a secret makes of a text.
func signing(secret string, text []byte) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(text)
	return m.Sum(nil)
}

// FuzzSignature shows that a message is taken for the book's own only if its header holds what one of two secrets makes of these very bytes,
// at a time that is near enough, and that it is then nobody else's: not with another byte, for another book, or at another time.
func FuzzSignature(f *testing.F) {
	secrets, err := ParseSecrets(fuzzedSecrets)
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	stamp := fmt.Sprint(now.Unix())
	body := []byte(`{"id":"evt_1"}`)
	honest := hex.EncodeToString(signing(newSecret, []byte(stamp+"."+string(body))))
	for _, header := range []string{"t=" + stamp + ",v1=" + honest, "t=" + stamp + ",v0=" + honest, "v1=" + honest, "t=" + stamp + ", v1=00,v1=" + strings.ToUpper(honest), "t=" + stamp + ",t=" + stamp + ",v1=" + honest, base64.StdEncoding.EncodeToString(signing(oldSecret, body)), ""} {
		f.Add(header, body)
	}
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		other := append(bytes.Clone(body), ' ')
		if secrets.Stripe("uk", header, body, now) == nil {
			at, signed := "", false
			for part := range strings.SplitSeq(header, ",") {
				if value, ok := strings.CutPrefix(strings.TrimSpace(part), "t="); ok {
					at = value
				}
			}
			for _, secret := range []string{newSecret, oldSecret} {
				signed = signed || strings.Contains(strings.ToLower(header), hex.EncodeToString(signing(secret, []byte(at+"."+string(body)))))
			}
			if !signed {
				t.Fatalf("%q is believed", header)
			}
			for name, err := range map[string]error{"another body": secrets.Stripe("uk", header, other, now), "another book": secrets.Stripe("vn", header, body, now),
				"a book without": secrets.Stripe("us", header, body, now), "later": secrets.Stripe("uk", header, body, now.Add(time.Hour)), "earlier": secrets.Stripe("uk", header, body, now.Add(-time.Hour))} {
				if !errors.Is(err, ErrSignatureMalformed) {
					t.Fatalf("%q is believed of %s", header, name)
				}
			}
		}
		if secrets.Shopify("uk", header, body) == nil {
			given, _ := base64.StdEncoding.DecodeString(header)
			if !hmac.Equal(given, signing(newSecret, body)) && !hmac.Equal(given, signing(oldSecret, body)) || secrets.Shopify("uk", header, other) == nil || secrets.Shopify("vn", header, body) == nil {
				t.Fatalf("%q is believed", header)
			}
		}
	})
}

// FuzzMessage reads the bodies of every source as their honest senders may send them: each comes to one event or to a state with a reason,
// always the same, and an event is about the order that the message names, with amounts that can be posted.
func FuzzMessage(f *testing.F) {
	topics := []string{topicPaid, topicRefund, "payout.paid", "orders/edited"}
	order := `{"id":1001,"currency":"GBP","processed_at":"2026-11-10T10:00:00Z","discount_codes":[{"code":"JO10"}],"line_items":[{"id":1,"quantity":2,"price_set":{"shop_money":{"amount":"35.00","currency_code":"GBP"}},` +
		`"discount_allocations":[{"amount_set":{"shop_money":{"amount":"7.00","currency_code":"GBP"}}}],"tax_lines":[{"price_set":{"shop_money":{"amount":"5.20","currency_code":"GBP"}}}]}]}`
	f.Add(byte(0), []byte(order), false)
	f.Add(byte(0), []byte(strings.Replace(order, `"currency":"GBP",`, `"currency":"GBP","taxes_included":true,"moon_set":{"shop_money":{"amount":"1.00"}},"sun_set":{"shop_money":{"amount":"1.00"}},`, 1)), true)
	f.Add(byte(1), []byte(`{"id":7,"order_id":1001,"refund_line_items":[{"line_item_id":1,"subtotal_set":{"shop_money":{"amount":"31.50","currency_code":"GBP"}},"total_tax_set":{"shop_money":{"amount":"2.60","currency_code":"GBP"}}}],"transactions":[{"kind":"refund","status":"success"}]}`), false)
	f.Add(byte(2), []byte(`{"id":"evt_1","type":"payout.paid","livemode":true,"account":"acct_1","api_version":"2024-06-20"}`), false)
	book := ledger.Book{NewBook: ledger.NewBook{Code: "uk", Currencies: []money.Currency{"GBP", "JPY"}}}
	f.Fuzz(func(t *testing.T, topic byte, body []byte, inclusive bool) {
		source := &Source{Seller: "sel_uk", CommissionRate: "0.08", PlatformRate: "0.02", PricesIncludeTax: inclusive, Creators: []SourceCreator{{Code: "JO10", Creator: "cre_jo"}}}
		m := Message{Source: SourceShopify, Topic: topics[int(topic)%len(topics)], Origin: "toys.example", Body: body}
		m.About = aboutOf(m.Source, m.Topic, body)
		got := readShopify(book, &m, source)
		if again := readShopify(book, &m, source); !reflect.DeepEqual(got, again) {
			t.Fatalf("read as %+v and as %+v", got, again)
		}
		judged(t, got)
		if m.About != "" && !ledger.IsSegment(m.About) {
			t.Fatalf("it is about %q", m.About)
		}
		if got.event != nil {
			if paid, ok := got.event.Data.(*commerce.ImportedOrderPaid); ok {
				if paid.Order != m.About || len(paid.Lines) == 0 || len(paid.Creators) == 0 {
					t.Fatalf("read as %+v", paid)
				}
				for _, line := range paid.Lines {
					if _, err := money.ParseAmount(line.Amount, money.Currency(paid.Currency)); err != nil {
						t.Fatalf("line %s has the amount %s", line.Line, line.Amount)
					}
				}
			}
		}
		m, err := StripeMessage(body)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Fatal(err)
			}
			return
		}
		if m.MessageID == "" || m.Topic == "" {
			t.Fatalf("read as %+v", m)
		}
		if v := readStripe(&m); v.event != nil {
			t.Fatal("a message of the processor is an event before it was read again")
		} else {
			judged(t, v)
		}
	})
}

// judged demands that a verdict is an event, or says why it is none.
func judged(t *testing.T, v verdict) {
	t.Helper()
	if (v.event != nil) == (v.state != "") || v.event == nil && (v.state != Parked && v.state != Ignored || v.reason == "" || v.detail == "") {
		t.Fatalf("it comes to %+v", v)
	}
}
