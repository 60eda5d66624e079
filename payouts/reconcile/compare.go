package reconcile

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts"
)

// Comparing: a run takes all lines and all entries that are new since the run before it, and what was open. It takes them by
// number and sequence, whenever they happened: so each is taken once. The cut-off is the time by which they are judged: what is
// late, how old it is, and what happened after it. Of a daily run that is the present. Of a run that closes a month it is the
// month's end, and what moved later and has no counterpart stays open and is no difference of that month.

// Asked is what a run is asked to compare.
type Asked struct {
	Match  Match
	Source int16
	// CutOff is the time by which it judges; zero for the present.
	CutOff time.Time
	// Closing says that a month is closed upon the run.
	Closing bool
}

const (
	// defaultShare is the share of its time, in percent, that a run works while sales are posted.
	defaultShare = 20
	// longestWait bounds one wait of a run.
	longestWait = 10 * time.Second
	// nightPatience bounds how long a job's run waits in all, so that it ends within its night however long sales go on; and patience how
	// long one does for which a person waits, or that is made again.
	nightPatience = 20 * time.Minute
	patience      = 10 * time.Second
)

// givingFor begins to give way. How long a run takes changes nothing of what it finds.
func (s *Service) givingFor(scheduled bool) *ledger.GivingWay {
	c := ledger.Courtesy{Share: s.share, Longest: longestWait, InAll: patience, Now: s.clock, Wait: s.wait}
	if scheduled {
		c.InAll = nightPatience
	}
	return s.ledger.GiveWay(c)
}

// reading is a run while it reads.
type reading struct {
	book       ledger.Book
	in         inputs
	rules      Rules
	accounts   []account
	sliceLines int
	carry      *carry
	sums       turnover
	parts      []slice
	// waiting are the open items of earlier runs.
	waiting []item
	// goesBy are the keys of what entries of them name.
	goesBy map[string]string
	out    *outcome
	way    *ledger.GivingWay
	// slices and searches are how often slices are halved to be read in time.
	slices, searches halving
	// pass is the share of the keys that is looked at, first says that none was before, and later are the shares that wait.
	pass  keyShare
	first bool
	later []keyShare
	// cuts are the differences of months that are named so far, one key each, and more counts the keys that are not.
	cuts []cutKey
	more map[money.Currency]int
	// batches says that the bank books a file of payments as one line, and renamed are the entries that go by each name of its.
	batches bool
	renamed map[string][]string
	// broughtBack names, for an entry of a rail that brings money back, the entry that had taken it.
	broughtBack map[string]string
	// alone are lines and entries without a counterpart by key, which may be one by amount.
	aloneLines   []External
	aloneEntries []Entry
}

// outcome is what a run found.
type outcome struct {
	inputsJSON, summaryJSON []byte
	digest                  []byte
	findings                []Finding
	pairings                []Pairing
	open                    []item
	closed                  []ending
	matched                 int64
	// waiting is how many items were open before, and lastReceipt the last receipt of the source that the run knew.
	waiting, lastReceipt int64
}

// Compare compares a source with the ledger up to what both have now, and records the run.
//
// Errors: ErrSourceUnknown, ErrSourceInvalid, ErrRunOvertaken if another run of the same match and source ended first,
// ErrRunLarge, ErrRunUneven.
func (s *Service) Compare(ctx context.Context, t payouts.Turn, a Asked) (Run, error) {
	return s.compareBy(ctx, t, a, sliceLines)
}

// decidedMeanwhile says that people decided something while a run went on, which the run did not know. What they refused is named.
type decidedMeanwhile struct {
	error
	refused []refusal
}

// Unwrap is ErrRunOvertaken.
func (d *decidedMeanwhile) Unwrap() error { return d.error }

// mostDecided bounds how often a run is made because people decided something meanwhile.
const mostDecided = 4

