package api

import (
	"context"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"mizan/ledger/fault"
)

// What operators and tools ask for: the OpenAPI document, whether the process lives and is ready, and its metrics.

type healthJSON struct {
	Status string `json:"status" enum:"ok,ready" doc:"ok: the process answers; ready: it can take requests" example:"ok"`
}

func systemOperations() []Operation {
	health := reflect.TypeFor[healthJSON]()
	return []Operation{
		{
			Method: http.MethodGet, Path: "/openapi.json", ID: "get-openapi", Group: "Service", Summary: "This document",
			Answers: []Answer{{Status: 200, Meaning: "The OpenAPI 3.1 document of this service."}},
			handle: func(c *call) (reply, error) {
				return reply{status: http.StatusOK, body: c.service.spec}, nil
			},
		},
		{
			Method: http.MethodGet, Path: "/livez", ID: "get-livez", Group: "Service", Summary: "Whether the process lives",
			Description: "Asks nothing of the database, so that a database that is away does not get the process restarted.",
			Answers:     []Answer{{Status: 200, Meaning: "The process answers.", Body: health}},
			handle: func(*call) (reply, error) {
				return document(http.StatusOK, healthJSON{"ok"})
			},
		},
		{
			Method: http.MethodGet, Path: "/readyz", ID: "get-readyz", Group: "Service", Summary: "Whether requests are taken",
			Answers: []Answer{{Status: 200, Meaning: "The database answers and has the schema that this version needs.", Body: health}},
			Errors:  []*fault.Error{ErrNotReady},
			handle: func(c *call) (reply, error) {
				ctx, cancel := context.WithTimeout(c.ctx, readyTimeout)
				defer cancel()
				if err := c.service.ready(ctx); err != nil {
					return reply{}, ErrNotReady.Because(err)
				}
				return document(http.StatusOK, healthJSON{"ready"})
			},
		},
		{
			Method: http.MethodGet, Path: "/metrics", ID: "get-metrics", Group: "Service", Summary: "Metrics for Prometheus",
			Description: "They name the books and count what is done in each, so they are shown to callers of this machine and of the networks named by `--metrics-from` only, and to nobody " +
				"who comes through a proxy. For all others there is nothing here.",
			Answers: []Answer{{Status: 200, Meaning: "Metrics in the text format.", Media: "text/plain"}},
			Errors:  []*fault.Error{ErrNoRoute},
			handle:  scrape,
		},
	}
}

// readyTimeout bounds the question to the database: a balancer that waits longer has given up.
const readyTimeout = 2 * time.Second

// scrape answers who runs the service, and does not exist for anybody else.
func scrape(c *call) (reply, error) {
	if !c.service.observes(c.r) {
		return reply{}, ErrNoRoute
	}
	c.service.scrape.ServeHTTP(c.w, c.r)
	return reply{sent: true}, nil
}

// observes reports whether a request comes from this machine or a network of Prometheus, without a proxy between that says so. A private
// address is not enough: behind many balancers everybody has one.
func (s *service) observes(r *http.Request) bool {
	for _, header := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"} {
		if r.Header[header] != nil {
			return false
		}
	}
	from, err := netip.ParseAddr(ClientAddress(r))
	from = from.Unmap().WithZone("")
	return err == nil && (from.IsLoopback() || slices.ContainsFunc(s.observers, func(p netip.Prefix) bool { return p.Contains(from) }))
}
