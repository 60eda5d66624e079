package access_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/api/access"
	"mizan/ledger/guard"
)

// act returns the service's act with the name.
func (h *office) act(name string) guard.Act {
	h.t.Helper()
	at := slices.IndexFunc(h.here.Acts(), func(a guard.Act) bool { return a.Name == name })
	if at < 0 {
		h.t.Fatalf("there is no act %s", name)
	}
	return h.here.Acts()[at]
}

// run judges the payload and runs what was kept of it, as somebody asked for it and another has approved it.
func (h *office) run(act guard.Act, author, payload string) (guard.Effect, json.RawMessage, error) {
	h.t.Helper()
	kept, effect, err := act.Effect(h.t.Context(), guard.Book{}, json.RawMessage(payload))
	if err != nil {
		return effect, nil, err
	}
	// What is kept means the same to whoever looks again.
	again, same, err := act.Effect(h.t.Context(), guard.Book{}, kept)
	if err != nil || string(again) != string(kept) || !cmp.Equal(effect, same) {
		h.t.Errorf("looked at again it is %s, %+v, %v", again, same, err)
	}
	var result json.RawMessage
	err = h.db.Pool.Tx(h.t.Context(), func(tx pgx.Tx) (err error) {
		result, err = act.Run(h.t.Context(), tx, guard.Approval{
			ID: "ap_aaaaaaaaaaaaaaaa", Request: guard.Request{Act: act.Name, Payload: kept},
			Author: guard.Actor{Kind: guard.Person, ID: author, Person: author},
		})
		return err
	})
	return effect, result, err
}

// TestGrantAct shows what a second person sees of a role, and what comes of it.
func TestGrantAct(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	act := h.act("people.grant")
	author := h.person("admin")
	h.person("finance@uk")
	h.person("finance")
	h.person("finance@vn")
	if _, err := h.here.Deactivate(t.Context(), operator, h.person("finance@uk"), ""); err != nil {
		t.Fatal(err)
	}
	person := h.person("approver@uk")
	effect, result, err := h.run(act, author, `{"person":"`+person+`","role":"finance","book":"uk","expires_at":"2027-01-01T01:00:00+01:00"}`)
	if err != nil {
		t.Fatal(err)
	}
	want := guard.Effect{
		Summary: person + " gets the role finance in the book uk until 2027-01-01T00:00:00Z. 2 other people hold it there.", Count: 1,
		Difference: []string{"The person does not hold the role there."},
		Warnings:   []string{"In one book the person would both ask for what moves money and decide what others ask for (finance and approver)."},
	}
	if diff := cmp.Diff(want, effect); diff != "" {
		t.Error(diff)
	}
	p, err := h.here.Person(t.Context(), person)
	if err != nil || len(p.Grants) != 2 {
		t.Fatal(p, err)
	}
	at := slices.IndexFunc(p.Grants, func(g access.HeldGrant) bool { return g.Role == access.Finance })
	g := p.Grants[at]
	if g.Approval != "ap_aaaaaaaaaaaaaaaa" || g.GrantedBy != author || g.Book != "uk" || !strings.Contains(string(result), g.ID) {
		t.Errorf("%+v, %s", g, result)
	}
	rows, err := h.trail.Rows(t.Context(), guard.Book{}, guard.Filter{Act: "role.granted", Actor: author}, 0, 10)
	if err != nil || len(rows) != 1 || rows[0].Approval != g.Approval || rows[0].Object != "person:"+person || !strings.Contains(string(rows[0].After), `"finance"`) {
		t.Errorf("%+v, %v", rows, err)
	}
	effect, _, err = h.run(act, author, `{"person":"`+person+`","role":"finance","book":"uk"}`)
	if err != nil || !slices.Equal(effect.Difference, []string{"The person holds the role already until 2027-01-01T00:00:00Z; the end changes."}) {
		t.Errorf("%+v, %v", effect, err)
	}
}

// TestTension warns of two roles that one person should not hold in one book, in whichever order they come.
func TestTension(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	for _, c := range []struct {
		held, asked string
		want        int
	}{
		{"finance@uk", "approver@uk", 1}, {"approver@uk", "finance@uk", 1}, {"finance", "approver@uk", 1}, {"finance@uk", "approver", 1},
		{"approver", "finance", 1}, {"finance@uk", "approver@vn", 0}, {"admin@uk", "approver@uk", 1}, {"approver", "admin@uk", 1},
		{"finance@uk", "auditor@uk", 0}, {"finance@uk", "admin@uk", 0}, {"finance@uk", "finance@vn", 0}, {"support", "approver", 0},
	} {
		person := h.person(c.held)
		role, book, _ := strings.Cut(c.asked, "@")
		effect, _, err := h.run(h.act("people.grant"), "per_aaaaaaaaaaaaaaaa", `{"person":"`+person+`","role":"`+role+`","book":"`+book+`"}`)
		if err != nil || len(effect.Warnings) != c.want {
			t.Errorf("%s beside %s: %q, %v", c.asked, c.held, effect.Warnings, err)
		}
	}
}

