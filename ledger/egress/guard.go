package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Guard keeps messages from machines inside. It is safe for use by many goroutines.
type Guard struct {
	own      []string
	ports    []uint16
	resolver *net.Resolver
	client   *http.Client
	// open may be reached wherever it is.
	open netip.AddrPort
}

// Options say what a guard needs to know. The zero value is one to begin with.
type Options struct {
	// Own are the host names of this installation, to which no message is sent.
	Own []string
	// Timeout is how long one message may take, the answer read to its end. It is MaxTimeout if it is zero or longer.
	Timeout time.Duration
	// Resolver finds the addresses of hosts, and is the machine's own if nil.
	Resolver *net.Resolver
}

const (
	// MaxTimeout is the longest that a message may take.
	MaxTimeout = 15 * time.Second
	// resolveTimeout and connectTimeout bound the parts of it.
	resolveTimeout, connectTimeout = 5 * time.Second, 5 * time.Second
	// maxAddresses is the largest number of addresses of a host that are looked at.
	maxAddresses = 64
	// maxHeader bounds the header of an answer, in bytes.
	maxHeader = 64 << 10
)

// standardPorts are those at which HTTPS is served to others. On others there are services that take a request for something else.
var standardPorts = []uint16{443, 8443}

// New returns a guard.
func New(o Options) *Guard { return newGuard(o, standardPorts, netip.AddrPort{}, nil) }

// newGuard takes what tests need on one machine beside the options: a port of their own, a server that may be reached, and who
// vouches for it.
func newGuard(o Options, ports []uint16, open netip.AddrPort, roots *x509.CertPool) *Guard {
	g := &Guard{ports: ports, open: open, resolver: o.Resolver}
	if g.resolver == nil {
		g.resolver = net.DefaultResolver
	}
	for _, host := range o.Own {
		g.own = append(g.own, strings.TrimSuffix(strings.ToLower(host), "."))
	}
	if o.Timeout <= 0 || o.Timeout > MaxTimeout {
		o.Timeout = MaxTimeout
	}
	dialer := &net.Dialer{Timeout: connectTimeout, Resolver: g.resolver, Control: g.control}
	g.client = &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{
			// No proxy: it would resolve the name by itself, and connect where this process cannot look.
			Proxy: nil,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				host, port, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				return dialer.DialContext(ctx, network, net.JoinHostPort(rooted(host), port))
			},
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout:    connectTimeout,
			MaxResponseHeaderBytes: maxHeader,
			// A kept connection would outlive what its name stands for.
			DisableKeepAlives: true,
			// What is unpacked is of any size.
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return g
}

// rooted is a host as the resolver takes it as a whole: without a dot at its end, a machine may add its own domain to it.
func rooted(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	return host + "."
}

// Check returns the endpoint of an address that somebody names, and looks where it leads. All addresses of its host must be of the
// public internet. That proves nothing about the next time its host is asked for, so sending looks again.
//
// Errors: ErrEndpoint, ErrEndpointInside, ErrEndpointUnknown, ErrUnreachable.
func (g *Guard) Check(ctx context.Context, address string) (Endpoint, error) {
	e, err := g.Parse(address)
	if err != nil {
		return Endpoint{}, err
	}
	if _, err := netip.ParseAddr(e.host); err == nil {
		return e, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	found, err := g.resolver.LookupNetIP(ctx, "ip", rooted(e.host))
	var failed *net.DNSError
	switch {
	case errors.As(err, &failed) && failed.IsNotFound || err == nil && len(found) == 0:
		return Endpoint{}, ErrEndpointUnknown.At(pointer, "unknown", "The host has no address.")
	case err != nil:
		return Endpoint{}, ErrUnreachable.Because(err)
	case len(found) > maxAddresses:
		return Endpoint{}, wrong("addresses", "The host has more than 64 addresses.")
	}
	for _, ip := range found {
		if !g.reachable(netip.AddrPortFrom(ip.Unmap(), e.port)) {
			return Endpoint{}, ErrEndpointInside.At(pointer, "resolved", "The host leads to an address inside a network, or to one that is kept for special use.")
		}
	}
	return e, nil
}

// control is asked for each connection, with the address that it is really made to.
func (g *Guard) control(network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") || !g.reachable(to) {
		return ErrEndpointInside
	}
	return nil
}

// reachable reports whether messages may go to an address.
func (g *Guard) reachable(to netip.AddrPort) bool {
	if g.open.IsValid() && to == g.open {
		return true
	}
	return slices.Contains(g.ports, to.Port()) && public(to.Addr())
}
