package api

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger/fault"
	"mizan/payouts/reconcile"
)

// Breaks: differences that somebody has to deal with. What one person may do moves no money; putting one right and writing one off
// are approvals of the acts break.fix and break.write_off.

// BreakJSON is a break as it stands.
type BreakJSON struct {
	ID         string  `json:"id" example:"brk_0123456789abcdef"`
	Match      string  `json:"match" enum:"R1,R2,R3,R4" example:"R1"`
	Source     string  `json:"source" doc:"Empty for R3" example:"processor/main"`
	Class      string  `json:"class" example:"fee_differs"`
	State      string  `json:"state" enum:"open,explained,fixed,written_off,cleared" example:"open"`
	Ended      bool    `json:"ended" doc:"Nothing is left to do"`
	Currency   string  `json:"currency" example:"GBP"`
	Amount     string  `json:"amount" doc:"What the other side says less what the ledger says" example:"-0.01"`
	Left       string  `json:"left" doc:"The line of the source"`
	Right      string  `json:"right" doc:"The transaction"`
	Detail     string  `json:"detail" doc:"What was found, in a sentence"`
	Held       string  `json:"held" doc:"Why nothing was posted because of it; empty that nothing speaks against it"`
	HappenedAt string  `json:"happened_at" format:"date-time"`
	Original   string  `json:"original_period" doc:"The period of the sale that a late refund is of; empty for none" example:"2026-10"`
	FirstSeen  string  `json:"first_seen" format:"date-time"`
	ExpectedBy *string `json:"expected_by" format:"date-time" doc:"When it should be gone"`
	AgeDays    int     `json:"age_days" doc:"Whole days, from when it was first seen to now or to its end"`
	Owner      string  `json:"owner" doc:"The team or the person who deals with it"`
	Note       string  `json:"note" doc:"The newest that people said of it"`
	Document   string  `json:"document" doc:"Where that can be read"`
	Suspense   string  `json:"suspense" doc:"What waits in suspense because of it: above zero for money that went, below for money that came" example:"0.00"`
	Fix        string  `json:"fix" doc:"The transaction that ended it; empty for none"`
	Accepted   bool    `json:"accepted" doc:"Two people ended it and nothing was posted: the difference stays what it is"`
	Step       int64   `json:"step" doc:"The last step that changed it. Whoever acts on it names the one they have seen." example:"12"`
	ChangedAt  string  `json:"changed_at" format:"date-time"`
	EndedAt    *string `json:"ended_at" format:"date-time"`
}

// BreakEntryJSON is an entry of the ledger that a break is about.
type BreakEntryJSON struct {
	Transaction string `json:"transaction" example:"uk-42"`
	Line        int    `json:"line" example:"1"`
	Account     string `json:"account" example:"assets:processor:pending:main"`
	Currency    string `json:"currency" example:"GBP"`
	Amount      string `json:"amount" doc:"Above zero for a debit" example:"30.00"`
	ExternalRef string `json:"external_ref" example:"ch_1"`
	Event       string `json:"event" example:"order.captured"`
	Subject     string `json:"subject"`
	Reference   string `json:"reference"`
	OccurredAt  string `json:"occurred_at" format:"date-time"`
	Period      string `json:"period" example:"2026-11"`
}

// BreakStepJSON is something that happened to a break.
type BreakStepJSON struct {
	Number   int64  `json:"number" doc:"Counts all changes of the book's breaks" example:"12"`
	Act      string `json:"act" example:"found"`
	By       string `json:"by" example:"system"`
	At       string `json:"at" format:"date-time"`
	Run      int64  `json:"run" doc:"The number of the run; 0 for none"`
	Note     string `json:"note"`
	Approval string `json:"approval"`
	Fix      string `json:"fix"`
}

