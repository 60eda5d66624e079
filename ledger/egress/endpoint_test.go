package egress

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"mizan/ledger/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// leads is what the tests' DNS says.
func leads() map[string][]string {
	return map[string][]string{
		"hooks.shop.com":      {"93.184.216.34 2606:2800:220:1:248:1893:25c8:1946"},
		"six.shop.com":        {"2606:2800:220:1:248:1893:25c8:1946"},
		"inside.shop.com":     {"10.0.0.7"},
		"loop.shop.com":       {"127.0.0.1"},
		"both.shop.com":       {"93.184.216.34 192.168.1.1"},
		"six-inside.shop.com": {"93.184.216.34 fd00:ec2::254"},
		"metadata.shop.com":   {"169.254.169.254"},
		"none.shop.com":       {""},
		"broken.shop.com":     {"broken"},
		"many.shop.com":       {strings.Repeat("93.184.216.34 ", 65)},
		"own.shop.com":        {"93.184.216.34"},
	}
}

// refusedAddresses are addresses that nobody can have messages sent to, by the numbers of the project's list of bad inputs. Each is
// refused with the code, for the reason of its field.
var refusedAddresses = []struct {
	name, code, reason string
	addresses          []string
}{
	{"L01 not encrypted", "endpoint-invalid", "scheme", []string{"http://hooks.shop.com/", "HTTP://hooks.shop.com/", "//hooks.shop.com/", "hooks.shop.com/x"}},
	{"L02 other schemes", "endpoint-invalid", "scheme", []string{"file:///etc/passwd", "gopher://hooks.shop.com/", "ftp://hooks.shop.com/", "data:text/plain,x", "javascript:alert(1)",
		"unix:///run/x.sock", "ws://hooks.shop.com/", "wss://hooks.shop.com/", "https+unix://x", "jar:https://hooks.shop.com!/"}},
	{"L02 nothing to call", "endpoint-invalid", "form", []string{"https:", "https:/hooks.shop.com", "https:hooks.shop.com", "https:///x", "https://[::1", "https://hooks.shop.com:port/", "https://hooks.shop.com:-443/", "%"}},
	{"L03 loopback", "endpoint-inside", "address", []string{"https://127.0.0.1/", "https://127.0.0.1:8443/", "https://127.0.0.1./", "https://127.255.255.254/"}},
	{"L04 localhost", "endpoint-inside", "host", []string{"https://localhost/", "https://LocalHost/", "https://localhost./", "https://a.localhost/", "https://localhost.localdomain/"}},
	{"L05 loopback of IPv6", "endpoint-inside", "address", []string{"https://[::1]/", "https://[0:0:0:0:0:0:0:1]:443/", "https://[0000:0000:0000:0000:0000:0000:0000:0001]/"}},
	{"L06 unspecified", "endpoint-inside", "address", []string{"https://0.0.0.0/", "https://[::]/", "https://0.1.2.3/"}},
	{"L07 metadata", "endpoint-inside", "address", []string{"https://169.254.169.254/latest/meta-data/", "https://169.254.170.2/", "https://100.100.100.200/", "https://192.0.0.192/", "https://168.63.129.16/",
		"https://[fd00:ec2::254]/", "https://[fe80::a9fe:a9fe]/"}},
	{"L08 metadata by name", "endpoint-inside", "host", []string{"https://metadata.google.internal/computeMetadata/v1/", "https://METADATA.Google.Internal./", "https://metadata.goog/",
		"https://instance-data.ec2.internal/", "https://vault.corp/", "https://db.home.arpa/", "https://kubernetes.default.svc.cluster.local/", "https://printer.local/"}},
	{"L09 private", "endpoint-inside", "address", []string{"https://10.0.0.1/", "https://10.255.255.255/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.0.1/", "https://100.64.0.1/",
		"https://100.127.255.255/", "https://198.18.0.1/", "https://192.0.2.1/", "https://198.51.100.1/", "https://203.0.113.1/", "https://224.0.0.1/", "https://240.0.0.1/", "https://255.255.255.255/",
		"https://192.88.99.1/"}},
	{"L10 private of IPv6", "endpoint-inside", "address", []string{"https://[fe80::1]/", "https://[fc00::1]/", "https://[fdff::1]/", "https://[fec0::1]/", "https://[ff02::1]/", "https://[2001:db8::1]/",
		"https://[3fff::1]/", "https://[100::1]/", "https://[5f00::1]/", "https://[2001:20::1]/"}},
	{"L10 with a zone", "endpoint-invalid", "host", []string{"https://[fe80::1%25eth0]/", "https://[::1%25lo]/"}},
	{"L11 mapped", "endpoint-inside", "address", []string{"https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::ffff:10.0.0.1]/", "https://[::ffff:93.184.216.34]/", "https://[::127.0.0.1]/"}},
	{"L12 translated", "endpoint-inside", "address", []string{"https://[64:ff9b::7f00:1]/", "https://[64:ff9b::127.0.0.1]/", "https://[64:ff9b:1::7f00:1]/", "https://[2002:7f00:1::]/", "https://[2001:0:7f00:1::]/"}},
	{"L13 numbers", "endpoint-invalid", "host", []string{"https://2130706433/", "https://0x7f.1/", "https://0177.0.0.1/", "https://0x7f000001/", "https://127.1/", "https://127.0.1/", "https://017700000001/",
		"https://0x7f.0x0.0x0.0x1/", "https://127.0.0.1.1/", "https://1.2.3.256/", "https://0x7f.0.0.0x1/"}},
	{"L14 a name that leads inside", "endpoint-inside", "resolved", []string{"https://inside.shop.com/", "https://loop.shop.com/", "https://both.shop.com/", "https://six-inside.shop.com/", "https://metadata.shop.com/"}},
	{"L14 a name that leads nowhere", "endpoint-unknown", "unknown", []string{"https://none.shop.com/", "https://nobody.shop.com/"}},
	{"L14 a name with too many addresses", "endpoint-invalid", "addresses", []string{"https://many.shop.com/"}},
	{"L14 a name that cannot be asked for", "endpoint-unreachable", "", []string{"https://broken.shop.com/"}},
	{"L17 a user", "endpoint-invalid", "user", []string{"https://user:pass@hooks.shop.com/", "https://user@hooks.shop.com/", "https://@hooks.shop.com/", "https://hooks.shop.com@127.0.0.1/", "https://:@hooks.shop.com/"}},
	{"L18 other ports", "endpoint-invalid", "port", []string{"https://hooks.shop.com:22/", "https://hooks.shop.com:25/", "https://hooks.shop.com:5432/", "https://hooks.shop.com:80/", "https://hooks.shop.com:6379/",
		"https://hooks.shop.com:0/", "https://hooks.shop.com:0443/", "https://hooks.shop.com:65979/", "https://hooks.shop.com:99999999999/", "https://127.0.0.1:22/"}},
	{"L19 other letters", "endpoint-invalid", "characters", []string{"https://hooks.shоp.com/", "https://аpple.com/", "https://ｈooks.shop.com/", "https://hooks。shop.com/", "https://ⓛocalhost/", "https://１２７.０.０.１/",
		"https://hooks.shop.com/\u200b", "https://K\u212aube.com/"}},
	{"L19 other letters in disguise", "endpoint-invalid", "look-alike", []string{"https://xn--pple-43d.com/", "https://hooks.xn--shp-tmc.com/", "https://XN--80AK6AA92E.com/"}},
	{"L19 other letters by numbers", "endpoint-invalid", "host", []string{"https://%d0%b0pple.com/", "https://%e2%84%aaube.com/"}},
	{"L20 Mizan itself", "endpoint-inside", "own", []string{"https://own.shop.com/", "https://OWN.shop.COM/", "https://own.shop.com./v1/books", "https://oWn.ShOp.CoM.:8443/", "https://books.shop.com/"}},
	{"L24 line ends and spaces", "endpoint-invalid", "characters", []string{"https://hooks.shop.com/\r\nHost: 127.0.0.1", "https://hooks.shop.com/a b", "https://hooks.shop.com/\t", " https://hooks.shop.com/", "https://hooks.shop.com/\n",
		"https://hooks.shop.com\\@127.0.0.1/", "https://hooks.shop.com/\x00", "https://hooks.shop.com/%0d%0aX:1", "https://hooks.shop.com/?a=%0A", "https://hooks.shop.com/?a=%zz", "https://hooks.shop.com/\x7f"}},
	{"L24 a fragment", "endpoint-invalid", "fragment", []string{"https://hooks.shop.com/#x", "https://hooks.shop.com/#"}},
	{"a name that is none", "endpoint-invalid", "host", []string{"https://hooks/", "https://hooks..shop.com/", "https://-hooks.shop.com/", "https://hooks-.shop.com/", "https://ho_oks.shop.com/", "https://hooks.shop.com../",
		"https://.shop.com/", "https://./", "https://:443/", "https://" + strings.Repeat("a", 64) + ".com/", "https://" + strings.Repeat("a.", 126) + "comm/", "https://hooks.shop.c0m/", "https://*.shop.com/", "https://hooks,shop.com/"}},
	{"a length that is none", "endpoint-invalid", "length", []string{"", "https://hooks.shop.com/" + strings.Repeat("a", 2000)}},
}

