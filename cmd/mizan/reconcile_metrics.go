package main

// How reconciliation stands, for Prometheus: what is open and how old, what waits in suspense, when each source was compared last,
// and where evidence is missing. Counts and seconds only; amounts are in reports.

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"mizan/ledger"
	"mizan/payouts/reconcile"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// standingKept is for how long what was read is shown again: differences change by the night, not by the scrape.
	standingKept = time.Minute
	// standingTime bounds one reading.
	standingTime = 5 * time.Second
)

var (
	breaksOpen = prometheus.NewDesc("mizan_breaks_open", "Open differences, by book, match and class.", []string{"book", "match", "class"}, nil)
	breaksAge  = prometheus.NewDesc("mizan_breaks_oldest_seconds", "How long ago the oldest open difference was first seen, by book, match and class.", []string{"book", "match", "class"}, nil)
	breaksOver = prometheus.NewDesc("mizan_breaks_overdue", "Open differences past what was expected of them, by book. Above 0: look at the breaks that are overdue, and fix, explain or write them off.", []string{"book"}, nil)
	breaksWait = prometheus.NewDesc("mizan_breaks_in_suspense", "Open differences of which something waits in suspense, by book. Each needs to be known: send its business event, or fix it.", []string{"book"}, nil)
	breaksHold = prometheus.NewDesc("mizan_breaks_blocking_close", "Open differences in suspense for longer than a month may close with, by book. Above 0: fix them or write them off before the month closes.", []string{"book"}, nil)
	runsAge    = prometheus.NewDesc("mizan_reconciliation_age_seconds", "How long ago the newest run ended, by book, match and source. Above two days: see why the nightly job does not run, and run it on demand.", []string{"book", "match", "source"}, nil)
	runsBehind = prometheus.NewDesc("mizan_reconciliation_lines_waiting", "Lines of evidence after the newest run, by book, match and source. If it does not fall by the next night: run the match.", []string{"book", "match", "source"}, nil)
	gapsOpen   = prometheus.NewDesc("mizan_evidence_gaps", "Places where evidence of a source is missing or contradicts itself, by book, kind and source. Above 0: pull again from further back, or ask the bank for the statements that the source names.", []string{"book", "kind", "source"}, nil)
)

// reconcileMetrics show how reconciliation stands in all books, whoever ran it. Books, matches, classes and sources are few.
type reconcileMetrics struct {
	books   *ledger.Ledger
	service *reconcile.Service
	now     func() time.Time
	log     *slog.Logger

	mu   sync.Mutex
	at   time.Time
	kept []prometheus.Metric
}

// newReconcileMetrics registers them.
func newReconcileMetrics(registry *prometheus.Registry, p *parts, now func() time.Time, log *slog.Logger) {
	registry.MustRegister(&reconcileMetrics{books: p.books, service: p.reconcile, now: now, log: log})
}

// Describe names them.
func (m *reconcileMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{breaksOpen, breaksAge, breaksOver, breaksWait, breaksHold, runsAge, runsBehind, gapsOpen} {
		ch <- d
	}
}

// Collect hands out what was read in the last minute, or reads it. Where the database does not answer, these metrics are missing and
// all others are there.
func (m *reconcileMetrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.now(); m.kept == nil || now.Sub(m.at) >= standingKept || now.Before(m.at) {
		ctx, cancel := context.WithTimeout(context.Background(), standingTime)
		defer cancel()
		kept, err := m.read(ctx)
		if err != nil {
			m.log.Warn("how reconciliation stands could not be read for the metrics", "err", err)
			return
		}
		m.kept, m.at = kept, now
	}
	for _, one := range m.kept {
		ch <- one
	}
}

func gauge(d *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

// read goes through all books. A book that nobody reconciles has no figures.
func (m *reconcileMetrics) read(ctx context.Context) ([]prometheus.Metric, error) {
	all := []prometheus.Metric{}
	for after := ""; ; {
		page, err := m.books.Books(ctx, after, booksAtATime)
		if err != nil {
			return nil, err
		}
		for _, book := range page {
			if all, err = m.readBook(ctx, book, all); err != nil {
				return nil, err
			}
		}
		if len(page) < booksAtATime {
			return all, nil
		}
		after = page[len(page)-1].Code
	}
}

func (m *reconcileMetrics) readBook(ctx context.Context, book ledger.Book, all []prometheus.Metric) ([]prometheus.Metric, error) {
	runs, err := m.service.NewestRuns(ctx, book)
	if err != nil {
		return all, err
	}
	now := m.now()
	for _, r := range runs {
		match := matchName(r.Match)
		all = append(all, gauge(runsAge, now.Sub(r.RecordedAt).Seconds(), book.Code, match, r.Name), gauge(runsBehind, float64(max(r.Lines-r.ToLine, 0)), book.Code, match, r.Name))
	}
	sources, err := m.service.Sources(ctx, book)
	if err != nil {
		return all, err
	}
	for _, x := range sources {
		gaps, err := gapsOf(ctx, m.service, book, x)
		if err != nil {
			return all, err
		}
		all = append(all, gauge(gapsOpen, float64(gaps), book.Code, string(x.Kind), x.Name))
	}
	if len(runs) == 0 {
		return all, nil
	}
	health, err := m.service.Health(ctx, book)
	if err != nil {
		return all, err
	}
	var overdue, waiting, blocking int64
	for _, h := range health {
		match := matchName(h.Match)
		all = append(all, gauge(breaksOpen, float64(h.Open), book.Code, match, string(h.Class)), gauge(breaksAge, now.Sub(h.Oldest).Seconds(), book.Code, match, string(h.Class)))
		overdue, waiting, blocking = overdue+h.Overdue, waiting+h.Waiting, blocking+h.Blocking
	}
	return append(all, gauge(breaksOver, float64(overdue), book.Code), gauge(breaksWait, float64(waiting), book.Code), gauge(breaksHold, float64(blocking), book.Code)), nil
}

// gapsOf counts where a source's evidence is missing or contradicts itself.
func gapsOf(ctx context.Context, service *reconcile.Service, book ledger.Book, x reconcile.Source) (int, error) {
	if x.Kind == reconcile.KindChannel {
		return 0, nil
	}
	gaps, err := service.Completeness(ctx, book, x)
	if err != nil || x.Kind != reconcile.KindBank {
		return len(gaps), err
	}
	breaks, err := service.Continuity(ctx, book, x)
	return len(gaps) + len(breaks), err
}

// matchName is a match as people write it: R1 to R4.
func matchName(m reconcile.Match) string { return "R" + string(rune('0'+m)) }