// compareBy compares in slices of so many lines. If people decide while it goes on, it is made again with what they decided.
func (s *Service) compareBy(ctx context.Context, t payouts.Turn, a Asked, lines int) (run Run, err error) {
	var known []refusal
	for range mostDecided {
		run, err = s.compareOnce(ctx, t, a, lines, known)
		var d *decidedMeanwhile
		if !errors.As(err, &d) {
			return run, err
		}
		known = append(known, d.refused...)
	}
	return run, err
}

func (s *Service) compareOnce(ctx context.Context, t payouts.Turn, a Asked, lines int, known []refusal) (Run, error) {
	began := s.now()
	if a.CutOff.IsZero() {
		a.CutOff = began
	}
	a.CutOff = a.CutOff.UTC().Truncate(time.Microsecond)
	in, refused, err := s.planRun(ctx, t.Book, a)
	if err != nil {
		return Run{}, err
	}
	if err := s.lookAtEvidence(ctx, in.Lines.To); err != nil {
		return Run{}, err
	}
	in.scheduled = trigger(t, a) == triggerScheduled
	out, err := s.compute(ctx, t.Book, &in, append(refused, known...), lines)
	if err != nil {
		return Run{}, err
	}
	out.lastReceipt = in.lastReceipt
	run := Run{
		ID: freshID("rec"), Match: in.Match, Source: in.Source.ID, SourceName: in.Source.Name, Number: in.Number, CutOff: in.CutOff,
		FromLine: in.Lines.From, ToLine: in.Lines.To, FromSequence: in.Entries.From, ToSequence: in.Entries.To,
		Rules: in.Rules.Version, Settings: in.Settings, Inputs: out.inputsJSON, Summary: out.summaryJSON, Digest: out.digest,
		Matched: out.matched, OpenItems: int64(len(out.open)), Found: int64(len(out.findings)), Trigger: trigger(t, a),
		StartedBy: starter(t), RecordedAt: s.now(),
	}
	run.Took = run.RecordedAt.Sub(began)
	if err := s.record(ctx, t, run, out); err != nil {
		return Run{}, err
	}
	return run, nil
}

// triggerClose marks the runs upon which a month is closed.
const triggerClose = "close"

// triggerScheduled marks the runs of jobs, for which nobody waits.
const triggerScheduled = "scheduled"

func trigger(t payouts.Turn, a Asked) string {
	switch {
	case a.Closing:
		return triggerClose
	case t.Check != nil && !t.Extra:
		return triggerScheduled
	}
	return "manual"
}

func starter(t payouts.Turn) string {
	if t.Actor.ID == "" {
		return "system"
	}
	return t.Actor.ID
}

// compute finds what the inputs come to. It reads rows that never change, up to fixed numbers, and nothing else: so it comes to the
// same whenever it is done. Of the pairings that people refused, those that are about lines without a counterpart become inputs.
func (s *Service) compute(ctx context.Context, book ledger.Book, in *inputs, refused []refusal, lines int) (*outcome, error) {
	rules, err := rulesOf(in.Rules.Document)
	if err != nil {
		return nil, err
	}
	rules.Version = in.Rules.Version
	r := &reading{more: map[money.Currency]int{},
		book: book, in: *in, rules: rules, sliceLines: lines, sums: turnover{}, out: &outcome{}, way: s.givingFor(in.scheduled),
		batches: in.Batches, renamed: map[string][]string{}, broughtBack: map[string]string{}, later: []keyShare{{0, 1}}}
	if err := s.prepare(ctx, r); err != nil {
		return nil, err
	}
	if r.parts, err = s.slicesOf(ctx, r); err != nil {
		return nil, err
	}
	for n := 0; len(r.later) > 0; n++ {
		r.first = n == 0
		r.pass, r.later = r.later[len(r.later)-1], r.later[:len(r.later)-1]
		r.carry = newCarry(s.most)
		if err := r.bring(); err != nil {
			return nil, err
		}
		if err := s.compareSlices(ctx, r); err != nil {
			return nil, err
		}
		if err := s.settleGroups(ctx, r); err != nil {
			return nil, err
		}
	}
	r.tellCuts()
	r.matchWithin()
	r.pairAlone(refused)
	in.Refused = r.in.Refused
	return r.out, s.finish(ctx, r)
}

