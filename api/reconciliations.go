package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger/fault"
	"mizan/payouts/processor"
	"mizan/payouts/reconcile"
)

// Reconciliations: runs that hold the books against evidence, each of them evidence itself, which can be made again.

// compareTime bounds a run that somebody asked for, and a run made again.
const compareTime = 20 * time.Minute

// NewReconciliation asks for a run.
type NewReconciliation struct {
	Match  string    `json:"match" enum:"R1,R2,R3,R4" doc:"R1 the ledger and a processor, R2 the ledger and a bank, R3 the book and itself, R4 the settlements of a channel" example:"R1"`
	Source string    `json:"source,omitempty" pattern:"^(processor|bank|channel)/[A-Za-z0-9_.-]{1,64}$" doc:"What it is held against; none for R3" example:"processor/main"`
	CutOff time.Time `json:"cut_off,omitempty" format:"date-time" doc:"The time by which R1 and R2 judge what is late, not in the future; left out, now" example:"2026-11-20T09:00:00Z"`
}

// ReconciliationJSON is a run that was recorded.
type ReconciliationJSON struct {
	ID           string          `json:"id" example:"rec_0123456789abcdef"`
	Match        string          `json:"match" enum:"R1,R2,R3,R4" example:"R1"`
	Source       string          `json:"source" doc:"Empty for R3" example:"processor/main"`
	Number       int64           `json:"number" doc:"Counts the runs of the match and the source, without gaps" example:"1"`
	CutOff       string          `json:"cut_off" format:"date-time"`
	FromLine     int64           `json:"from_line" doc:"It took the lines after this one" example:"0"`
	ToLine       int64           `json:"to_line" example:"1204"`
	FromSequence int64           `json:"from_sequence" doc:"It took the transactions after this one" example:"0"`
	ToSequence   int64           `json:"to_sequence" example:"5310"`
	Rules        int             `json:"rules" doc:"The version of the rules that it went by; 0 for those that are shipped"`
	Settings     int             `json:"settings" doc:"The version of the source's settings"`
	Digest       string          `json:"digest" doc:"SHA-256 of its document" example:"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`
	Matched      int64           `json:"matched" doc:"What agrees" example:"1190"`
	OpenItems    int64           `json:"open_items" doc:"Lines and entries that it left open"`
	Found        int64           `json:"found" doc:"Differences that it found"`
	Summary      json.RawMessage `json:"summary,omitempty" doc:"Per currency, of each side: opening, what moved by category, closing, and what is open. Of one run, not in lists."`
	Trigger      string          `json:"trigger" doc:"What made it run" example:"manual"`
	StartedBy    string          `json:"started_by"`
	RecordedAt   string          `json:"recorded_at" format:"date-time"`
	TookMS       int64           `json:"took_ms" doc:"How long it took, in milliseconds"`
}

// ReconciliationMadeJSON is a run that somebody asked for, with what its differences had the service post.
type ReconciliationMadeJSON struct {
	ReconciliationJSON
	Posted PostedDifferencesJSON `json:"posted"`
}

// PostedDifferencesJSON counts what was posted because of differences.
type PostedDifferencesJSON struct {
	Landed    int  `json:"landed" doc:"Own money that a statement shows for certain to have arrived"`
	Suspended int  `json:"suspended" doc:"Went into suspense"`
	TrueUps   int  `json:"true_ups" doc:"Fees that were corrected"`
	Held      int  `json:"held" doc:"Above the limits of the rules, and left to people"`
	Later     bool `json:"later" doc:"Not all could be posted now; the next round does the rest"`
}