// TestKeyAct makes a key that nobody has the secret of until its owner rotates it.
func TestKeyAct(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	author, owner := h.person("admin"), h.person("finance@uk")
	effect, result, err := h.run(h.act("key.grant"), author, `{"name":"checkout","scopes":["events:write","books:read"],"books":["uk","vn"],"owner":"`+owner+`"}`)
	if err != nil {
		t.Fatal(err)
	}
	want := guard.Effect{
		Summary: "A key that " + owner + " answers for may use events:write, books:read in the books uk, vn.", Count: 1,
		Warnings: []string{"The key never ends by itself."},
	}
	if diff := cmp.Diff(want, effect); diff != "" {
		t.Error(diff)
	}
	if effect, _, err := h.run(h.act("key.grant"), author, `{"name":"books","scopes":["transactions:write"],"books":["uk"],"expires_at":"2999-01-01T00:00:00Z","owner":"`+owner+`"}`); err != nil ||
		len(effect.Warnings) != 1 || !strings.Contains(effect.Warnings[0], "nobody else has to agree") {
		t.Errorf("a key that posts any entries: %q, %v", effect.Warnings, err)
	}
	var made struct{ ID string }
	if err := json.Unmarshal(result, &made); err != nil {
		t.Fatal(err)
	}
	rows, err := h.trail.Rows(t.Context(), guard.Book{}, guard.Filter{Act: "key.granted"}, 0, 10)
	if err != nil || len(rows) != 2 || rows[0].Approval != "ap_aaaaaaaaaaaaaaaa" || rows[0].Object != "key:"+made.ID || rows[0].Actor.ID != author {
		t.Errorf("%+v, %v", rows, err)
	}
	by := guard.Actor{Kind: guard.Person, ID: owner, Person: owner}
	_, bearer, err := h.here.RotateFor(t.Context(), h.may(h.here, h.signIn(owner)), by, made.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.there.Authenticate(t.Context(), bearer, "")
	if err != nil || p.Person != owner || p.Allow(access.EventsWrite, "uk") != nil || p.Has(access.ApprovalsDecide) {
		t.Errorf("%+v, %v", p, err)
	}
	effect, _, err = h.run(h.act("key.grant"), author, `{"name":"n","scopes":["books:read"],"expires_at":"2027-01-01T00:00:00Z","owner":"`+owner+`"}`)
	if err != nil || !slices.Equal(effect.Warnings, []string{"The key is good for every book there is and will be."}) {
		t.Errorf("%+v, %v", effect, err)
	}
}

// TestActsRefuse tries payloads that cannot be, when they are asked for, and again when they run: by then the person may
// have been deactivated, or the time have passed.
func TestActsRefuse(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person, gone := h.person("finance@uk"), h.person()
	if _, err := h.here.Deactivate(t.Context(), operator, gone, ""); err != nil {
		t.Fatal(err)
	}
	grant := `{"person":"` + person + `","role":"auditor"`
	key := `"owner":"` + person + `","name":"n"`
	for _, c := range []struct {
		act, payload string
		want         error
	}{
		{"people.grant", ``, access.ErrPersonInvalid}, {"people.grant", `null`, access.ErrPersonInvalid}, {"people.grant", `[]`, access.ErrPersonInvalid},
		{"people.grant", grant + `,"canary":1}`, access.ErrPersonInvalid}, {"people.grant", grant + `} {}`, access.ErrPersonInvalid},
		{"people.grant", grant + `,"expires_at":"canary"}`, access.ErrPersonInvalid}, {"people.grant", grant + `,"expires_at":"2020-01-01T00:00:00Z"}`, access.ErrPersonInvalid},
		{"people.grant", grant + `,"book":"canary"}`, access.ErrBookHidden}, {"people.grant", `{"person":"` + person + `","role":"finance","book":"uk"}`, access.ErrPersonInvalid},
		{"people.grant", `{"person":"` + gone + `","role":"auditor"}`, access.ErrPersonUnknown}, {"people.grant", `{"person":"canary","role":"auditor"}`, access.ErrPersonUnknown},
		{"key.grant", ``, access.ErrKeyInvalid}, {"key.grant", `{}`, access.ErrKeyInvalid}, {"key.grant", `{` + key + `}`, access.ErrKeyInvalid},
		{"key.grant", `{` + key + `,"scopes":["*"]}`, access.ErrKeyInvalid}, {"key.grant", `{` + key + `,"scopes":["approvals:decide"]}`, access.ErrKeyInvalid},
		{"key.grant", `{` + key + `,"scopes":["books:read","approvals:decide"],"books":["uk"]}`, access.ErrKeyInvalid},
		{"key.grant", `{` + key + `,"scopes":["canary"]}`, access.ErrKeyInvalid}, {"key.grant", `{` + key + `,"scopes":["books:read"],"books":[]}`, access.ErrKeyInvalid},
		{"key.grant", `{` + key + `,"scopes":["books:read"],"books":["canary"]}`, access.ErrBookHidden}, {"key.grant", `{` + key + `,"scopes":["books:read"],"canary":1}`, access.ErrKeyInvalid},
		{"key.grant", `{` + key + `,"scopes":["signed-in"]}`, access.ErrKeyInvalid}, {"key.grant", `{"name":"n","scopes":["books:read"],"owner":"ops"}`, access.ErrKeyInvalid},
		{"key.grant", `{"name":"n","scopes":["books:read"]}`, access.ErrKeyInvalid}, {"key.grant", `{"name":"n","scopes":["books:read"],"owner":"` + gone + `"}`, access.ErrPersonUnknown},
	} {
		before := h.stored()
		_, _, err := h.run(h.act(c.act), person, c.payload)
		if !errors.Is(err, c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s with %s: %v", c.act, c.payload, err)
		}
		err = h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
			_, err := h.act(c.act).Run(t.Context(), tx, guard.Approval{ID: "ap_aaaaaaaaaaaaaaaa", Request: guard.Request{Payload: json.RawMessage(c.payload)}, Author: operator})
			return err
		})
		// Books are judged for good when a key is asked for: none ever goes away.
		if known := c.want == access.ErrBookHidden && c.act == "key.grant"; !known && !errors.Is(err, c.want) {
			t.Errorf("running %s with %s: %v", c.act, c.payload, err)
		} else if known {
			continue
		}
		if diff := cmp.Diff(before, h.stored()); diff != "" {
			t.Error(diff)
		}
	}
}

