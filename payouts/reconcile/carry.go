package reconcile

import (
	"cmp"
	"errors"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What does not tie within a slice is carried to the next: by key the sums of both sides and where the entries are, and no more.
// Sums add up whatever the slices are, so the keys that are left at the end are those that do not tie in the whole run, and
// only of those the members are read.

// mostCarried bounds the keys that are carried at once, and the lines and entries that are open at the end. At a few hundred bytes
// each a run stays far below the memory that a service has.
const mostCarried = 200_000

// Where more keys than that do not tie on the way, because the two sides come in different orders or stand in different months, the run
// goes on with half of the keys and goes through its slices again for the other half. So no part of the work is done in vain, and it goes
// through them hardly more often than the keys ask for. What it finds does not depend on how often.

// mostPasses bounds into how many parts the keys fall, and so how often a run goes through its slices.
const mostPasses = 64

// errCarryFull means that more keys do not tie on the way than one pass carries.
var errCarryFull = errors.New("reconcile: more keys are carried than one pass can")

// keyShare is a part of all keys: those of one of so many parts.
type keyShare struct{ part, of uint32 }

// has reports whether a key falls to the share.
func (k keyShare) has(key string) bool {
	h := fnv.New32a()
	h.Write([]byte(key)) // #nosec G104 -- a hash never fails
	return h.Sum32()%k.of == k.part
}

// halves are the two halves of a share.
func (k keyShare) halves() (a, b keyShare) {
	return keyShare{k.part, 2 * k.of}, keyShare{k.part + k.of, 2 * k.of}
}

// hold has something of a key put into the carry, if the key falls to the pass. If there is no room, the pass goes on with half of its keys,
// and the other half is looked at later.
func (r *reading) hold(key string, put func() error) error {
	for r.pass.has(key) {
		err := put()
		if !errors.Is(err, errCarryFull) {
			return err
		}
		if r.pass.of >= mostPasses {
			return ErrRunLarge
		}
		var later keyShare
		r.pass, later = r.pass.halves()
		r.later = append(r.later, later)
		maps.DeleteFunc(r.carry.rests, func(k keyed, _ *rest) bool { return !r.pass.has(k.key) })
	}
	return nil
}

// keyed is a key in a currency.
type keyed struct {
	key      string
	currency money.Currency
}

func (k keyed) compare(o keyed) int {
	return cmp.Or(strings.Compare(k.key, o.key), strings.Compare(string(k.currency), string(o.currency)))
}

// flow is what went in and out on a side.
type flow struct{ debits, credits money.Minor }

func (f *flow) add(g flow) { f.debits += g.debits; f.credits += g.credits }

func (f flow) net() money.Minor { return f.debits - f.credits }

// place is where entries of a key are: in the transactions from first to last, so many lines.
type place struct{ first, last, lines int64 }

// rest is what is left of a key.
type rest struct {
	source, ledger flow
	// lines counts the new lines of the source that are in the sums, entries the new entries.
	lines, entries int64
	places         []place
	// months is how much of it each side has in which month.
	months []monthly
	// carried are open items of earlier runs.
	carried []item
}

// monthly is what both sides have of a key in a month: the source by when it moved, the books by the month in which it counts.
type monthly struct {
	month          ledger.Period
	source, ledger flow
}

// cut says that both sides have the same, in different months, and that no earlier run waits for it.
func (r *rest) cut() bool {
	return len(r.carried) == 0 && r.source == r.ledger && slices.ContainsFunc(r.months, func(m monthly) bool { return m.source != m.ledger })
}

// ties says that both sides have the same in every month.
func (r *rest) ties() bool {
	return !slices.ContainsFunc(r.months, func(m monthly) bool { return m.source != m.ledger })
}

// item is an open line (side e, a is its number) or an open entry (side l, its sequence and line).
type item struct {
	side     string
	a        int64
	b        int
	key      string
	currency money.Currency
	flow
	day time.Time
	// known says that an earlier run left it open.
	known bool
}

const (
	sideSource = "e"
	sideLedger = "l"
)

func (i item) compare(o item) int {
	return cmp.Or(strings.Compare(i.side, o.side), cmp.Compare(i.a, o.a), cmp.Compare(i.b, o.b))
}

// ending is an item that is open no more.
type ending struct {
	item
	how, pairing string
}

// unequal is a key that does not tie within a slice in a month.
type unequal struct {
	keyed
	month          ledger.Period
	source, ledger flow
	lines, entries int64
	first, last    int64
}

// carry holds the keys that do not tie so far.
type carry struct {
	rests map[keyed]*rest
	most  int
}

func newCarry(most int) *carry { return &carry{rests: map[keyed]*rest{}, most: most} }

func (c *carry) at(k keyed) (*rest, error) {
	r := c.rests[k]
	if r == nil {
		if len(c.rests) >= c.most {
			return nil, errCarryFull
		}
		r = &rest{}
		c.rests[k] = r
	}
	return r, nil
}

// bring adds an open item of an earlier run.
func (c *carry) bring(k keyed, i item) error {
	r, err := c.at(k)
	if err != nil {
		return err
	}
	if i.side == sideSource {
		r.source.add(i.flow)
	} else {
		r.ledger.add(i.flow)
	}
	r.carried = append(r.carried, i)
	return nil
}

// add adds what a slice did not tie. A key that ties now is forgotten, unless items of earlier runs wait for it.
func (c *carry) add(u unequal) error {
	r, err := c.at(u.keyed)
	if err != nil {
		return err
	}
	r.source.add(u.source)
	r.ledger.add(u.ledger)
	r.lines += u.lines
	r.entries += u.entries
	if u.entries > 0 {
		r.places = append(r.places, place{u.first, u.last, u.entries})
	}
	at := slices.IndexFunc(r.months, func(m monthly) bool { return m.month == u.month })
	if at < 0 {
		at = len(r.months)
		r.months = append(r.months, monthly{month: u.month})
	}
	r.months[at].source.add(u.source)
	r.months[at].ledger.add(u.ledger)
	if len(r.carried) == 0 && r.ties() {
		delete(c.rests, u.keyed)
	}
	return nil
}

// left returns the keys that do not tie in every month, and those with items that tie now, in order.
func (c *carry) left() []keyed {
	keys := make([]keyed, 0, len(c.rests))
	for k := range c.rests {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, keyed.compare)
	return keys
}
