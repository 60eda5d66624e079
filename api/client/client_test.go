package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mizan/api/client"

	"github.com/google/go-cmp/cmp"
)

// What the client does when the service answers badly or not at all. That it understands the real service is tested
// where both are put together, in cmd/mizan.

const key = "not-a-secret-key"

// serve starts a server and returns a client of it.
func serve(t testing.TB, options client.Options, handler http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, key, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"/docs/problems#%s","title":"A problem","status":%d,"detail":"Do this.","code":"%s","request_id":"r1",`+
		`"errors":[{"pointer":"/entries/0/amount","code":"amount-format","detail":"Write digits."}],"index":3}`, code, status, code)
}

var sale = client.NewTransaction{Reference: "order-1", Event: "order.captured", OccurredAt: time.Date(2026, 11, 20, 10, 0, 0, 1234567, time.FixedZone("", 3600)),
	Entries: []client.Line{client.Debit("assets:processor:pending:main", "50.00", "GBP"), client.Credit("revenue:referral_fee", "50.00", "GBP")}}

func TestRequest(t *testing.T) {
	t.Parallel()
	c := serve(t, client.Options{UserAgent: "shop/1"}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got := []string{r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), r.UserAgent(), string(body)}
		want := []string{"POST", "/v1/books/uk/transactions", "Bearer " + key, "application/json", "shop/1",
			`{"reference":"order-1","event":"order.captured","occurred_at":"2026-11-20T09:00:00.001234Z","entries":[` +
				`{"account":"assets:processor:pending:main","direction":"debit","amount":"50.00","currency":"GBP"},` +
				`{"account":"revenue:referral_fee","direction":"credit","amount":"50.00","currency":"GBP"}]}`}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		w.Header().Set("Idempotent-Replayed", "true")
		fmt.Fprint(w, `{"id":"uk-7","sequence":7,"entries":[]}`)
	})
	got, err := c.Post(t.Context(), "uk", sale)
	if err != nil || got.ID != "uk-7" || got.Sequence != 7 || !got.Replayed {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Paths and queries are escaped, so that no code or address can ask for something else.
func TestEscaping(t *testing.T) {
	t.Parallel()
	c := serve(t, client.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if want := "/v1/books/u%2F..%2Fk/balances?currency=GBP&limit=500&prefix=a%26b"; r.RequestURI != want {
			t.Errorf("got %s, want %s", r.RequestURI, want)
		}
		fmt.Fprint(w, `{"data":[],"next_cursor":null}`)
	})
	if got, err := client.Collect(c.Balances(t.Context(), "u/../k", client.BalanceQuery{Prefix: "a&b", Currency: "GBP"}), 10); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestProblem(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]string{409: "reference-reused", 422: "insufficient-funds", 404: "book-unknown", 500: "internal"} {
		var calls atomic.Int32
		c := serve(t, client.Options{}, func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			problem(w, status, code)
		})
		_, err := c.Post(t.Context(), "uk", sale)
		var p *client.Problem
		if !errors.As(err, &p) || p.Status != status || p.Code != code || p.Detail != "Do this." || p.RequestID != "r1" || p.Index == nil || *p.Index != 3 ||
			len(p.Fields) != 1 || p.Fields[0].Pointer != "/entries/0/amount" || p.Fields[0].Message != "Write digits." {
			t.Errorf("%d: got %+v", status, err)
		}
		if !errors.Is(err, &client.Problem{Code: code}) || errors.Is(err, client.ErrUnreachable) || p.Unanswered() {
			t.Errorf("%d: %v is taken for another problem", status, err)
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%d: asked %d times; a refusal is not asked again", status, n)
		}
	}
}

// A 503 and a lost connection are asked again, with the same bytes, and a bounded number of times.
func TestRetries(t *testing.T) {
	t.Parallel()
	failures := map[string]func(w http.ResponseWriter){
		"503":                   func(w http.ResponseWriter) { problem(w, 503, "queue-full") },
		"cut before the answer": func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"cut in the answer": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "{")
			panic(http.ErrAbortHandler)
		},
	}
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			var first atomic.Value
			c := serve(t, client.Options{Attempts: 3}, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if first.CompareAndSwap(nil, string(body)); first.Load() != string(body) {
					t.Errorf("the body changed from %s to %s", first.Load(), body)
				}
				// Calls 1 and 2 fail, 3 succeeds; then all fail.
				if n := calls.Add(1); n != 3 {
					fail(w)
					return
				}
				fmt.Fprint(w, `{"id":"uk-1"}`)
			})
			if got, err := c.Post(t.Context(), "uk", sale); err != nil || got.ID != "uk-1" {
				t.Fatalf("got %+v, %v", got, err)
			}
			_, err := c.Post(t.Context(), "uk", sale)
			var p *client.Problem
			if !errors.As(err, &p) || p.Status != 503 && !errors.Is(err, client.ErrUnreachable) {
				t.Fatalf("got %v", err)
			}
			if n := calls.Load(); n != 6 {
				t.Errorf("asked %d times, want 3 and 3", n)
			}
		})
	}
}

// The service's wish to wait is followed, and the caller's context ends the waiting.
func TestContextEndsWaiting(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, client.Options{Patience: 2 * time.Hour}, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Retry-After", "3600")
		problem(w, 503, "shutting-down")
		cancel()
	})
	_, err := c.Post(ctx, "uk", sale)
	var p *client.Problem
	if !errors.As(err, &p) || calls.Load() != 1 {
		t.Errorf("got %v after %d calls", err, calls.Load())
	}
}

func TestTimeoutOfOneAttempt(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	c := serve(t, client.Options{Timeout: 50 * time.Millisecond, Attempts: 2}, func(_ http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	_, err := c.Post(t.Context(), "uk", sale)
	var p *client.Problem
	if !errors.As(err, &p) || !p.Unanswered() || !errors.Is(err, context.DeadlineExceeded) || calls.Load() != 2 {
		t.Errorf("got %v after %d calls", err, calls.Load())
	}
}

// The key goes nowhere but to the service.
func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	c := serve(t, client.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stolen" {
			t.Error("the redirect was followed")
		}
		http.Redirect(w, r, "/stolen", http.StatusTemporaryRedirect)
	})
	_, err := c.Post(t.Context(), "uk", sale)
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 307 || p.Code != "http-307" {
		t.Errorf("got %v", err)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	c := serve(t, client.Options{}, func(w http.ResponseWriter, r *http.Request) {
		next := map[string]string{"": `"b"`, "b": `"c"`, "c": `null`}[r.URL.Query().Get("cursor")]
		fmt.Fprintf(w, `{"data":[{"code":"x%s"},{"code":"y"}],"next_cursor":%s}`, r.URL.Query().Get("cursor"), next)
	})
	got, err := client.Collect(c.Books(t.Context()), 5)
	var codes []string
	for _, b := range got {
		codes = append(codes, b.Code)
	}
	if diff := cmp.Diff([]string{"x", "y", "xb", "y", "xc"}, codes); diff != "" || err != nil {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
}

// A list that never ends is noticed.
func TestCursorThatStands(t *testing.T) {
	t.Parallel()
	c := serve(t, client.Options{}, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data":[],"next_cursor":"same"}`)
	})
	if _, err := client.Collect(c.Books(t.Context()), 5); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("got %v", err)
	}
}