// BreakDetailJSON is a break with both its sides and its history.
type BreakDetailJSON struct {
	Break        BreakJSON          `json:"break"`
	Lines        []EvidenceLineJSON `json:"lines" nullable:"false" doc:"The lines of the source that it is about, at most 150"`
	Entries      []BreakEntryJSON   `json:"entries" nullable:"false" doc:"The entries of the ledger, at most 150"`
	LinesCount   int                `json:"lines_count" doc:"Of all of them"`
	EntriesCount int                `json:"entries_count"`
	Steps        []BreakStepJSON    `json:"steps" nullable:"false" doc:"The oldest first, at most 1,000"`
}

type breakListJSON struct {
	Data       []BreakJSON `json:"data" nullable:"false" doc:"Those that were seen first first"`
	NextCursor *string     `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last"`
}

type breakQuery struct {
	Open       string `json:"open,omitempty" enum:"true,false" default:"false" doc:"true: only those that have not ended"`
	State      string `json:"state,omitempty" enum:"open,explained,fixed,written_off,cleared" doc:"Only breaks in this state"`
	Class      string `json:"class,omitempty" pattern:"^[a-z_]{1,64}$" doc:"Only breaks of this class" example:"fee_differs"`
	Match      string `json:"match,omitempty" enum:"R1,R2,R3,R4" doc:"Only breaks of this match"`
	Source     string `json:"source,omitempty" maxLength:"80" doc:"Only breaks of this source" example:"processor/main"`
	Owner      string `json:"owner,omitempty" maxLength:"64" doc:"Only what this team or person deals with"`
	Currency   string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"Only breaks in this currency" example:"GBP"`
	MinAgeDays int    `json:"min_age_days,omitempty" minimum:"0" maximum:"36500" doc:"Only breaks that were first seen so many days ago or earlier"`
	Ref        string `json:"ref,omitempty" maxLength:"255" doc:"Only breaks one of whose two references is this" example:"ch_1"`
	Limit      int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor     string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

// NewBreakOwner gives a break to somebody.
type NewBreakOwner struct {
	Step  int64  `json:"step" minimum:"1" doc:"The last step of the break that you have seen" example:"12"`
	Owner string `json:"owner" minLength:"1" maxLength:"64" doc:"A team or a person: letters, digits, dots, dashes and underscores" example:"payments"`
}

// NewBreakExplanation says why a break is there.
type NewBreakExplanation struct {
	Step     int64     `json:"step" minimum:"1" doc:"The last step of the break that you have seen" example:"12"`
	Note     string    `json:"note" minLength:"1" maxLength:"2000" doc:"What it is" example:"The processor credits it on Monday."`
	Document string    `json:"document,omitempty" maxLength:"255" doc:"Where it can be read" example:"DOC-17"`
	ClearBy  time.Time `json:"clear_by" format:"date-time" doc:"When it should be gone, in the next two years" example:"2026-11-30T00:00:00Z"`
}

// NewBreakNote is a remark on a break.
type NewBreakNote struct {
	Step int64  `json:"step" minimum:"1" doc:"The last step of the break that you have seen" example:"12"`
	Note string `json:"note" minLength:"1" maxLength:"2000" example:"Asked the bank."`
}

type ageClassJSON struct {
	Currency string `json:"currency" example:"GBP"`
	Class    string `json:"class" example:"fee_differs"`
	Owner    string `json:"owner"`
	Bucket   int    `json:"bucket" doc:"The place among ends: 0 is up to the first, and the last is above all"`
	Count    int64  `json:"count"`
	Net      string `json:"net" doc:"The sum of the amounts with their signs" example:"-0.01"`
	Gross    string `json:"gross" doc:"And without" example:"0.01"`
	Suspense string `json:"suspense" doc:"What waits of them in suspense, without signs" example:"0.00"`
}

type suspenseAgeJSON struct {
	Currency string `json:"currency" example:"GBP"`
	Inflow   bool   `json:"inflow" doc:"Money that came; otherwise money that went"`
	Bucket   int    `json:"bucket"`
	Count    int64  `json:"count"`
	Net      string `json:"net" doc:"Above zero for money that went" example:"12.34"`
	Gross    string `json:"gross" example:"12.34"`
}

// AgeingJSON is how old the open breaks of a book are.
type AgeingJSON struct {
	At       string            `json:"at" format:"date-time"`
	Ends     []int             `json:"ends" nullable:"false" doc:"The upper ends of the age classes, in days"`
	Breaks   []ageClassJSON    `json:"breaks" nullable:"false"`
	Suspense []suspenseAgeJSON `json:"suspense" nullable:"false"`
}

func breakOperations() []Operation {
	const base, one = "/v1/books/{book}/breaks", "/v1/books/{book}/breaks/{break}"
	changed := []*fault.Error{reconcile.ErrBreakUnknown, reconcile.ErrBreakState, reconcile.ErrBreakInvalid, ErrNotReady}
	act := func(word, summary, description string, body reflect.Type, example map[string]any, handle func(*call) (reply, error)) Operation {
		return Operation{
			Method: http.MethodPost, Path: one + "/" + word, ID: word + "-break", Summary: summary, Description: description, Scope: access.ReconciliationWrite, Body: body, BodyLimit: bodyLimit, Example: example,
			Answers: []Answer{{Status: 200, Meaning: "The break as it stands now.", Body: reflect.TypeFor[BreakJSON]()}}, Errors: changed, handle: handle,
		}
	}
	list := []Operation{
		{
			Method: http.MethodGet, Path: base, ID: "list-breaks", Summary: "List breaks", Scope: access.ReconciliationRead, Query: reflect.TypeFor[breakQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of breaks.", Body: reflect.TypeFor[breakListJSON]()}}, Errors: []*fault.Error{ErrCursor, ErrNotReady}, handle: listBreaks,
		},
		{
			Method: http.MethodGet, Path: base + "/ageing", ID: "read-break-ageing", Summary: "Read how old the open breaks are", Scope: access.ReconciliationRead,
			Answers: []Answer{{Status: 200, Meaning: "Open breaks by age, as of now.", Body: reflect.TypeFor[AgeingJSON]()}}, Errors: []*fault.Error{ErrNotReady}, handle: getAgeing,
		},
		{
			Method: http.MethodGet, Path: one, ID: "get-break", Summary: "Read a break, both its sides and its history", Scope: access.ReconciliationRead,
			Answers: []Answer{{Status: 200, Meaning: "The break.", Body: reflect.TypeFor[BreakDetailJSON]()}}, Errors: []*fault.Error{reconcile.ErrBreakUnknown, ErrNotReady}, handle: getBreak,
		},
		act("assign", "Give a break to a team or a person", "", reflect.TypeFor[NewBreakOwner](), map[string]any{"step": 12, "owner": "payments"}, assignBreak),
		act("explain", "Say why a break is there and when it should be gone", "It stays open, and is overdue from then on.", reflect.TypeFor[NewBreakExplanation](),
			map[string]any{"step": 12, "note": "The processor credits it on Monday.", "clear_by": "2026-11-30T00:00:00Z"}, explainBreak),
		act("note", "Add a remark to a break", "Also to one that has ended.", reflect.TypeFor[NewBreakNote](), map[string]any{"step": 12, "note": "Asked the bank."}, noteBreak),
		act("reopen", "Open a break again", "One that is explained or has ended. What was posted because of it stays posted, and no run ends it any more: two people do.", reflect.TypeFor[NewBreakNote](),
			map[string]any{"step": 12, "note": "It was another payment."}, reopenBreak),
	}
	for i := range list {
		list[i].Group = "Breaks"
	}
	return list
}

// sourceNames are the names of a book's sources, as callers write them.
func (c *call) sourceNames(s *reconcile.Service) (map[int16]string, error) {
	sources, err := s.Sources(c.ctx, c.book)
	names := make(map[int16]string, len(sources))
	for _, x := range sources {
		names[x.ID] = sourceName(x.Kind, x.Name)
	}
	return names, err
}

func (c *call) breakOf(b reconcile.Break, sources map[int16]string) BreakJSON {
	out := BreakJSON{ID: b.ID, Match: matchName(b.Match), Source: sources[b.Source], Class: string(b.Class), State: string(b.State), Ended: b.Ended(), Currency: string(b.Currency), Amount: b.Amount.Format(b.Currency),
		Left: b.Left, Right: b.Right, Detail: b.Detail, Held: b.Held, HappenedAt: b.HappenedAt.UTC().Format(instantFormat), FirstSeen: b.FirstSeen.UTC().Format(instantFormat),
		ExpectedBy: optionalInstant(b.ExpectedBy), AgeDays: b.Age(c.service.now()), Owner: b.Owner, Note: b.Note, Document: b.Document, Suspense: b.Suspense.Format(b.Currency), Fix: b.Fix, Accepted: b.Accepted, Step: b.Step,
		ChangedAt: b.ChangedAt.UTC().Format(instantFormat), EndedAt: optionalInstant(b.EndedAt)}
	if b.Original != 0 {
		out.Original = b.Original.String()
	}
	return out
}

// breakQuery reads which breaks are wanted; some is false if none can be.
func (c *call) breakQuery(sources map[int16]string) (q reconcile.BreakQuery, some bool) {
	some = true
	q = reconcile.BreakQuery{Open: c.query.boolean("open"), Class: reconcile.Class(c.query.text("class")), Owner: c.query.text("owner"), Currency: c.query.currency(), Reference: c.query.text("ref")}
	if c.query.text("state") != "" {
		q.States = []reconcile.State{reconcile.State(c.query.choice("state", string(reconcile.Open), string(reconcile.Explained), string(reconcile.Fixed), string(reconcile.WrittenOff), string(reconcile.Cleared)))}
	}
	if c.query.text("match") != "" {
		q.Match = reconcile.Match(strings.Index("0R1R2R3R4", c.query.choice("match", "R1", "R2", "R3", "R4"))/2 + 1)
	}
	for name, most := range map[string]int{"class": 64, "owner": 64, "ref": 255, "source": 80} {
		if len(c.query.text(name)) > most {
			c.query.invalid(name, "text", "This is longer than any that is recorded.")
		}
	}
	if wanted := c.query.text("source"); wanted != "" {
		some = false
		for id, name := range sources {
			if name == wanted {
				q.Source, some = id, true
			}
		}
	}
	if days := c.query.integer("min_age_days", 0, 36_500, -1); days >= 0 {
		q.SeenBefore = c.service.now().UTC().Truncate(time.Microsecond).AddDate(0, 0, -int(days)).Add(time.Microsecond) // that very moment is so old
	}
	if at := c.position(2); at != nil {
		micros, err := strconv.ParseInt(at[0], 10, 64)
		if err != nil {
			c.query.fail(ErrCursor)
		}
		q.AfterSeen, q.AfterID = time.UnixMicro(micros).UTC(), at[1]
	}
	return q, some
}

func listBreaks(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	sources, err := c.sourceNames(s)
	if err != nil {
		return reply{}, err
	}
	limit := c.query.limit()
	q, some := c.breakQuery(sources)
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	out := breakListJSON{Data: []BreakJSON{}}
	if !some {
		return document(http.StatusOK, out)
	}
	list, more, err := oneMore(limit, func(limit int) ([]reconcile.Break, error) {
		q.Limit = limit
		return s.Breaks(c.ctx, c.book, q)
	})
	if err != nil {
		return reply{}, err
	}
	for _, b := range list {
		out.Data = append(out.Data, c.breakOf(b, sources))
	}
	if more {
		last := list[len(list)-1]
		next := c.nextCursor(strconv.FormatInt(last.FirstSeen.UnixMicro(), 10), last.ID)
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

func getBreak(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	b, err := s.Break(c.ctx, c.book, c.param("break"))
	if err != nil {
		return reply{}, err
	}
	members, err := s.Members(c.ctx, c.book, b)
	if err != nil {
		return reply{}, err
	}
	steps, err := s.Steps(c.ctx, c.book, b.ID, 0, maxLimit)
	if err != nil {
		return reply{}, err
	}
	sources, err := c.sourceNames(s)
	if err != nil {
		return reply{}, err
	}
	out := BreakDetailJSON{Break: c.breakOf(b, sources), Lines: []EvidenceLineJSON{}, Entries: []BreakEntryJSON{}, LinesCount: b.ExternalCount, EntriesCount: b.EntriesCount, Steps: make([]BreakStepJSON, len(steps))}
	for _, x := range members.External {
		out.Lines = append(out.Lines, c.evidenceLineOf(x))
	}
	for _, e := range members.Entries {
		out.Entries = append(out.Entries, BreakEntryJSON{Transaction: c.book.Code + "-" + strconv.FormatInt(e.Sequence, 10), Line: e.Line, Account: string(e.Account), Currency: string(e.Currency),
			Amount: e.Amount.Format(e.Currency), ExternalRef: e.ExternalRef, Event: e.Event, Subject: e.Subject, Reference: e.Reference, OccurredAt: e.OccurredAt.UTC().Format(instantFormat), Period: e.Period.String()})
	}
	for i, x := range steps {
		out.Steps[i] = BreakStepJSON{Number: x.Number, Act: x.Act, By: x.By, At: x.At.UTC().Format(instantFormat), Run: x.Run, Note: x.Note, Approval: x.Approval, Fix: x.Fix}
	}
	return document(http.StatusOK, out)
}

func getAgeing(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	r, err := s.Ageing(c.ctx, c.book, c.service.now())
	if err != nil {
		return reply{}, err
	}
	out := AgeingJSON{At: r.At.Format(instantFormat), Ends: r.Ends, Breaks: []ageClassJSON{}, Suspense: []suspenseAgeJSON{}}
	for _, a := range r.Breaks {
		out.Breaks = append(out.Breaks, ageClassJSON{Currency: string(a.Currency), Class: string(a.Class), Owner: a.Owner, Bucket: a.Bucket, Count: a.Count, Net: a.Net.Format(a.Currency), Gross: a.Gross.Format(a.Currency),
			Suspense: a.Suspense.Format(a.Currency)})
	}
	for _, a := range r.Suspense {
		out.Suspense = append(out.Suspense, suspenseAgeJSON{Currency: string(a.Currency), Inflow: a.Inflow, Bucket: a.Bucket, Count: a.Count, Net: a.Net.Format(a.Currency), Gross: a.Gross.Format(a.Currency)})
	}
	return document(http.StatusOK, out)
}

// onBreak reads the body of an act and answers with the break after it.
func onBreak[T any](c *call, do func(s *reconcile.Service, id string, n T) (reconcile.Break, error)) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body T) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	b, err := do(s, c.param("break"), n)
	if err != nil {
		return reply{}, err
	}
	sources, err := c.sourceNames(s)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, c.breakOf(b, sources))
}

func assignBreak(c *call) (reply, error) {
	return onBreak(c, func(s *reconcile.Service, id string, n NewBreakOwner) (reconcile.Break, error) {
		return s.Assign(c.ctx, c.actor(), c.book, id, n.Step, n.Owner)
	})
}

func explainBreak(c *call) (reply, error) {
	return onBreak(c, func(s *reconcile.Service, id string, n NewBreakExplanation) (reconcile.Break, error) {
		return s.Explain(c.ctx, c.actor(), c.book, id, n.Step, reconcile.Explanation{Note: n.Note, Document: n.Document, ClearBy: n.ClearBy})
	})
}

func noteBreak(c *call) (reply, error) {
	return onBreak(c, func(s *reconcile.Service, id string, n NewBreakNote) (reconcile.Break, error) {
		return s.Note(c.ctx, c.actor(), c.book, id, n.Step, n.Note)
	})
}

func reopenBreak(c *call) (reply, error) {
	return onBreak(c, func(s *reconcile.Service, id string, n NewBreakNote) (reconcile.Break, error) {
		return s.Reopen(c.ctx, c.actor(), c.book, id, n.Step, n.Note)
	})
}
