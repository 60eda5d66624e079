package api

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// BenchmarkPostOverHTTP posts single sales from 64 clients. The test database does not wait for the disk, so that it
// shows what the service costs and not what the machine's disk does.
func BenchmarkPostOverHTTP(b *testing.B) {
	h := open(b)
	var n atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h.benchPost(b, posting, saleBody(int(n.Add(1))), http.StatusCreated)
		}
	})
}

// BenchmarkBatchOverHTTP posts batches of a thousand sales.
func BenchmarkBatchOverHTTP(b *testing.B) {
	h := open(b)
	n := 0
	for b.Loop() {
		items := make([]string, 1000)
		for i := range items {
			items[i] = saleBody(n)
			n++
		}
		h.benchPost(b, posting+"/batch", `{"transactions":[`+strings.Join(items, ",")+"]}", http.StatusOK)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "sales/s")
}

func (h *house) benchPost(b *testing.B, path, body string, want int) {
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, h.server.URL+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+testKey)
	res, err := h.client.Do(r)
	if err != nil {
		b.Error(err)
		return
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != want {
		b.Error(fmt.Errorf("%d %.200s %v", res.StatusCode, answer, err))
	}
}
