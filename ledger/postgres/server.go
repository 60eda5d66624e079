package postgres

// Server: a private PostgreSQL that belongs to one process, listens on a Unix socket only, and keeps its data between
// runs. `mizan dev` and the tests run on it; production brings its own server.

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"mizan/ledger/fault"

	"github.com/jackc/pgx/v5"
)

// ErrServerStart means that the private server could not be started; the cause holds its last words.
var ErrServerStart = fault.New(fault.Unavailable, "postgres-start", "The private PostgreSQL did not start.")

// superuser is the role that initdb makes.
const superuser = "postgres"

// socketPort is part of the socket's name; nothing listens on a network port.
const socketPort = 5432

// startLimit bounds a start, which after a crash replays up to max_wal_size of log.
const startLimit = 2 * time.Minute

// ServerConfig describes a private server.
type ServerConfig struct {
	// DataDir holds the data; it and its parents are made if they are missing. Beside it lies DataDir.lock.
	DataDir string
	// Bin is the release to run; if zero, FindBinaries decides.
	Bin Binaries
	// Durable makes a confirmed commit survive a power cut. Only tests go without.
	Durable bool
	// Disposable removes DataDir when the server has ended, stops in haste, and takes no lock: for a private copy in the
	// directory for temporary files.
	Disposable bool
	// MaxConnections is 100 if zero.
	MaxConnections int
	// SharedBuffers is 256MB if empty.
	SharedBuffers string
	// Settings are further settings of postgresql.conf, which win over those above.
	Settings map[string]string
}

// Server is a running private server. Stop it; if this process ends first, however it ends, the server ends by itself.
type Server struct {
	config    ServerConfig
	socketDir string
	lock      *os.File
	process   *supervised
}

// StartServer starts the server on its data, which it makes if there are none, and waits until it answers. A server left
// behind by a process that was killed is stopped first. It returns ErrDataInUse if another process runs one on the same
// data, and ErrNoBinaries, ErrNoIdentity, ErrDataVersion or ErrServerStart if it cannot be done.
func StartServer(ctx context.Context, config ServerConfig) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	config, err := config.complete(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{config: config}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (c ServerConfig) complete(ctx context.Context) (ServerConfig, error) {
	if c.DataDir == "" {
		return c, errors.New("a private server needs a data directory")
	}
	var err error
	if c.DataDir, err = filepath.Abs(c.DataDir); err != nil {
		return c, err
	}
	if c.Bin.Dir == "" {
		if c.Bin, err = FindBinaries(ctx); err != nil {
			return c, err
		}
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 100
	}
	if c.SharedBuffers == "" {
		c.SharedBuffers = "256MB"
	}
	return c, nil
}

func (s *Server) start(ctx context.Context) error {
	var err error
	if !s.config.Disposable {
		if s.lock, err = lockData(s.config.DataDir); err != nil {
			return err
		}
		if err := evict(ctx, s.config.DataDir); err != nil {
			return err
		}
	}
	id, err := prepareData(ctx, s.config)
	if err != nil {
		return err
	}
	if s.socketDir, err = makeSocketDir(); err != nil {
		return err
	}
	if err := id.own(s.socketDir); err != nil {
		return err
	}
	log, err := openLog(s.LogFile())
	if err != nil {
		return err
	}
	defer log.Close()
	gone, remove := "INT QUIT KILL", [2]string{s.socketDir}
	if s.config.Disposable {
		gone, remove[1] = "QUIT KILL", s.config.DataDir
	}
	if s.process, err = supervise(id, log, gone, remove, s.command()...); err != nil {
		return ErrServerStart.Because(err)
	}
	return s.waitReady(ctx)
}

// command is the postmaster's command line. Settings stand there, not in postgresql.conf, so that a newer Mizan changes
// them for old data too.
func (s *Server) command() []string {
	command := []string{s.config.Bin.path("postgres"), "-D", s.config.DataDir}
	onOff := map[bool]string{true: "on", false: "off"}[s.config.Durable]
	settings := [][2]string{
		{"listen_addresses", ""},
		{"unix_socket_directories", s.socketDir},
		{"unix_socket_permissions", "0700"},
		{"port", strconv.Itoa(socketPort)},
		{"max_connections", strconv.Itoa(s.config.MaxConnections)},
		{"shared_buffers", s.config.SharedBuffers},
		{"max_wal_size", "2GB"},
		// A statement takes a lock on each partition it may touch, and a large book has hundreds.
		{"max_locks_per_transaction", "512"},
		{"timezone", "UTC"},
		{"log_timezone", "UTC"},
		{"fsync", onOff},
		{"full_page_writes", onOff},
		{"synchronous_commit", "on"},
	}
	for _, setting := range settings {
		command = append(command, "-c", setting[0]+"="+setting[1])
	}
	for name, value := range s.config.Settings {
		command = append(command, "-c", name+"="+value)
	}
	return command
}

// waitReady waits until the server answers, and reports its last words if it ends instead.
func (s *Server) waitReady(ctx context.Context) error {
	over, leave := s.process.ended()
	defer leave()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-over:
			return ErrServerStart.Because(errors.New(lastWords(s.LogFile())))
		case <-ctx.Done():
			return ErrServerStart.Because(fmt.Errorf("%w: %w: %s", ctx.Err(), err, lastWords(s.LogFile())))
		case <-ticker.C:
		}
	}
}

