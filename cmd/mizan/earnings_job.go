package main

// Earnings among the parts: the job that adds what was recorded, and how far behind it is, for Prometheus.

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"mizan/payouts/earnings"
	"mizan/payouts/jobs"

	"github.com/prometheus/client_golang/prometheus"
)

// earningsTimeout bounds one period, also where sums are made anew. What it leaves, the next one goes on with.
const earningsTimeout = 2 * time.Hour

// earningsJob follows each book every minute.
func (p *parts) earningsJob() (jobs.Job, error) {
	minutely, err := jobs.Cron("* * * * *")
	return jobs.Job{Name: "earnings_follow", Schedule: minutely, PerBook: true, Latest: true, Timeout: earningsTimeout, Keep: oftenKept, Run: p.followEarnings}, err
}

func (p *parts) followEarnings(ctx context.Context, period jobs.Period) (jobs.Report, error) {
	book, err := p.books.Book(ctx, period.Book.Code)
	if err != nil {
		return jobs.Report{}, err
	}
	counted, err := p.earnings.FollowAWhile(ctx, book)
	return jobs.Report{Text: fmt.Sprintf("%d transactions counted", counted), Items: counted}, err
}

var earningsBehind = prometheus.NewDesc("mizan_earnings_transactions_waiting", "Transactions that the sums of earnings do not count yet, by book. It grows while more than 500 transactions a second are posted. If it grows for minutes beside fewer: look at the job earnings_follow.", []string{"book"}, nil)

// earningsMetrics show how far behind the sums are in all books, whoever follows them.
type earningsMetrics struct {
	parts   *parts
	service *earnings.Service
	log     *slog.Logger
	mu      sync.Mutex
}

// newEarningsMetrics registers them.
func newEarningsMetrics(registry *prometheus.Registry, p *parts, log *slog.Logger) {
	registry.MustRegister(&earningsMetrics{parts: p, service: p.earnings, log: log})
}

// Describe names them.
func (m *earningsMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- earningsBehind }

// Collect reads two rows of each book. Where the database does not answer, these metrics are missing and all others are there.
func (m *earningsMetrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), standingTime)
	defer cancel()
	for after := ""; ; {
		page, err := m.parts.books.Books(ctx, after, booksAtATime)
		if err != nil {
			m.log.Warn("how far earnings are behind could not be read for the metrics", "err", err)
			return
		}
		for _, book := range page {
			at, err := m.service.Standing(ctx, book)
			if err != nil {
				m.log.Warn("how far earnings are behind could not be read for the metrics", "err", err)
				return
			}
			ch <- gauge(earningsBehind, float64(at.Behind), book.Code)
		}
		if len(page) < booksAtATime {
			return
		}
		after = page[len(page)-1].Code
	}
}
