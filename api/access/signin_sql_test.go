package access_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/api/access"
	"mizan/ledger/guard"
	"mizan/ledger/vault"
)

// openVaultOffice is an office whose vault is open.
func openVaultOffice(t testing.TB) *office {
	t.Helper()
	var raw [32]byte
	rand.Read(raw[:])
	keys, err := vault.ParseKeys("test=" + base64.StdEncoding.EncodeToString(raw[:]))
	if err != nil {
		t.Fatal(err)
	}
	h := openOffice(t)
	opts := access.Options{Now: h.clock.now, Vault: vault.New(h.db.Pool, vault.Options{Now: h.clock.now, Keys: keys})}
	h.vault, h.here, h.there = opts.Vault, access.New(h.db.Pool, opts), access.New(h.db.Pool, opts)
	return h
}

func (h *office) invite(name, email string) string {
	h.t.Helper()
	p, err := h.here.AddPerson(h.t.Context(), operator, access.NewPerson{Name: name, Email: email})
	if err != nil {
		h.t.Fatal(err)
	}
	return p.ID
}

func identity(subject, email string) access.Identity {
	return access.Identity{Issuer: "https://login.example", Subject: subject, Email: email, EmailVerified: true}
}

// TestInvited signs somebody in for the first time by the address of mail, and then by who they are, whatever their
// address is by then.
func TestInvited(t *testing.T) {
	t.Parallel()
	h := openVaultOffice(t)
	amy, bob := h.invite("Amy", "Amy@Example.org"), h.invite("Bob", "bob@example.org")
	for name, who := range map[string]access.Identity{
		"unverified":      {Issuer: "https://login.example", Subject: "s1", Email: "amy@example.org"},
		"nobody's mail":   identity("s1", "eve@example.org"),
		"no mail":         identity("s1", ""),
		"looks alike":     identity("s1", "b\u043eb@example.org"),
		"with its spaces": identity("s1", " amy@example.org"),
		"kelvin":          identity("s1", "amy@example.org\u212a"),
		"no subject":      identity("", "amy@example.org"),
		"no issuer":       {Subject: "s1", Email: "amy@example.org", EmailVerified: true},
		"long subject":    identity(strings.Repeat("s", 256), "amy@example.org"),
		"broken subject":  identity("s\x00", "amy@example.org"),
		"broken text":     identity("s\xff", "amy@example.org"),
	} {
		bearer, s, err := h.here.SignIn(t.Context(), who, "192.0.2.1", "req")
		if !errors.Is(err, access.ErrSignIn) || bearer != "" || s.Principal.Kind != access.Nobody {
			t.Errorf("%s: %v", name, err)
		}
	}
	first, s, err := h.here.SignIn(t.Context(), identity("s1", "AMY@example.ORG"), "192.0.2.1", "req")
	if err != nil || s.Principal.ID != amy {
		t.Fatalf("%+v, %v", s, err)
	}
	for _, who := range []access.Identity{identity("s1", "bob@example.org"), identity("s1", ""), {Issuer: "https://login.example", Subject: "s1"}} {
		again, s, err := h.there.SignIn(t.Context(), who, "192.0.2.1", "req")
		if err != nil || s.Principal.ID != amy || again == first {
			t.Errorf("%+v, %v", s, err)
		}
	}
	for name, who := range map[string]access.Identity{
		"another subject": identity("s2", "amy@example.org"),
		"another issuer":  {Issuer: "https://evil.example", Subject: "s1", Email: "amy@example.org", EmailVerified: true},
	} {
		if _, _, err := h.here.SignIn(t.Context(), who, "", ""); !errors.Is(err, access.ErrSignIn) {
			t.Errorf("%s with a mail that signed in before: %v", name, err)
		}
	}
	for _, id := range []string{amy, bob} {
		if _, err := h.here.Deactivate(t.Context(), operator, id, "left"); err != nil {
			t.Fatal(err)
		}
	}
	for _, who := range []access.Identity{identity("s1", "amy@example.org"), identity("s3", "bob@example.org")} {
		if _, _, err := h.here.SignIn(t.Context(), who, "", ""); !errors.Is(err, access.ErrSignIn) {
			t.Errorf("deactivated: %v", err)
		}
	}
	if here, there := h.good(first); here || there {
		t.Error("the session goes on")
	}
}

