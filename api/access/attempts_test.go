package access_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
)

// wrongSecret is a key with the id and a secret that it does not have.
func wrongSecret(id string) string { return "mk_" + id + "_" + strings.Repeat("A", 43) }

// TestWrongSecretsAreCounted tries one key's secret, an unknown one's, and from one address: too many wrong ones are told
// to wait, and the right one always passes.
func TestWrongSecretsAreCounted(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	key, bearer, err := h.here.Create(t.Context(), operator, access.NewKey{Name: "n", Scopes: access.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := h.here.Create(t.Context(), operator, access.NewKey{Name: "n", Scopes: access.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	try := func(bearer, address string, want error) {
		t.Helper()
		if _, err := h.here.Authenticate(t.Context(), bearer, address); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%.15s from %s: %v, want %v", bearer, address, err, want)
		}
	}
	for round := range 2 {
		// From many addresses, so that only the key's own count is full; an id that nobody has is counted alike.
		for _, id := range []string{key.ID, "aaaaaaaaaaaa"} {
			for i := range 20 {
				try(wrongSecret(id), fmt.Sprintf("192.0.2.%d:1234", i), access.ErrUnauthenticated)
			}
			try(wrongSecret(id), "192.0.2.200", access.ErrTooMany)
		}
		try(bearer, "192.0.2.1", nil)
		try(wrongSecret(other.ID), "192.0.2.1", access.ErrUnauthenticated)
		h.clock.forward(time.Minute)
		if round == 0 {
			try(wrongSecret(key.ID), "192.0.2.200", access.ErrUnauthenticated)
			h.clock.forward(-time.Hour) // a clock that is set back locks nobody out for an hour
		}
	}
	for _, addresses := range [][]string{{"198.51.100.1", "198.51.100.1:99", "::ffff:198.51.100.1"}, {"2001:db8::1", "[2001:db8::2]:5", "2001:db8::ffff:0:0:1"}} {
		for i := range 100 {
			bad := []string{"", "nonsense", wrongSecret(fmt.Sprintf("a%011d", i))}[i%3]
			try(bad, addresses[i%3], access.ErrUnauthenticated)
		}
		for _, address := range addresses {
			try("nonsense", address, access.ErrTooMany)
			try(bearer, address, nil)
		}
		if err := h.here.Revoke(t.Context(), operator, other.ID, ""); err != nil {
			t.Fatal(err)
		}
	}
	try("nonsense", "2001:db8:0:1::1", access.ErrUnauthenticated)
	try("nonsense", "198.51.100.2", access.ErrUnauthenticated)
	for range 200 {
		try("nonsense", "", access.ErrUnauthenticated) // nobody knows from where
		try("nonsense", "not an address", access.ErrUnauthenticated)
	}
}

// TestEndedKeysAreNoAttempts uses a revoked key more often than anybody may try wrong ones: it is told the same each time.
func TestEndedKeysAreNoAttempts(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	key, bearer, err := h.here.Create(t.Context(), operator, access.NewKey{Name: "n", Scopes: access.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.here.Revoke(t.Context(), operator, key.ID, "lost"); err != nil {
		t.Fatal(err)
	}
	for range 150 {
		if _, err := h.here.Authenticate(t.Context(), bearer, "192.0.2.1"); !errors.Is(err, access.ErrUnauthenticated) {
			t.Fatal(err)
		}
	}
}

// TestAttemptsAreBounded tries more ids than are counted one by one: the rest are counted together, and the right key
// passes.
func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	_, bearer, err := h.here.Create(t.Context(), operator, access.NewKey{Name: "n", Scopes: access.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := range 4200 {
		_, err := h.here.Authenticate(t.Context(), wrongSecret(fmt.Sprintf("a%011d", i)), "")
		if errors.Is(err, access.ErrTooMany) {
			refused++
		}
	}
	if want := 4200 - 4096 - 20; refused != want {
		t.Errorf("%d were told to wait, want %d", refused, want)
	}
	if !h.passes(h.here, bearer) {
		t.Error("the right key does not pass")
	}
}

// TestTiming (I27) compares how long a wrong secret takes for an id that exists, and for one that does not: 10,000 samples,
// interleaved at random, of which the medians may differ by 3 percent of the median or 5 µs, whichever is more.
func TestTiming(t *testing.T) {
	h := openOffice(t)
	key, _, err := h.here.Create(t.Context(), operator, access.NewKey{Name: strings.Repeat("n", 100), Scopes: access.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	bearers := [2]string{wrongSecret(key.ID), wrongSecret("a" + key.ID[1:])}
	if key.ID[0] == 'a' {
		bearers[1] = wrongSecret("b" + key.ID[1:])
	}
	var took [2][]time.Duration
	for range 500 {
		h.here.Authenticate(t.Context(), bearers[0], "") // the first ones are slow for both
		h.here.Authenticate(t.Context(), bearers[1], "")
	}
	for len(took[0])+len(took[1]) < 10000 {
		which := random.IntN(2)
		begun := time.Now()
		_, err := h.here.Authenticate(t.Context(), bearers[which], "")
		took[which] = append(took[which], time.Since(begun))
		if err == nil {
			t.Fatal("a wrong key passes")
		}
	}
	median := func(of []time.Duration) time.Duration {
		slices.Sort(of)
		return of[len(of)/2]
	}
	known, unknown := median(took[0]), median(took[1])
	t.Logf("an id that exists: %v of %d; one that does not: %v of %d", known, len(took[0]), unknown, len(took[1]))
	if most := max(5*time.Microsecond, 3*unknown/100); known-unknown > most || unknown-known > most {
		t.Errorf("the medians differ by %v, more than %v", known-unknown, most)
	}
}
