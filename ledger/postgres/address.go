package postgres

// Address: what the address of a database says about the way there, without going it.

import (
	"crypto/tls"
	"net"
	"slices"
	"strings"

	"mizan/ledger/fault"

	"github.com/jackc/pgx/v5"
)

// ErrAddress means that the address of a database cannot be read. Its message never repeats the address, which may hold a
// password.
var ErrAddress = fault.New(fault.Invalid, "database-address",
	"An address of a database must look like postgres://mizan_app@db.example.com/mizan?sslmode=verify-full. Check the host, the port, "+
		"sslmode, that the files of certificates it names are there, and that the password holds none of / : @ ? # %, or has them escaped.")

// Address is what an address comes to, with the variables that libpq knows, such as PGHOST.
type Address struct {
	// Role is who connects.
	Role string
	// Unproven are the hosts over a network that could be somebody else, or could be overheard: those that sslmode=verify-full does not
	// hold for. A Unix socket and this machine's own addresses need no proof.
	Unproven []string
	// Remote reports whether one of the hosts is another machine.
	Remote bool

	// password is behind a function: what prints an Address cannot see what a function returns.
	password func() string
}

// ReadAddress reads the address of a database. It returns ErrAddress.
func ReadAddress(url string) (Address, error) {
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return Address{}, ErrAddress
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return Address{}, ErrAddress // the driver's error repeats what was given
	}
	a := Address{Role: config.User, password: func() string { return config.Password }}
	a.look(config.Host, config.TLSConfig)
	// Each is tried when those before it fail: other hosts, and the same host without TLS for sslmode=prefer.
	for _, other := range config.Fallbacks {
		a.look(other.Host, other.TLSConfig)
	}
	return a, nil
}

// look judges one way to a host.
func (a *Address) look(host string, config *tls.Config) {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || loopback(host) {
		return
	}
	a.Remote = true
	// Below verify-full the driver does not let TLS check the name, and checks less or nothing itself.
	if (config == nil || config.InsecureSkipVerify) && !slices.Contains(a.Unproven, host) {
		a.Unproven = append(a.Unproven, host)
	}
}

// Password returns the password of the address, "" for none. It is for judging only.
func (a Address) Password() string {
	if a.password == nil {
		return ""
	}
	return a.password()
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
