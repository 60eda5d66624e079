package console

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/reconcile"
)

// A break with both of its sides, its story, and what can be done about it.

// theirLine is a line of a source beside the books.
type theirLine struct {
	reconcile.External
	Sum, Cost, Left amount
	// Day is the day that a bank wrote, empty for a line that says at which moment it moved.
	Day string
	// Said is what the bank or the processor wrote of it, for those who may read what concerns people.
	Said string
}

// ourLine is an entry of the books beside the source.
type ourLine struct {
	reconcile.Entry
	ID, Link string
	Sum      amount
	Reversed bool
}

// bothSides are the members of a break or of a pairing, with their sums in the only currency they have.
type bothSides struct {
	Theirs                  []theirLine
	Ours                    []ourLine
	TheirSum, OurSum, Apart amount
	// Cash says that fees stand apart from what moved.
	Fees bool
}

// breakStepLine is a step of a break's story.
type breakStepLine struct {
	reconcile.Step
	What         stateWord
	By           who
	RunLink      string
	ApprovalLink string
	FixLink      string
}

type breakPage struct {
	payHead
	Break  breakLine
	Source link
	// Detail says what was found, and Held why nothing was posted by itself.
	Detail, Held    string
	Sides           bothSides
	MoreOfThem      int
	MoreOfUs        int
	Steps           []breakStepLine
	MoreSteps       bool
	Suggested       []pairingLine
	FixLink         string
	SuspenseAccount string
	// Approval is where it already waits for a second person.
	Approval string
	// MayAct, MayFix, MayReturn, MayName, MayAccept, MayWriteOff and MayReopen say which forms stand on the page.
	MayAct, MayExplain, MayFix, MayReturn, MayName, MayAccept, MayWriteOff, MayReopen bool
	// Out says that money left, so that a fix debits and a write-off is a cost.
	Out      bool
	WriteOff []string
	Tomorrow string
	Lines    []int
	// List is the list that the page was opened from, as forms carry it; Back leads to it, and Next to what follows in it.
	List, Back, Next string
}

// fixLines is how many lines the form of a fix has.
const fixLines = 3

func (c *console) oneBreak(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	id := r.PathValue("break")
	if unusable(id) {
		return answer{}, errNoPage
	}
	b, err := c.Reconcile.Break(ctx, who.book, id)
	if err != nil {
		return answer{}, err
	}
	t := tellerOf(ctx)
	p := breakPage{payHead: c.reconHead(t, who, breaksPath), Break: who.breakLine(t, b, c.Now()), Detail: t.breakDetail(b), Held: t.breakHeld(b), Tomorrow: c.Now().AddDate(0, 0, 1).Format(time.DateOnly)}
	if p.Source, err = c.sourceLink(ctx, who, b); err != nil {
		return answer{}, err
	}
	members, err := c.Reconcile.Members(ctx, who.book, b)
	if err != nil {
		return answer{}, err
	}
	p.Sides = who.sidesOf(b.Match, members)
	p.MoreOfThem, p.MoreOfUs = max(b.ExternalCount-len(members.External), 0), max(b.EntriesCount-len(members.Entries), 0)
	if b.Fix != "" {
		p.FixLink = "/books/" + who.o.Code + "/transactions/" + url.PathEscape(b.Fix)
	}
	if err := c.breakSteps(ctx, who, b, &p); err != nil {
		return answer{}, err
	}
	if err := c.breakApproval(ctx, who, b, &p); err != nil {
		return answer{}, err
	}
	if err := c.suggestedFor(ctx, who, b, &p); err != nil {
		return answer{}, err
	}
	p.offers(b)
	if err := c.besideBreak(ctx, who, r, b, &p); err != nil {
		return answer{}, err
	}
	a := who.reconciled(t, t.say("break.one"), &p, link{t.say("break.list"), p.Back})
	if did := r.URL.Query().Get("done"); did != "" {
		so, err := c.didLast(ctx, who, r, b, did)
		if err != nil {
			return answer{}, err
		}
		if so {
			a.Notice = &notice{Heading: t.say("break.did." + did), Message: t.say("break.did." + did + ".note"), Good: true}
		}
	}
	return a, nil
}

// breakDeeds are the forms after which the page of a break says what became of it, with the steps that they take.
var breakDeeds = map[string]string{"explain": reconcile.StepExplained, "assign": reconcile.StepAssigned, "note": reconcile.StepNoted, "reopen": reconcile.StepReopened}

