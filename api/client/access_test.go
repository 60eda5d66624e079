package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mizan/api/client"

	"github.com/google/go-cmp/cmp"
)

// What must not happen twice is not sent again once it may have happened, and is once the service has said that it did not.
func TestSentOnce(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	lost := serve(t, client.Options{Attempts: 3}, func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
		panic(http.ErrAbortHandler)
	})
	once := map[string]func(c *client.Client) error{
		"ask":    func(c *client.Client) error { _, err := c.Ask(t.Context(), "uk", client.NewApproval{}); return err },
		"create": func(c *client.Client) error { _, err := c.CreateKey(t.Context(), client.NewKey{}); return err },
		"rotate": func(c *client.Client) error { _, err := c.RotateKey(t.Context(), "k", time.Minute); return err },
		"add":    func(c *client.Client) error { _, err := c.AddPerson(t.Context(), "n", ""); return err },
		"grant":  func(c *client.Client) error { _, err := c.GrantRole(t.Context(), "p", client.NewGrant{}); return err },
		"link":   func(c *client.Client) error { _, err := c.MakeSignInLink(t.Context(), "uk", "p"); return err },
	}
	for name, do := range once {
		calls.Store(0)
		if err := do(lost); !errors.Is(err, client.ErrUnreachable) || calls.Load() != 1 {
			t.Errorf("%s was sent %d times: %v", name, calls.Load(), err)
		}
	}
	busy := serve(t, client.Options{Attempts: 2}, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1)%2 == 1 {
			problem(w, 503, "overloaded")
			return
		}
		fmt.Fprint(w, `{}`)
	})
	for name, do := range once {
		calls.Store(0)
		if err := do(busy); err != nil || calls.Load() != 2 {
			t.Errorf("%s after a refusal: %d calls, %v", name, calls.Load(), err)
		}
	}
}

