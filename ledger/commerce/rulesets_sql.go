package commerce

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
)

// The rule sets of a book: the shipped ones of its market and those it was given.

const (
	sqlAddRuleSet = `
INSERT INTO rule_sets (book_id, set_name, version, valid_from, recorded_at, sha256, content)
SELECT $1, $2, $3, $4, $5, $6, $7
 WHERE (SELECT count(*) FROM rule_sets WHERE book_id = $1) < $8
    ON CONFLICT DO NOTHING`

	sqlFindRuleSet  = `SELECT content FROM rule_sets WHERE book_id = $1 AND set_name = $2 AND version = $3`
	sqlListRuleSets = `
SELECT set_name || '-' || version,
       CASE WHEN set_name || '-' || version = ANY($3) THEN NULL ELSE content END
  FROM rule_sets WHERE book_id = $1 ORDER BY valid_from, set_name, version LIMIT $2`
)

const (
	// maxRuleSets bounds the sets a book can be given.
	maxRuleSets = 1000
	// minLead is how far ahead of now a set must take effect. Together with maxAge it makes the memory of sets exact: what
	// was read less than maxAge ago knows every set that is in force now.
	minLead = 10 * time.Minute
	maxAge  = time.Minute
	// shippedNames is the length of the names of shipped sets.
	shippedNames = 2
)

var (
	// ErrRulesMissing means that a book has no rules for a moment.
	ErrRulesMissing = fault.New(fault.Conflict, "rules-missing",
		"There are no rules for this book's market at that time, so the event cannot be computed. Create the book with its market, or add a rule set.")
	// ErrRulesUnsigned means that the rules in force are not researched and nobody has signed for them.
	ErrRulesUnsigned = fault.New(fault.Conflict, "rules-unsigned",
		"The rules of this market are not researched, so nothing is computed by them. Add a rule set that a person has signed.")
	// ErrRuleSetUnknown means that the book has no such rule set.
	ErrRuleSetUnknown = fault.New(fault.NotFound, "rule-set-unknown", "The book has no such rule set. Check its id.")
	// ErrRuleSetExists means that the version is taken by another content.
	ErrRuleSetExists = fault.New(fault.Conflict, "rule-set-exists", "This version of the rule set exists with another content, and rule sets never change. Give the new one the next version.")
	// ErrRuleSetPast means that a set would change what has already happened.
	ErrRuleSetPast = fault.New(fault.Invalid, "rule-set-in-the-past",
		"A rule set takes effect at least ten minutes after it is added, because orders placed before rest on the rules of their time. Send a later valid_from.")
	// ErrRuleSetMarket means that a set is for another market than the book's.
	ErrRuleSetMarket = fault.New(fault.Invalid, "rule-set-market", "The rule set is for another market than the book. Send it to the book of its market.")
	// ErrRuleSetsFull means that a book has as many rule sets as it can have.
	ErrRuleSetsFull = fault.New(fault.Conflict, "rule-sets-full", "The book has 1,000 rule sets, which is the most it can have.")
)

// RuleSets finds the rules of books. It is safe for concurrent use.
type RuleSets struct {
	pool  *postgres.Pool
	now   func() time.Time
	trail trail
	most  int // maxRuleSets

	mu   sync.Mutex
	read map[ledger.BookID]*bookRules
}

// bookRules are a book's sets as they were read at a moment.
type bookRules struct {
	at   time.Time
	own  []*RuleSet // in order of valid_from
	byID map[string]*RuleSet
}

// NewRuleSets returns the rule sets in the database.
func NewRuleSets(pool *postgres.Pool, now func() time.Time) *RuleSets {
	return &RuleSets{pool: pool, now: now, trail: trail{guard.NewTrail(pool, now)}, most: maxRuleSets, read: map[ledger.BookID]*bookRules{}}
}

