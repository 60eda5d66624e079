package commerce

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Suspense: what reconciliation found at a processor or a bank before anybody said what it is. It waits under the reference
// of the processor's or bank's line. When the business event comes with the same reference, it keeps its name and its cash
// leg is suspense (W-20): the cash has moved in the books already, and must not move twice.
//
// What waits is told by stories. A break's story has every entry of it in suspense, and the facts of what business events took
// from it. A reference's story names the breaks that ever waited under it. And each currency's references are divided into
// some drawers, whose stories carry how much waits in them: a plan that moves cash rests on where its drawer stands, so no
// event can be planned before something is put into suspense and recorded after it. Most drawers are empty for ever, which
// plans take for granted and the ledger checks, so a book without suspense reads nothing.

// The sides of suspense: money that left, and money that came.
const (
	// SideOutflow is money that left and nobody knows for what.
	SideOutflow = "outflow"
	// SideInflow is money that came and nobody knows whose it is.
	SideInflow = "inflow"
)

// suspensePart numbers the facts about suspense among the transactions of an event, after those about flags.
const suspensePart = 1000

// suspenseAccount is where a side waits.
func suspenseAccount(side string) ledger.Address {
	if side == SideInflow {
		return accountSuspenseIn
	}
	return accountSuspense
}

// sideOf is the side that a line of cash, debit positive, is on.
func sideOf(amount money.Minor) string {
	if amount > 0 {
		return SideInflow
	}
	return SideOutflow
}

const (
	breakPrefix     = "break:"
	suspendedPrefix = "suspended:"
	drawerPrefix    = "suspense:"
)

func breakSubject(id string) string { return breakPrefix + id }

// suspendedSubject is the story of a reference. One that is no id stands under its hash.
func suspendedSubject(reference string) string {
	if ledger.IsSegment(reference) {
		return suspendedPrefix + reference
	}
	sum := sha256.Sum256([]byte(reference))
	return suspendedPrefix + hex.EncodeToString(sum[:])
}

// drawerSubject is the story of a reference's drawer: one of sixteen in each currency, so that what is put into suspense
// holds up few of the events at work.
func drawerSubject(c money.Currency, reference string) string {
	sum := sha256.Sum256([]byte(reference))
	return drawerPrefix + string(c) + "-" + hex.EncodeToString(sum[:1])[:1]
}

// aboutSuspense reports whether a subject tells of suspense.
func aboutSuspense(subject string) bool {
	return strings.HasPrefix(subject, breakPrefix) || strings.HasPrefix(subject, suspendedPrefix) || strings.HasPrefix(subject, drawerPrefix)
}

// drawer is how much waits in a drawer, in minor units. It is the data of the drawer's last fact.
type drawer struct {
	Out cents `json:"out,omitempty"`
	In  cents `json:"in,omitempty"`
}

func (d drawer) empty() bool { return d == drawer{} }

// suspendedNote is a fact of a reference's story: that a break waits under it, and where its cash moved.
type suspendedNote struct {
	Break     string         `json:"break"`
	Reference string         `json:"reference"`
	Side      string         `json:"side"`
	Currency  money.Currency `json:"currency"`
	Cash      ledger.Address `json:"cash"`
}

// clearedNote is a fact of a break's story: what a business event took from it, or gave back when it was reversed, which is
// below zero. Of is the part of the event whose entries it is.
type clearedNote struct {
	suspendedNote
	Amount cents `json:"amount"`
	Of     int   `json:"of,omitempty"`
}

// drawers remembers where drawers stood. What it says is only ever taken for granted by plans that the ledger checks.
type drawers struct {
	mu    sync.Mutex
	known map[drawerKey]drawerHead
}

type drawerKey struct {
	book    ledger.BookID
	subject string
}

type drawerHead struct {
	drawer
	sequence int64
	// doubted says that a plan which rested on it was refused, so it is read again.
	doubted bool
}

// maxDrawers bounds what is remembered; beyond it everything is forgotten, which is only slower.
const maxDrawers = 100_000

func (d *drawers) get(k drawerKey) drawerHead {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[k]
}

func (d *drawers) set(k drawerKey, h drawerHead) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= maxDrawers {
		d.known = map[drawerKey]drawerHead{}
	}
	d.known[k] = h
}

// doubtIf has the drawers of a plan read again if it was refused as stale.
func (p *planner) doubtIf(refused error) {
	if fault.CodeOf(refused) != ledger.ErrStale.Code {
		return
	}
	for _, e := range p.drawers {
		p.service.drawers.set(drawerKey{p.book.ID, e.Subject}, drawerHead{doubted: true})
	}
}

