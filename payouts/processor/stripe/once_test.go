package stripe

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestNothingIsWrittenWithoutOurKey: whatever asks for it, a request that writes leaves only with the key of an order.
func TestNothingIsWrittenWithoutOurKey(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Add(1) }))
	t.Cleanup(server.Close)
	c := httpClient(time.Minute)
	for name, try := range map[string]struct {
		method, key string
		leaves      bool
	}{
		"a write with an order's key":  {http.MethodPost, "transfer/pay_1/1", true},
		"a delete with one":            {http.MethodDelete, "cancel/pay_1/2", true},
		"a read":                       {http.MethodGet, "", true},
		"a write without a key":        {http.MethodPost, "", false},
		"a key that a library made up": {http.MethodPost, "3f2b8a52-7c1f-4e7c-9d43-2a1d3f4b5c6d", false},
		"no attempt":                   {http.MethodPost, "transfer/pay_1/", false},
		"attempt zero":                 {http.MethodPost, "transfer/pay_1/0", false},
		"an act of nobody":             {http.MethodPost, "refund/pay_1/1", false},
		"a delete without one":         {http.MethodDelete, "", false},
		"a put":                        {http.MethodPut, "", false},
		"a patch":                      {http.MethodPatch, "", false},
		"a method of nobody":           {"MOVE", "", false},
	} {
		before := arrived.Load()
		body := &closing{Reader: strings.NewReader("amount=1")}
		r, err := http.NewRequestWithContext(t.Context(), try.method, server.URL+"/v1/transfers", body)
		if err != nil {
			t.Fatal(err)
		}
		if try.key != "" {
			r.Header.Set("Idempotency-Key", try.key)
		}
		answer, err := c.Do(r)
		if err == nil {
			_ = answer.Body.Close()
		}
		if left := arrived.Load() > before; left != try.leaves || left != (err == nil) || !left && (!errors.Is(err, errKeyless) || !body.closed.Load()) {
			t.Errorf("%s: left %t, %v", name, left, err)
		}
	}
}

type closing struct {
	*strings.Reader
	closed atomic.Bool
}

func (c *closing) Close() error {
	c.closed.Store(true)
	return nil
}