func TestUnreadableAnswers(t *testing.T) {
	t.Parallel()
	for body, status := range map[string]int{"<html>": 200, "<html>proxy": 502, "": 200, `{"results":[]}`: 200} {
		c := serve(t, client.Options{}, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
		_, err := c.PostBatch(t.Context(), "uk", []client.NewTransaction{sale})
		var p *client.Problem
		if !errors.As(err, &p) || p.Code != "answer-unreadable" && p.Code != "http-502" {
			t.Errorf("%q: got %v", body, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, good := range map[string]bool{
		"https://ledger.example.com": true, "https://ledger.example.com/mizan/": true, "http://127.0.0.1:8080": true, "http://[::1]:8080": true,
		"http://localhost": true, "http://ledger.example.com": false, "ledger.example.com": false, "": false, "ftp://x": false,
		"https://user@ledger.example.com": false, "https://x?key=1": false,
	} {
		if _, err := client.New(address, key, client.Options{}); (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := client.New("http://ledger.internal", key, client.Options{PlainHTTP: true}); err != nil {
		t.Error(err)
	}
}

func TestBalanceMinor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"12.34": 1234, "-12.34": -1234, "0.00": 0} {
		if got, err := (client.Balance{Balance: text, Currency: "GBP"}).Minor(); err != nil || int64(got) != want {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
	}
	if _, err := (client.Balance{Balance: "--1", Currency: "GBP"}).Minor(); err == nil {
		t.Error("--1 was read as an amount")
	}
}

// The service's own JSON of a problem inside a batch is read like one that stands alone.
func TestProblemInBatch(t *testing.T) {
	t.Parallel()
	var r client.Result
	if err := json.Unmarshal([]byte(`{"status":422,"problem":{"code":"unbalanced","status":422,"detail":"Debits and credits differ."}}`), &r); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(r.Problem, client.ErrUnbalanced) || r.Problem.Status != 422 || r.Transaction != nil {
		t.Errorf("got %+v", r)
	}
}
