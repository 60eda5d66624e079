package reconcile

import (
	"slices"
	"strings"
	"time"

	"mizan/ledger/fault"
)

// What a run's findings make of the breaks that there are. Pure: no database and no clock.

// errFindingTwice means that two differences of a source have one identity, which is a defect of this service.
var errFindingTwice = fault.New(fault.Internal, "recon-finding-twice", "Two differences of a source have the same identity. Nothing was recorded. Keep the log and report it.")

// changedBreak is a break that a step has changed.
type changedBreak struct {
	Break
	act  string
	note string
	// posted is the transaction that the step posted, or by which it happened.
	posted string
}

// followed is what a run makes of the breaks of its source.
type followed struct {
	// added are new, changed are known, both with the step that it takes; seen are the ids of those that are as they were.
	added, changed []changedBreak
	seen           []string
}

// follow holds findings against the breaks that are known: all that are open, and those that ended and are found again. A break
// that is found again in another class or amount is looked at anew, whatever somebody said of it. One that is not found any more
// is cleared, unless something of it waits in suspense or a person has reopened it. A run for a moment that is past does not look for
// what happened after it, and says nothing of that; nor does it turn what is overdue back into a matter of time. The results are in
// order of identity.
func follow(run Run, at time.Time, rules Rules, known []Break, findings []Finding) (out followed, err error) {
	byIdentity := make(map[string]*Break, len(known))
	for i := range known {
		byIdentity[known[i].Identity] = &known[i]
	}
	ordered := slices.Clone(findings)
	for i := range ordered {
		ordered[i].Identity = boundIdentity(ordered[i].Identity)
	}
	slices.SortFunc(ordered, func(a, b Finding) int { return strings.Compare(a.Identity, b.Identity) })
	found := make(map[string]bool, len(ordered))
	for _, f := range ordered {
		if found[f.Identity] {
			return followed{}, errFindingTwice
		}
		found[f.Identity] = true
		was := byIdentity[f.Identity]
		if was != nil && was.Currency != f.Currency {
			return followed{}, errFindingTwice
		}
		if was == nil {
			b := Break{ID: newBreakID(), Match: run.Match, Source: run.Source, Identity: f.Identity, State: Open, Currency: f.Currency, FirstRun: run.Number,
				LastRun: run.Number, FirstSeen: at, ChangedAt: at, Owner: rules.owner(f.Class)}
			b.describe(f)
			out.added = append(out.added, changedBreak{Break: b, act: StepFound})
			continue
		}
		if run.Trigger == triggerClose && f.Class == Timing && !was.Ended() && f.Amount == was.Amount {
			out.seen = append(out.seen, was.ID)
			continue
		}
		if c, changed := foundAgain(run, at, was, f); changed {
			out.changed = append(out.changed, c)
		} else {
			out.seen = append(out.seen, was.ID)
		}
	}
	gone := make([]*Break, 0, len(known))
	for i := range known {
		if b := &known[i]; !found[b.Identity] && !b.Ended() && !b.Kept && b.Suspense == 0 && !b.HappenedAt.After(run.CutOff) {
			gone = append(gone, b)
		}
	}
	slices.SortFunc(gone, func(a, b *Break) int { return strings.Compare(a.Identity, b.Identity) })
	for _, b := range gone {
		c := changedBreak{Break: *b, act: StepCleared}
		c.end(Cleared, b.Fix, at)
		c.ChangedAt = at
		out.changed = append(out.changed, c)
	}
	return out, nil
}

// foundAgain is a known break after a run that found it again, and whether anything but the run's number is new.
func foundAgain(run Run, at time.Time, was *Break, f Finding) (changedBreak, bool) {
	c := changedBreak{Break: *was, act: StepChanged}
	c.LastRun = run.Number
	c.describe(f)
	c.HappenedAt = was.HappenedAt
	switch {
	case was.Ended():
		c.act, c.Kept, c.Held = StepReopened, false, ""
		c.reopen()
		c.ExpectedBy = f.ExpectedBy.Truncate(time.Microsecond)
	case c.Class != was.Class || c.Amount != was.Amount:
		// What somebody knew was about another difference.
		if c.State = Open; was.State == Explained {
			c.note = "It is another difference than the one that was explained."
		}
		c.ExpectedBy = f.ExpectedBy.Truncate(time.Microsecond)
		c.Held = ""
	case c.sameAs(was):
		return c, false
	}
	c.ChangedAt = at
	return c, true
}

// owner is the team that a class of breaks belongs to.
func (r Rules) owner(c Class) string {
	if o, ok := r.Owners[c]; ok {
		return o
	}
	return r.Owners[""]
}