// Add gives a book a rule set, and tells the trail who did. The same content again is found, not added. It returns
// ErrRuleSetInvalid, ErrRuleSetMarket, ErrRuleSetPast, ErrRuleSetExists or ErrRuleSetsFull.
func (r *RuleSets) Add(ctx context.Context, by guard.Actor, book ledger.Book, content []byte) (set *RuleSet, created bool, err error) {
	err = r.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		set, created, err = r.AddTx(ctx, tx, guard.Deed{Actor: by}, book, content)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	r.forget(book)
	return set, created, nil
}

// AddTx is Add inside the caller's transaction. Of the deed it takes the actor, the reason and the approval.
func (r *RuleSets) AddTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, content []byte) (set *RuleSet, created bool, err error) {
	ctx = postgres.Within(ctx, tx)
	set, known, err := r.judge(ctx, book, content)
	if err != nil || known {
		return set, false, err
	}
	now := r.now().UTC().Truncate(time.Microsecond)
	sum := sha256.Sum256(content)
	tag, err := tx.Exec(ctx, sqlAddRuleSet, book.ID, set.Set, set.Version, set.ValidFrom.UTC(), now, sum[:], content, r.most)
	if err != nil {
		return nil, false, err
	}
	if tag.RowsAffected() == 1 {
		after := addedSet{ID: set.ID(), ValidFrom: set.ValidFrom.UTC(), SHA256: hex.EncodeToString(sum[:])}
		return set, true, r.trail.tell(ctx, tx, by, book, "rules.added", "rule_set:"+set.ID(), nil, after)
	}
	stored, err := r.content(ctx, book, set.Set, set.Version)
	switch {
	case fault.CodeOf(err) == ErrRuleSetUnknown.Code:
		return nil, false, ErrRuleSetsFull
	case err == nil && !bytes.Equal(stored, content):
		return nil, false, ErrRuleSetExists
	}
	return set, false, err
}

// addedSet is what the trail keeps of a rule set.
type addedSet struct {
	ID        string    `json:"id"`
	ValidFrom time.Time `json:"valid_from"`
	SHA256    string    `json:"sha256"`
}

// judge reads a document and says what speaks against giving it to the book now. Known means that the book has it, byte for
// byte.
func (r *RuleSets) judge(ctx context.Context, book ledger.Book, content []byte) (set *RuleSet, known bool, err error) {
	if set, err = ParseRuleSet(content); err != nil {
		return nil, false, err
	}
	if set.Market != book.Market {
		return nil, false, ErrRuleSetMarket
	}
	if set.Signature == nil { // from its valid_from on, every sale would be refused
		return nil, false, ErrRuleSetInvalid.At("/signature", "required", "A book's own rule set says who answers for it: by, at and document.")
	}
	if len(set.Set) <= shippedNames { // also those of later releases
		return nil, false, ErrRuleSetExists.With("Names of two letters are those of shipped rule sets. Give your own a longer name.")
	}
	if stored, err := r.content(ctx, book, set.Set, set.Version); err == nil {
		if !bytes.Equal(stored, content) {
			return nil, false, ErrRuleSetExists
		}
		return set, true, nil
	} else if fault.CodeOf(err) != ErrRuleSetUnknown.Code {
		return nil, false, err
	}
	if set.ValidFrom.Before(r.now().UTC().Truncate(time.Microsecond).Add(minLead)) {
		return nil, false, ErrRuleSetPast
	}
	return set, false, nil
}

func (r *RuleSets) content(ctx context.Context, book ledger.Book, name string, version int) (content []byte, err error) {
	err = r.pool.QueryRow(ctx, sqlFindRuleSet, book.ID, name, version).Scan(&content)
	if err == pgx.ErrNoRows {
		return nil, ErrRuleSetUnknown
	}
	return content, err
}

// forget lets the next question about the book's sets be answered from the database. The sets themselves are kept: they
// never change.
func (r *RuleSets) forget(book ledger.Book) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.read[book.ID]; known != nil {
		r.read[book.ID] = &bookRules{own: known.own, byID: known.byID}
	}
}

