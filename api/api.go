package api

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"mizan/api/access"
	"mizan/api/console"
	"mizan/api/traffic"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/commerce/receipts"
	"mizan/ledger/guard"
	"mizan/ledger/vault"
	"mizan/payouts"
	"mizan/payouts/earnings"
	"mizan/payouts/health"
	"mizan/payouts/jobs"
	"mizan/payouts/processor/bankfile"
	"mizan/payouts/questions"
	"mizan/payouts/reconcile"
	"mizan/payouts/reports"
	"mizan/payouts/search"
	"mizan/payouts/statements"
)

// Config is what the API is made of.
type Config struct {
	// Ledger, Commerce, Rules, Access and Now are required. Commerce posts to the same ledger by the same rules.
	Ledger   *ledger.Ledger
	Commerce *commerce.Service
	Rules    *commerce.RuleSets
	Access   *access.Service
	Now      func() time.Time
	// Intake stores and applies inbound messages; without it there are none. Whoever made it runs it.
	Intake *intake.Service
	// Notices stores what payment processors announce; without it nothing of them is taken.
	Notices Notices
	// Desk keeps approvals and Trail the audit trail; what needs them is not ready without them. Without Vault there are no
	// personal data.
	Desk  *guard.Desk
	Trail *guard.Trail
	Vault *vault.Vault
	// Jobs knows the jobs; without it there are none. Whoever made it runs it.
	Jobs *jobs.Service
	// Payouts keeps payouts, and what waits for a time; without it there are none.
	Payouts *payouts.Service
	// Bank keeps what is paid by bank files; without it there are none.
	Bank *bankfile.Service
	// Reconcile holds the books against evidence and closes months; without it there is no reconciliation.
	Reconcile *reconcile.Service
	// Earnings tells what payees earned over time; without it nobody does.
	Earnings *earnings.Service
	// Statements tells payees what came to their accounts and why; without it nobody is told.
	Statements *statements.Service
	// Questions are what payees ask about what they are told; without it nobody can ask.
	Questions *questions.Service
	// Health reads how books stand; without it they are read from all that is given here.
	Health *health.Service
	// Reports answers reports and keeps exports; without it there are none.
	Reports *reports.Service
	// Receipts knows what is public; without it nothing is.
	Receipts *receipts.Service
	// PublicURL is where people reach the service, such as https://ledger.example.com; links are relative if it is empty.
	PublicURL string
	// Log receives one line per request and every unexpected error; nil discards them.
	Log *slog.Logger
	// Metrics is served at /metrics, and the API's own metrics are added to it. Register gauges of other parts on it. Nil
	// makes one.
	Metrics *prometheus.Registry
	// Version is shown in the OpenAPI document; "dev" if empty.
	Version string
	// CursorKey authenticates cursors; replicas must share it. If it is empty each process draws its own, and a cursor
	// does not outlive a restart. Use at least 16 random bytes.
	CursorKey []byte
	// Console is served wherever nothing else is, Docs at /docs and below; nil serves nothing there.
	Console, Docs http.Handler
	// Ready says why the service cannot take requests now, nil if it can; /readyz asks it. Nil means always ready.
	Ready func(ctx context.Context) error
	// IntakeBytes bounds the bodies that are being read, decoded or posted at once, over all callers, of which one key may hold three
	// quarters; 0 means 40 MiB. A
	// request that finds no room is answered with ErrOverloaded before its body is read.
	IntakeBytes int64
	// Files count the files that are on their way to each caller, together with those of the pages if they are given the same; nil counts
	// those of the operations alone.
	Files *traffic.Files
	// Patience is how long the reader of a file may take for one part of it; ten minutes if it is zero.
	Patience time.Duration
	// LookPatience is how long one figure of a book's health and one part of a search may take; a second and a half if it is zero.
	LookPatience time.Duration
	// TrustedProxies are the networks of the proxies whose X-Forwarded-For is believed; nobody else's is.
	TrustedProxies []netip.Prefix
	// MetricsFrom are the networks that may read /metrics beside this machine; no proxy may stand between.
	MetricsFrom []netip.Prefix
	// Traffic judges how often callers may ask; nil lets everybody ask as often as they like.
	Traffic *traffic.Traffic
	// Secure says that browsers come by TLS, as they do in production: sessions have the cookie that only TLS carries, and
	// browsers are told never to come otherwise.
	Secure bool
}

