package console

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/locale"
	"mizan/ledger/vault"
)

// Approvals: what waits for a second person and what became of it. The page of one shows exactly what would run, because
// whoever approves answers for it.

var noTime time.Time

// approvalLine is an approval in a list.
type approvalLine struct {
	ID, Link, Act, Summary, State string
	// Name is the act in words, empty for one that has none.
	Name                 string
	Author               who
	CreatedAt, ExpiresAt time.Time
	Left                 string
	// Mine says that the visitor wrote or edited it.
	Mine bool
	// Refused is why it was refused, empty otherwise.
	Refused string
}

// who is somebody as pages name them.
type who struct {
	// Name is from the vault; empty if there is none or the visitor may not read it.
	Name, ID string
	// Erased says that the person's name was erased; You that it is the visitor.
	Erased, You bool
	// Lang is what the visitor reads.
	Lang locale.Language
}

type approvalsPage struct {
	Whose whose
	Tabs  []tab
	At    string
	// States are the lists to choose from; Mine narrows to what the visitor wrote or edited.
	States []tab
	Mine   tab
	// State, Act and Author are what the list is narrowed to; All shows the whole list of the state.
	State, Act, Author, All string
	Narrowed                bool
	Acts                    []choice
	Lines                   []approvalLine
	Next, First             string
}

var approvalStates = []string{guard.StateOpen, guard.StateDone, guard.StateRefused, guard.StateWithdrawn, guard.StateExpired, stateAll}

func (c *console) approvals(ctx context.Context, r *http.Request) (answer, error) {
	v, o, err := c.staffOf(ctx, r, access.ApprovalsRead)
	if err != nil {
		return answer{}, err
	}
	q, t := r.URL.Query(), tellerOf(ctx)
	p := approvalsPage{Whose: o, Tabs: o.tabs(v.principal(), "Approvals"), At: o.At + "/approvals", State: cmp.Or(q.Get("state"), guard.StateOpen), Act: q.Get("act"), Author: q.Get("author")}
	before, beforeID, err := momentAndID(q.Get("after"))
	if err != nil || !slices.Contains(approvalStates, p.State) || unusable(p.Act) || unusable(p.Author) {
		return answer{}, errQuery
	}
	p.Narrowed, p.All = p.Act != "" || p.Author != "", narrowedTo(p.At, "state", p.State)
	for _, state := range approvalStates {
		p.States = append(p.States, tab{link{t.say("approvals.pick." + state), narrowedTo(p.At, "state", state, "act", p.Act, "author", p.Author)}, state == p.State})
	}
	self := v.principal().ID
	p.Mine = tab{link{t.say("approvals.find.mine"), narrowedTo(p.At, "state", stateAll, "act", p.Act, "author", self)}, p.Author == self}
	for _, act := range c.Desk.Acts() {
		if act.OfBook == (o.Code != "") {
			p.Acts = append(p.Acts, choice{Value: act.Name, Text: cmp.Or(actName(t, act.Name), act.Name)})
		}
	}
	search := guard.Search{State: p.State, Act: p.Act, Author: p.Author, Newest: true}
	if p.State == stateAll {
		search.State = ""
	}
	list, next, err := c.Desk.Find(ctx, o.Book, search, guard.Place{At: before, ID: beforeID}, approvalsPerPage)
	if err != nil {
		return answer{}, err
	}
	here := []string{"state", p.State, "act", p.Act, "author", p.Author}
	if beforeID != "" {
		p.First = narrowedTo(p.At, here...)
	}
	if next.ID != "" {
		p.Next = narrowedTo(p.At, append(here, "after", next.At.UTC().Format(time.RFC3339Nano)+","+next.ID)...)
	}
	if p.Lines, err = c.approvalLines(ctx, v, o, list); err != nil {
		return answer{}, err
	}
	return answer{Title: t.say("approvals.title"), Trail: o.trail(), Active: "desk", Data: p}, nil
}

