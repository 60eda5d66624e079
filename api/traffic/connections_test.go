package traffic

import (
	"net"
	"net/netip"
	"testing"
)

// TestConnectionsOfAnAddress: an address has as many connections as it may, a network of IPv6 is one, and a mapped address is what it maps.
// This machine and the proxies may have any number.
func TestConnectionsOfAnAddress(t *testing.T) {
	t.Parallel()
	c := NewConnections(2, []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8:9::/48")})
	from := func(address string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address)) }
	for _, group := range [][]string{
		{"198.51.100.7:1", "[::ffff:198.51.100.7]:2", "198.51.100.7:3"},
		{"[2001:db8::1]:1", "[2001:db8::ffff:2]:1", "[2001:db8:0:0:9::3]:1"},
		{"[fe80::1%eth0]:1", "[fe80::2%eth0]:1", "[fe80::3%eth1]:1"},
	} {
		var ends []func()
		for i, address := range group {
			end, whose := c.Open(from(address))
			if (end == nil) != (i == 2) || whose == "" {
				t.Fatalf("%s, number %d of %s: let in %t", address, i+1, whose, end != nil)
			}
			ends = append(ends, end)
		}
		ends[0]()
		again, _ := c.Open(from(group[2]))
		if again == nil {
			t.Fatalf("%s is refused where one has ended", group[2])
		}
		again()
		ends[1]()
	}
	if other, _ := c.Open(from("198.51.100.8:1")); other == nil {
		t.Error("the neighbour is refused")
	} else {
		other()
	}
	for _, address := range []string{"127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.9]:1", "10.1.2.3:1", "[::ffff:10.1.2.3]:1", "[2001:db8:9:1::1]:1"} {
		for range 5 {
			if end, _ := c.Open(from(address)); end == nil {
				t.Errorf("%s is refused", address)
			}
		}
	}
	if len(c.open) != 0 {
		t.Errorf("left is %v", c.open)
	}
	if end, _ := NewConnections(0, nil).Open(from("198.51.100.7:1")); end == nil {
		t.Error("without a bound it is refused")
	}
}