// situation is what the classifier is told.
func (r *reading) situation() situation {
	return situation{Match: r.in.Match, Kind: r.in.Source.Kind, Rules: r.rules, CutOff: r.in.CutOff, Zone: r.book.Location(),
		Holiday: holidaysOf(r.in.Calendar)}
}

// settle has one key classified in all its currencies, and sets apart what is open from what agrees. What only one side has of a
// key waits until it was looked for by amount. What waited for an earlier run and agrees now may lie in two months.
func (r *reading) settle(groups []Group) error {
	x := r.situation()
	found := classifyKey(groups, x)
	r.out.findings = append(r.out.findings, found...)
	// What is after the cut-off is no finding yet, and stays open all the same: it agrees only if nothing would be found of it later.
	named, differs := membersOf(found), len(found) > 0
	if x.lateIn(groups) {
		x := x
		x.CutOff = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		later := classifyKey(groups, x)
		named.addAll(later)
		differs = differs || len(later) > 0
	}
	if !differs {
		for _, g := range groups {
			r.out.findings = append(r.out.findings, cuts(g, x)...)
		}
	}
	alone := members{map[int64]bool{}, map[EntryID]bool{}}
	source, books := false, false
	for _, g := range groups {
		source = source || len(g.External)+len(g.ExternalBefore) > 0
		books = books || len(g.Entries)+len(g.EntriesBefore) > 0
	}
	for _, g := range groups {
		if source != books {
			lines, entries := residue(found, g, nil, nil)
			r.aloneLines, r.aloneEntries = append(r.aloneLines, lines...), append(r.aloneEntries, entries...)
			alone.add(lines, entries)
		}
		r.part(g, named, alone, differs)
	}
	if open := len(r.out.open) + len(r.aloneLines) + len(r.aloneEntries); open > r.carry.most {
		return r.tooLarge()
	}
	return nil
}

// tooLarge says what there is too much of, and how to come out of it. Nothing is recorded, so that the next run takes the same with what was
// put right meanwhile.
func (r *reading) tooLarge() error {
	lines, entries := len(r.aloneLines), len(r.aloneEntries)
	for _, i := range r.out.open {
		if i.side == sideSource {
			lines++
		} else {
			entries++
		}
	}
	return ErrRunLarge.Withf("At least %d lines of %s and %d entries of its accounts match nothing, and a run leaves %d open at most. Nothing was recorded, and the next run takes the same again. "+
		"Bring the statements or post the transactions that are missing; if an account of the ledger is not this source's, take it out of the source's settings.",
		lines, r.in.Source.Name, entries, r.carry.most)
}

// members are lines and entries by their numbers.
type members struct {
	lines   map[int64]bool
	entries map[EntryID]bool
}

func membersOf(found []Finding) members {
	m := members{map[int64]bool{}, map[EntryID]bool{}}
	m.addAll(found)
	return m
}

func (m members) addAll(found []Finding) {
	for _, f := range found {
		for _, n := range f.External {
			m.lines[n] = true
		}
		for _, e := range f.Entries {
			m.entries[e] = true
		}
	}
}

// lateIn reports whether anything of some groups is after the cut-off.
func (x situation) lateIn(groups []Group) bool {
	return slices.ContainsFunc(groups, func(g Group) bool {
		return slices.ContainsFunc(g.External, func(l External) bool { return x.late(l.MovedAt) }) ||
			slices.ContainsFunc(g.Entries, func(e Entry) bool { return x.late(e.OccurredAt) })
	})
}

func (m members) add(lines []External, entries []Entry) {
	for _, x := range lines {
		m.lines[x.Number] = true
	}
	for _, e := range entries {
		m.entries[EntryID{e.Sequence, e.Line}] = true
	}
}