type service struct {
	room       *room
	intakes    *intake.Service
	notices    Notices
	verifying  chan struct{} // one verification at a time
	ledger     *ledger.Ledger
	commerce   *commerce.Service
	rules      *commerce.RuleSets
	access     *access.Service
	desk       *guard.Desk
	trail      *guard.Trail
	vault      *vault.Vault
	jobs       *jobs.Service
	payouts    *payouts.Service
	bank       *bankfile.Service
	reconcile  *reconcile.Service
	earnings   *earnings.Service
	reports    *reports.Service
	receipts   *receipts.Service
	statements *statements.Service
	questions  *questions.Service
	health     *health.Service
	search     *search.Service
	publicURL  string
	now        func() time.Time
	log        *slog.Logger
	metrics    *metrics
	scrape     http.Handler
	cursorKey  []byte
	ready      func(ctx context.Context) error
	console    http.Handler
	docs       http.Handler
	spec       []byte
	router     *chi.Mux
	traffic    *traffic.Traffic
	files      *traffic.Files
	proxies    []netip.Prefix
	observers  []netip.Prefix
	patience   time.Duration
	secure     bool
	// crossOrigin tells what a browser sends for this service's own pages from what another site made it send.
	crossOrigin *http.CrossOriginProtection
}

// health is what reads the health of books.
func (config *Config) health() *health.Service {
	if config.Health != nil {
		return config.Health
	}
	return health.New(health.Options{Ledger: config.Ledger, Events: config.Commerce, Intake: config.Intake, Desk: config.Desk, Jobs: config.Jobs, Payouts: config.Payouts,
		Reconcile: config.Reconcile, Questions: config.Questions, Now: config.Now, Patience: config.LookPatience, Log: config.Log})
}

// search is what searches books.
func (config *Config) search() *search.Service {
	return search.New(search.Options{Ledger: config.Ledger, Events: config.Commerce, Desk: config.Desk, Payouts: config.Payouts, Reconcile: config.Reconcile, Reports: config.Reports,
		Now: config.Now, Patience: config.LookPatience, Log: config.Log})
}

// New returns the handler of the whole service. It returns an error if the configuration lacks something, or if the
// registry holds the API's metrics already.
func New(config Config) (http.Handler, error) {
	s, err := newService(config)
	if err != nil {
		return nil, err
	}
	return s.handler(), nil
}

// handler is the service as the network reaches it.
func (s *service) handler() http.Handler { return behind(s.proxies, s.edge(s.router)) }

