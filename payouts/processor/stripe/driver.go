// The driver holds the client and what it needs to be careful with it.

package stripe

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v79"
	"github.com/stripe/stripe-go/v79/client"

	"mizan/payouts/processor"
)

// DefaultTimeout is how long one request may take, the answer read to its end.
const DefaultTimeout = 60 * time.Second

// maxAnswer is the largest answer that is read. A page of 100 objects has less than half a megabyte.
const maxAnswer = 8 << 20

// Options says to which Stripe account the driver speaks.
type Options struct {
	// Key is the secret or restricted API key.
	Key string
	// BaseURL is empty for Stripe itself. A live key is never sent anywhere else; plain HTTP goes to this machine only.
	BaseURL string
	// Now is the process's clock.
	Now func() time.Time
	// Timeout is how long one request may take, and DefaultTimeout if zero.
	Timeout time.Duration
	// PlatformSecret and ConnectSecret sign the notices of the two webhook endpoints. Both are needed.
	PlatformSecret, ConnectSecret string
}

// Driver speaks to one Stripe account. It is safe for use by many goroutines.
type Driver struct {
	api      *client.API
	now      func() time.Time
	platform string
	connect  string
	live     bool
}

var _ processor.Driver = (*Driver)(nil)

// String keeps the key and the secrets out of logs that print a driver.
func (d *Driver) String() string { return "the driver of Stripe" }

// GoString is String.
func (d *Driver) GoString() string { return d.String() }

// New returns a driver. It refuses a key or a secret that is missing, since a signature with an empty secret is one that
// anybody can make, and an address at which the key would not be safe.
func New(o Options) (*Driver, error) {
	live := strings.HasPrefix(o.Key, "sk_live_") || strings.HasPrefix(o.Key, "rk_live_")
	test := strings.HasPrefix(o.Key, "sk_test_") || strings.HasPrefix(o.Key, "rk_test_")
	switch {
	case !live && !test:
		return nil, errors.New("stripe: the API key is missing, or is not a secret key")
	case o.Now == nil:
		return nil, errors.New("stripe: the clock is missing")
	case len(o.PlatformSecret) < 16 || len(o.ConnectSecret) < 16:
		return nil, errors.New("stripe: a webhook secret is missing or too short; there are two, of the platform's and of the Connect endpoint")
	case o.PlatformSecret == o.ConnectSecret:
		return nil, errors.New("stripe: the two webhook secrets are the same; each endpoint has its own")
	case o.Timeout < 0:
		return nil, errors.New("stripe: the timeout is negative")
	}
	base := stripe.APIURL
	if o.BaseURL != "" {
		base = strings.TrimSuffix(o.BaseURL, "/")
	}
	if err := safeAddress(base, live); err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	backends := stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL:               stripe.String(base),
		HTTPClient:        httpClient(o.Timeout),
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
	return &Driver{api: client.New(o.Key, backends), now: o.Now, platform: o.PlatformSecret, connect: o.ConnectSecret, live: live}, nil
}

func safeAddress(base string, live bool) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("stripe: the base address is not an address such as https://api.stripe.com")
	}
	if live && base != stripe.APIURL {
		return errors.New("stripe: a live key is sent to Stripe only; leave the base address empty, or use a test key")
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return errors.New("stripe: the base address must be https, except on this machine")
	}
	return nil
}

// httpClient follows no redirect, which would carry the key elsewhere and could repeat a POST.
func httpClient(timeout time.Duration) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = timeout
	transport.MaxIdleConnsPerHost = 8
	return &http.Client{
		Timeout:       timeout,
		Transport:     once{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// errKeyless means that a request would write something, and carries no key of an order.
var errKeyless = errors.New("stripe: a request that writes carries no key of an order; it was not sent")

// once sends a request at most once, and one that writes only with the key of an order. Go's transport repeats a request by itself when a kept connection breaks, if the
// request says that it is idempotent, as an Idempotency-Key does; without a way to read the body again it cannot.
type once struct{ next http.RoundTripper }

func (t once) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && !processor.IsIdempotencyKey(r.Header.Get("Idempotency-Key")) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, errKeyless
	}
	single := r.Clone(r.Context())
	single.GetBody = nil
	answer, err := t.next.RoundTrip(single)
	if err != nil {
		return nil, err
	}
	answer.Body = &bounded{answer.Body, maxAnswer}
	return answer, nil
}

// bounded fails where an answer is longer than allowed, so that a part of it is not taken for the whole.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("stripe: the answer has more than %d bytes", maxAnswer)
	}
	return n, err
}
