package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"mizan/ledger/fault"
	"mizan/payouts/reconcile"
)

// Suggestions: what belongs together though no key says so, for a person to confirm or refuse.

// The states of pairings.
const (
	pairingSuggested = "suggested"
	pairingMade      = "made"
	pairingRefused   = "refused"
)

// pairingStates are the states of pairings with the kinds of their colours, in the order in which they are offered.
var pairingStates = []struct{ state, look string }{{pairingSuggested, "open"}, {pairingMade, "done"}, {pairingRefused, "refused"}}

func (t teller) pairingState(state string) stateWord {
	for _, s := range pairingStates {
		if s.state == state {
			return stateWord{t.say("break.pairing.state." + state), s.look}
		}
	}
	return stateWord{Word: state}
}

// pairingLine is a pairing with both of its sides.
type pairingLine struct {
	reconcile.PairingRecord
	State       stateWord
	Kind, Basis string
	Match       string
	Link        string
	Sides       bothSides
	Decided     who
	// Break is the break on whose page it stands, to which its forms lead back.
	Break string
}

func (c *console) pairingLine(ctx context.Context, who cashier, x reconcile.PairingRecord) (pairingLine, error) {
	t := tellerOf(ctx)
	l := pairingLine{PairingRecord: x, Kind: t.say("break.pairing.kind." + x.Kind), Basis: t.say("break.pairing.basis." + x.Basis), Match: t.matchWord(x.Match), Link: who.o.At + pairingsPath + "/" + x.ID,
		State: t.pairingState(x.State)}
	if x.State == pairingSuggested {
		said, err := c.Reconcile.SaidOtherwise(ctx, who.book, x)
		if err != nil {
			return l, err
		}
		l.Changes = said
	}
	members, err := c.Reconcile.Members(ctx, who.book, reconcile.Break{Match: x.Match, Source: x.Source, External: x.External, Entries: x.Entries})
	l.Sides = who.sidesOf(x.Match, members)
	return l, err
}

type pairingsPage struct {
	payHead
	States      []tab
	State       string
	Lines       []pairingLine
	Next, First string
}

func (c *console) pairings(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	t, at := tellerOf(ctx), who.o.At+pairingsPath
	p := pairingsPage{payHead: c.reconHead(t, who, pairingsPath), State: r.URL.Query().Get("state")}
	if p.State == "" {
		p.State = pairingSuggested
	}
	known, after := false, r.URL.Query().Get("after")
	for _, s := range pairingStates {
		known = known || s.state == p.State
		p.States = append(p.States, tab{link{t.pairingState(s.state).Word, narrowedTo(at, "state", s.state)}, s.state == p.State})
	}
	if !known || unusable(after) {
		return answer{}, errQuery
	}
	if after != "" {
		p.First = narrowedTo(at, "state", p.State)
	}
	list, err := c.Reconcile.Pairings(ctx, who.book, p.State, after, pairingsPerPage+1)
	if err != nil {
		return answer{}, err
	}
	if len(list) > pairingsPerPage {
		list = list[:pairingsPerPage]
		p.Next = narrowedTo(at, "state", p.State, "after", list[pairingsPerPage-1].ID)
	}
	var ids []string
	for _, x := range list {
		ids = append(ids, actorID(x.DecidedBy))
	}
	name := c.names(ctx, who.visit, ids)
	for i, x := range list {
		l, err := c.pairingLine(ctx, who, x)
		if err != nil {
			return answer{}, err
		}
		l.Decided = name(ids[i])
		p.Lines = append(p.Lines, l)
	}
	return who.reconciled(t, t.say("recon.tab.pairings"), &p), nil
}

func (c *console) confirmPairing(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.decidePairing(who, r, "confirm", func(id, note string) error {
		_, err := c.Reconcile.Confirm(ctx, who.actor(), who.book, id, note)
		return err
	})
}

// confirmPairings confirms those suggestions of a page that were ticked, every one of them or none.
func (c *console) confirmPairings(ctx context.Context, who cashier, r *http.Request) (string, error) {
	ticked := r.PostForm["pairing"]
	if len(ticked) == 0 || len(ticked) > pairingsPerPage || slices.ContainsFunc(ticked, unusable) {
		return "", errNothingTicked
	}
	err := c.Reconcile.ConfirmAll(ctx, who.actor(), who.book, ticked, lined(r.PostForm.Get("note")))
	if isMissing(err) {
		err = reconcile.ErrPairingState // the page has others, and says so
	}
	return who.o.At + pairingsPath, err
}

var errNothingTicked = fault.New(fault.Invalid, "nothing-ticked", "Tick the suggestions that belong together, up to a page of them. Nothing was confirmed.")

func (c *console) refusePairing(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.decidePairing(who, r, "refuse", func(id, note string) error {
		_, err := c.Reconcile.Refuse(ctx, who.actor(), who.book, id, note)
		return err
	})
}

// decidePairing decides on a suggestion, and leads back to the page on which it stood.
func (c *console) decidePairing(who cashier, r *http.Request, did string, do func(id, note string) error) (string, error) {
	id, back := r.PathValue("pairing"), r.PostForm.Get("break")
	if unusable(id) || unusable(back) {
		return "", errNoPage
	}
	to := who.o.At + pairingsPath
	if back != "" {
		to = who.breakAfter(r, back, did) + "&pairing=" + url.QueryEscape(id)
	}
	return to, do(id, lined(r.PostForm.Get("note")))
}