func newService(config Config) (*service, error) {
	switch {
	case slices.ContainsFunc(config.TrustedProxies, func(p netip.Prefix) bool { return !p.IsValid() || p.Bits() == 0 }):
		return nil, errors.New("api: Config.TrustedProxies holds no network, or everybody")
	case config.Ledger == nil || config.Commerce == nil || config.Rules == nil || config.Access == nil || config.Now == nil:
		return nil, errors.New("api: Config needs Ledger, Commerce, Rules, Access and Now")
	case len(config.CursorKey) > 0 && len(config.CursorKey) < 16:
		return nil, errors.New("api: Config.CursorKey is shorter than 16 bytes")
	}
	s := &service{
		ledger: config.Ledger, commerce: config.Commerce, rules: config.Rules, intakes: config.Intake, notices: config.Notices, access: config.Access, now: config.Now, log: config.Log, cursorKey: config.CursorKey,
		desk: config.Desk, trail: config.Trail, vault: config.Vault, jobs: config.Jobs, payouts: config.Payouts, bank: config.Bank, reconcile: config.Reconcile, earnings: config.Earnings, reports: config.Reports, receipts: config.Receipts, statements: config.Statements, questions: config.Questions, publicURL: config.PublicURL,
		health: config.health(), search: config.search(), ready: config.Ready, console: config.Console, docs: config.Docs, proxies: config.TrustedProxies, observers: config.MetricsFrom, traffic: config.Traffic, secure: config.Secure, crossOrigin: http.NewCrossOriginProtection(),
	}
	if s.patience = config.Patience; s.patience <= 0 {
		s.patience = partTime
	}
	if s.files = config.Files; s.files == nil {
		s.files = new(traffic.Files)
	}
	if config.IntakeBytes <= 0 {
		config.IntakeBytes = defaultIntake
	}
	s.room, s.verifying = newRoom(config.IntakeBytes), make(chan struct{}, 1)
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if len(s.cursorKey) == 0 {
		s.cursorKey = make([]byte, 32)
		rand.Read(s.cursorKey) // never fails: the program ends instead
	}
	if s.ready == nil {
		s.ready = func(context.Context) error { return nil }
	}
	registry := config.Metrics
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	var err error
	if s.metrics, err = newMetrics(registry, s.ledger); err != nil {
		return nil, err
	}
	s.scrape = promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: 4, DisableCompression: true})
	return s, s.route(config.Version)
}

// route makes the router and the OpenAPI document from the table of operations.
func (s *service) route(version string) error {
	s.router = chi.NewRouter()
	s.router.NotFound(s.elsewhere)
	s.router.MethodNotAllowed(s.otherMethod)
	d, err := describedAs(version)
	if err != nil {
		return err
	}
	s.spec = d.spec
	adapter := humachi.NewAdapter(s.router)
	for i, op := range Operations() {
		handler := s.serve(&op)
		adapter.Handle(d.operations[i], handler)
		if op.Method == http.MethodGet {
			// net/http sends the headers of the same answer and drops its body.
			head := *d.operations[i]
			head.Method = http.MethodHead
			adapter.Handle(&head, handler)
		}
	}
	return nil
}

// elsewhere serves what is no operation: the handbook, the console, or a problem.
func (s *service) elsewhere(rw http.ResponseWriter, r *http.Request) {
	w := rw.(*recorder)
	path := r.URL.Path
	switch {
	case path == "/v1" || strings.HasPrefix(path, "/v1/"):
		s.writeProblem(w, r, ErrNoRoute)
	case s.docs != nil && (path == "/docs" || strings.HasPrefix(path, "/docs/")):
		w.route, w.page = "/docs", pageAt(r.URL)
		s.docs.ServeHTTP(w, r)
	case s.console != nil:
		w.route, w.page = "/", pageAt(r.URL)
		s.console.ServeHTTP(w, r.WithContext(console.WithAPI(r.Context(), s.edge(s.router))))
	default:
		s.writeProblem(w, r, ErrNoRoute)
	}
}

// otherMethod answers for a path that has operations, none of them with this method.
func (s *service) otherMethod(rw http.ResponseWriter, r *http.Request) {
	w := rw.(*recorder)
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch} {
		if s.router.Match(chi.NewRouteContext(), method, path) {
			allowed = append(allowed, method)
		}
	}
	if allowed == nil {
		s.elsewhere(rw, r) // chi also comes here for methods it has never heard of
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	s.writeProblem(w, r, ErrMethod)
}

func init() {
	// Whatever huma may want to say by itself is said as a problem of ours that repeats nothing.
	huma.NewError = func(status int, _ string, _ ...error) huma.StatusError { return humaError(status) }
}

// humaError is a status huma chose.
type humaError int

// GetStatus returns the status.
func (e humaError) GetStatus() int { return int(e) }

// Error returns the status in words.
func (e humaError) Error() string { return http.StatusText(int(e)) }

// MarshalJSON writes a problem.
func (e humaError) MarshalJSON() ([]byte, error) {
	r, err := document(int(e), Problem{Type: "about:blank", Title: e.Error(), Status: int(e), Detail: e.Error(), Code: "malformed-request"})
	return r.body, err
}
