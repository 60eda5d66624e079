package payouts

import (
	"fmt"
	"testing"
	"time"

	"mizan/ledger/commerce"
)

// BenchmarkFeed reads a feed of orders, each captured, delivered and settled, and says how many transactions a second.
func BenchmarkFeed(b *testing.B) {
	h := newTimeHouse(b, "US", "America/New_York", time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), "USD")
	at := h.time().Format(time.RFC3339)
	var events []commerce.Event
	add := func(kind, reference, data string) {
		et, err := commerce.TypeOf(kind)
		if err != nil {
			b.Fatal(err)
		}
		d := et.New()
		readInto(b, d, data)
		events = append(events, commerce.Event{Type: kind, Reference: reference, Data: d})
	}
	const orders = 1500
	for i := range orders {
		add("order.captured", fmt.Sprint("c", i), fmt.Sprintf(`{"order":"o%d","currency":"USD","placed_at":%q,"seller":"s%d","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"10.00"}],"payments":[{"processor":"main","payment_id":"pi%d","amount":"10.00"}]}`, i, at, i%50, i))
	}
	for i := range orders {
		add("order.delivered", fmt.Sprint("d", i), fmt.Sprintf(`{"order":"o%d","delivered_at":%q,"last_parcel":true}`, i, at))
	}
	for len(events) > 0 {
		n := min(len(events), 500)
		for _, r := range h.events.PostBatch(b.Context(), h.book, events[:n]) {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
		events = events[n:]
	}
	b.ResetTimer()
	read := int64(0)
	for b.Loop() {
		b.StopTimer()
		if err := h.Rebuild(b.Context(), h.book); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		report, err := h.Feed(b.Context(), h.turn())
		if err != nil {
			b.Fatal(err)
		}
		read += report.Items
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "transactions/s")
	b.StopTimer()
	h.move(h.time().AddDate(0, 0, 9))
	began := time.Now()
	report, err := h.Release(b.Context(), h.turn())
	if err != nil || report.Items != orders {
		b.Fatal(report, err)
	}
	b.ReportMetric(orders/time.Since(began).Seconds(), "settlements/s")
}