// part parts a group: what findings name is open, if the remainder ties; otherwise all of it. A group without findings is open if it
// does not tie: it is not judged yet.
func (r *reading) part(g Group, named, alone members, found bool) {
	agreed, open := matchedSet{}, matchedSet{}
	for _, x := range g.External {
		if found && named.lines[x.Number] {
			open.lines = append(open.lines, x)
		} else {
			agreed.lines = append(agreed.lines, x)
		}
	}
	for _, e := range g.Entries {
		if found && named.entries[EntryID{e.Sequence, e.Line}] {
			open.entries = append(open.entries, e)
		} else {
			agreed.entries = append(agreed.entries, e)
		}
	}
	if !tied(agreed.lines, agreed.entries) {
		open, agreed = matchedSet{slices.Clone(g.External), slices.Clone(g.Entries)}, matchedSet{}
	}
	open.lines = slices.DeleteFunc(open.lines, func(x External) bool { return alone.lines[x.Number] })
	open.entries = slices.DeleteFunc(open.entries, func(e Entry) bool { return alone.entries[EntryID{e.Sequence, e.Line}] })
	r.leave(open)
	r.match(agreed, "matched", "")
}

// matchedSet are lines and entries that belong together.
type matchedSet struct {
	lines   []External
	entries []Entry
}

func tied(lines []External, entries []Entry) bool {
	var net money.Minor
	for _, x := range lines {
		net += x.Net
	}
	for _, e := range entries {
		net -= e.Amount
	}
	return net == 0
}

// leave leaves lines and entries open.
func (r *reading) leave(m matchedSet) {
	for _, x := range m.lines {
		if x.Number > r.in.Lines.From {
			r.sums.unmatched(x)
		}
		r.out.open = append(r.out.open, r.itemOfLine(x))
	}
	for _, e := range m.entries {
		if r.isNew(e) {
			r.sums.entry(e)
		}
		r.out.open = append(r.out.open, r.itemOfEntry(e))
	}
}

// match ends what was open of lines and entries that agree, and puts the entries into the summary: under the source's words if all
// of them are new, otherwise under their events.
func (r *reading) match(m matchedSet, how, pairing string) {
	fresh := true
	for _, e := range m.entries {
		if !r.isNew(e) {
			fresh = false
			r.out.closed = append(r.out.closed, ending{r.itemOfEntry(e), how, pairing})
		}
	}
	for _, x := range m.lines {
		isNew := x.Number > r.in.Lines.From
		if !isNew {
			r.out.closed = append(r.out.closed, ending{r.itemOfLine(x), how, pairing})
			r.out.matched++
		}
		switch {
		case fresh && len(m.entries) > 0 && !isNew:
			r.sums.agreed(x)
		case (!fresh || len(m.entries) == 0) && isNew:
			r.sums.unmatched(x)
		}
	}
	if fresh && len(m.lines) > 0 {
		return
	}
	for _, e := range m.entries {
		if r.isNew(e) {
			r.sums.entry(e)
		}
	}
}

// pairAlone looks for counterparts by amount among what has none by key. What is certain is made; what is possible is suggested,
// and one finding asks about it.
func (r *reading) pairAlone(refused []refusal) {
	r.refuse(refused)
	x := r.situation()
	x.Refused = map[string]bool{}
	for _, id := range r.in.Refused {
		x.Refused[id] = true
	}
	p := pairUp(r.aloneLines, r.aloneEntries, x)
	r.out.findings = p.replace(r.out.findings)
	suggested := slices.Clone(p.hints)
	for _, q := range p.questions {
		suggested = append(suggested, q.suggested...)
	}
	slices.SortFunc(suggested, comparePairings)
	r.out.pairings = append(p.made, slices.CompactFunc(suggested, func(a, b Pairing) bool { return a.Identity == b.Identity })...)
	made := members{map[int64]bool{}, map[EntryID]bool{}}
	for _, m := range p.made {
		for _, n := range m.External {
			made.lines[n] = true
		}
		for _, e := range m.Entries {
			made.entries[e] = true
		}
	}
	r.leaveAlone(made.lines, made.entries)
}

