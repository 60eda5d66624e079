package api

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mizan/ledger"
)

// Metrics of the service. Labels are route patterns, methods, status classes, codes of problems and books: their number does not grow
// with traffic.

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	refusals *prometheus.CounterVec
}

// newMetrics registers the metrics. It returns an error if the registry has them already.
func newMetrics(registry *prometheus.Registry, l *ledger.Ledger) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mizan_http_requests_total", Help: "Requests answered, by route, method and class of status.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "mizan_http_request_duration_seconds", Help: "Time from the first byte of a request to the last of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .02, .03, .05, .1, .25, .5, 1, 2.5, 5, 15},
		}, []string{"route", "method"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mizan_http_refusals_total", Help: "Requests answered with a problem, by its code.",
		}, []string{"code"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "mizan_http_requests_in_flight", Help: "Requests being answered."}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.inFlight, m.refusals, queueCollector{l}} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) observe(w *recorder, method string, took time.Duration) {
	method = knownMethod(method)
	class := strconv.Itoa(w.status/100) + "xx"
	m.requests.WithLabelValues(w.route, method, class).Inc()
	if w.code != "" {
		m.refusals.WithLabelValues(w.code).Inc()
	}
	m.duration.WithLabelValues(w.route, method).Observe(took.Seconds())
}

// queueCollector reports how much waits to be recorded, per book.
type queueCollector struct{ ledger *ledger.Ledger }

var queueDepth = prometheus.NewDesc("mizan_ledger_queue_submissions", "Submissions waiting to be recorded.", []string{"book"}, nil)

// Describe names the metric.
func (c queueCollector) Describe(ch chan<- *prometheus.Desc) { ch <- queueDepth }

// Collect reads the queues.
func (c queueCollector) Collect(ch chan<- prometheus.Metric) {
	for book, n := range c.ledger.QueueDepths() {
		ch <- prometheus.MustNewConstMetric(queueDepth, prometheus.GaugeValue, float64(n), book)
	}
}