func (s *Server) ping(ctx context.Context) error {
	// Most attempts come before the socket is there; looking is cheaper than dialling.
	if _, err := os.Stat(filepath.Join(s.socketDir, socketName())); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, s.URL(superuser, "postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// URL returns the address of a database for a role. The superuser is "postgres". There are no passwords: who may enter
// the socket's directory may connect.
func (s *Server) URL(role, database string) string {
	query := url.Values{"host": {s.socketDir}, "port": {strconv.Itoa(socketPort)}}
	return (&url.URL{
		Scheme:   "postgres",
		User:     url.User(role),
		Path:     "/" + database,
		RawQuery: query.Encode(),
	}).String()
}

// LogFile returns the path of the server's own log.
func (s *Server) LogFile() string { return filepath.Join(s.config.DataDir, "server.log") }

// Done returns a channel that is closed when the server has ended: after Stop, or because it crashed. Call Stop then too.
func (s *Server) Done() <-chan struct{} { return s.process.finished() }

// Stop ends the server: open transactions are rolled back, what was committed stays. When ctx ends it stops waiting for
// an orderly end and uses force, which loses nothing either. Stop may be called again.
func (s *Server) Stop(ctx context.Context) error { return errors.Join(s.halt(ctx), s.release()) }

func (s *Server) halt(ctx context.Context) error {
	if s.process == nil {
		return nil
	}
	steps := []stopStep{{"INT", 20 * time.Second, true}, {"QUIT", 5 * time.Second, false}, {"KILL", 5 * time.Second, false}}
	if s.config.Disposable {
		// There is nothing to keep, so that no checkpoint is worth waiting for.
		steps = steps[1:]
	}
	return s.process.stop(ctx, steps)
}

// release gives back what start took, as far as it came.
func (s *Server) release() error {
	// Harmless if halt was called before: all is over then.
	err := s.halt(context.Background())
	if s.socketDir != "" {
		err = errors.Join(err, os.RemoveAll(s.socketDir))
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	return err
}

func socketName() string { return ".s.PGSQL." + strconv.Itoa(socketPort) }

// makeSocketDir makes a private directory whose path leaves room for the socket's name: the kernel takes no more than
// 107 bytes, 103 outside Linux.
func makeSocketDir() (string, error) {
	limit := 103
	if runtime.GOOS == "linux" {
		limit = 107
	}
	for _, parent := range []string{os.TempDir(), "/tmp"} {
		dir, err := os.MkdirTemp(parent, "mizan-")
		if err != nil {
			continue
		}
		if len(filepath.Join(dir, socketName())) <= limit {
			return dir, nil
		}
		if err := os.Remove(dir); err != nil {
			return "", err
		}
	}
	return "", ErrServerStart.Withf("No temporary directory has a path short enough for a socket. "+
		"Set TMPDIR to a directory with a path of at most %d bytes.", limit-len("/mizan-0000000000/")-len(socketName()))
}
