package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/guard"
)

// People and payees of the tests, who sign in as people do, and acts that need a second person and can be counted.

// vaultKeys are the master keys of the tests, which protect nothing.
const vaultKeys = "tests=VEVTVC1PTkxZLU5PVC1BLVNFQ1JFVC1LRVktMDAwMDE="

// counted is what the sample acts did.
type counted struct {
	runs  atomic.Int64
	state atomic.Int64 // what their effect shows besides the payload
}

// acts are one act of a book and one of the installation, which do nothing but count.
func (n *counted) acts() []guard.Act {
	effect := func(_ context.Context, _ guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
		if !strings.HasPrefix(string(payload), `{"amount":`) {
			return nil, guard.Effect{}, guard.ErrApprovalInvalid.At("/payload/amount", "required", "This field is required.")
		}
		return payload, guard.Effect{
			Summary: "Count once.", Count: 1, Totals: []guard.Amount{{Currency: "GBP", Amount: "12.00"}}, Difference: []string{fmt.Sprint("state ", n.state.Load())},
			Largest: []guard.Movement{{Object: seller, Direction: "credit", Amount: guard.Amount{Currency: "GBP", Amount: "12.00"}}},
		}, nil
	}
	run := func(context.Context, pgx.Tx, guard.Approval) (json.RawMessage, error) {
		n.runs.Add(1)
		return json.RawMessage(`{"done":true}`), nil
	}
	return []guard.Act{
		{Name: "sample.counted", Meaning: "Count in a book.", OfBook: true, Effect: effect, Run: run},
		{Name: "sample.installed", Meaning: "Count in the installation.", Effect: effect, Run: run},
	}
}

// samplePayload is what the sample acts take.
const samplePayload = `{"amount":"12.00"}`

// guardians answers whose guardian a payee is, as the service at large does.
func (h *house) guardians(ctx context.Context, code, guardian string) ([]string, error) {
	book, err := h.ledger.Book(ctx, code)
	if err != nil {
		return nil, err
	}
	list, _, err := h.service.commerce.Payees(ctx, book, "", 1000)
	var minors []string
	for _, p := range list {
		if p.Minor && p.Guardian == guardian {
			minors = append(minors, p.ID)
		}
	}
	return minors, err
}

// region returns the region of a book, as the service at large does.
func (h *house) region(ctx context.Context, b guard.Book) (string, error) {
	book, err := h.ledger.Book(ctx, b.Code)
	return book.Region, err
}

// bookOf returns the book that an approval is about, as the service at large does.
func (h *house) bookOf(ctx context.Context, b guard.Book) (ledger.Book, error) {
	return h.ledger.Book(ctx, b.Code)
}

// staff adds somebody with roles, each written role or role@book, and returns the id and the token of a session.
func (h *house) staff(roles ...string) (id, session string) {
	h.t.Helper()
	p, err := h.access.AddPerson(h.t.Context(), operator, access.NewPerson{})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range roles {
		role, book, _ := strings.Cut(r, "@")
		if _, err := h.access.Grant(h.t.Context(), operator, access.NewGrant{Person: p.ID, Role: access.Role(role), Book: book}); err != nil {
			h.t.Fatal(err)
		}
	}
	token, _, err := h.access.PersonLink(h.t.Context(), operator, p.ID)
	return p.ID, h.redeem(token, err)
}

// signedIn returns the token of a session of a payee.
func (h *house) signedIn(book, payee string) string {
	h.t.Helper()
	b, err := h.ledger.Book(h.t.Context(), book)
	if err != nil {
		h.t.Fatal(err)
	}
	token, _, err := h.access.PayeeLink(h.t.Context(), operator, guardBook(b), payee)
	return h.redeem(token, err)
}

func guardBook(b ledger.Book) guard.Book { return guard.Book{ID: int32(b.ID), Code: b.Code} }

func (h *house) redeem(token string, err error) string {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	session, _, err := h.access.RedeemLink(h.t.Context(), token, "", "")
	if err != nil {
		h.t.Fatal(err)
	}
	return session
}

// by sends a request with a session.
func (h *house) by(session, method, path, body string) answer {
	h.t.Helper()
	return h.as("", method, path, body, "Cookie", access.CookiePlain+"="+session)
}

// code is the code of a problem, "" for a success.
func (a answer) code() string {
	var p struct {
		Code string `json:"code"`
	}
	if a.StatusCode < 400 || json.Unmarshal([]byte(a.body), &p) != nil {
		return ""
	}
	return p.Code
}

// asked asks for a second person with a key of its own and returns the approval's id and hash.
func (h *house) asked(under, act string) (id, hash string) {
	h.t.Helper()
	owner, _ := h.staff()
	_, key, err := h.access.Create(h.t.Context(), personActor(owner), access.NewKey{Name: "asks", Scopes: []access.Scope{access.ApprovalsWrite}})
	if err != nil {
		h.t.Fatal(err)
	}
	a := h.as(key, "POST", under+"/approvals", fmt.Sprintf(`{"act":%q,"payload":%s,"reason":"For the tests."}`, act, samplePayload))
	if a.StatusCode != 201 {
		h.t.Fatalf("ask: %d %s", a.StatusCode, a.body)
	}
	v := a.json(h.t)
	return v["id"].(string), v["hash"].(string)
}

// revoked is how long what was taken away may still be remembered.
const revoked = time.Second

// personActor is a person as the audit trail remembers them.
func personActor(id string) guard.Actor { return guard.Actor{Kind: guard.Person, ID: id, Person: id} }
