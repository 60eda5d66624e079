package egress

import "net/netip"

// Public addresses: those of the internet at large, by the registries of IANA for special purposes. What is not known to be
// public is inside.

// unicast6 holds all addresses of IPv6 that are given to anybody. What lies outside of it, such as loopback, mapped and translated
// addresses of IPv4, unique local and link-local ones, is inside.
var unicast6 = netip.MustParsePrefix("2000::/3")

// special are the addresses that look public and are not.
var special = prefixes(
	"0.0.0.0/8",         // this network (RFC 791)
	"10.0.0.0/8",        // private (RFC 1918)
	"100.64.0.0/10",     // shared behind carriers; a cloud's metadata is at 100.100.100.200 (RFC 6598)
	"127.0.0.0/8",       // loopback (RFC 1122)
	"168.63.129.16/32",  // the host of a virtual machine at a cloud
	"169.254.0.0/16",    // link-local; the metadata of most clouds is at 169.254.169.254 (RFC 3927)
	"172.16.0.0/12",     // private (RFC 1918)
	"192.0.0.0/24",      // protocol assignments; a cloud's metadata is at 192.0.0.192 (RFC 6890)
	"192.0.2.0/24",      // documentation (RFC 5737)
	"192.31.196.0/24",   // AS112 (RFC 7535)
	"192.52.193.0/24",   // AMT (RFC 7450)
	"192.88.99.0/24",    // 6to4 relays (RFC 7526)
	"192.168.0.0/16",    // private (RFC 1918)
	"192.175.48.0/24",   // AS112 (RFC 7534)
	"198.18.0.0/15",     // benchmarks (RFC 2544)
	"198.51.100.0/24",   // documentation (RFC 5737)
	"203.0.113.0/24",    // documentation (RFC 5737)
	"224.0.0.0/4",       // multicast (RFC 5771)
	"240.0.0.0/4",       // reserved, and broadcast (RFC 1112)
	"2001::/23",         // protocol assignments, Teredo among them (RFC 2928)
	"2001:db8::/32",     // documentation (RFC 3849)
	"2002::/16",         // 6to4, which holds an address of IPv4 (RFC 3056)
	"2620:4f:8000::/48", // AS112 (RFC 7534)
	"3fff::/20",         // documentation (RFC 9637)
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// public reports whether an address is one of the internet at large.
func public(ip netip.Addr) bool {
	if !ip.IsValid() || ip.Zone() != "" || ip.Is6() && !unicast6.Contains(ip) {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}
