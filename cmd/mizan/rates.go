package main

import (
	"net/netip"

	"mizan/api/traffic"
)

// Rates: how often callers may ask a service that serves others, and how many connections they may have.

// rateFlags are the flags of commands that serve.
type rateFlags struct {
	RateKey               float64 `name:"rate-key" help:"Requests a second that one key may send in the long run, and twice as many at once; 0 for no limit." default:"1000" placeholder:"N"`
	RatePerson            float64 `name:"rate-person" help:"The same for a person of the staff." default:"50" placeholder:"N"`
	RatePayee             float64 `name:"rate-payee" help:"The same for a payee." default:"20" placeholder:"N"`
	RateAddress           float64 `name:"rate-address" help:"The same for an address from which somebody asks who shows nothing that is known." default:"50" placeholder:"N"`
	ConnectionsPerAddress int     `name:"connections-per-address" help:"Connections that one address may have open at once; an IPv6 network of 64 bits is one. This machine and trusted proxies may have any number. 0 for no limit." default:"512" placeholder:"N"`
	ReadTogether          int     `name:"read-together" help:"Requests that only read and are worked on at the same time; the others wait, the callers in turns. 0 for four for each processor, 16 at least." default:"0" placeholder:"N"`
}

// maxRate is more than one process answers.
const maxRate = 1_000_000

// check refuses rates that cannot be meant.
func (r *rateFlags) check() error {
	for _, rate := range []float64{r.RateKey, r.RatePerson, r.RatePayee, r.RateAddress} {
		if !(rate >= 0 && rate <= maxRate) {
			return usageError("--rate-key, --rate-person, --rate-payee and --rate-address are 0 to 1000000.")
		}
	}
	if r.ConnectionsPerAddress < 0 || r.ConnectionsPerAddress > maxRate {
		return usageError("--connections-per-address is 0 to 1000000.")
	}
	if r.ReadTogether < 0 || r.ReadTogether > maxRate {
		return usageError("--read-together is 0 to 1000000.")
	}
	return nil
}

func (r *rateFlags) limits() traffic.Limits {
	l := traffic.Defaults()
	l.Rates[traffic.Key], l.Rates[traffic.Person], l.Rates[traffic.Payee], l.Rates[traffic.Address] = r.RateKey, r.RatePerson, r.RatePayee, r.RateAddress
	if r.ReadTogether > 0 {
		l.Together = r.ReadTogether
	}
	return l
}

// addresses bounds the connections of one address, but for those of the proxies.
func (r *rateFlags) addresses(proxies []netip.Prefix) *traffic.Connections {
	return traffic.NewConnections(r.ConnectionsPerAddress, proxies)
}
