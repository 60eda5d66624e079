package access

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// The acts of this package that need a second person.

// ErrOwnGain means that somebody approves what they themselves would get.
var ErrOwnGain = guard.ErrSelfApproval.With("You would get this yourself, so you cannot approve it. Ask somebody else with the right to approve.")

// Acts returns the acts of this package that need a second person: "people.grant" with a NewGrant, and "key.grant" with a
// GrantedKey. A key that was granted has a secret that nobody knows; its owner gets one by rotating it.
func (s *Service) Acts() []guard.Act {
	return []guard.Act{
		{Name: "people.grant", Meaning: "Give somebody of the staff a role.", Effect: s.grantEffect, Run: s.runGrant},
		{Name: "key.grant", Meaning: "Make a key that somebody of the staff answers for.", Effect: s.keyEffect, Run: s.runKey},
	}
}

// decode reads a payload that has no member besides those of the target.
func decode[T any](payload json.RawMessage, bad *fault.Error) (of T, err error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&of); err != nil {
		return of, bad.At("", "payload", "This is not the JSON document that the act asks for.")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return of, bad.At("", "payload", "Something follows the JSON document.")
	}
	return of, nil
}

func (s *Service) grantEffect(ctx context.Context, _ guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	n, err := decode[NewGrant](payload, ErrPersonInvalid)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	now := s.instant()
	if n, err = n.checked(now); err != nil {
		return nil, guard.Effect{}, err
	}
	held, replaced, err := judgeGrant(ctx, s.pool, sqlFindPerson, n, now)
	if err != nil {
		return nil, guard.Effect{}, unavailable(err)
	}
	var others int
	if err := s.pool.QueryRow(ctx, sqlCountHolders, string(n.Role), n.Book, n.Person, now).Scan(&others); err != nil {
		return nil, guard.Effect{}, unavailable(err)
	}
	e := guard.Effect{
		Summary:    fmt.Sprintf("%s gets the role %s in %s%s. %d other people hold it there.", n.Person, n.Role, where(n.Book), until(n.ExpiresAt), others),
		Count:      1,
		Difference: []string{},
		Warnings:   tension(Grant{Role: n.Role, Book: n.Book}, held),
	}
	if replaced != nil && replaced.current(now) {
		e.Difference = append(e.Difference, "The person holds the role already"+until(replaced.ExpiresAt)+"; the end changes.")
	} else {
		e.Difference = append(e.Difference, "The person does not hold the role there.")
	}
	kept, err := json.Marshal(n)
	return kept, e, err
}

func (s *Service) runGrant(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
	n, err := decode[NewGrant](a.Payload, ErrPersonInvalid)
	if err != nil {
		return nil, err
	}
	if a.DecidedBy != "" && a.DecidedBy == n.Person {
		return nil, ErrOwnGain
	}
	g, err := s.GrantTx(ctx, tx, a.Author, n, a.ID)
	if err != nil {
		return nil, err
	}
	return json.Marshal(g.told())
}

func where(book string) string {
	if book == "" {
		return "every book"
	}
	return "the book " + book
}

func until(end time.Time) string {
	if end.IsZero() {
		return ""
	}
	return " until " + end.UTC().Format(time.RFC3339)
}

// tension warns of roles that one person should not hold in the same book: asking and deciding are for two.
func tension(n Grant, held []HeldGrant) (warnings []string) {
	for _, pair := range []struct {
		one, other Role
		warning    string
	}{
		{Finance, Approver, "In one book the person would both ask for what moves money and decide what others ask for (finance and approver)."},
		{Admin, Approver, "In one book the person would both look after keys and roles and decide what others ask for (admin and approver)."},
	} {
		clash := func(g HeldGrant) bool {
			roles := n.Role == pair.one && g.Role == pair.other || n.Role == pair.other && g.Role == pair.one
			return roles && (n.Book == "" || g.Book == "" || n.Book == g.Book)
		}
		if slices.ContainsFunc(held, clash) {
			warnings = append(warnings, pair.warning)
		}
	}
	return warnings
}

