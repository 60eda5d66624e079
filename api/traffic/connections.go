package traffic

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// Connections counts the open connections of each address, so that one alone cannot hold all that a service keeps. It is safe for concurrent
// use, and remembers no more than is open.
type Connections struct {
	each    int
	proxies []netip.Prefix

	mu   sync.Mutex
	open map[netip.Prefix]int
}

// NewConnections returns what lets each address have so many connections open at once, and any number if that is 0. This machine and the
// proxies may have any number: many others are behind them.
func NewConnections(each int, proxies []netip.Prefix) *Connections {
	return &Connections{each: each, proxies: proxies, open: map[netip.Prefix]int{}}
}

// Open counts a connection from an address and returns what ends it, to be called once. It returns nil, and counts nothing, if the address
// has as many as it may. Whose is the address as it is counted, for the log; it is empty for what is not counted.
func (c *Connections) Open(from net.Addr) (end func(), whose string) {
	tcp, ok := from.(*net.TCPAddr)
	if c == nil || c.each <= 0 || !ok {
		return func() {}, ""
	}
	address := tcp.AddrPort().Addr().Unmap().WithZone("")
	if address.IsLoopback() || slices.ContainsFunc(c.proxies, func(p netip.Prefix) bool { return p.Contains(address) }) {
		return func() {}, ""
	}
	n := networkOf(address)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[n] >= c.each {
		return nil, n.String()
	}
	c.open[n]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.open[n]--; c.open[n] == 0 {
			delete(c.open, n)
		}
	}, n.String()
}

// networkOf is the part of an address that one caller has: all of it, and of IPv6 the network, because each host there has more addresses
// than can be remembered.
func networkOf(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() && !a.Is4In6() {
		bits = 64
	}
	return netip.PrefixFrom(a.WithZone(""), bits).Masked()
}