// pairingDeeds are those about a suggestion, with the states in which they leave it. They take no step.
var pairingDeeds = map[string]string{"confirm": pairingMade, "refuse": pairingRefused}

// didLast reports whether what an address says was done is the last thing that the visitor and nobody after them did. An address is
// kept, sent and loaded again.
func (c *console) didLast(ctx context.Context, who cashier, r *http.Request, b reconcile.Break, did string) (bool, error) {
	if step, ok := breakDeeds[did]; ok {
		last, err := c.Reconcile.Steps(ctx, who.book, b.ID, b.Step-1, 1)
		return len(last) == 1 && last[0].Act == step && actorID(last[0].By) == who.principal().ID, err
	}
	state, ok := pairingDeeds[did]
	id := r.URL.Query().Get("pairing")
	if !ok || id == "" || unusable(id) {
		return false, nil
	}
	p, err := c.Reconcile.Pairing(ctx, who.book, id)
	if isMissing(err) {
		return false, nil
	}
	return p.State == state && actorID(p.DecidedBy) == who.principal().ID, err
}

// besideBreak finds what follows a break in the list that its page was opened from. A list from which it is gone goes on at the same
// place.
func (c *console) besideBreak(ctx context.Context, who cashier, r *http.Request, b reconcile.Break, p *breakPage) error {
	f, at := breakListOf(r), who.o.At+breaksPath
	q, err := f.query(c.Now())
	if err != nil {
		return err
	}
	if q.Source, err = c.sourceNamed(ctx, who, f.Source); err != nil {
		return err
	}
	_, p.List, _ = strings.Cut(f.at(at, f.State, ""), "?")
	p.Back = f.at(at, f.State, "")
	q.AfterSeen, q.AfterID, q.Limit = b.FirstSeen, b.ID, 1
	next, err := c.Reconcile.Breaks(ctx, who.book, q)
	if len(next) > 0 {
		p.Next = f.at(who.breakAt(next[0].ID), f.State, "")
	}
	return err
}

// breakListOf is the list that the page of a break was opened from, as its address or its form has it.
func breakListOf(r *http.Request) breakFilter {
	if r.Method != http.MethodPost {
		return breakFilterOf(r.URL.Query())
	}
	given, err := url.ParseQuery(r.PostForm.Get("list"))
	if err != nil {
		return breakFilter{}
	}
	return breakFilterOf(given)
}

// breakAfter is the page of a break after something was done with it, with the list that it stands in.
func (who cashier) breakAfter(r *http.Request, id, did string) string {
	f := breakListOf(r)
	to := f.at(who.breakAt(id), f.State, "")
	if strings.Contains(to, "?") {
		return to + "&done=" + did
	}
	return to + "?done=" + did
}

// sourceLink leads to the source of a break.
func (c *console) sourceLink(ctx context.Context, who cashier, b reconcile.Break) (link, error) {
	if b.Source == 0 {
		return link{tellerOf(ctx).sourceWord("", ""), who.o.At + reconPath}, nil
	}
	sources, err := c.Reconcile.Sources(ctx, who.book)
	for _, s := range sources {
		if s.ID == b.Source {
			return link{tellerOf(ctx).sourceWord(s.Kind, s.Name), who.sourceAt(s.Kind, s.Name)}, err
		}
	}
	return link{tellerOf(ctx).matchWord(b.Match), who.o.At + reconPath}, err
}

// sidesOf lays both sides beside each other. What a bank wrote of people is for those who may read of people.
func (who cashier) sidesOf(of reconcile.Match, m reconcile.BreakMembers) (s bothSides) {
	personal := mayAll(who.principal(), who.o.Code, access.PersonalRead)
	one := map[money.Currency]bool{}
	for _, x := range m.External {
		l := theirLine{External: x, Sum: minor(x.Gross, x.Currency), Cost: minor(x.Fee, x.Currency), Left: minor(x.Net, x.Currency)}
		if of == reconcile.R2 {
			l.Day = reconcile.Day(who.book, x.MovedAt)
		}
		if personal {
			l.Said = x.Note
		}
		s.Fees = s.Fees || x.Fee != 0
		s.Theirs, one[x.Currency] = append(s.Theirs, l), true
		s.TheirSum = plus(s.TheirSum, l.Left)
	}
	for _, e := range m.Entries {
		id := ledger.TransactionID(who.o.Code, e.Sequence)
		s.Ours = append(s.Ours, ourLine{e, id, "/books/" + who.o.Code + "/transactions/" + url.PathEscape(id), minor(e.Amount, e.Currency), e.Reversed != 0})
		one[e.Currency] = true
		s.OurSum = plus(s.OurSum, minor(e.Amount, e.Currency))
	}
	if len(one) != 1 {
		s.TheirSum, s.OurSum = amount{}, amount{}
		return s
	}
	for c := range one {
		s.TheirSum, s.OurSum = plus(minor(0, c), s.TheirSum), plus(minor(0, c), s.OurSum)
	}
	s.Apart = less(s.TheirSum, s.OurSum)
	return s
}