// TestAskingTwice runs what two people asked for alike: the second is refused, and nothing is told of it.
func TestAskingTwice(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person()
	payload := `{"person":"` + person + `","role":"auditor"}`
	if _, _, err := h.run(h.act("people.grant"), "per_aaaaaaaaaaaaaaaa", payload); err != nil {
		t.Fatal(err)
	}
	told := len(h.acts(guard.Book{}))
	h.clock.forward(time.Minute)
	if _, _, err := h.run(h.act("people.grant"), "per_bbbbbbbbbbbbbbbb", payload); !errors.Is(err, access.ErrPersonInvalid) {
		t.Errorf("%v", err)
	}
	if n := len(h.acts(guard.Book{})); n != told {
		t.Errorf("%d acts are told, %d before", n, told)
	}
}

// TestApprovedOnce lets fifty people approve one role at once, at a real desk: it is granted once.
func TestApprovedOnce(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	desk := guard.NewDesk(h.db.Pool, h.trail, h.clock.now, h.here.Acts())
	author, person := h.person("admin"), h.person()
	asked, err := desk.Ask(t.Context(), guard.Actor{Kind: guard.Person, ID: author, Person: author}, guard.Book{}, guard.Request{
		Act: "people.grant", Payload: json.RawMessage(`{"person":"` + person + `","role":"finance","book":"uk"}`), Reason: "joins",
	})
	if err != nil {
		t.Fatal(err)
	}
	var approved atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		approver := h.person()
		all.Go(func() {
			by := guard.Actor{Kind: guard.Person, ID: approver, Person: approver}
			if _, err := desk.Approve(t.Context(), by, guard.Book{}, asked.ID, asked.Hash, "fine"); err == nil {
				approved.Add(1)
			} else if !errors.Is(err, guard.ErrApprovalState) && !errors.Is(err, access.ErrPersonInvalid) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	p, err := h.there.Person(t.Context(), person)
	if err != nil || approved.Load() != 1 || len(p.Grants) != 1 || p.Grants[0].Approval != asked.ID {
		t.Errorf("approved %d times: %+v, %v", approved.Load(), p.Grants, err)
	}
	if _, err := h.trail.Verify(t.Context(), guard.Book{}); err != nil {
		t.Error(err)
	}
}