// drawer is how much waits in a drawer, with what this plan and its group have done. The plan rests on it from then on.
func (p *planner) drawer(subject string) (drawer, error) {
	if d, ok := p.moved[subject]; ok {
		return d, nil
	}
	h, err := p.drawerHead(subject)
	if err != nil {
		return drawer{}, err
	}
	if !slices.ContainsFunc(p.drawers, func(e ledger.Expectation) bool { return e.Subject == subject }) {
		p.drawers = append(p.drawers, ledger.Expectation{Subject: subject, LastSequence: h.sequence})
	}
	if p.group != nil {
		if told := p.group.told[subject]; len(told) > 0 {
			return storedAs[drawer](&told[len(told)-1])
		}
	}
	return h.drawer, nil
}

// drawerHead is where a drawer stands in the books: as it is remembered, or read where no ledger would check it.
func (p *planner) drawerHead(subject string) (drawerHead, error) {
	k := drawerKey{p.book.ID, subject}
	h := p.service.drawers.get(k)
	if !h.doubted && (p.group == nil || !p.group.unchecked) {
		return h, nil
	}
	last, sequence, err := p.service.lastOf(p.ctx, p.book, subject)
	if err != nil {
		return h, err
	}
	h = drawerHead{sequence: sequence}
	if last != nil {
		if h.drawer, err = storedAs[drawer](last); err != nil {
			return h, err
		}
	}
	if !postgres.IsWithin(p.ctx) {
		p.service.drawers.set(k, h)
	}
	return h, nil
}

// suspend notes that more or less waits in a reference's drawer.
func (p *planner) suspend(n suspendedNote, change money.Minor) error {
	subject := drawerSubject(n.Currency, n.Reference)
	d, err := p.drawer(subject)
	if err != nil {
		return err
	}
	side := &d.Out
	if n.Side == SideInflow {
		side = &d.In
	}
	sum, err := money.Add(money.Minor(*side), change)
	if err != nil {
		return err
	}
	*side = cents(sum)
	if p.moved == nil {
		p.moved = map[string]drawer{}
	}
	p.moved[subject] = d
	return p.suspenseFact(subject, d)
}

// suspenseFact adds a fact about suspense to the plan.
func (p *planner) suspenseFact(subject string, about any) error {
	data, err := json.Marshal(about)
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: factRecorded, kind: p.event.Type, part: suspensePart + len(p.drafts), subject: subject, data: data})
}

// waiting is what waits of a break under a reference, and where its cash moved.
type waiting struct {
	suspendedNote
	amount money.Minor
}

// waitingUnder are the breaks of which something waits under a reference, the first found first.
func (p *planner) waitingUnder(reference string) (list []waiting, err error) {
	told, err := p.story(suspendedSubject(reference))
	if err != nil {
		return nil, err
	}
	for i := range told.transactions {
		n, err := storedAs[suspendedNote](&told.transactions[i])
		if err != nil {
			return nil, err
		}
		if n.Reference != reference {
			continue
		}
		of, err := p.story(breakSubject(n.Break))
		if err != nil {
			return nil, err
		}
		amount, err := of.waits(n)
		if err != nil {
			return nil, err
		}
		for _, c := range p.cleared {
			if c.suspendedNote == n {
				amount -= money.Minor(c.Amount)
			}
		}
		if amount > 0 {
			list = append(list, waiting{n, amount})
		}
	}
	return list, nil
}

// waits is what waits of a break under a reference: its entries in suspense, less what business events took.
func (s *story) waits(n suspendedNote) (sum money.Minor, err error) {
	account := suspenseAccount(n.Side)
	for i := range s.transactions {
		t := &s.transactions[i]
		if len(t.Entries) == 0 {
			c, err := storedAs[clearedNote](t)
			if err != nil {
				return 0, err
			}
			if c.suspendedNote == n {
				sum -= money.Minor(c.Amount)
			}
			continue
		}
		for _, e := range t.Entries {
			if e.Account == account && e.Currency == n.Currency && e.ExternalRef == n.Reference {
				sum += sign(n.Side) * e.Amount
			}
		}
	}
	return sum, nil
}

// sign is that of an amount that waits on a side, debit positive.
func sign(side string) money.Minor {
	if side == SideInflow {
		return -1
	}
	return 1
}

// isCash reports whether an account is cash that a processor or a bank reports.
func isCash(a ledger.Address) bool {
	return strings.HasPrefix(string(a), "assets:processor:") || strings.HasPrefix(string(a), "assets:bank:")
}