// TestOneInvitationOneIdentity has many identities with the same address of mail sign in at once, and one identity many
// times.
func TestOneInvitationOneIdentity(t *testing.T) {
	t.Parallel()
	h := openVaultOffice(t)
	h.invite("", "amy@example.org")
	bob := h.invite("", "bob@example.org")
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 25 {
		s := []*access.Service{h.here, h.there}[i%2]
		all.Go(func() {
			_, _, err := s.SignIn(t.Context(), identity(fmt.Sprint("amy", i), "amy@example.org"), "", "")
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, access.ErrSignIn) {
				t.Error(err)
			}
		})
		all.Go(func() {
			if _, got, err := s.SignIn(t.Context(), identity("bob", "bob@example.org"), "", ""); err != nil || got.Principal.ID != bob {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d identities share one invitation", won.Load())
	}
}

// TestPeopleInTheVault keeps names and addresses of mail out of everything but the vault, and shows them as erased once
// they are.
func TestPeopleInTheVault(t *testing.T) {
	t.Parallel()
	h := openVaultOffice(t)
	id := h.invite("Canary Name", "Canary.Mail@example.org")
	if _, _, err := h.here.SignIn(t.Context(), identity("s1", "canary.mail@example.org"), "", ""); err != nil {
		t.Fatal(err)
	}
	_, err := h.here.AddPerson(t.Context(), operator, access.NewPerson{Name: "Canary Other", Email: "CANARY.mail@example.org"})
	if !errors.Is(err, access.ErrPersonExists) || strings.Contains(strings.ToLower(err.Error()), "canary") {
		t.Errorf("a second person with the same mail: %v", err)
	}
	if stored := strings.ToLower(h.stored()); strings.Contains(stored, "canary") {
		t.Error("it is stored in clear")
	}
	read := func(s *access.Service) access.Staff {
		t.Helper()
		p, err := s.Person(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		page, err := s.People(t.Context(), "", 100)
		if err != nil || len(page) != 1 {
			t.Fatal(page, err)
		}
		if diff := cmp.Diff(p, page[0]); diff != "" {
			t.Error(diff)
		}
		return p
	}
	if p := read(h.there); p.Name != "Canary Name" || p.Email != "canary.mail@example.org" || !p.SignedIn {
		t.Errorf("%+v", p)
	}
	closed := access.New(h.db.Pool, access.Options{Now: h.clock.now, Vault: vault.New(h.db.Pool, vault.Options{Now: h.clock.now})})
	if p := read(closed); p.Name != "" || p.Email != "" {
		t.Errorf("with a closed vault: %+v", p)
	}
	if _, err := closed.AddPerson(t.Context(), operator, access.NewPerson{Name: "x"}); !errors.Is(err, vault.ErrClosed) {
		t.Errorf("adding with a closed vault: %v", err)
	}
	if _, err := closed.AddPerson(t.Context(), operator, access.NewPerson{}); err != nil {
		t.Errorf("adding nothing personal with a closed vault: %v", err)
	}
	if _, err := h.db.Pool.Exec(t.Context(), `UPDATE people SET deactivated_at = created_at WHERE id <> $1`, id); err != nil {
		t.Fatal(err)
	}
	err = h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		_, err := h.vault.EraseTx(t.Context(), tx, vault.Owner{}, "person:"+id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := h.there.Person(t.Context(), id); err != nil || p.Name != vault.Erased || p.Email != vault.Erased {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := h.here.AddPerson(t.Context(), operator, access.NewPerson{Email: "canary.mail@example.org"}); err != nil {
		t.Errorf("a new person with the mail of an erased one: %v", err)
	}
}

// TestOneMailOnePerson adds many people with one address of mail at once: one is added, and nothing stays of the others.
func TestOneMailOnePerson(t *testing.T) {
	t.Parallel()
	h := openVaultOffice(t)
	var added atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := h.here.AddPerson(t.Context(), operator, access.NewPerson{Email: "amy@example.org"})
			if err == nil {
				added.Add(1)
			} else if !errors.Is(err, access.ErrPersonExists) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := h.count(`SELECT count(*) FROM people`); added.Load() != 1 || n != 1 || len(h.acts(guard.Book{})) != 1 {
		t.Errorf("%d added, %d stored, told: %q", added.Load(), n, h.acts(guard.Book{}))
	}
}
