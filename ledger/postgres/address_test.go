package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mizan/ledger/postgres"
)

func TestReadAddress(t *testing.T) {
	t.Parallel()
	for url, unproven := range map[string][]string{
		"postgres://app@db.example.com/mizan?sslmode=verify-full":                       nil,
		"postgres://app@db.example.com/mizan?sslmode=verify-ca":                         {"db.example.com"},
		"postgres://app@db.example.com/mizan?sslmode=require":                           {"db.example.com"},
		"postgres://app@db.example.com/mizan?sslmode=prefer":                            {"db.example.com"},
		"postgres://app@db.example.com/mizan":                                           {"db.example.com"},
		"postgresql://app@10.0.0.7/mizan?sslmode=disable":                               {"10.0.0.7"},
		"postgres://app@one.example.com,two.example.com/mizan?sslmode=verify-full":      nil,
		"postgres://app@127.0.0.1,two.example.com/mizan?sslmode=disable":                {"two.example.com"},
		"postgres://app@localhost/mizan?sslmode=disable":                                nil,
		"postgres://app@[::1]/mizan?sslmode=disable":                                    nil,
		"postgres://app@/mizan?host=/var/run/postgresql":                                nil,
		"postgres://app@db.example.com/mizan?sslmode=nonsense":                          {"!"},
		"postgres://app@db.example.com:port/mizan":                                      {"!"},
		"postgres://app@db.example.com/mizan?sslmode=verify-full&sslrootcert=/none.pem": {"!"},
		"mysql://app@db.example.com/mizan":                                              {"!"},
		"":                                                                              {"!"},
	} {
		a, err := postgres.ReadAddress(url)
		if slices.Equal(unproven, []string{"!"}) {
			if !errors.Is(err, postgres.ErrAddress) {
				t.Errorf("%q is read: %v %v", url, a.Unproven, err)
			}
			continue
		}
		if err != nil || !slices.Equal(a.Unproven, unproven) || a.Role != "app" {
			t.Errorf("%q: %s over %q, %v", url, a.Role, a.Unproven, err)
		}
	}
	const secret = "canary4711"
	a, err := postgres.ReadAddress("postgres://app:" + secret + "@db.example.com/mizan?sslmode=verify-full")
	if err != nil || a.Password() != secret || !a.Remote {
		t.Fatalf("the password is not read: %v", err)
	}
	if shown := fmt.Sprintf("%v %+v %#v", a, a, &a); strings.Contains(shown, secret) {
		t.Errorf("printing it shows the password: %s", shown)
	}
}