// samePlace reports whether two accounts are the same place to its keeper: a bank account, or all that is at a processor,
// whether it is available there or not.
func samePlace(a, b ledger.Address) bool {
	if a == b {
		return true
	}
	x, y := strings.Split(string(a), ":"), strings.Split(string(b), ":")
	return len(x) == 4 && len(y) == 4 && x[1] == "processor" && y[1] == "processor" && x[3] == y[3]
}

// fromSuspense reports whether the cash legs of the planned event may be what waits. Money that becomes available at the
// processor is no line of its report; what reconciliation and an opening post is said by them.
func (p *planner) fromSuspense() bool {
	t := p.event.Type
	return !p.rehearsed && t != "processor.funds_available" && !strings.HasPrefix(t, "recon.") && !strings.HasPrefix(t, "opening.")
}

// clearSuspense turns the cash legs that wait in suspense into legs of suspense, as far as they wait, and returns what was
// taken from which break.
func (p *planner) clearSuspense(lines []ledger.Line, part int) (out []ledger.Line, taken []clearedNote, err error) {
	out = lines
	if !p.fromSuspense() {
		return out, nil, nil
	}
	for _, l := range lines {
		if l.ExternalRef == "" || !isCash(l.Account) {
			continue
		}
		d, err := p.drawer(drawerSubject(l.Currency, l.ExternalRef))
		if err != nil {
			return nil, nil, err
		}
		if d.empty() {
			continue
		}
		list, err := p.waitingUnder(l.ExternalRef)
		if err != nil {
			return nil, nil, err
		}
		for _, w := range list {
			if w.Side != sideOf(l.Amount) || w.Currency != l.Currency || !samePlace(w.Cash, l.Account) {
				continue
			}
			n := clearedNote{suspendedNote: w.suspendedNote, Amount: cents(min(w.amount, max(l.Amount, -l.Amount))), Of: part}
			if n.Amount == 0 {
				break
			}
			out = toSuspense(slices.Clone(out), l, &n)
			l.Amount += sign(n.Side) * money.Minor(n.Amount)
			p.cleared, taken = append(p.cleared, n), append(taken, n)
		}
	}
	return out, taken, nil
}

// toSuspense moves what is taken of a cash leg to suspense.
func toSuspense(lines []ledger.Line, cash ledger.Line, n *clearedNote) []ledger.Line {
	i := slices.Index(lines, cash)
	moved := cash
	moved.Account, moved.Amount = suspenseAccount(n.Side), -sign(n.Side)*money.Minor(n.Amount)
	if lines[i].Amount -= moved.Amount; lines[i].Amount == 0 {
		lines[i] = moved
		return lines
	}
	return slices.Insert(lines, i, moved)
}

// noteCleared adds the facts of what the plan took from breaks.
func (p *planner) noteCleared(taken []clearedNote) error {
	for _, n := range taken {
		if err := p.suspenseFact(breakSubject(n.Break), n); err != nil {
			return err
		}
		if err := p.suspend(n.suspendedNote, -money.Minor(n.Amount)); err != nil {
			return err
		}
	}
	return nil
}

// touchesSuspense reports whether a transaction moves what waits in suspense.
func touchesSuspense(t *ledger.Transaction) bool {
	return slices.ContainsFunc(t.Entries, func(e ledger.Entry) bool { return e.Account == accountSuspense || e.Account == accountSuspenseIn })
}

// touchedSuspense reports whether an event of the order moved what waits in suspense.
func (o *order) touchedSuspense(reference string) bool {
	return slices.ContainsFunc(o.transactions, func(t ledger.Transaction) bool { return t.Reference == reference && touchesSuspense(&t) })
}

// backToSuspense notes that what a transaction took from breaks waits again, because the transaction is reversed.
func (p *planner) backToSuspense(original *ledger.Transaction) error {
	r, _, byEvent := recordOf(original)
	if !byEvent || !touchesSuspense(original) {
		return nil
	}
	parts, err := p.service.ledger.ByReference(p.ctx, p.book, original.Reference)
	if err != nil {
		return err
	}
	for i := range parts {
		t := &parts[i]
		if !strings.HasPrefix(t.Subject, breakPrefix) || len(t.Entries) > 0 {
			continue
		}
		n, err := storedAs[clearedNote](t)
		if err != nil {
			return err
		}
		if n.Of != r.Part { // another part of the event took it
			continue
		}
		if _, err := p.story(t.Subject); err != nil {
			return err
		}
		n.Amount, n.Of = -n.Amount, 0
		if err := p.noteCleared([]clearedNote{n}); err != nil {
			return err
		}
	}
	return nil
}