// Requests of the parts go where the service serves them, with the bodies it reads.
func TestAccessRequests(t *testing.T) {
	t.Parallel()
	var got string
	c := serve(t, client.Options{}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.RequestURI + " " + string(body)
		fmt.Fprint(w, `{}`)
	})
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	ctx := t.Context()
	payload := client.NewApproval{Act: "period.close", Payload: json.RawMessage(`{"period":"2026-10"}`), Reason: "done"}
	adjustment := client.Adjustment{Reference: "a", ReasonCode: "audit", Reason: "why", Document: "D", Entries: []client.AdjustmentEntry{{Account: "x", Direction: "debit", Amount: "1.00", Currency: "GBP"}}}
	for want, do := range map[string]func() error{
		`POST /v1/books/uk/approvals {"act":"period.close","payload":{"period":"2026-10"},"reason":"done"}`:              func() error { _, err := c.Ask(ctx, "uk", payload); return err },
		`POST /v1/books/uk/approvals?dry_run=true {"act":"period.close","payload":{"period":"2026-10"},"reason":"done"}`: func() error { _, err := c.Forecast(ctx, "uk", payload); return err },
		`POST /v1/books/uk/adjustments {"reference":"a","reason_code":"audit","reason":"why","document":"D","entries":[{"account":"x","direction":"debit","amount":"1.00","currency":"GBP"}]}`: func() error {
			_, err := c.AskAdjustment(ctx, "uk", adjustment)
			return err
		},
		`POST /v1/books/uk/adjustments?dry_run=true {"reference":"a","reason_code":"audit","reason":"why","document":"D","entries":[{"account":"x","direction":"debit","amount":"1.00","currency":"GBP"}]}`: func() error {
			_, err := c.ForecastAdjustment(ctx, "uk", adjustment)
			return err
		},
		`GET /v1/approvals/ap_1 `: func() error { _, err := c.Approval(ctx, "", "ap_1"); return err },
		`PATCH /v1/books/uk/approvals/ap_1 {"version":2,"act":"period.close","payload":{"period":"2026-10"},"reason":"done"}`: func() error { _, err := c.EditApproval(ctx, "uk", "ap_1", 2, payload); return err },
		`POST /v1/approvals/ap_1/approval {"hash":"00"}`:                                                                      func() error { _, err := c.Approve(ctx, "", "ap_1", "00", ""); return err },
		`POST /v1/books/uk/approvals/ap_1/refusal {"reason":"no"}`:                                                            func() error { _, err := c.RefuseApproval(ctx, "uk", "ap_1", "no"); return err },
		`POST /v1/keys/k1/rotation {"overlap_seconds":90}`:                                                                    func() error { _, err := c.RotateKey(ctx, "k1", 90*time.Second); return err },
		`POST /v1/keys/k1/revocation {"reason":"old"}`:                                                                        func() error { _, err := c.RevokeKey(ctx, "k1", "old"); return err },
		`POST /v1/people/p1/sessions/end {"reason":"lost"}`:                                                                   func() error { return c.EndSessions(ctx, "p1", "lost") },
		`POST /v1/people/p1/grants/g1/revocation {"reason":"moved"}`:                                                          func() error { _, err := c.RevokeRole(ctx, "p1", "g1", "moved"); return err },
		`PATCH /v1/books/uk/data_subjects/payee:a {"fields":{"name":"A"},"reason":"new"}`: func() error {
			_, err := c.StorePersonalData(ctx, "uk", "payee:a", map[string]string{"name": "A"}, "new")
			return err
		},
		`POST /v1/books/uk/data_subjects/payee:a/closing {"reason":"goes on"}`:                         func() error { _, err := c.CloseDataSubject(ctx, "uk", "payee:a", time.Time{}, "goes on"); return err },
		`POST /v1/books/uk/data_subjects/payee:a/hold {"until":"2026-11-20T10:00:00Z","reason":"law"}`: func() error { _, err := c.HoldPersonalData(ctx, "uk", "payee:a", at, "law"); return err },
		`POST /v1/books/uk/data_subjects/payee:a/destination/withdrawal {"reason":"fraud"}`:            func() error { _, err := c.WithdrawDestination(ctx, "uk", "payee:a", "fraud"); return err },
		`POST /v1/books/uk/personal_data_retention {"days":10,"reason":"law"}`:                         func() error { return c.SetRetention(ctx, "uk", 10, "law") },
		`POST /v1/books/uk/data_subjects/payee:a/destination {"fields":{"bank_account":"1"},"reason":"new","document":"D"}`: func() error {
			_, err := c.ProposeDestination(ctx, "uk", "payee:a", map[string]string{"bank_account": "1"}, "new", "D")
			return err
		},
		`GET /v1/books/uk/audit?act=key.&from=2026-11-20T10%3A00%3A00Z&limit=500 `: func() error {
			_, err := client.Collect(c.Audit(ctx, "uk", client.AuditQuery{Act: "key.", From: at}), 10)
			return err
		},
	} {
		if err := do(); err != nil || got != want {
			t.Errorf("sent %s, want %s (%v)", got, want, err)
		}
	}
}

// An export goes on until an answer is empty, and ends with an error at lines that lead nowhere.
func TestExportAudit(t *testing.T) {
	t.Parallel()
	c := serve(t, client.Options{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("after") {
		case "0":
			fmt.Fprint(w, "{\"sequence\":1}\n{\"sequence\":2}\n")
		case "2":
			fmt.Fprint(w, "{\"sequence\":3}\n")
		}
	})
	var out strings.Builder
	last, err := c.ExportAudit(t.Context(), "", 0, &out)
	if diff := cmp.Diff("{\"sequence\":1}\n{\"sequence\":2}\n{\"sequence\":3}\n", out.String()); err != nil || last != 3 || diff != "" {
		t.Errorf("%d %v %s", last, err, diff)
	}
	stuck := serve(t, client.Options{}, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{\"sequence\":1}\n") })
	if last, err := stuck.ExportAudit(t.Context(), "", 0, io.Discard); err == nil || last != 1 {
		t.Errorf("lines that lead nowhere: %d %v", last, err)
	}
}
