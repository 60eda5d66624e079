package pgtest

// Cluster: the server that this test binary's databases live on.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"

	"mizan/ledger/postgres"
	"mizan/migrations"

	"github.com/jackc/pgx/v5"
)

// role is one of the three ways to connect.
type role int

const (
	roleApp role = iota
	roleOwner
	roleSuper
)

// password protects the roles on a server that asks for one; ours does not.
const password = "mizan-test"

// server is a cluster with a template to clone.
type server struct {
	url      func(role, string) string
	template string
	// strategy is how CREATE DATABASE copies. Copying files is five times as fast as logging their pages, as long as the
	// checkpoints it asks for need not reach the disk.
	strategy string

	mu   sync.Mutex
	idle []*pgx.Conn // of the superuser, for making and dropping databases
}

// running keeps the private server from being collected as garbage: it ends when its pipe is closed.
var running *postgres.Server

// open finds or starts the server.
func open() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*limit)
	defer cancel()
	if admin := os.Getenv("MIZAN_TEST_DATABASE_URL"); admin != "" {
		return openGiven(ctx, admin)
	}
	bin, err := postgres.FindBinaries(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := copyOfTemplate(ctx, bin)
	if err != nil {
		return nil, err
	}
	if running, err = postgres.StartServer(ctx, privateConfig(bin, dir)); err != nil {
		return nil, errors.Join(err, removeCopy())
	}
	return &server{url: privateURL(running), template: templateName(), strategy: "FILE_COPY"}, nil
}

// privateConfig describes a server whose data are worth nothing.
func privateConfig(bin postgres.Binaries, dir string) postgres.ServerConfig {
	return postgres.ServerConfig{
		DataDir:        dir,
		Bin:            bin,
		Disposable:     true,
		MaxConnections: 300,
		SharedBuffers:  "128MB",
		Settings: map[string]string{
			"wal_level":          "minimal",
			"min_wal_size":       "8MB",
			"max_wal_size":       "512MB",
			"max_wal_senders":    "0",
			"checkpoint_timeout": "1h",
			"log_checkpoints":    "off",
		},
	}
}

func privateURL(s *postgres.Server) func(role, string) string {
	roles := postgres.Roles{}.OrDefault()
	names := [...]string{roleApp: roles.App, roleOwner: roles.Owner, roleSuper: "postgres"}
	return func(r role, database string) string { return s.URL(names[r], database) }
}

// openGiven uses the server at admin, on which several test binaries may be doing the same.
func openGiven(ctx context.Context, admin string) (*server, error) {
	base, err := url.Parse(admin)
	if err != nil || base.Scheme == "" {
		return nil, fmt.Errorf("MIZAN_TEST_DATABASE_URL must be an address like postgres://postgres@localhost/postgres")
	}
	roles := postgres.Roles{}.OrDefault()
	users := [...]*url.Userinfo{
		roleApp:   url.UserPassword(roles.App, password),
		roleOwner: url.UserPassword(roles.Owner, password),
		roleSuper: base.User,
	}
	s := &server{template: templateName(), strategy: "WAL_LOG", url: func(r role, database string) string {
		address := *base
		address.User, address.Path = users[r], "/"+database
		return address.String()
	}}
	return s, ensureTemplate(ctx, s.url, s.template)
}

// templateName changes with every change of the schema.
func templateName() string { return "mizan_template_" + migrations.Fingerprint()[:16] }

// cacheKey changes with everything that is in a cached data directory.
func cacheKey(bin postgres.Binaries) string {
	// Raise the first number when this package or the bootstrap changes what it puts there.
	sum := sha256.Sum256(fmt.Appendln(nil, 1, bin.Dir, bin.Version, migrations.Fingerprint()))
	return bin.Version + "-" + hex.EncodeToString(sum[:8])
}
