package egress

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"mizan/ledger/fault"
)

// Endpoint is an address that messages may be sent to, in its one form: https, a host in small letters without a dot at its
// end, and a port only if it is another than 443. The zero value is none.
type Endpoint struct {
	address string
	host    string
	port    uint16
}

// String is the address, to be stored and shown.
func (e Endpoint) String() string { return e.address }

var (
	// ErrEndpoint means that no message can be sent to an address of this form. Its field says what is wrong with it.
	ErrEndpoint = fault.New(fault.Invalid, "endpoint-invalid",
		"Messages cannot be sent to this address. Give an https address with a public host name, on port 443 or 8443.")
	// ErrEndpointInside means that an address leads to a machine that is not on the public internet, or to Mizan itself.
	ErrEndpointInside = fault.New(fault.Invalid, "endpoint-inside",
		"This address does not lead to the public internet, so nothing is sent there. Give one that anybody can reach.")
	// ErrEndpointUnknown means that the host of an address has no addresses.
	ErrEndpointUnknown = fault.New(fault.Invalid, "endpoint-unknown", "The host of this address is not known. Check how it is spelled, and that its name is published.")
)

const (
	// maxAddress is the length of the longest address, in bytes.
	maxAddress = 2000
	// maxHost and maxLabel are those of names in the DNS.
	maxHost, maxLabel = 253, 63
)

// insideNames end the names that are not of the public DNS, or that clouds and clusters give to what is theirs. The machines behind
// them are refused when they are resolved as well; so it is said before that.
var insideNames = []string{"localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan", "arpa", "onion", "alt", "metadata.goog"}

// pointer is where callers say the address.
const pointer = "/url"

// wrong says what is wrong with an address.
func wrong(code, message string) error { return ErrEndpoint.At(pointer, code, message) }

// Parse returns the endpoint of an address, judged by what is written alone. Check also looks where it leads; an endpoint that was
// checked when it was named is read back with Parse.
//
// Errors: ErrEndpoint, ErrEndpointInside.
func (g *Guard) Parse(address string) (Endpoint, error) {
	u, err := readURL(address)
	if err != nil {
		return Endpoint{}, err
	}
	e := Endpoint{port: 443}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || p[0] == '0' {
			return Endpoint{}, wrong("port", "The port is not a number of a port.")
		}
		e.port = uint16(n)
	}
	if !slices.Contains(g.ports, e.port) {
		return Endpoint{}, wrong("port", "The port is 443 or 8443. What listens on others is no endpoint for messages.")
	}
	e.host = strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	written := e.host
	if ip, err := netip.ParseAddr(e.host); err == nil {
		if !g.reachable(netip.AddrPortFrom(ip, e.port)) {
			return Endpoint{}, ErrEndpointInside.At(pointer, "address", "The host is an address inside a network, or one that is kept for special use.")
		}
		if e.host = ip.String(); ip.Is6() {
			written = "[" + e.host + "]"
		}
	} else if err := g.checkName(e.host); err != nil {
		return Endpoint{}, err
	}
	if e.port != 443 {
		written += ":" + strconv.Itoa(int(e.port))
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	e.address = "https://" + written + path
	if u.RawQuery != "" {
		e.address += "?" + u.RawQuery
	}
	return e, nil
}

// readURL reads an address as far as no other program could read it as another one: what parsers disagree about is refused.
func readURL(address string) (*url.URL, error) {
	if address == "" || len(address) > maxAddress {
		return nil, wrong("length", "The address has 1 to 2000 characters.")
	}
	for _, c := range []byte(address) {
		if c <= ' ' || c >= 0x7f || c == '\\' {
			return nil, wrong("characters", "The address has characters that no address has: spaces, line ends, backslashes or letters beyond a to z. Write others as %XX, "+
				"and take a host name of plain letters.")
		}
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, wrong("form", "The address cannot be read. It looks like https://hooks.example.com/mizan.")
	case u.Scheme != "https":
		return nil, wrong("scheme", "The address begins with https://. Whoever is on the way could read and change what goes elsewhere.")
	case u.Opaque != "" || u.Host == "":
		return nil, wrong("form", "The address has no host. It looks like https://hooks.example.com/mizan.")
	case u.User != nil || strings.Contains(u.Host, "@"):
		return nil, wrong("user", "The address holds a user name. Messages are signed; leave it out.")
	case strings.Contains(address, "#"):
		return nil, wrong("fragment", "The address holds a fragment, which is never sent. Leave it out.")
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r == '%' || r >= 0x7f }):
		return nil, wrong("host", "The host is written with %XX. Write the name as it is.")
	}
	query, err := url.QueryUnescape(u.RawQuery)
	if err != nil || strings.ContainsFunc(u.Path+query, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, wrong("characters", "The address has control characters, written as %XX, or a % that begins nothing. Leave them out.")
	}
	return u, nil
}

// checkName judges a host name. Names in other scripts, and their xn-- forms, are refused: they can look like somebody else's name,
// and whoever approves an endpoint could not tell.
func (g *Guard) checkName(host string) error {
	labels := strings.Split(host, ".")
	if len(host) > maxHost || len(labels) < 2 || !letters(labels[len(labels)-1]) {
		return g.named(host, wrong("host", "The host is a full name in the DNS, such as hooks.example.com."))
	}
	for _, label := range labels {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return wrong("host", "The host is not a name in the DNS: letters, digits and hyphens between dots.")
		}
		if strings.HasPrefix(label, "xn--") {
			return wrong("look-alike", "The host name is written in other letters than a to z and could look like another one. Give a name of plain letters.")
		}
	}
	return g.named(host, nil)
}

// named refuses the names that lead inside, whatever else is wrong with them.
func (g *Guard) named(host string, otherwise error) error {
	for _, inside := range insideNames {
		if host == inside || strings.HasSuffix(host, "."+inside) {
			return ErrEndpointInside.At(pointer, "host", "The host name is not one of the public internet.")
		}
	}
	if slices.Contains(g.own, host) {
		return ErrEndpointInside.At(pointer, "own", "The address is Mizan's own. Messages to itself would never end.")
	}
	return otherwise
}

// letters reports whether a text is of small letters only, as names of top domains are. Numbers there are read as an address by
// some programs.
func letters(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") == ""
}
