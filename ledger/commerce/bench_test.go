package commerce

import "testing"

// BenchmarkSale measures what a sale takes before it is posted: judging it, computing its sheet, and its explanation.
func BenchmarkSale(b *testing.B) {
	w := newWorkbench(b, "UK", "Europe/London", "GBP")
	e := event(b, "order.captured", "UK-1", s2Sale)
	b.Run("prepare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.prepare(w.book, &e); err != nil {
				b.Fatal(err)
			}
		}
	})
	ready, err := w.prepare(w.book, &e)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("plan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, done := w.plan(b.Context(), w.book, ready, true, nil); done != nil {
				b.Fatal(done.Err)
			}
		}
	})
	p, _ := w.plan(b.Context(), w.book, ready, true, nil)
	b.Run("explain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.explained.expand()
		}
	})
}