// refusal is a pairing that a person refused.
type refusal struct {
	identity string
	lines    []int64
	entries  []EntryID
}

// refuse makes those refusals inputs whose members are all without a counterpart now.
func (r *reading) refuse(all []refusal) {
	if len(all) == 0 {
		return
	}
	lines, entries := map[int64]bool{}, map[EntryID]bool{}
	for _, x := range r.aloneLines {
		lines[x.Number] = true
	}
	for _, e := range r.aloneEntries {
		entries[EntryID{e.Sequence, e.Line}] = true
	}
	for _, f := range all {
		if !slices.ContainsFunc(f.lines, func(n int64) bool { return !lines[n] }) && !slices.ContainsFunc(f.entries, func(e EntryID) bool { return !entries[e] }) {
			r.in.Refused = append(r.in.Refused, f.identity)
		}
	}
	slices.Sort(r.in.Refused)
	r.in.Refused = slices.Compact(r.in.Refused)
}

// leaveAlone ends what was paired for certain and leaves the others open.
func (r *reading) leaveAlone(lines map[int64]bool, entries map[EntryID]bool) {
	byLine, byEntry := map[int64]External{}, map[EntryID]Entry{}
	for _, x := range r.aloneLines {
		if lines[x.Number] {
			byLine[x.Number] = x
			continue
		}
		r.leave(matchedSet{lines: []External{x}})
	}
	for _, e := range r.aloneEntries {
		if entries[EntryID{e.Sequence, e.Line}] {
			byEntry[EntryID{e.Sequence, e.Line}] = e
			continue
		}
		r.leave(matchedSet{entries: []Entry{e}})
	}
	for _, p := range r.out.pairings {
		if !p.Certain {
			continue
		}
		var m matchedSet
		for _, n := range p.External {
			m.lines = append(m.lines, byLine[n])
		}
		for _, e := range p.Entries {
			m.entries = append(m.entries, byEntry[e])
		}
		r.match(m, "by_amount", p.Identity)
	}
}

// isNew reports whether an entry was not in an earlier run.
func (r *reading) isNew(e Entry) bool {
	for _, a := range r.accounts {
		if a.address == string(e.Account) && a.currency == e.Currency {
			return a.has(e.Sequence)
		}
	}
	return false
}

func (r *reading) day(t time.Time) time.Time {
	y, m, d := t.In(r.book.Location()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func (r *reading) itemOfLine(x External) item {
	return item{side: sideSource, a: x.Number, key: x.Key, currency: x.Currency, flow: flow{x.Debits(), x.Credits()}, day: r.day(x.MovedAt),
		known: x.Number <= r.in.Lines.From}
}

func (r *reading) itemOfEntry(e Entry) item {
	key := e.ExternalRef
	if key == "" {
		key = e.Key
	}
	return item{side: sideLedger, a: e.Sequence, b: e.Line, key: key, currency: e.Currency, flow: flowOf(e.Amount), day: r.day(e.OccurredAt), known: !r.isNew(e)}
}

func flowOf(m money.Minor) flow { return flow{max(m, 0), max(-m, 0)} }

// finish makes the summary and the digest.
func (s *Service) finish(ctx context.Context, r *reading) error {
	o := r.out
	o.matched += r.in.Lines.To - r.in.Lines.From
	for _, i := range o.open {
		if i.side == sideSource && i.a > r.in.Lines.From {
			o.matched--
		}
	}
	o.inOrder()
	opening, closing, err := s.standings(ctx, r)
	if err != nil {
		return err
	}
	sums, err := r.sums.sumsOf(opening, closing, o.open)
	if err != nil {
		return err
	}
	if o.summaryJSON, err = canonicalJSON(sums); err != nil {
		return err
	}
	if o.inputsJSON, err = canonicalJSON(r.in); err != nil {
		return err
	}
	hash := sha256.New()
	if err := o.document(hash); err != nil {
		return err
	}
	o.digest = hash.Sum(nil)
	return nil
}