type reconciliationListJSON struct {
	Data       []ReconciliationJSON `json:"data" nullable:"false" doc:"The latest first, without summaries"`
	NextCursor *string              `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

// ReplayJSON says what a run comes to when it is made again.
type ReplayJSON struct {
	Same    bool     `json:"same" doc:"It comes to the same bytes, from the same evidence and entries"`
	Digest  string   `json:"digest" doc:"What it comes to now; empty if it cannot be made at all"`
	Was     string   `json:"was" doc:"The digest that was recorded"`
	Differs []string `json:"differs" nullable:"false" doc:"What is not as it was recorded: receipts, inputs, summary, digest, sums or counts"`
}

func reconciliationOperations() []Operation {
	const base, one = "/v1/books/{book}/reconciliations", "/v1/books/{book}/reconciliations/{comparison}"
	unknown := []*fault.Error{reconcile.ErrRunUnknown, ErrNotReady}
	list := []Operation{
		{
			Method: http.MethodPost, Path: base, ID: "reconcile", Summary: "Hold a source against the ledger, now",
			Description: "Every night a job does it. It takes all lines and entries since the run before, records what does not agree as breaks, and posts what the rules let it post. " +
				"Bring the evidence first: a run reads what was taken, and takes nothing itself.",
			Scope: access.ReconciliationWrite, Body: reflect.TypeFor[NewReconciliation](), BodyLimit: bodyLimit, Example: map[string]any{"match": "R1", "source": "processor/main"},
			Answers: []Answer{{Status: 201, Meaning: "The run.", Body: reflect.TypeFor[ReconciliationMadeJSON]()}},
			Errors:  []*fault.Error{reconcile.ErrSourceUnknown, reconcile.ErrSourceInvalid, reconcile.ErrRunOvertaken, reconcile.ErrRunLarge, reconcile.ErrRunUneven, reconcile.ErrBusy, ErrNotReady},
			handle:  compare,
		},
		{
			Method: http.MethodGet, Path: base, ID: "list-reconciliations", Summary: "List runs", Scope: access.ReconciliationRead, Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of runs.", Body: reflect.TypeFor[reconciliationListJSON]()}}, Errors: []*fault.Error{ErrCursor, ErrNotReady}, handle: listReconciliations,
		},
		{
			Method: http.MethodGet, Path: one, ID: "get-reconciliation", Summary: "Read a run and its summary", Scope: access.ReconciliationRead,
			Answers: []Answer{{Status: 200, Meaning: "The run.", Body: reflect.TypeFor[ReconciliationJSON]()}}, Errors: unknown, handle: getReconciliation,
		},
		{
			Method: http.MethodGet, Path: one + "/document", ID: "get-reconciliation-document", Summary: "Fetch a run as a document",
			Description: "Canonical JSON of all that it rests on and all that it found, made again from the evidence; its SHA-256 is the run's digest, and stands in Repr-Digest.",
			Scope:       access.ReconciliationRead, Answers: []Answer{{Status: 200, Meaning: "The document.", Media: fileBytes}},
			Errors: append([]*fault.Error{reconcile.ErrRunChanged, reconcile.ErrBusy}, unknown...), handle: getReconciliationDocument,
		},
		{
			Method: http.MethodPost, Path: one + "/replay", ID: "replay-reconciliation", Summary: "Make a run again and compare",
			Description: "Nothing is recorded. A difference is no error: evidence, an entry or the run was changed since, and the answer says what.",
			Scope:       access.ReconciliationRead, Body: reflect.TypeFor[NewRetry](), BodyLimit: bodyLimit, Example: map[string]any{},
			Answers: []Answer{{Status: 200, Meaning: "What it comes to.", Body: reflect.TypeFor[ReplayJSON]()}}, Errors: append([]*fault.Error{reconcile.ErrBusy}, unknown...), handle: replayReconciliation,
		},
	}
	for i := range list {
		list[i].Group = "Reconciliation"
	}
	return list
}

// alone takes the turn to compare, and gives the call the time for that.
func (c *call) alone(s *reconcile.Service) (done func(), err error) {
	if done, err = s.Begin(); err != nil {
		return nil, err
	}
	if err := c.longer(compareTime); err != nil {
		done()
		return nil, err
	}
	return done, nil
}

// pull reads a processor for a bounded time, and reports whether there is more to read.
func (c *call) pull(s *reconcile.Service, name string) (done reconcile.Pulled, more bool, err error) {
	short, cancel := context.WithTimeout(c.ctx, pullTime)
	defer cancel()
	done, err = s.PullAndAsk(short, c.turn(), name)
	switch {
	case err == nil:
		return done, done.More, nil
	case short.Err() != nil && c.ctx.Err() == nil:
		return done, true, nil
	case errors.Is(err, processor.ErrTooMany), errors.Is(err, processor.ErrStrange), errors.Is(err, processor.ErrAbsent):
		c.service.log.Warn("a processor could not be read", "book", c.book.Code, "source", name, "err", err)
		err = ErrProcessorSilent.Because(err)
	}
	return done, false, err
}

// matchName is how callers write a match.
func matchName(m reconcile.Match) string { return "R" + strconv.Itoa(int(m)) }

// sourceName is how callers write a source; empty for none.
func sourceName(kind reconcile.Kind, name string) string {
	if name == "" {
		return ""
	}
	return string(kind) + "/" + name
}

// matchKinds are the kinds of sources of matches. R3 has none.
var matchKinds = map[reconcile.Match]reconcile.Kind{reconcile.R1: reconcile.KindProcessor, reconcile.R2: reconcile.KindBank, reconcile.R4: reconcile.KindChannel}

func reconciliationOf(r reconcile.Run) ReconciliationJSON {
	return ReconciliationJSON{ID: r.ID, Match: matchName(r.Match), Source: sourceName(matchKinds[r.Match], r.SourceName), Number: r.Number, CutOff: r.CutOff.UTC().Format(instantFormat),
		FromLine: r.FromLine, ToLine: r.ToLine, FromSequence: r.FromSequence, ToSequence: r.ToSequence, Rules: r.Rules, Settings: r.Settings, Digest: hexOf(r.Digest),
		Matched: r.Matched, OpenItems: r.OpenItems, Found: r.Found, Trigger: r.Trigger, StartedBy: r.StartedBy, RecordedAt: r.RecordedAt.UTC().Format(instantFormat), TookMS: r.Took.Milliseconds()}
}

func compare(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewReconciliation) {
		d.object(at, &body)
		if body.CutOff.After(c.service.now()) {
			d.bad(at, "date-future", "A run cannot judge by a time that has not come.")
		}
		return body
	})
	if err != nil {
		return reply{}, err
	}
	match := map[string]reconcile.Match{"R1": reconcile.R1, "R2": reconcile.R2, "R3": reconcile.R3, "R4": reconcile.R4}[n.Match]
	done, err := c.alone(s)
	if err != nil {
		return reply{}, err
	}
	defer done()
	kind, name, _ := strings.Cut(n.Source, "/")
	switch {
	case !n.CutOff.IsZero() && match > reconcile.R2:
		return reply{}, reconcile.ErrSourceInvalid.At("/cut_off", "cut-off", "R3 and R4 judge by the present. Leave the cut-off out.")
	case reconcile.Kind(kind) != matchKinds[match]:
		return reply{}, reconcile.ErrSourceInvalid.At("/source", "source", "R1 is held against a processor, R2 against a bank, R4 against a channel, and R3 has no source.")
	}
	var source reconcile.Source
	if match != reconcile.R3 {
		if source, err = s.Source(c.ctx, c.book, reconcile.Kind(kind), name); err != nil {
			return reply{}, err
		}
	}
	switch match {
	case reconcile.R3:
		run, err := s.CompareInside(c.ctx, c.turn(), c.book)
		return compared(run, PostedDifferencesJSON{}, err)
	case reconcile.R4:
		run, err := s.CompareChannel(c.ctx, c.turn(), c.book, name)
		return compared(run, PostedDifferencesJSON{}, err)
	}
	run, err := s.Compare(c.ctx, c.turn(), reconcile.Asked{Match: match, Source: source.ID, CutOff: n.CutOff})
	if err != nil {
		return reply{}, err
	}
	return compared(run, c.settle(s, source), nil)
}

// settle posts what differences ask for. The run is recorded by then: what cannot be posted now, the next round posts.
func (c *call) settle(s *reconcile.Service, source reconcile.Source) (out PostedDifferencesJSON) {
	done, err := s.FollowUp(c.ctx, c.turn(), source)
	out.Landed, out.Suspended, out.TrueUps, out.Held = done.Landed, done.Suspended, done.TrueUps, done.Held
	if err != nil {
		out.Later = true
		c.service.log.Error("differences could not be posted", "book", c.book.Code, "source", source.Name, "err", err)
	}
	return out
}

func compared(run reconcile.Run, posted PostedDifferencesJSON, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	out := ReconciliationMadeJSON{reconciliationOf(run), posted}
	out.Summary = run.Summary
	return document(http.StatusCreated, out)
}

func listReconciliations(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	limit, q := c.query.limit(), reconcile.RunQuery{}
	if at := c.position(2); at != nil {
		micros, err := strconv.ParseInt(at[0], 10, 64)
		if err != nil {
			return reply{}, ErrCursor
		}
		q.Before, q.BeforeID = time.UnixMicro(micros).UTC(), at[1]
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := oneMore(limit, func(limit int) ([]reconcile.Run, error) {
		q.Limit = limit
		return s.Runs(c.ctx, c.book, q)
	})
	if err != nil {
		return reply{}, err
	}
	out := reconciliationListJSON{Data: make([]ReconciliationJSON, len(list))}
	for i, r := range list {
		out.Data[i] = reconciliationOf(r)
	}
	if more {
		last := list[len(list)-1]
		next := c.nextCursor(strconv.FormatInt(last.RecordedAt.UnixMicro(), 10), last.ID)
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

func getReconciliation(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	run, err := s.Run(c.ctx, c.book, c.param("comparison"))
	if err != nil {
		return reply{}, err
	}
	out := reconciliationOf(run)
	out.Summary = run.Summary
	return document(http.StatusOK, out)
}

func getReconciliationDocument(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	run, err := s.Run(c.ctx, c.book, c.param("comparison"))
	if err != nil {
		return reply{}, err
	}
	return c.stream(fileBytes, map[string]string{"Content-Disposition": `attachment; filename="` + run.ID + `.json"`, "Repr-Digest": reprDigest(run.Digest)},
		func(to *bufio.Writer) error { return s.Document(c.ctx, c.book, run.ID, to) })
}

func replayReconciliation(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	if err := c.nothing(); err != nil {
		return reply{}, err
	}
	if err := c.longer(compareTime); err != nil {
		return reply{}, err
	}
	r, err := s.Replay(c.ctx, c.book, c.param("comparison"))
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, ReplayJSON{Same: r.Same, Digest: hexOf(r.Digest), Was: hexOf(r.Run.Digest), Differs: append([]string{}, r.Differs...)})
}