// actName is what an act is called; nothing where nobody wrote that down.
func actName(t teller, act string) string { return actSays(t, "approvals.act.", act) }

func actSays(t teller, group, act string) string {
	if key := group + strings.ReplaceAll(act, ".", "_"); phrases().Has(key) {
		return t.say(key)
	}
	return ""
}

// listed returns a page of approvals, and whether there are more.
func (c *console) listed(ctx context.Context, o whose, state string, after time.Time, afterID string, most int) (list []guard.Approval, more bool, err error) {
	list, err = c.Desk.Approvals(ctx, o.Book, state, after, afterID, most+1)
	return list[:min(len(list), most)], len(list) > most, err
}

// momentAndID reads "time,id" from an address.
func momentAndID(s string) (time.Time, string, error) {
	if s == "" {
		return noTime, "", nil
	}
	text, id, ok := strings.Cut(s, ",")
	at, err := time.Parse(time.RFC3339Nano, text)
	if !ok || err != nil || id == "" || unusable(id) {
		return noTime, "", errQuery
	}
	return at, id, nil
}

func (c *console) approvalLines(ctx context.Context, v *visit, o whose, list []guard.Approval) (lines []approvalLine, err error) {
	ids := make([]string, len(list))
	for i, a := range list {
		ids[i] = nameable(a.Author)
	}
	names, t := c.names(ctx, v, ids), tellerOf(ctx)
	for _, a := range list {
		line := approvalLine{ID: a.ID, Link: o.At + "/approvals/" + url.PathEscape(a.ID), Act: a.Act, Name: actName(t, a.Act), Summary: a.Effect.Summary, State: a.State,
			Author: names(nameable(a.Author)), CreatedAt: a.CreatedAt, ExpiresAt: a.ExpiresAt, Left: timeLeft(t, c.Now(), a.ExpiresAt), Mine: isAuthor(a, v.principal())}
		if a.State == guard.StateRefused {
			line.Refused = a.Decision
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// nameable is whom to name for an actor: the person, if one is known.
func nameable(a guard.Actor) string {
	if a.Person != "" {
		return a.Person
	}
	return a.ID
}

func isAuthor(a guard.Approval, p access.Principal) bool {
	return slices.Contains(a.Authors, p.ID) || p.Person != "" && slices.Contains(a.Authors, p.Person)
}

// names returns a function that names people. Those who only audit are shown ids, because names are personal data.
func (c *console) names(ctx context.Context, v *visit, ids []string) func(id string) who {
	p := v.principal()
	var found map[string]string
	if p.Has(access.ApprovalsDecide) || p.Has(access.ApprovalsWrite) {
		var subjects []string
		for _, id := range ids {
			if s := "person:" + id; strings.HasPrefix(id, "per_") && !slices.Contains(subjects, s) && len(subjects) < 1000 {
				subjects = append(subjects, s)
			}
		}
		if len(subjects) > 0 {
			var err error
			if found, err = c.Vault.Names(ctx, vault.Owner{}, subjects); err != nil { // ids do as well
				c.Log.Warn("people could not be named", "err", err)
			}
		}
	}
	lang := tellerOf(ctx).Language
	return func(id string) who {
		name := found["person:"+id]
		return who{Name: name, ID: id, Erased: name == vault.Erased, You: id != "" && (id == p.ID || id == p.Person), Lang: lang}
	}
}

// timeLeft says how long something still has.
func timeLeft(t teller, now, until time.Time) string {
	return t.lasting("approvals.left.", until.Sub(now))
}

type approvalPage struct {
	Whose    whose
	Tabs     []tab
	Approval guard.Approval
	// Name is the act in words, empty for one that has none; Meaning says what it is.
	Name, Meaning string
	// Kind is what the author is.
	Kind            string
	Open            bool
	Author, Decided who
	Authors         []who
	// MoreAuthors is how many are not shown.
	MoreAuthors int
	Left        string
	Totals      []sum
	Largest     []movement
	Payload     document
	Result      document
	// Posted are the transactions that the result names.
	Posted        []link
	Hash, Short   string
	At            string
	Form          string
	MayDecide     bool
	MayWithdraw   bool
	Own           bool
	GivenDecision string
	GivenReason   string
}

// sum is an exact amount of an effect.
type sum struct{ Currency, Amount string }

type movement struct {
	Object, Direction string
	sum
}

// authorsShown bounds the authors that a page names.
const authorsShown = 20

func (c *console) approval(ctx context.Context, r *http.Request) (answer, error) {
	v, o, err := c.staffOf(ctx, r, access.ApprovalsRead)
	if err != nil {
		return answer{}, err
	}
	return c.approvalOf(ctx, v, o, r.PathValue("id"))
}

func (c *console) approvalOf(ctx context.Context, v *visit, o whose, id string) (answer, error) {
	a, err := c.Desk.Approval(ctx, o.Book, id)
	if err != nil {
		return answer{}, err
	}
	person, t := v.principal(), tellerOf(ctx)
	p := approvalPage{Whose: o, Tabs: o.tabs(person, ""), Approval: a, Open: a.State == guard.StateOpen, Left: timeLeft(t, c.Now(), a.ExpiresAt),
		Payload: documentOf(a.Payload), Result: documentOf(a.Result), Hash: hex.EncodeToString(a.Hash[:]), At: o.At + "/approvals/" + url.PathEscape(a.ID),
		Form: c.formToken(v), Own: isAuthor(a, person)}
	p.Short = p.Hash[:12]
	p.Name, p.Meaning, p.Kind = actName(t, a.Act), actSays(t, "approvals.meaning.", a.Act), t.word("approvals.kind", a.Author.Kind)
	if p.Meaning == "" {
		for _, act := range c.Desk.Acts() {
			if act.Name == a.Act {
				p.Meaning = act.Meaning
			}
		}
	}
	p.MayDecide = p.Open && !p.Own && mayAll(person, o.Code, access.ApprovalsDecide)
	p.MayWithdraw = p.Open && p.Own && mayAll(person, o.Code, access.ApprovalsWrite)
	authors := a.Authors[:min(len(a.Authors), authorsShown)]
	p.MoreAuthors = len(a.Authors) - len(authors)
	names := c.names(ctx, v, append([]string{nameable(a.Author), a.DecidedBy}, authors...))
	p.Author, p.Decided = names(nameable(a.Author)), names(a.DecidedBy)
	for _, id := range authors {
		p.Authors = append(p.Authors, names(id))
	}
	if mayAll(person, o.Code, access.TransactionsRead) {
		p.Posted = postedBy(o, a.Result)
	}
	for _, t := range a.Effect.Totals {
		p.Totals = append(p.Totals, sum{t.Currency, grouped(t.Amount)})
	}
	for _, m := range a.Effect.Largest {
		p.Largest = append(p.Largest, movement{m.Object, t.word("approvals.side", m.Direction), sum{m.Currency, grouped(m.Amount.Amount)}})
	}
	return answer{Title: cmp.Or(p.Name, a.Act), Trail: o.trail(link{t.say("approvals.title"), o.At + "/approvals"}), Active: "desk", Data: p}, nil
}

// postedShown bounds the transactions that a page leads to.
const postedShown = 20

// postedBy returns the transactions of the book that the result of an act names, as acts that post name them.
func postedBy(o whose, result json.RawMessage) (posted []link) {
	var named struct {
		Transaction  string   `json:"transaction"`
		Transactions []string `json:"transactions"`
	}
	if o.Code == "" || json.Unmarshal(result, &named) != nil {
		return nil
	}
	for _, id := range append(named.Transactions, named.Transaction) {
		sequence, err := ledger.ParseTransactionID(o.Code, id)
		if err == nil && len(posted) < postedShown {
			posted = append(posted, link{id, "/books/" + o.Code + "/transactions/" + ledger.TransactionID(o.Code, sequence)})
		}
	}
	return posted
}
