package access_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/api/access"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// TestSessionLimits walks staff and payees to the last moment of their sessions.
func TestSessionLimits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin          func(*office) string
		idle, lifetime time.Duration
	}{
		"staff": {func(h *office) string { return h.signIn(h.person()) }, access.StaffIdle, access.StaffLifetime},
		"payee": {func(h *office) string { return h.payee("cre_amy") }, access.PayeeIdle, access.PayeeLifetime},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := openOffice(t)
			idle, busy := c.begin(h), c.begin(h)
			s, err := h.there.Session(t.Context(), busy)
			if err != nil || !s.StartedAt.Equal(start) || !s.EndsAt.Equal(start.Add(c.lifetime)) {
				t.Fatalf("%+v, %v", s, err)
			}
			h.clock.forward(c.idle - time.Microsecond)
			if here, there := h.good(busy); !here || !there {
				t.Error("it is over too early")
			}
			h.clock.forward(time.Microsecond)
			if here, there := h.good(idle); here || there {
				t.Error("an idle session goes on")
			}
			for h.clock.now().Before(start.Add(c.lifetime - c.idle/2)) {
				if here, there := h.good(busy); !here || !there {
					t.Fatalf("a busy session is over at %v", h.clock.now().Sub(start))
				}
				h.clock.forward(c.idle / 2)
			}
			h.clock.forward(start.Add(c.lifetime).Sub(h.clock.now()) - 100*time.Millisecond)
			if here, there := h.good(busy); !here || !there {
				t.Error("it is over before its end")
			}
			h.clock.forward(100 * time.Millisecond) // within the moment for which it is remembered
			if here, there := h.good(busy); here || there {
				t.Error("it goes on for ever")
			}
		})
	}
}

// TestSeenOnceAMinute counts how often it is written down that a session was seen, which keeps it from being idle.
func TestSeenOnceAMinute(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	session := h.signIn(h.person())
	for _, c := range []struct {
		after   time.Duration
		good    bool
		written bool
	}{
		{time.Minute - time.Microsecond, true, false},
		{time.Microsecond, true, false}, // remembered
		{second, true, true},
		{30 * time.Second, true, false},
		{access.StaffIdle - 30*time.Second - 100*time.Millisecond, true, true},
		{time.Minute - 1*time.Second, true, false},
		{access.StaffIdle - time.Minute + 900*time.Millisecond, true, true},
		{access.StaffIdle - 100*time.Millisecond, true, true},
	} {
		h.clock.forward(c.after)
		if here, _ := h.good(session); here != c.good {
			t.Errorf("%v after the start: %v", h.clock.now().Sub(start), here)
		}
		if n := h.count(`SELECT count(*) FROM sessions WHERE seen_at = $1`, h.clock.now()); (n == 1) != c.written {
			t.Errorf("%v after the start it is written down: %d", h.clock.now().Sub(start), n)
		}
	}
}

// TestSessionsEndEverywhere ends a session in each way at one replica that another has just seen.
func TestSessionsEndEverywhere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		payee bool
		end   func(ctx context.Context, h *office, holder, bearer string) error
		told  string
	}{
		"sign-out": {false, func(ctx context.Context, h *office, _, bearer string) error {
			return h.here.SignOut(ctx, bearer, "192.0.2.1", "req")
		}, "session.ended"},
		"sign-out of a payee": {true, func(ctx context.Context, h *office, _, bearer string) error {
			return h.here.SignOut(ctx, bearer, "192.0.2.1", "req")
		}, "session.ended"},
		"all": {false, func(ctx context.Context, h *office, holder, _ string) error {
			return h.here.EndSessions(ctx, operator, holder, "", "lost")
		}, "sessions.ended"},
		"all of a payee": {true, func(ctx context.Context, h *office, holder, _ string) error {
			return h.here.EndSessions(ctx, operator, holder, "uk", "lost")
		}, "sessions.ended"},
		"deactivation": {false, func(ctx context.Context, h *office, holder, _ string) error {
			_, err := h.here.Deactivate(ctx, operator, holder, "left")
			return err
		}, "person.deactivated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := openOffice(t)
			holder, book := "cre_amy", uk
			var bearer, other string
			if c.payee {
				bearer, other = h.payee(holder), h.payee("cre_bob")
			} else {
				holder, book = h.person("admin"), guard.Book{}
				bearer, other = h.signIn(holder), h.signIn(h.person())
			}
			if here, there := h.good(bearer); !here || !there {
				t.Fatal("not signed in")
			}
			for range 2 {
				if err := c.end(t.Context(), h, holder, bearer); err != nil {
					t.Fatal(err)
				}
			}
			if here, _ := h.good(bearer); here {
				t.Error("it goes on where it was ended")
			}
			h.clock.forward(second)
			if _, there := h.good(bearer); there {
				t.Error("it goes on elsewhere")
			}
			if here, there := h.good(other); !here || !there {
				t.Error("somebody else's is over")
			}
			if told := strings.Join(h.acts(book), "\n"); !strings.Contains(told, c.told+" ") {
				t.Errorf("%s is not told: %s", c.told, told)
			}
		})
	}
}

