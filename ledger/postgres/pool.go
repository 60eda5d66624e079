// Package postgres is the only door to PostgreSQL: a pool with safe session settings, transactions as closures, the
// three outcomes an error can mean, and the private server that development and tests run on.
//
// It knows nothing about money. What a ledger needs from a database and easily gets wrong is settled here once: a
// commit whose answer was lost is never called failed, a cancelled request never leaves a lock behind, no read lives
// long enough to slow posting down, and a server that may forget what it confirmed is refused.
package postgres

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"mizan/ledger/fault"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrNotDurable means that the server could forget a commit that it confirmed.
var ErrNotDurable = fault.New(fault.Unavailable, "database-not-durable",
	"The database server may lose what it has confirmed. Set fsync, full_page_writes and synchronous_commit to on.")

// ErrStandby means that the server only follows another one, so that nothing can be written there.
var ErrStandby = fault.New(fault.Unavailable, "database-standby",
	"The database is a standby, which only follows another one. Let the address name the primary, such as with target_session_attrs=primary.")

// ErrVersion means that the server is older than the oldest release Mizan works with.
var ErrVersion = fault.New(fault.Unavailable, "database-too-old",
	"The database server is too old. Upgrade it to PostgreSQL 15 or later.")

// The PostgreSQL major versions Mizan is tested with. OldestMajor is the oldest that it works with.
const (
	OldestMajor = 15
	newestMajor = 18
)

// Options configure a Pool. The zero value is right for serving.
type Options struct {
	// ApplicationName is shown in pg_stat_activity; "mizan" if empty.
	ApplicationName string
	// MaxConns bounds the pool; if zero, pool_max_conns of the URL or pgx's default decides.
	MaxConns int32
	// StatementTimeout bounds each statement; 10 s if zero. It does not bound a commit that waits for a standby.
	StatementTimeout time.Duration
	// LockTimeout bounds each wait for a lock; 5 s if zero.
	LockTimeout time.Duration
	// IdleInTransactionTimeout ends a session that holds a transaction open and does nothing, and with it how long a frozen process keeps a book waiting; 5 s if zero.
	IdleInTransactionTimeout time.Duration
	// ReadLimit bounds the whole life of a read transaction; 2 s if zero. Only tests may set it, which run on machines that are busy
	// with other tests.
	ReadLimit time.Duration
	// Dial makes the connections, instead of the network; nil for the network. Only tests set it, to stand in between.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Standby accepts a server that only follows another one, for who only reads.
	Standby bool
	// Undurable accepts a server with fsync or full_page_writes off, for tests, and for who only looks and tells it.
	Undurable bool
}

// Pool is a bounded set of connections to one database. Every connection carries Mizan's session settings and was
// checked when it was made. Writes go through Tx or TxRetry, reads of more than one statement through ReadTx.
type Pool struct {
	*pgxpool.Pool

	undurable bool
	standby   bool
	readLimit time.Duration
	beginRead string
	mu        sync.Mutex
	warnings  []string
}

// Open connects to the database at url and checks the server. It returns ErrVersion, ErrStandby or ErrNotDurable for a server that
// must not be trusted with money, and the driver's error if there is no server.
func Open(ctx context.Context, url string, opts Options) (*Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database address: %w", err)
	}
	if opts.MaxConns > 0 {
		config.MaxConns = opts.MaxConns
		config.MinConns = min(config.MinConns, opts.MaxConns)
		config.MinIdleConns = min(config.MinIdleConns, opts.MaxConns)
	}
	configureSession(config.ConnConfig, opts)
	if opts.Dial != nil {
		config.ConnConfig.DialFunc = opts.Dial
	}
	p := &Pool{undurable: opts.Undurable, standby: opts.Standby, readLimit: opts.ReadLimit}
	if p.readLimit <= 0 {
		p.readLimit = readLimit
	}
	p.beginRead = fmt.Sprintf(beginRead, p.readLimit.Milliseconds())
	config.AfterConnect = p.admit
	if p.Pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := p.Ping(ctx); err != nil {
		p.Close()
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return p, nil
}

// configureSession asks for the settings in the startup message, which costs no round trip and wins over ALTER ROLE.
func configureSession(config *pgx.ConnConfig, opts Options) {
	name := opts.ApplicationName
	if name == "" {
		name = "mizan"
	}
	settings := config.RuntimeParams
	settings["application_name"] = name
	settings["timezone"] = "UTC"
	// Compiling a plan takes longer than any statement of ours runs.
	settings["jit"] = "off"
	// Tables here only grow, and a plan outlives the statistics it was made from: a partition that was empty when it was
	// analysed would be scanned by every probe of a busy connection until somebody analyses it again. So statements are
	// planned once, for keys and not for the values of one call, and scan whole tables only where no index can serve.
	// A transaction that wants to join whole tables says so with SET LOCAL.
	settings["plan_cache_mode"] = "force_generic_plan"
	settings["enable_seqscan"] = "off"
	settings["statement_timeout"] = milliseconds(opts.StatementTimeout, 10*time.Second)
	settings["lock_timeout"] = milliseconds(opts.LockTimeout, 5*time.Second)
	settings["idle_in_transaction_session_timeout"] = milliseconds(opts.IdleInTransactionTimeout, 5*time.Second)
	config.OnNotice = noteDoubt
}

func milliseconds(d, otherwise time.Duration) string {
	if d <= 0 {
		d = otherwise
	}
	// Zero would mean "no limit".
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10)
}

// admit checks each new connection, because a failover can put another server behind the same address.
func (p *Pool) admit(ctx context.Context, conn *pgx.Conn) error {
	server, err := inspect(ctx, conn)
	if err != nil {
		return fmt.Errorf("inspect the database server: %w", err)
	}
	return p.judge(server)
}

// judge decides whether a server may hold a ledger.
func (p *Pool) judge(server facts) error {
	if server.major < OldestMajor {
		return ErrVersion.Withf("The database server is PostgreSQL %d. Upgrade it to %d or later.", server.major, OldestMajor)
	}
	if server.major > newestMajor {
		p.warn(fmt.Sprintf("PostgreSQL %d is newer than %d, the newest release Mizan was tested with", server.major, newestMajor))
	}
	if server.standby && !p.standby {
		return ErrStandby
	}
	// remote_apply waits for more than on does; every other value confirms before the commit is safe.
	if server.synchronousCommit != "on" && server.synchronousCommit != "remote_apply" {
		return ErrNotDurable.Withf("The database has synchronous_commit set to %s. Set it to on.", server.synchronousCommit)
	}
	if !p.undurable && (!server.fsync || !server.fullPageWrites) {
		return ErrNotDurable
	}
	return nil
}

// warn remembers a warning once, however many connections report it.
func (p *Pool) warn(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.warnings, text) {
		p.warnings = append(p.warnings, text)
	}
}

// Warnings returns what an operator should know about the server but need not act on, for example that it is newer
// than any release Mizan was tested with.
func (p *Pool) Warnings() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.warnings)
}

// ResetAfter replaces every connection if err says that the server behind them is going away or has become a standby,
// and reports whether it did. Tx, TxRetry and ReadTx call it themselves.
func (p *Pool) ResetAfter(err error) bool {
	switch SQLState(err) {
	case stateReadOnly, stateAdminShutdown:
		p.Reset()
		return true
	}
	return false
}
