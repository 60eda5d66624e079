package api

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres/pgtest"
	"mizan/payouts"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

// TestNoticesInAnOutage takes the database away: a notice is never answered with 200 before it is stored (K24), and is taken when
// it comes again.
func TestNoticesInAnOutage(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var kept *payouts.Notices
	h := open(t, func(c *Config) {
		driver, err := stripe.New(stripe.Options{Key: "sk_test_canary_of_the_key_1234567890", Now: c.Now, PlatformSecret: noticePlatform, ConnectSecret: noticeConnect})
		if err != nil {
			t.Fatal(err)
		}
		kept = payouts.NewNotices(db.Pool, c.Now, map[string]payouts.NoticeReader{"stripe": driver})
		c.Notices = kept
	})
	config, err := pgx.ParseConfig(db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	config.Database = "postgres"
	admin, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	connections := func(allowed string) {
		t.Helper()
		for _, sql := range []string{
			"ALTER DATABASE " + pgx.Identifier{db.Name}.Sanitize() + " ALLOW_CONNECTIONS " + allowed,
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + db.Name + "' AND pid <> pg_backend_pid()",
		} {
			if _, err := admin.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	send := func() answer {
		return h.as("", "POST", noticePath, noticeBody, "Stripe-Signature", simulator.Sign([]byte(noticeBody), noticeConnect, h.clock.now()))
	}
	connections("false")
	for range 3 {
		if a := send(); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		if a := h.as("", "POST", noticePath, noticeBody, "Stripe-Signature", simulator.Sign([]byte(noticeBody), "whsec_of_somebody_else", h.clock.now())); a.StatusCode != 400 {
			t.Errorf("a forged one is not told by its signature alone: %d %s", a.StatusCode, a.body) // K23
		}
		h.clock.forward(time.Second)
	}
	connections("true")
	if a := send(); a.StatusCode != 200 {
		t.Errorf("afterwards: %d %s", a.StatusCode, a.body)
	}
	if list, err := kept.Unhandled(t.Context(), 10); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}
