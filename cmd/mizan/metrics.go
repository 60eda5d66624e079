package main

// Metrics: what the ledger's flusher does, for Prometheus; the API adds its own and the queues. Durations are floats here because they are no money.

import (
	"mizan/ledger"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// batchMetrics count what each committed batch did. Books are few, so they may be labels.
type batchMetrics struct {
	submissions  *prometheus.CounterVec
	transactions *prometheus.CounterVec
	lines        *prometheus.CounterVec
	size         prometheus.Histogram
	phase        *prometheus.HistogramVec
	wait         prometheus.Histogram
}

// newRegistry returns a registry with the process's own metrics and those of the ledger's batches.
func newRegistry() (*prometheus.Registry, *batchMetrics) {
	latency := prometheus.ExponentialBuckets(0.0005, 2, 14)
	m := &batchMetrics{
		submissions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mizan_submissions_total",
			Help: "Submissions decided, by book and outcome."}, []string{"book", "outcome"}),
		transactions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mizan_transactions_total",
			Help: "Transactions recorded, by book."}, []string{"book"}),
		lines: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mizan_lines_total",
			Help: "Entries recorded, by book."}, []string{"book"}),
		size: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "mizan_batch_submissions",
			Help: "Submissions in one batch.", Buckets: prometheus.ExponentialBuckets(1, 2, 12)}),
		phase: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "mizan_batch_seconds",
			Help: "Time of one batch, by phase.", Buckets: latency}, []string{"phase"}),
		wait: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "mizan_batch_wait_seconds",
			Help: "How long the oldest submission of a batch had waited.", Buckets: latency}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.submissions, m.transactions, m.lines, m.size, m.phase, m.wait)
	return registry, m
}

// observe is called by the ledger after each batch and returns at once.
func (m *batchMetrics) observe(b ledger.BatchStats) {
	m.submissions.WithLabelValues(b.Book, "refused").Add(float64(b.Refused))
	m.submissions.WithLabelValues(b.Book, "replayed").Add(float64(b.Replayed))
	m.submissions.WithLabelValues(b.Book, "recorded").Add(float64(max(0, b.Submissions-b.Refused-b.Replayed)))
	m.transactions.WithLabelValues(b.Book).Add(float64(b.Transactions))
	m.lines.WithLabelValues(b.Book).Add(float64(b.Lines))
	m.size.Observe(float64(b.Submissions))
	m.phase.WithLabelValues("read").Observe(b.Reading.Seconds())
	m.phase.WithLabelValues("decide").Observe(b.Deciding.Seconds())
	m.phase.WithLabelValues("write").Observe(b.Writing.Seconds())
	m.wait.Observe(b.OldestWaits.Seconds())
}
