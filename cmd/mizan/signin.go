package main

// Sign-in: what the service must know so that people can sign in: its own address, the issuer, and the secrets between
// them.

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"

	"mizan/api/access"
)

// signInFlags are the flags of serve.
type signInFlags struct {
	PublicURL        string   `name:"public-url" help:"Address at which browsers reach the service, such as https://mizan.example.com; sign-in by an issuer needs it." placeholder:"URL"`
	OIDCIssuer       string   `name:"oidc-issuer" help:"Where the staff sign in (OpenID Connect). Without it they sign in by links only." placeholder:"URL"`
	OIDCClientID     string   `name:"oidc-client-id" help:"Mizan's own id at the issuer." placeholder:"ID"`
	OIDCClientSecret string   `name:"oidc-client-secret-file" help:"File with Mizan's secret at the issuer, instead of the variable MIZAN_OIDC_CLIENT_SECRET." type:"path" placeholder:"FILE"`
	OIDCAudience     string   `name:"oidc-audience" help:"What the issuer's access tokens must be meant for to be taken by the API. Without it none is taken." placeholder:"NAME"`
	SessionKeyFile   string   `name:"session-key-file" help:"File with the key, 32 bytes in base64, that forms and sign-ins under way are sealed with, instead of the variable MIZAN_SESSION_KEY; replicas share it." type:"path" placeholder:"FILE"`
	TrustedProxy     []string `name:"trusted-proxy" help:"Network of a proxy that is believed when it says whom a request comes from, such as 10.0.0.0/8. May be given several times." placeholder:"CIDR"`
	MetricsFrom      []string `name:"metrics-from" help:"Network from which Prometheus may ask for /metrics without a proxy between, such as 10.4.0.0/16; otherwise this machine only. May be given several times." placeholder:"CIDR"`
}

// callbackPath is where the issuer sends browsers back to.
const callbackPath = "/sign-in/callback"

// signIn is what the flags come to.
type signIn struct {
	public string
	// secure says that the address is reached over TLS.
	secure     bool
	sessionKey []byte
	proxies    []netip.Prefix
	// observers may read /metrics.
	observers []netip.Prefix
	// clientSecret is Mizan's at the issuer.
	clientSecret string
}

// settle judges the flags, and asks nobody.
func (f signInFlags) settle(s *surroundings) (in signIn, err error) {
	if in.proxies, err = parseNetworks("--trusted-proxy", f.TrustedProxy); err != nil {
		return in, err
	}
	if in.observers, err = parseNetworks("--metrics-from", f.MetricsFrom); err != nil {
		return in, err
	}
	key, err := s.secret("MIZAN_SESSION_KEY", f.SessionKeyFile)
	if err != nil {
		return in, err
	}
	if key != "" {
		if in.sessionKey, err = base64.StdEncoding.DecodeString(key); err != nil || len(in.sessionKey) != 32 {
			return in, usageError("The session key must be 32 bytes in base64. Make one with: openssl rand -base64 32")
		}
	}
	if f.PublicURL != "" {
		if in.public, in.secure, err = publicAddress(f.PublicURL); err != nil {
			return in, err
		}
	}
	if in.clientSecret, err = s.secret("MIZAN_OIDC_CLIENT_SECRET", f.OIDCClientSecret); err != nil {
		return in, err
	}
	if f.OIDCIssuer == "" {
		if f.OIDCClientID != "" || f.OIDCAudience != "" || in.clientSecret != "" {
			return in, usageError("Something is said of an issuer, but not which. Set --oidc-issuer too.")
		}
		return in, nil
	}
	if in.public == "" || f.OIDCClientID == "" || in.sessionKey == nil {
		return in, usageError("Sign-in by an issuer needs --public-url, --oidc-client-id and a session key.")
	}
	return in, nil
}

// meet asks the issuer that the flags name how to sign in there; nil for none.
func (f signInFlags) meet(ctx context.Context, s *surroundings, in signIn, log *slog.Logger) (*access.Issuer, error) {
	if f.OIDCIssuer == "" {
		return nil, nil
	}
	return access.NewIssuer(ctx, access.IssuerOptions{
		URL: f.OIDCIssuer, ClientID: f.OIDCClientID, ClientSecret: in.clientSecret, RedirectURL: in.public + callbackPath, Audience: f.OIDCAudience,
		StateKey: in.sessionKey, Now: s.now, Log: log,
	})
}

// publicAddress returns the address without a slash at its end, and whether it is reached over TLS.
func publicAddress(text string) (address string, secure bool, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopbackHost(u.Hostname())) || strings.Trim(u.Path, "/") != "" ||
		u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", false, usageError("--public-url must look like https://mizan.example.com; only this machine may do without TLS.")
	}
	return u.Scheme + "://" + u.Host, u.Scheme == "https", nil
}

// parseNetworks reads networks and single addresses that a flag names.
func parseNetworks(flag string, texts []string) (networks []netip.Prefix, err error) {
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, single := netip.ParseAddr(text)
			if single != nil {
				return nil, usageError(flag + " must be a network such as 10.0.0.0/8, or an address.")
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Bits() == 0 {
			return nil, usageError(flag + " would believe everybody. Name only the networks that are yours.")
		}
		networks = append(networks, p.Masked())
	}
	return networks, nil
}
