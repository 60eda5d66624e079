package commerce

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
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
// some drawers, whose stories carry how much waits in them, and under which references: a plan that moves cash rests on where
// its drawer stands, so no event can be planned before something is put into suspense and recorded after it. What is remembered
// of drawers plans take for granted and the ledger checks, so an event under whose reference nothing waits reads nothing.

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

// drawer is how much waits in a drawer, in minor units. It is the data of the drawer's last fact. By it most events know without a
// look that nothing waits under their reference, however much waits under others.
type drawer struct {
	// Under is what waits, out and in, by the marks of references. Two references of one mark are one here.
	Under map[string][2]cents `json:"under,omitempty"`
	// Out and In are what waits under references beyond those.
	Out cents `json:"out,omitempty"`
	In  cents `json:"in,omitempty"`
}

// mostMarked bounds the references that a drawer tells apart.
const mostMarked = 48

// markOf is a reference's mark in its drawer.
func markOf(reference string) string {
	sum := sha256.Sum256([]byte(reference))
	return hex.EncodeToString(sum[1:5])
}

// mayHold reports whether something may wait under a reference.
func (d drawer) mayHold(reference string) bool {
	_, marked := d.Under[markOf(reference)]
	return marked || d.Out != 0 || d.In != 0
}

// with is the drawer after more or less waits on a side under a reference. What leaves is taken from its mark first, so that the mark
// and the rest are together never less than what waits.
func (d drawer) with(reference, side string, change money.Minor) (drawer, error) {
	rest, i := &d.Out, 0
	if side == SideInflow {
		rest, i = &d.In, 1
	}
	if d.Under = maps.Clone(d.Under); d.Under == nil {
		d.Under = map[string][2]cents{}
	}
	mark := markOf(reference)
	w, marked := d.Under[mark]
	of := rest
	if change < 0 {
		taken := min(w[i], cents(-change))
		w[i] -= taken
		change += money.Minor(taken)
	} else if marked || len(d.Under) < mostMarked {
		of = &w[i]
	}
	sum, err := money.Add(money.Minor(*of), change)
	if err != nil {
		return d, err
	}
	*of = cents(sum)
	if d.Under[mark] = w; w == [2]cents{} {
		delete(d.Under, mark)
	}
	return d, nil
}

// suspendedNote is a fact of a reference's story: that a break waits under it, and where its cash moved.
type suspendedNote struct {
	Break     string         `json:"break"`
	Reference string         `json:"reference"`
	Side      string         `json:"side"`
	Currency  money.Currency `json:"currency"`
	Cash      ledger.Address `json:"cash"`
}

// clearedNote is a fact of a break's story: what a business event took from it, or gave back when it was reversed, which is
// below zero. Parts say which transactions of the event took it, so that each can give back its own.
type clearedNote struct {
	suspendedNote
	Amount cents         `json:"amount"`
	Parts  []clearedPart `json:"parts,omitempty"`
}

// clearedPart is what a part of an event took.
type clearedPart struct {
	Of     int   `json:"of,omitempty"`
	Amount cents `json:"amount"`
}

// mostCleared bounds the breaks that one event takes from. Beyond it the event's cash moves, and the rest goes on waiting, which
// reconciliation finds.
const mostCleared = 50

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
const maxDrawers = 20_000

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
	for err == nil && last != nil && !byEvent(last) { // somebody posted about it by hand
		last, _, err = p.service.lastBefore(p.ctx, p.book, subject, last.Sequence)
	}
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

// suspend counts that more or less waits in a reference's drawer. What waits there in the end is told once.
func (p *planner) suspend(n suspendedNote, change money.Minor) error {
	subject := drawerSubject(n.Currency, n.Reference)
	d, err := p.drawer(subject)
	if err != nil {
		return err
	}
	if d, err = d.with(n.Reference, n.Side, change); err != nil {
		return err
	}
	p.changes++
	if p.moved == nil {
		p.moved = map[string]drawer{}
	}
	if _, told := p.moved[subject]; !told {
		p.opened = append(p.opened, subject)
	}
	p.moved[subject] = d
	return nil
}