// TestSessionsAfterTheirEnd begins another session after all were ended, also by a replica whose clock was ahead.
func TestSessionsAfterTheirEnd(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person("admin")
	old := h.signIn(person)
	h.clock.forward(3 * second)
	if err := h.here.EndSessions(t.Context(), operator, person, "", ""); err != nil {
		t.Fatal(err)
	}
	h.clock.forward(-2 * second)
	again := h.signIn(person)
	if here, there := h.good(again); !here || !there {
		t.Error("nobody can sign in again")
	}
	if here, there := h.good(old); here || there {
		t.Error("the old one goes on")
	}
}

// TestManySessions begins more than one may have, at once: the rest are over, the newest is good.
func TestManySessions(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person("admin")
	first := h.signIn(person)
	h.clock.forward(second)
	for range 4 {
		var links []string
		for range 10 {
			token, _, err := h.here.PersonLink(t.Context(), operator, person)
			if err != nil {
				t.Fatal(err)
			}
			links = append(links, token)
		}
		var all sync.WaitGroup
		for _, link := range links {
			all.Go(func() {
				if _, _, err := h.there.RedeemLink(t.Context(), link, "", ""); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	if n := h.count(`SELECT count(*) FROM sessions WHERE ended_at IS NULL`); n != 20 {
		t.Errorf("%d sessions", n)
	}
	if here, there := h.good(first); here || there {
		t.Error("the oldest goes on")
	}
	if here, there := h.good(h.signIn(person)); !here || !there {
		t.Error("the newest is over")
	}
	if n := h.count(`SELECT count(*) FROM sessions WHERE ended_at IS NULL`); n != 20 {
		t.Errorf("%d sessions", n)
	}
	h.clock.forward(access.StaffLifetime)
	h.signIn(person)
	if n := h.count(`SELECT count(*) FROM sessions`); n != 1 {
		t.Errorf("%d rows are left after all but one are over", n)
	}
}

// TestTokensAreNotStored looks for tokens and their secrets in what is stored and told.
func TestTokensAreNotStored(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person("admin")
	link, _, err := h.here.PersonLink(t.Context(), operator, person)
	if err != nil {
		t.Fatal(err)
	}
	unused, _, err := h.here.PersonLink(t.Context(), operator, person)
	if err != nil {
		t.Fatal(err)
	}
	session := h.redeem(link)
	if !regexp.MustCompile(`^ms_[A-Za-z0-9_-]{43}$`).MatchString(session) || !regexp.MustCompile(`^ml_[A-Za-z0-9_-]{43}$`).MatchString(link) {
		t.Error("the tokens are not written as documented")
	}
	stored := h.stored()
	for _, token := range []string{link, unused, session} {
		if strings.Contains(stored, token[3:]) {
			t.Error("a token is stored")
		}
	}
}

// TestWrongSessions tries what is no token of a session.
func TestWrongSessions(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	bearer := h.signIn(h.person())
	link, _, err := h.here.PersonLink(t.Context(), operator, h.person())
	if err != nil {
		t.Fatal(err)
	}
	wrong := []string{"", "ms_", bearer[3:], bearer + "A", bearer[:45], " " + bearer, "ml_" + bearer[3:], link, "ms_" + link[3:], strings.ToUpper(bearer), "ms_" + strings.Repeat("\x00", 43), strings.Repeat("x", 1<<20)}
	for i := 3; i < len(bearer); i++ {
		b := []byte(bearer)
		b[i] = 'A' + (b[i]+1)%26
		if string(b) != bearer {
			wrong = append(wrong, string(b))
		}
	}
	for _, w := range wrong {
		if s, err := h.here.Session(t.Context(), w); !errors.Is(err, access.ErrUnauthenticated) || s.Principal.Kind != access.Nobody {
			t.Errorf("%.60q: %v", w, err)
		}
		if err := h.here.SignOut(t.Context(), w, "", ""); err != nil {
			t.Errorf("signing %.60q out: %v", w, err)
		}
	}
	if here, there := h.good(bearer); !here || !there {
		t.Error("the right one is over")
	}
}

// TestPayees shows what a payee and a guardian may see, and that whom a guardian answers for is asked again and again.
func TestPayees(t *testing.T) {
	t.Parallel()
	minors := map[string][]string{"uk/gua_pat": {"cre_kid"}}
	var mu sync.Mutex
	h := openOffice(t, func(o *access.Options) {
		o.Guardians = func(_ context.Context, book, guardian string) ([]string, error) {
			mu.Lock()
			defer mu.Unlock()
			if guardian == "gua_err" {
				return nil, errors.New("away")
			}
			return minors[book+"/"+guardian], nil
		}
	})
	amy, pat := h.payee("cre_amy"), h.payee("gua_pat")
	for bearer, want := range map[string]access.Principal{
		amy: {Kind: access.Payee, ID: "cre_amy", Books: []string{"uk"}, Payees: []string{"cre_amy"}},
		pat: {Kind: access.Payee, ID: "gua_pat", Books: []string{"uk"}, Payees: []string{"gua_pat", "cre_kid"}},
	} {
		s, err := h.there.Session(t.Context(), bearer)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, s.Principal); diff != "" {
			t.Error(diff)
		}
		for _, scope := range append(access.Scopes(), "") {
			if s.Principal.Has(scope) || s.Principal.Allow(scope, "uk") == nil {
				t.Errorf("%s has %q", s.Principal.ID, scope)
			}
		}
		for _, payee := range []string{"cre_amy", "cre_bob", "gua_pat", "cre_kid", "", "CRE_AMY"} {
			own := payee == want.ID || want.ID == "gua_pat" && payee == "cre_kid"
			if err := s.Principal.AllowOwn(true, "uk", payee); own && err != nil || !own && !errors.Is(err, access.ErrPayeeHidden) {
				t.Errorf("%s and %q: %v", want.ID, payee, err)
			}
			if err := s.Principal.AllowOwn(true, "vn", payee); !errors.Is(err, access.ErrBookHidden) {
				t.Errorf("%s and %q of another book: %v", want.ID, payee, err)
			}
			if err := s.Principal.AllowOwn(false, "uk", payee); !errors.Is(err, access.ErrForbidden) {
				t.Errorf("%s and what is not for payees: %v", want.ID, err)
			}
		}
	}
	mu.Lock()
	delete(minors, "uk/gua_pat")
	mu.Unlock()
	h.clock.forward(second)
	if s, err := h.there.Session(t.Context(), pat); err != nil || len(s.Principal.Payees) != 1 {
		t.Errorf("the minor is of age: %+v, %v", s, err)
	}
	if _, err := h.there.Session(t.Context(), h.payee("gua_err")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("nobody knows the minors: %v", err)
	}
	told := strings.Join(h.acts(uk), "\n")
	for _, want := range []string{"link.made payee:cre_amy by operator:ops", "link.used payee:cre_amy by payee:cre_amy", "session.begun payee:cre_amy by payee:cre_amy"} {
		if !strings.Contains(told, want) {
			t.Errorf("%s is not told in %s", want, told)
		}
	}
	if len(h.acts(guard.Book{})) != 0 {
		t.Error("the installation's trail tells of payees")
	}
}

// TestSamePayeeOfAnotherBook keeps the payees of two books apart that have the same id.
func TestSamePayeeOfAnotherBook(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	amy := h.payee("cre_amy")
	if err := h.here.EndSessions(t.Context(), operator, "cre_amy", "vn", ""); err != nil {
		t.Fatal(err)
	}
	h.clock.forward(second)
	if here, there := h.good(amy); !here || !there {
		t.Error("another book's payee was signed out")
	}
	if err := h.here.EndSessions(t.Context(), operator, "cre_amy", "zz", ""); !errors.Is(err, access.ErrBookHidden) {
		t.Errorf("a book that does not exist: %v", err)
	}
	for _, id := range []string{"", "a b", "a\x00", strings.Repeat("a", 65), "a:b", "é"} {
		if err := h.here.EndSessions(t.Context(), operator, id, "uk", ""); !errors.Is(err, access.ErrPayeeHidden) {
			t.Errorf("%q: %v", id, err)
		}
		if _, _, err := h.here.PayeeLink(t.Context(), operator, uk, id); !errors.Is(err, access.ErrPayeeHidden) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, _, err := h.here.PayeeLink(t.Context(), operator, guard.Book{}, "cre_amy"); !errors.Is(err, access.ErrPayeeHidden) {
		t.Errorf("a payee of no book: %v", err)
	}
}

// TestSessionsWithoutADatabase answers from memory for a moment, and then says that it cannot know.
func TestSessionsWithoutADatabase(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	bearer := h.signIn(h.person())
	if here, _ := h.good(bearer); !here {
		t.Fatal("not signed in")
	}
	h.db.Pool.Close()
	if here, _ := h.good(bearer); !here {
		t.Error("it is forgotten at once")
	}
	for _, d := range []time.Duration{second, -time.Minute} {
		h.clock.forward(d)
		if _, err := h.here.Session(t.Context(), bearer); err == nil || fault.KindOf(err) == fault.Unauthenticated {
			t.Errorf("%v away: %v", d, err)
		}
	}
}