// checked returns the key as it is kept, or ErrKeyInvalid with every field that is wrong.
func (g GrantedKey) checked(now time.Time) (GrantedKey, error) {
	if !g.ExpiresAt.IsZero() {
		g.ExpiresAt = g.ExpiresAt.UTC().Truncate(time.Microsecond)
	}
	var refused *fault.Error
	err := g.key().check(now)
	if err != nil && !errors.As(err, &refused) {
		return GrantedKey{}, err
	}
	var fields []fault.Field
	if refused != nil {
		fields = refused.Fields
	}
	for i, scope := range g.Scopes {
		if scope == ApprovalsDecide || scope == Everything {
			fields = append(fields, fault.Field{Pointer: fmt.Sprintf("/scopes/%d", i), Code: "scope-people", Message: "No key can be given this scope: only people decide, and a key may do only what is named."})
		}
	}
	if !isPerson(g.Owner) {
		fields = append(fields, fault.Field{Pointer: "/owner", Code: "person", Message: "Name the id of the person who will answer for the key."})
	}
	if g.ExpiresAt.Year() > lastYear {
		fields = append(fields, fault.Field{Pointer: "/expires_at", Code: "date", Message: "A key ends before the year 10000."})
	}
	if len(fields) > 0 {
		return GrantedKey{}, ErrKeyInvalid.WithFields(fields...)
	}
	return g, nil
}

func (g GrantedKey) key() NewKey {
	return NewKey{Name: g.Name, Scopes: g.Scopes, Books: g.Books, ExpiresAt: g.ExpiresAt}
}

func (s *Service) keyEffect(ctx context.Context, _ guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	g, err := decode[GrantedKey](payload, ErrKeyInvalid)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	if g, err = g.checked(s.instant()); err != nil {
		return nil, guard.Effect{}, err
	}
	row, err := findPerson(ctx, s.pool, sqlFindPerson, g.Owner)
	if err == nil && !row.deactivatedAt.IsZero() {
		err = ErrPersonUnknown
	}
	if err != nil {
		return nil, guard.Effect{}, unavailable(err)
	}
	for _, book := range g.Books {
		if _, err := bookNumber(ctx, s.pool, book); err != nil {
			return nil, guard.Effect{}, unavailable(err)
		}
	}
	scopes := make([]string, len(g.Scopes))
	for i, scope := range g.Scopes {
		scopes[i] = string(scope)
	}
	books := where("")
	if g.Books != nil {
		books = "the books " + strings.Join(g.Books, ", ")
	}
	e := guard.Effect{
		Summary: fmt.Sprintf("A key that %s answers for may use %s in %s%s.", g.Owner, strings.Join(scopes, ", "), books, until(g.ExpiresAt)),
		Count:   1,
	}
	if g.Books == nil {
		e.Warnings = append(e.Warnings, "The key is good for every book there is and will be.")
	}
	if slices.Contains(g.Scopes, TransactionsWrite) {
		e.Warnings = append(e.Warnings, "Whoever holds the key posts entries between any accounts, and nobody else has to agree to them.")
	}
	if g.ExpiresAt.IsZero() {
		e.Warnings = append(e.Warnings, "The key never ends by itself.")
	}
	kept, err := json.Marshal(g)
	return kept, e, err
}

func (s *Service) runKey(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
	g, err := decode[GrantedKey](a.Payload, ErrKeyInvalid)
	if err != nil {
		return nil, err
	}
	if g, err = g.checked(s.instant()); err != nil {
		return nil, err
	}
	if a.DecidedBy != "" && a.DecidedBy == g.Owner {
		return nil, ErrOwnGain
	}
	// The secret is drawn and forgotten: whoever rotates the key gets one.
	key, _, err := s.insertKeyTx(ctx, tx, g.key(), g.Owner, "")
	if err != nil {
		return nil, err
	}
	d := guard.Deed{Actor: a.Author, Act: "key.granted", Object: "key:" + key.ID, Approval: a.ID}
	if err := s.recordTx(ctx, tx, d, nil, told(key)); err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		ID string `json:"id"`
	}{key.ID})
}