// tellSuspense adds the facts of what the plan took from breaks and gave back to them, and of what waits in the drawers since:
// one of each, however many transactions the event has.
func (p *planner) tellSuspense() error {
	for i := range p.cleared {
		if err := p.suspenseFact(breakSubject(p.cleared[i].Break), &p.cleared[i]); err != nil {
			return err
		}
	}
	for _, subject := range p.opened {
		if err := p.suspenseFact(subject, p.moved[subject]); err != nil {
			return err
		}
	}
	p.told = p.changes
	return nil
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

// What is looked at of a reference and of a break when a business event comes. An event from outside is never refused because others
// came before it: what lies beyond goes on waiting, the event moves cash, and reconciliation finds both.
const (
	// mostUnder bounds the breaks of a reference, the newest.
	mostUnder = 200
	// mostTaken bounds the transactions of a break. It leaves room for as many reversals and for what people decide.
	mostTaken = 2_000
)

// waitingUnder are the breaks of which something waits under a reference, the first found first, without what the plan has taken.
func (p *planner) waitingUnder(reference string) (list []waiting, err error) {
	if list, known := p.under[reference]; known {
		return list, nil
	}
	told, err := p.story(suspendedSubject(reference))
	if err == ErrStoryTooLong {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	notes := slices.DeleteFunc(told.transactions, func(t ledger.Transaction) bool { return !byEvent(&t) })
	notes = notes[max(0, len(notes)-mostUnder):]
	for i := range notes {
		n, err := storedAs[suspendedNote](&notes[i])
		if err != nil {
			return nil, err
		}
		if n.Reference != reference {
			continue
		}
		of, err := p.story(breakSubject(n.Break))
		if err == ErrStoryTooLong || err == nil && len(of.transactions) > mostTaken {
			continue
		}
		if err != nil {
			return nil, err
		}
		amount, err := of.waits(n)
		if err != nil {
			return nil, err
		}
		if amount > 0 {
			list = append(list, waiting{n, amount})
		}
	}
	if p.under == nil {
		p.under = map[string][]waiting{}
	}
	p.under[reference] = list
	return list, nil
}

// byEvent reports whether an event recorded a transaction. What somebody posts by hand about a story of suspense says nothing there.
func byEvent(t *ledger.Transaction) bool {
	_, _, ok := recordOf(t)
	return ok
}

// waits is what waits of a break under a reference: its entries in suspense, less what business events took. An entry by hand is no
// entry of the break, whatever it says that it is about.
func (s *story) waits(n suspendedNote) (sum money.Minor, err error) {
	account := suspenseAccount(n.Side)
	for i := range s.transactions {
		t := &s.transactions[i]
		if !byEvent(t) {
			continue
		}
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

// clearSuspense turns the cash legs that wait in suspense into legs of suspense, as far as they wait, and counts what the part of
// the event took from which break.
func (p *planner) clearSuspense(lines []ledger.Line, part int) (out []ledger.Line, err error) {
	out = lines
	if !p.fromSuspense() {
		return out, nil
	}
	for _, l := range lines {
		if l.ExternalRef == "" || !isCash(l.Account) {
			continue
		}
		d, err := p.drawer(drawerSubject(l.Currency, l.ExternalRef))
		if err != nil {
			return nil, err
		}
		if !d.mayHold(l.ExternalRef) {
			continue
		}
		list, err := p.waitingUnder(l.ExternalRef)
		if err != nil {
			return nil, err
		}
		for i := range list {
			w := &list[i]
			if w.Side != sideOf(l.Amount) || w.Currency != l.Currency || !samePlace(w.Cash, l.Account) || w.amount == 0 {
				continue
			}
			amount := min(w.amount, max(l.Amount, -l.Amount))
			if amount == 0 {
				break
			}
			if took, err := p.clear(w.suspendedNote, amount, part); !took || err != nil {
				return out, err
			}
			out = toSuspense(slices.Clone(out), l, w.Side, amount)
			l.Amount += sign(w.Side) * amount
			w.amount -= amount
		}
	}
	return out, nil
}

// clear counts what a part of the event takes from a break, unless it takes from too many.
func (p *planner) clear(n suspendedNote, amount money.Minor, part int) (took bool, err error) {
	i := slices.IndexFunc(p.cleared, func(c clearedNote) bool { return c.suspendedNote == n })
	if i < 0 {
		if len(p.cleared) == mostCleared {
			return false, nil
		}
		i = len(p.cleared)
		p.cleared = append(p.cleared, clearedNote{suspendedNote: n})
	}
	c := &p.cleared[i]
	c.Amount += cents(amount)
	if last := len(c.Parts) - 1; last >= 0 && c.Parts[last].Of == part {
		c.Parts[last].Amount += cents(amount)
	} else {
		c.Parts = append(c.Parts, clearedPart{Of: part, Amount: cents(amount)})
	}
	return true, p.suspend(n, -amount)
}

// toSuspense moves what is taken of a cash leg to suspense.
func toSuspense(lines []ledger.Line, cash ledger.Line, side string, amount money.Minor) []ledger.Line {
	i := slices.Index(lines, cash)
	moved := cash
	moved.Account, moved.Amount = suspenseAccount(side), -sign(side)*amount
	if lines[i].Amount -= moved.Amount; lines[i].Amount == 0 {
		lines[i] = moved
		return lines
	}
	return slices.Insert(lines, i, moved)
}

// touchesSuspense reports whether a transaction moves what waits in suspense.
func touchesSuspense(t *ledger.Transaction) bool {
	return slices.ContainsFunc(t.Entries, func(e ledger.Entry) bool { return e.Account == accountSuspense || e.Account == accountSuspenseIn })
}

// touchedSuspense reports whether an event of the order moved what waits in suspense.
func (o *order) touchedSuspense(reference string) bool {
	return slices.ContainsFunc(o.transactions, func(t ledger.Transaction) bool { return t.Reference == reference && touchesSuspense(&t) })
}

// backToSuspense counts that what a transaction took from breaks waits again, because the transaction is reversed. What other
// transactions of the same event took is theirs.
func (p *planner) backToSuspense(original *ledger.Transaction) error {
	r, _, ours := recordOf(original)
	if !ours || !touchesSuspense(original) {
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
		for _, x := range n.Parts {
			if x.Of != r.Part {
				continue
			}
			if _, err := p.story(t.Subject); err != nil {
				return err
			}
			p.cleared = append(p.cleared, clearedNote{suspendedNote: n.suspendedNote, Amount: -x.Amount})
			if err := p.suspend(n.suspendedNote, money.Minor(x.Amount)); err != nil {
				return err
			}
		}
	}
	return nil
}