// rules returns a book's own sets, read at most maxAge ago. A set takes effect at least minLead after it is recorded, so
// what is not in the memory yet is not in force yet, as long as clocks differ by less than the difference of the two.
func (r *RuleSets) rules(ctx context.Context, book ledger.Book) (*bookRules, error) {
	now := r.now()
	r.mu.Lock()
	known := r.read[book.ID]
	r.mu.Unlock()
	if known != nil && now.Sub(known.at) < maxAge && !now.Before(known.at) {
		return known, nil
	}
	return r.load(ctx, book, known)
}

// load reads a book's own sets. Those that are known are neither sent nor parsed again.
func (r *RuleSets) load(ctx context.Context, book ledger.Book, known *bookRules) (*bookRules, error) {
	fresh := &bookRules{at: r.now(), byID: map[string]*RuleSet{}}
	ids := []string{}
	if known != nil {
		ids = slices.Collect(maps.Keys(known.byID))
	}
	// Adding at once may pass the limit by a few, and none of them may be missed.
	rows, err := r.pool.Query(ctx, sqlListRuleSets, book.ID, 2*r.most, ids)
	if err != nil {
		return nil, err
	}
	type row struct {
		ID      string
		Content []byte
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return nil, err
	}
	for _, l := range list {
		var set *RuleSet
		if l.Content == nil {
			set = known.byID[l.ID]
		} else if set, err = decodeRuleSet(l.Content); err != nil { // checked when it was added, by the checks of that time
			return nil, err
		}
		fresh.own = append(fresh.own, set)
		fresh.byID[l.ID] = set
	}
	if postgres.IsWithin(ctx) {
		return fresh, nil // what it shows may be rolled back
	}
	r.mu.Lock()
	r.read[book.ID] = fresh
	r.mu.Unlock()
	return fresh, nil
}

// InForce returns the rules of a book at a moment: the latest of its own that began before or then, and the latest shipped
// one if it has none. Once a book has rules of its own, no release of ours changes them. It returns ErrRulesMissing or
// ErrRulesUnsigned.
func (r *RuleSets) InForce(ctx context.Context, book ledger.Book, at time.Time) (*RuleSet, error) {
	known, err := r.rules(ctx, book)
	if err != nil {
		return nil, err
	}
	return known.inForce(book, at)
}

func (known *bookRules) inForce(book ledger.Book, at time.Time) (*RuleSet, error) {
	latest := func(sets []*RuleSet) (found *RuleSet) {
		for _, s := range sets {
			if s.Market == book.Market && !s.ValidFrom.After(at) && (found == nil || !s.ValidFrom.Before(found.ValidFrom)) {
				found = s
			}
		}
		return found
	}
	if own := latest(known.own); own != nil {
		// Whoever gives a book rules of its own answers for them by name, whatever the set says of its research.
		if own.Signature == nil {
			return nil, ErrRulesUnsigned
		}
		return own, nil
	}
	switch found := latest(ShippedRuleSets()); {
	case found == nil:
		return nil, ErrRulesMissing
	case !found.Researched && found.Signature == nil:
		return nil, ErrRulesUnsigned
	default:
		return found, nil
	}
}

// ByID returns a set of the book by its id, or ErrRuleSetUnknown.
func (r *RuleSets) ByID(ctx context.Context, book ledger.Book, id string) (*RuleSet, error) {
	for _, s := range ShippedRuleSets() {
		if s.ID() == id {
			return s, nil
		}
	}
	r.mu.Lock()
	known := r.read[book.ID]
	r.mu.Unlock()
	if known != nil && known.byID[id] != nil {
		return known.byID[id], nil // it never changes
	}
	fresh, err := r.load(ctx, book, known)
	if err != nil {
		return nil, err
	}
	if s := fresh.byID[id]; s != nil {
		return s, nil
	}
	return nil, ErrRuleSetUnknown
}

// List returns the shipped sets of the book's market and the book's own, oldest first.
func (r *RuleSets) List(ctx context.Context, book ledger.Book) ([]*RuleSet, error) {
	r.forget(book)
	known, err := r.rules(ctx, book)
	if err != nil {
		return nil, err
	}
	var list []*RuleSet
	for _, s := range ShippedRuleSets() {
		if s.Market == book.Market {
			list = append(list, s)
		}
	}
	return append(list, known.own...), nil
}
