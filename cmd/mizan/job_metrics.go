package main

// What the jobs do, for Prometheus and for the log. A job that waits for people is an alarm.

import (
	"context"
	"log/slog"
	"time"

	"mizan/ledger/fault"
	"mizan/payouts/jobs"

	"github.com/prometheus/client_golang/prometheus"
)

// jobMetrics count what this process runs, and show how all jobs stand, whoever runs them. Jobs are few, so they may be labels.
type jobMetrics struct {
	runs    *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	items   *prometheus.CounterVec
	unwell  prometheus.Counter
	log     *slog.Logger

	service *jobs.Service
	now     func() time.Time
}

var (
	jobsWaiting  = prometheus.NewDesc("mizan_job_periods_open", "Periods that wait or run, by job.", []string{"job"}, nil)
	jobsParked   = prometheus.NewDesc("mizan_job_periods_parked", "Periods that failed as often as they may and wait for people, by job; at most 1000 of a book are counted.", []string{"job"}, nil)
	jobsStranded = prometheus.NewDesc("mizan_job_periods_stranded", "Periods that wait or run and belong to no job of this process, by the job's name; at most 1000 of a book are counted.", []string{"job"}, nil)
	jobsLag      = prometheus.NewDesc("mizan_job_lag_seconds", "How long ago the oldest period became due that is not over, by job.", []string{"job"}, nil)
)

// newJobMetrics registers what the jobs of this process do.
func newJobMetrics(registry *prometheus.Registry, log *slog.Logger) *jobMetrics {
	m := &jobMetrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mizan_job_runs_total",
			Help: "Runs of jobs that ended in this process, by job and ending: done, failed, parked, fenced or released."}, []string{"job", "ending"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "mizan_job_run_seconds",
			Help: "Time of a run, by job.", Buckets: prometheus.ExponentialBuckets(0.01, 4, 10)}, []string{"job"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mizan_job_items_total",
			Help: "Things that runs of jobs dealt with, by job."}, []string{"job"}),
		unwell: prometheus.NewCounter(prometheus.CounterOpts{Name: "mizan_jobs_unwell_total",
			Help: "How often the jobs could not be looked after, such as while the database does not answer."}),
		log: log,
	}
	registry.MustRegister(m.runs, m.seconds, m.items, m.unwell, m)
	return m
}

// watch names the jobs whose standing is shown. It comes before the first scrape.
func (m *jobMetrics) watch(s *jobs.Service, now func() time.Time) { m.service, m.now = s, now }

// observe counts an event and writes what people should know to the log. It never writes what a job reported.
func (m *jobMetrics) observe(e jobs.Event) {
	said := []any{"job", e.Job, "book", e.Book, "period", e.Period, "fence", e.Fence, "attempt", e.Attempt}
	if e.Err != nil {
		said = append(said, "code", fault.CodeOf(e.Err), "err", e.Err)
	}
	switch e.Kind {
	case jobs.Planned, jobs.Started:
	case jobs.Done, jobs.Released, jobs.Failed, jobs.Parked, jobs.Fenced:
		m.ended(e, said)
	case jobs.Behind:
		m.log.Warn("more periods of a job are due than may wait", said...)
	case jobs.Strange:
		m.log.Error("work is due that belongs to no job of this program: it is done only if an instance of another release does it",
			"job", e.Job, "book", e.Book, "oldest", e.Period, "periods", e.Items)
	case jobs.TakenOver:
		m.log.Warn("a run of a job was taken over from a process that had stopped", said...)
	default:
		m.unwell.Inc()
		m.log.Warn("the jobs could not be looked after", said...)
	}
}

func (m *jobMetrics) ended(e jobs.Event, said []any) {
	m.runs.WithLabelValues(e.Job, e.Kind).Inc()
	if e.Attempt > 0 {
		m.seconds.WithLabelValues(e.Job).Observe(e.Took.Seconds())
	}
	said = append(said, "took", e.Took, "items", e.Items)
	switch e.Kind {
	case jobs.Done:
		m.items.WithLabelValues(e.Job).Add(float64(e.Items))
		m.log.Info("a job has run", said...)
	case jobs.Parked:
		m.log.Error("a job has failed as often as it may and waits for people", withStack(said, e.Stack)...)
	case jobs.Failed:
		m.log.Warn("a run of a job failed and will be tried again", withStack(said, e.Stack)...)
	default:
		m.log.Warn("a run of a job did not come to its end", append(said, "kind", e.Kind)...)
	}
}

func withStack(said []any, stack []byte) []any {
	if len(stack) == 0 {
		return said
	}
	return append(said, "stack", string(stack))
}

// Describe names the metrics that are read when they are asked for.
func (m *jobMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- jobsWaiting
	ch <- jobsParked
	ch <- jobsStranded
	ch <- jobsLag
}

// scrapeTime bounds the reading for one scrape.
const scrapeTime = 2 * time.Second

// Collect reads how the jobs stand. Where the database does not answer, these metrics are missing and all others are there.
func (m *jobMetrics) Collect(ch chan<- prometheus.Metric) {
	if m.service == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	list, err := m.service.Jobs(ctx, nil)
	if err != nil {
		m.log.Warn("how the jobs stand could not be read for the metrics", "err", err)
		return
	}
	m.collectStranded(ctx, ch)
	type standing struct {
		open, parked int
		lag          time.Duration
	}
	all := map[string]standing{}
	for _, s := range list {
		now := all[s.Job]
		now.open += s.Open
		now.parked += s.Parked
		if s.Oldest != nil {
			now.lag = max(now.lag, m.now().Sub(*s.Oldest))
		}
		all[s.Job] = now
	}
	for job, s := range all {
		ch <- prometheus.MustNewConstMetric(jobsWaiting, prometheus.GaugeValue, float64(s.open), job)
		ch <- prometheus.MustNewConstMetric(jobsParked, prometheus.GaugeValue, float64(s.parked), job)
		ch <- prometheus.MustNewConstMetric(jobsLag, prometheus.GaugeValue, s.lag.Seconds(), job)
	}
}

// collectStranded shows what is due that nobody here can do. Names come from the database, and no more than a thousand are read.
func (m *jobMetrics) collectStranded(ctx context.Context, ch chan<- prometheus.Metric) {
	list, err := m.service.Stranded(ctx)
	if err != nil {
		m.log.Warn("which work belongs to no job could not be read for the metrics", "err", err)
		return
	}
	open := map[string]int{}
	for _, w := range list {
		open[w.Job] += w.Open
	}
	for job, n := range open {
		ch <- prometheus.MustNewConstMetric(jobsStranded, prometheus.GaugeValue, float64(n), job)
	}
}

// quiet leaves out what only the makers of the carrier want to know.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(quietHandler{log.Handler()}) }

type quietHandler struct{ slog.Handler }

// Enabled reports whether the level is a warning at least.
func (h quietHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// WithAttrs keeps the handler quiet.
func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the handler quiet.
func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.Handler.WithGroup(name)}
}
