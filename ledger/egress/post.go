package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"

	"mizan/ledger/fault"
)

var (
	// ErrUnreachable means that a machine could not be reached, or did not speak as it should. It may do so later.
	ErrUnreachable = fault.New(fault.Unavailable, "endpoint-unreachable", "The endpoint could not be reached. See that it is up and serves HTTPS with TLS 1.2 or newer; the message is sent again.")
	// ErrCertificate means that the machine did not prove that it is who it should be. It was told nothing.
	ErrCertificate = fault.New(fault.Unavailable, "endpoint-certificate",
		"The endpoint's certificate does not hold for its name. Get one from a public authority; the message is sent again.")
	// ErrSlow means that a message took too long. Whether it was taken is not known.
	ErrSlow = fault.New(fault.Unavailable, "endpoint-slow", "The endpoint did not answer in time, which is 15 seconds at most. Answer first and work afterwards; the message is sent again.")
)

// MaxAnswer is how much of an answer is read, in bytes.
const MaxAnswer = 64 << 10

// Answer is what an endpoint answered.
type Answer struct {
	Status int
	// Body has at most MaxAnswer bytes. Cut says that the answer went on.
	Body []byte
	Cut  bool
}

// Taken reports whether the message was taken. Anything but 2xx means that it was not; a redirect is not followed, because it could
// lead inside, and whoever moved can say so where the endpoint is named.
func (a Answer) Taken() bool { return a.Status >= 200 && a.Status < 300 }

// Post sends a message once, and returns what the endpoint answered, whatever it was.
//
// Errors: ErrEndpointInside, ErrUnreachable, ErrCertificate, ErrSlow, ErrEndpoint for none at all, and ctx's.
func (g *Guard) Post(ctx context.Context, to Endpoint, m Message) (Answer, error) {
	if to.address == "" {
		return Answer{}, ErrEndpoint
	}
	header, err := m.header()
	if err != nil {
		return Answer{}, err
	}
	within, cancel := context.WithTimeout(ctx, g.client.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(within, http.MethodPost, to.address, bytes.NewReader(m.Body))
	if err != nil {
		return Answer{}, ErrEndpoint.Because(err)
	}
	r.Header = header
	answer, err := g.client.Do(r)
	if err != nil {
		return Answer{}, reason(ctx, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, MaxAnswer+1))
	if err == nil {
		err = within.Err() // an endpoint that sees us leave may end its answer before we have left
	}
	if err != nil {
		return Answer{}, reason(ctx, err)
	}
	return Answer{Status: answer.StatusCode, Body: body[:min(len(body), MaxAnswer)], Cut: len(body) > MaxAnswer}, nil
}

// reason says why a message was not sent or not answered. What it says to people does not tell what the network inside looks like.
func reason(ctx context.Context, err error) error {
	var refused *fault.Error
	var untrusted *tls.CertificateVerificationError
	var late net.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &untrusted):
		return ErrCertificate.Because(err)
	case errors.As(err, &late) && late.Timeout():
		return ErrSlow.Because(err)
	}
	return ErrUnreachable.Because(err)
}
