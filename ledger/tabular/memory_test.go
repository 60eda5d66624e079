package tabular

import (
	"bytes"
	"io"
	"runtime"
	"testing"
)

// heap returns what is alive, in bytes, without what only waits to be collected.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// watched is a file that looks at the heap whenever so many bytes have passed.
type watched struct {
	every, seen, peak int64
}

func (w *watched) Write(b []byte) (int, error) {
	if w.seen += int64(len(b)); w.seen > w.every {
		w.seen, w.peak = 0, max(w.peak, heap())
	}
	return len(b), nil
}

// Memory does not grow with the rows: a table of many needs no more than the library's own buffer for XLSX, and next to nothing
// for lines. It looks while rows are written and while the file is put together. Nothing else may run meanwhile.
func TestMemoryDoesNotGrow(t *testing.T) {
	h := sampleHeader()
	rows := []Row{row("Order 1234 of a customer", 123456, "USD"), row("=1+1", 1, "JPY"), row("ميزان", -5, "KWD")}
	for _, c := range []struct {
		format Format
		rows   int
		most   int64
	}{{CSV, 1_000_000, 2 << 20}, {JSONLines, 1_000_000, 2 << 20}, {XLSX, 200_000, 64 << 20}} {
		before := heap()
		out := &watched{every: 1 << 20}
		if c.format != XLSX {
			out.every = 16 << 20
		}
		w, err := NewWriter(out, c.format, h)
		if err != nil {
			t.Fatal(err)
		}
		for i := range share(c.rows) {
			if err := w.Write(rows[i%len(rows)]); err != nil {
				t.Fatal(err)
			}
			if i%(c.rows/20) == c.rows/20-1 || i == 1000 {
				out.peak = max(out.peak, heap())
			}
		}
		m, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		used := out.peak - before
		t.Logf("%s: %d rows, %d bytes, %d KiB of heap", c.format, m.Rows, m.Bytes, used>>10)
		if used > c.most {
			t.Errorf("%s: %d rows need %d KiB of heap, want at most %d", c.format, m.Rows, used>>10, c.most>>10)
		}
	}
}

// benchmark writes and reads tables of this many rows.
const benchmarkRows = 20_000

func BenchmarkWrite(b *testing.B) {
	h := sampleHeader()
	rows := []Row{row("Order 1234 of a customer", 123456, "USD"), row("=1+1", 1, "JPY"), row("ميزان", -5, "KWD")}
	for _, f := range Formats() {
		b.Run(string(f), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w, err := NewWriter(io.Discard, f, h)
				if err != nil {
					b.Fatal(err)
				}
				for i := range benchmarkRows {
					if err := w.Write(rows[i%len(rows)]); err != nil {
						b.Fatal(err)
					}
				}
				m, err := w.Close()
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(m.Bytes)
			}
			b.ReportMetric(float64(benchmarkRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	h := sampleHeader()
	var rows []Row
	for len(rows) < benchmarkRows {
		rows = append(rows, row("Order 1234 of a customer", 123456, "USD"), row("=1+1", 1, "JPY"), row("ميزان", -5, "KWD"))
	}
	for _, f := range Formats() {
		file, _, err := tryWrite(f, h, rows, sheetLimits)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(string(f), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				if _, err := Read(bytes.NewReader(file), f, h, func(Row) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(rows))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