// TestRefusedAddresses names addresses that must not be called.
func TestRefusedAddresses(t *testing.T) {
	t.Parallel()
	g := New(Options{Own: []string{"Own.shop.com", "books.shop.com."}, Resolver: serveNames(t, leads()).resolver()})
	for _, c := range refusedAddresses {
		for _, address := range c.addresses {
			for range 2 {
				e, err := g.Check(t.Context(), address)
				var refused *fault.Error
				if !errors.As(err, &refused) || refused.Code != c.code || e != (Endpoint{}) {
					t.Errorf("%s, %.80q: %v, %v", c.name, address, e, err)
					continue
				}
				if reason := fieldOf(refused); reason != c.reason {
					t.Errorf("%s, %.80q: because of %q, want %q", c.name, address, reason, c.reason)
				}
				if len(address) > 8 && strings.Contains(refused.Error(), address) {
					t.Errorf("%s: what was sent is repeated: %v", c.name, refused)
				}
			}
		}
	}
}

// fieldOf is the reason of an error's field, empty without one.
func fieldOf(err *fault.Error) string {
	if len(err.Fields) != 1 || err.Fields[0].Pointer != pointer {
		return ""
	}
	return err.Fields[0].Code
}

// TestAddresses names addresses that may be called, and shows the one form of each.
func TestAddresses(t *testing.T) {
	t.Parallel()
	g := New(Options{Own: []string{"own.shop.com"}, Resolver: serveNames(t, leads()).resolver()})
	for address, want := range map[string]string{
		"https://hooks.shop.com":                                       "https://hooks.shop.com/",
		"HTTPS://Hooks.Shop.com.:443/a%20b?c=%2F&d":                    "https://hooks.shop.com/a%20b?c=%2F&d",
		"https://six.shop.com:8443/x":                                  "https://six.shop.com:8443/x",
		"https://hooks.shop.com:/":                                     "https://hooks.shop.com/",
		"https://93.184.216.34/x":                                      "https://93.184.216.34/x",
		"https://[2606:2800:0220:1:248:1893:25C8:1946]":                "https://[2606:2800:220:1:248:1893:25c8:1946]/",
		"https://hooks.shop.com/http://127.0.0.1/?u=https://localhost": "https://hooks.shop.com/http://127.0.0.1/?u=https://localhost",
	} {
		e, err := g.Check(t.Context(), address)
		if err != nil || e.String() != want {
			t.Errorf("%s: %s, %v, want %s", address, e, err, want)
		}
		if again, err := g.Parse(e.String()); err != nil || again != e {
			t.Errorf("%s read again: %v, %v", e, again, err)
		}
	}
}

// FuzzParse: what is taken has one form, which is read back as it is and leads to a host that is not inside.
func FuzzParse(f *testing.F) {
	for _, c := range refusedAddresses {
		for _, address := range c.addresses {
			f.Add(address)
		}
	}
	f.Add("https://hooks.shop.com:8443/a?b=c")
	f.Add("https://[2606:2800:220:1:248:1893:25c8:1946]/")
	g := New(Options{Own: []string{"own.shop.com"}})
	f.Fuzz(func(t *testing.T, address string) {
		e, err := g.Parse(address)
		if err != nil {
			return
		}
		if again, err := g.Parse(e.String()); err != nil || again != e {
			t.Fatalf("%q is %q, and that is %q, %v", address, e, again, err)
		}
		ip, err := netip.ParseAddr(e.host)
		if !strings.HasPrefix(e.String(), "https://") || err == nil && !public(ip) || err != nil && strings.Trim(e.host, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			t.Fatalf("%q is %q", address, e)
		}
	})
}