// plus is the sum of two amounts of one currency; nothing is the other one.
func plus(a, b amount) amount {
	if a.Value == nil {
		return b
	}
	if b.Value == nil {
		return a
	}
	sum := minor(0, a.Currency)
	sum.Value.Add(a.Value, b.Value)
	return sum
}

// breakSteps adds the story of a break.
func (c *console) breakSteps(ctx context.Context, who cashier, b reconcile.Break, p *breakPage) error {
	steps, err := c.Reconcile.Steps(ctx, who.book, b.ID, 0, stepsShown+1)
	if err != nil {
		return err
	}
	if p.MoreSteps = len(steps) > stepsShown; p.MoreSteps {
		steps = steps[:stepsShown]
	}
	var ids []string
	for _, s := range steps {
		ids = append(ids, actorID(s.By))
	}
	name := c.names(ctx, who.visit, ids)
	for i, s := range steps {
		l := breakStepLine{Step: s, What: tellerOf(ctx).breakStep(s.Act), By: name(ids[i])}
		if s.Approval != "" {
			l.ApprovalLink = who.o.At + "/approvals/" + url.PathEscape(s.Approval)
		}
		if s.Fix != "" {
			l.FixLink = "/books/" + who.o.Code + "/transactions/" + url.PathEscape(s.Fix)
		}
		p.Steps = append(p.Steps, l)
	}
	return nil
}

// breakApproval finds the open approval that is about a break.
func (c *console) breakApproval(ctx context.Context, who cashier, b reconcile.Break, p *breakPage) error {
	if b.Ended() || !mayAll(who.principal(), who.o.Code, access.ApprovalsRead) {
		return nil
	}
	var err error
	p.Approval, err = c.openAbout(ctx, who.o, func(a guard.Approval) bool {
		var about struct {
			Break string `json:"break"`
		}
		return json.Unmarshal(a.Payload, &about) == nil && about.Break == b.ID
	}, reconcile.ActFix, reconcile.ActWriteOff)
	return err
}

// offers says which forms stand on the page.
func (p *breakPage) offers(b reconcile.Break) {
	p.Out = b.Suspense > 0 || b.Suspense == 0 && b.Amount < 0
	p.MayAct = p.MayWrite
	p.MayReopen = p.MayWrite && b.State != reconcile.Open
	if b.Ended() {
		return
	}
	p.MayExplain = p.MayWrite
	if p.MayAsk && p.Approval == "" {
		p.MayReturn, p.MayName, p.MayAccept = b.Suspense != 0, b.Suspense == 0, b.Acceptable()
		p.MayFix = b.Suspense != 0 || b.Amount != 0
		p.MayWriteOff = p.MayFix
	}
	p.WriteOff = []string{"liabilities:unclaimed:", "liabilities:customer_refund_due:"}
	if p.Out {
		p.WriteOff = []string{"expenses:bad_debt", "expenses:chargeback_loss", "expenses:processor_fee", "expenses:goodwill"}
	}
	for i := range fixLines {
		p.Lines = append(p.Lines, i+1)
	}
}

// breakDeed does what one person may do with a break alone. step is the last one they have seen.
func (c *console) breakDeed(who cashier, r *http.Request, did string, do func(id string, step int64) error) (string, error) {
	id := r.PathValue("break")
	step, err := strconv.ParseInt(r.PostForm.Get("step"), 10, 64)
	if err != nil || unusable(id) {
		return "", errFormRead
	}
	return who.breakAfter(r, id, did), do(id, step)
}

func (c *console) assignBreak(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.breakDeed(who, r, "assign", func(id string, step int64) error {
		_, err := c.Reconcile.Assign(ctx, who.actor(), who.book, id, step, r.PostForm.Get("owner"))
		return err
	})
}

