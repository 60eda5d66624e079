package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
)

// BenchmarkDecodeEvent reads one sale: the text into a tree, and the tree into the structs.
func BenchmarkDecodeEvent(b *testing.B) {
	body := exampleOf(b, "order.captured")
	b.Run("tree", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tree, err := parseJSON(body, maxEventNodes)
			if err != nil {
				b.Fatal(err)
			}
			tree.release()
		}
	})
	b.Run("structs", func(b *testing.B) {
		tree, err := parseJSON(body, maxEventNodes)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			d := decoder{tree: tree}
			if d.event(0); d.err() != nil {
				b.Fatal(d.err())
			}
		}
	})
	b.Run("by encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var e struct {
				Type, Reference string
				Data            commerce.OrderCaptured
			}
			if err := json.Unmarshal([]byte(body), &e); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// saleExplanation is an explanation of the size that a sale with a creator and an agency has.
func saleExplanation() *commerce.Explanation {
	x := &commerce.Explanation{Event: "order.captured", Order: "UK-1001", Currency: "GBP", RuleSet: "uk-1", PlacedAt: start.Add(time.Microsecond),
		Summary: "The buyer paid 44.97 GBP for order UK-1001: 24.05 to the seller, 6.30 to creators and agencies."}
	for i := range 8 {
		x.Steps = append(x.Steps, commerce.Step{Rule: fmt.Sprintf("rule_%d", i), Title: "Commission", Receiver: "revenue:referral_fee",
			Base:  []commerce.BaseAmount{{Component: "goods_list", Amount: "49.98"}, {Component: "seller_discount", Amount: "-5.00"}, {Component: "shipping", Amount: "2.99"}},
			Total: "44.97", Rate: "0.09", Exact: "4.0473", Rounding: "half_even", Amount: "4.05", Before: "0.00", Tax: "0.68", TaxMode: "inclusive", Remainder: "seller",
			Text: "9 % of 44.97 is 4.0473, rounded half to even to 4.05; 0.68 of it is VAT at 20 %."})
	}
	for i := range 9 {
		x.Entries = append(x.Entries, commerce.EntryReason{Account: "liabilities:seller:pending:sel_uk", Direction: "credit", Amount: "24.05",
			Rules: []string{"commission", fmt.Sprint("rule_", i)}, Text: "What is left for the seller after all others."})
	}
	return x
}

// BenchmarkEncodeExplanation writes the explanation of a sale.
func BenchmarkEncodeExplanation(b *testing.B) {
	x := saleExplanation()
	b.Run("by shape", func(b *testing.B) {
		buffer := make([]byte, 0, 16<<10)
		b.ReportAllocs()
		for b.Loop() {
			buffer = appendAnswer(buffer[:0], x)
		}
		b.SetBytes(int64(len(buffer)))
	})
	b.Run("by encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(x); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEventBatchOverHTTP posts batches of a thousand sales as events.
func BenchmarkEventBatchOverHTTP(b *testing.B) {
	h := open(b)
	example := exampleOf(b, "order.captured")
	n := 0
	for b.Loop() {
		items := make([]string, 1000)
		for i := range items {
			items[i] = strings.NewReplacer("UK-1001", fmt.Sprint("UK-", n), "captured-1001", fmt.Sprint("captured-", n), "pi_1001", fmt.Sprint("pi_", n)).Replace(example)
			n++
		}
		h.benchPost(b, "/v1/books/uk/events/batch", `{"events":[`+strings.Join(items, ",")+"]}", 200)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "sales/s")
}

// BenchmarkEncodeEventBatch writes the answer to a batch of a thousand sales, in memory that is not there yet.
func BenchmarkEncodeEventBatch(b *testing.B) {
	sale := saleTransaction()
	r := commerce.Result{Event: commerce.Event{Type: "order.captured", Reference: "order-captured-1001"}, Transactions: []ledger.Transaction{sale}, Explanation: saleExplanation()}
	batch := batch[commerce.Event]{list: "events", errs: make([]error, 1000)}
	c := &call{w: &recorder{}}
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		out := batch.results(c, 201, func(buf []byte, _ int) ([]byte, bool) {
			return appendEvent(append(buf, `,"event":`...), &r), false
		})
		size = len(out.body)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/sale")
	b.ReportMetric(float64(size)/1000, "bytes/sale")
}
