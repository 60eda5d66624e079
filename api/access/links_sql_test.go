package access_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mizan/api/access"
)

// TestLinkOnce uses one link fifty times at once, at two replicas: one session comes of it.
func TestLinkOnce(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	for name, link := range map[string]func() (string, time.Time, error){
		"person": func() (string, time.Time, error) { return h.here.PersonLink(t.Context(), operator, h.person("admin")) },
		"payee":  func() (string, time.Time, error) { return h.here.PayeeLink(t.Context(), operator, uk, "cre_amy") },
	} {
		before := h.count(`SELECT count(*) FROM sessions`)
		token, expires, err := link()
		if err != nil || !expires.Equal(start.Add(access.LinkLifetime)) {
			t.Fatal(expires, err)
		}
		var begun atomic.Int32
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				_, s, err := []*access.Service{h.here, h.there}[i%2].RedeemLink(t.Context(), token, "192.0.2.1", "req")
				switch {
				case err == nil && s.Principal.Kind != access.Nobody:
					begun.Add(1)
				case !errors.Is(err, access.ErrLinkSpent):
					t.Errorf("%s: %+v, %v", name, s, err)
				}
			})
		}
		all.Wait()
		if n := h.count(`SELECT count(*) FROM sessions`) - before; begun.Load() != 1 || n != 1 {
			t.Errorf("%s: %d sign-ins, %d sessions", name, begun.Load(), n)
		}
		h.clock.forward(-h.clock.now().Sub(start))
	}
}

// TestLinkEnds walks to the last moment of links, and makes more than one may have.
func TestLinkEnds(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person()
	var links []string
	for range 12 {
		token, _, err := h.here.PersonLink(t.Context(), operator, person)
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, token)
		h.clock.forward(time.Millisecond)
	}
	other, _, err := h.here.PersonLink(t.Context(), operator, h.person())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, false, true} {
		if _, _, err := h.here.RedeemLink(t.Context(), links[i], "", ""); (err == nil) != want || !want && !errors.Is(err, access.ErrLinkSpent) {
			t.Errorf("link %d: %v", i, err)
		}
	}
	h.clock.forward(start.Add(access.LinkLifetime+11*time.Millisecond).Sub(h.clock.now()) - time.Microsecond)
	if _, _, err := h.here.RedeemLink(t.Context(), links[11], "", ""); err != nil {
		t.Errorf("in its last moment: %v", err)
	}
	h.clock.forward(time.Millisecond + time.Microsecond)
	if _, _, err := h.here.RedeemLink(t.Context(), other, "", ""); !errors.Is(err, access.ErrLinkSpent) {
		t.Errorf("after its end: %v", err)
	}
	if _, _, err := h.here.PersonLink(t.Context(), operator, person); err != nil {
		t.Fatal(err)
	}
	if n := h.count(`SELECT count(*) FROM sign_in_links`); n != 1 {
		t.Errorf("%d rows are left of links that have run out", n)
	}
}

// TestWrongLinks tries what is no link, until there were too many; the right one passes all the same.
func TestWrongLinks(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person("finance@uk")
	right, _, err := h.here.PersonLink(t.Context(), operator, person)
	if err != nil {
		t.Fatal(err)
	}
	wrong := []string{"", "ml_", right[3:], right + "A", " " + right, "ms_" + right[3:], strings.ToUpper(right), "ml_" + strings.Repeat("\x00", 43), strings.Repeat("x", 1<<20)}
	for i := range 100 {
		if _, _, err := h.here.RedeemLink(t.Context(), wrong[i%len(wrong)], "192.0.2.1", ""); !errors.Is(err, access.ErrLinkSpent) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, _, err := h.here.RedeemLink(t.Context(), wrong[3], "192.0.2.1", ""); !errors.Is(err, access.ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	if _, _, err := h.here.RedeemLink(t.Context(), wrong[3], "192.0.2.2", ""); !errors.Is(err, access.ErrLinkSpent) {
		t.Errorf("from elsewhere: %v", err)
	}
	_, s, err := h.here.RedeemLink(t.Context(), right, "192.0.2.1", "")
	if err != nil || s.Principal.ID != person || s.Principal.Allow(access.TransactionsRead, "uk") != nil {
		t.Errorf("the right one: %+v, %v", s, err)
	}
	h.clock.forward(time.Minute)
	if _, _, err := h.here.RedeemLink(t.Context(), right, "192.0.2.1", ""); !errors.Is(err, access.ErrLinkSpent) {
		t.Errorf("a minute later: %v", err)
	}
}

// TestSigningOutVoidsLinks ends the sessions of holders who have links: no session comes of them.
func TestSigningOutVoidsLinks(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person()
	one, _, err := h.here.PersonLink(t.Context(), operator, person)
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := h.here.PayeeLink(t.Context(), operator, uk, "cre_amy")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(h.here.EndSessions(t.Context(), operator, person, "", ""), h.here.EndSessions(t.Context(), operator, "cre_amy", "uk", "")); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{one, two} {
		if _, _, err := h.there.RedeemLink(t.Context(), link, "", ""); !errors.Is(err, access.ErrLinkSpent) {
			t.Errorf("%v", err)
		}
	}
}