func (c *console) explainBreak(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.breakDeed(who, r, "explain", func(id string, step int64) error {
		by, err := time.ParseInLocation(time.DateOnly, r.PostForm.Get("by"), who.book.Location())
		if err != nil {
			return reconcile.ErrBreakInvalid.At("/clear_by", "day", "Say by which day it should be gone.")
		}
		_, err = c.Reconcile.Explain(ctx, who.actor(), who.book, id, step,
			reconcile.Explanation{Note: lined(r.PostForm.Get("note")), Document: r.PostForm.Get("document"), ClearBy: by.AddDate(0, 0, 1)})
		return err
	})
}

func (c *console) noteBreak(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.breakDeed(who, r, "note", func(id string, step int64) error {
		_, err := c.Reconcile.Note(ctx, who.actor(), who.book, id, step, lined(r.PostForm.Get("note")))
		return err
	})
}

func (c *console) reopenBreak(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.breakDeed(who, r, "reopen", func(id string, step int64) error {
		_, err := c.Reconcile.Reopen(ctx, who.actor(), who.book, id, step, lined(r.PostForm.Get("note")))
		return err
	})
}

// lined is a text of a form with line breaks as they are kept.
func lined(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// askFix asks a second person to post where a break belongs.
func (c *console) askFix(ctx context.Context, who cashier, r *http.Request) (string, error) {
	lines := []commerce.SuspenseLine{}
	for i := range fixLines {
		n := strconv.Itoa(i + 1)
		l := commerce.SuspenseLine{Account: strings.TrimSpace(r.PostForm.Get("account" + n)), Direction: r.PostForm.Get("direction" + n), Amount: strings.TrimSpace(r.PostForm.Get("amount" + n))}
		if l.Account != "" || l.Amount != "" {
			lines = append(lines, l)
		}
	}
	if len(lines) == 0 {
		return "", reconcile.ErrBreakInvalid.At("/payload/lines", "required", "Name at least one account with its amount.")
	}
	payload := map[string]any{"break": r.PathValue("break"), "lines": lines}
	if period := strings.TrimSpace(r.PostForm.Get("period")); period != "" {
		payload["original_period"] = period
	}
	return c.asked(ctx, who, reconcile.ActFix, payload, r.PostForm)
}

// askFixByTransaction asks a second person to accept an entry that is posted already as what puts a break right.
func (c *console) askFixByTransaction(ctx context.Context, who cashier, r *http.Request) (string, error) {
	id := strings.TrimSpace(r.PostForm.Get("transaction"))
	if id == "" {
		return "", reconcile.ErrBreakInvalid.At("/payload/transaction", "required", "Name the transaction that puts it right.")
	}
	return c.asked(ctx, who, reconcile.ActFix, map[string]any{"break": r.PathValue("break"), "transaction": id}, r.PostForm)
}

// askReturn asks a second person to put what waits in suspense back to its cash account.
func (c *console) askReturn(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.asked(ctx, who, reconcile.ActFix, map[string]any{"break": r.PathValue("break"), "returned": true}, r.PostForm)
}

// askAccept asks a second person to end a break as it stands, without posting anything.
func (c *console) askAccept(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.asked(ctx, who, reconcile.ActFix, map[string]any{"break": r.PathValue("break"), "nothing_to_post": true}, r.PostForm)
}

// askWriteOff asks a second person to give up on a break.
func (c *console) askWriteOff(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.asked(ctx, who, reconcile.ActWriteOff, map[string]any{"break": r.PathValue("break"), "to": strings.TrimSpace(r.PostForm.Get("to"))}, r.PostForm)
}

// suggestedFor adds the suggestions that a member of the break is in.
func (c *console) suggestedFor(ctx context.Context, who cashier, b reconcile.Break, p *breakPage) error {
	if b.Ended() || b.Source == 0 {
		return nil
	}
	list, err := c.Reconcile.Pairings(ctx, who.book, pairingSuggested, "", pairingsLooked)
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.Source != b.Source || len(p.Suggested) == pairingsPerPage {
			continue
		}
		if !slices.ContainsFunc(x.External, func(n int64) bool { return slices.Contains(b.External, n) }) &&
			!slices.ContainsFunc(x.Entries, func(e reconcile.EntryID) bool { return slices.Contains(b.Entries, e) }) {
			continue
		}
		l, err := c.pairingLine(ctx, who, x)
		if err != nil {
			return err
		}
		l.Break = b.ID
		p.Suggested = append(p.Suggested, l)
	}
	return nil
}
