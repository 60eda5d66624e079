package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"

	"mizan/api/access"
	"mizan/ledger/fault"
	"mizan/payouts/reconcile"
)

// Pairings: lines and entries that may belong together, though no key says so. A run suggests them; a person makes one, or refuses
// it. The rules by which runs judge are read here too.

// PairingJSON is a pairing.
type PairingJSON struct {
	ID        string              `json:"id" example:"par_0123456789abcdef"`
	Match     string              `json:"match" enum:"R1,R2,R3,R4" example:"R2"`
	Source    string              `json:"source" example:"bank/main"`
	State     string              `json:"state" enum:"suggested,made,refused,void" example:"suggested"`
	Kind      string              `json:"kind" enum:"one_to_one,one_to_many,many_to_one" example:"one_to_many"`
	Basis     string              `json:"basis" example:"sum"`
	Lines     []int64             `json:"lines" nullable:"false" doc:"The numbers of the source's lines"`
	Entries   []pairingEntryJSON  `json:"entries" nullable:"false" doc:"The entries of the ledger"`
	Changes   []pairingChangeJSON `json:"changes,omitempty" doc:"What the source says otherwise of its lines' amounts, fees and currencies, the newest first, at most 100; said of one pairing and not in lists"`
	Run       int64               `json:"run" doc:"The number of the run that found it" example:"3"`
	DecidedBy string              `json:"decided_by"`
	DecidedAt *string             `json:"decided_at" format:"date-time"`
	Note      string              `json:"note"`
}

type pairingEntryJSON struct {
	Transaction string `json:"transaction" example:"uk-42"`
	Line        int    `json:"line" example:"1"`
}

type pairingChangeJSON struct {
	Line    int64  `json:"line" doc:"The number of the source's line" example:"7"`
	LineID  string `json:"line_id" doc:"The source's id of it" example:"txn_7"`
	Field   string `json:"field" enum:"amount,fee,currency" example:"fee"`
	Was     string `json:"was" doc:"What the line says, by which the books go" example:"0.30"`
	Became  string `json:"became" doc:"What the source says last" example:"0.40"`
	Receipt int64  `json:"receipt" doc:"Where it said so" example:"12"`
}

type pairingListJSON struct {
	Data       []PairingJSON `json:"data" nullable:"false" doc:"In order of their ids"`
	NextCursor *string       `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last"`
}

type pairingQuery struct {
	State  string `json:"state,omitempty" enum:"suggested,made,refused,void" default:"suggested" doc:"Only pairings in this state"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

// NewPairingDecision says why.
type NewPairingDecision struct {
	Note string `json:"note,omitempty" minLength:"1" maxLength:"2000" doc:"Why; needed to refuse" example:"The bank's advice names both."`
}

// ReconciliationRulesJSON is a version of the rules by which a book is reconciled.
type ReconciliationRulesJSON struct {
	Version    int             `json:"version" doc:"0 for the rules that are shipped" example:"1"`
	ValidFrom  *string         `json:"valid_from" format:"date-time" doc:"null for the rules that are shipped"`
	RecordedAt *string         `json:"recorded_at" format:"date-time"`
	Approval   string          `json:"approval" doc:"By which two people activated it"`
	InForce    bool            `json:"in_force" doc:"It is in force now"`
	Rules      json.RawMessage `json:"rules" doc:"Tolerances, times and limits; see the handbook's page on reconciliation"`
}

type reconciliationRulesListJSON struct {
	Data       []ReconciliationRulesJSON `json:"data" nullable:"false" doc:"The newest first, those that are shipped last"`
	NextCursor *string                   `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

func pairingOperations() []Operation {
	const base, one = "/v1/books/{book}/pairings", "/v1/books/{book}/pairings/{pairing}"
	decided := []*fault.Error{reconcile.ErrPairingUnknown, reconcile.ErrPairingState, reconcile.ErrBreakInvalid, ErrNotReady}
	example := map[string]any{"note": "The bank's advice names both."}
	list := []Operation{
		{
			Method: http.MethodGet, Path: base, ID: "list-pairings", Summary: "List suggested pairings", Scope: access.ReconciliationRead, Query: reflect.TypeFor[pairingQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of pairings.", Body: reflect.TypeFor[pairingListJSON]()}}, Errors: []*fault.Error{ErrCursor, ErrNotReady}, handle: listPairings,
		},
		{
			Method: http.MethodGet, Path: one, ID: "get-pairing", Summary: "Read a pairing", Scope: access.ReconciliationRead,
			Answers: []Answer{{Status: 200, Meaning: "The pairing.", Body: reflect.TypeFor[PairingJSON]()}}, Errors: []*fault.Error{reconcile.ErrPairingUnknown, ErrNotReady}, handle: getPairing,
		},
		{
			Method: http.MethodPost, Path: one + "/confirm", ID: "confirm-pairing", Summary: "Make a pairing",
			Description: "Its lines and entries belong together from the next run on. All of them must be open, both sides come to the same, and the source say nothing else of a line's amount, fee or currency since it was suggested. What it says otherwise comes with the answer.",
			Scope:       access.ReconciliationWrite, Body: reflect.TypeFor[NewPairingDecision](), BodyLimit: bodyLimit, Example: example,
			Answers: []Answer{{Status: 200, Meaning: "It is made.", Body: reflect.TypeFor[PairingJSON]()}}, Errors: decided, handle: confirmPairing,
		},
		{
			Method: http.MethodPost, Path: one + "/refuse", ID: "refuse-pairing", Summary: "Say that a pairing is none", Description: "It is not suggested again. A note is needed.",
			Scope: access.ReconciliationWrite, Body: reflect.TypeFor[NewPairingDecision](), BodyLimit: bodyLimit, Example: example,
			Answers: []Answer{{Status: 200, Meaning: "It is refused.", Body: reflect.TypeFor[PairingJSON]()}}, Errors: decided, handle: refusePairing,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/reconciliation-rules", ID: "list-reconciliation-rules", Summary: "List the versions of the rules of reconciliation",
			Description: "New ones are activated by an approval of the act recon_rules.activate.", Scope: access.ReconciliationRead, Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of versions.", Body: reflect.TypeFor[reconciliationRulesListJSON]()}}, Errors: []*fault.Error{ErrCursor, ErrNotReady}, handle: listReconciliationRules,
		},
	}
	for i := range list {
		list[i].Group = "Reconciliation"
	}
	return list
}

func (c *call) pairingOf(p reconcile.PairingRecord, sources map[int16]string) PairingJSON {
	out := PairingJSON{ID: p.ID, Match: matchName(p.Match), Source: sources[p.Source], State: p.State, Kind: p.Kind, Basis: p.Basis, Lines: append([]int64{}, p.External...), Entries: []pairingEntryJSON{},
		Run: p.Run, DecidedBy: p.DecidedBy, DecidedAt: optionalInstant(p.DecidedAt), Note: p.Note}
	for _, e := range p.Entries {
		out.Entries = append(out.Entries, pairingEntryJSON{Transaction: c.book.Code + "-" + strconv.FormatInt(e.Sequence, 10), Line: e.Line})
	}
	for _, x := range p.Changes {
		out.Changes = append(out.Changes, pairingChangeJSON{x.Line, x.LineID, x.Field, x.Was, x.Became, x.Receipt})
	}
	return out
}

func listPairings(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	limit, state, after := c.query.limit(), c.query.choice("state", "suggested", "made", "refused", "void"), c.afterName()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	sources, err := c.sourceNames(s)
	if err != nil {
		return reply{}, err
	}
	list, more, err := oneMore(limit, func(limit int) ([]reconcile.PairingRecord, error) {
		return s.Pairings(c.ctx, c.book, state, after, limit)
	})
	if err != nil {
		return reply{}, err
	}
	out := pairingListJSON{Data: make([]PairingJSON, len(list))}
	for i, p := range list {
		out.Data[i] = c.pairingOf(p, sources)
	}
	if more {
		next := c.nextCursor(list[len(list)-1].ID)
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

// onePairing answers with a pairing, or with what was said against it.
func (c *call) onePairing(s *reconcile.Service, p reconcile.PairingRecord, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	sources, err := c.sourceNames(s)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, c.pairingOf(p, sources))
}

func getPairing(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	p, err := s.Pairing(c.ctx, c.book, c.param("pairing"))
	return c.onePairing(s, p, err)
}

// decision returns reconciliation and the note of the body.
func (c *call) decision() (*reconcile.Service, string, error) {
	s, err := c.reconciling()
	if err != nil {
		return nil, "", err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewPairingDecision) {
		d.object(at, &body)
		return body
	})
	return s, n.Note, err
}

func confirmPairing(c *call) (reply, error) {
	s, note, err := c.decision()
	if err != nil {
		return reply{}, err
	}
	p, err := s.Confirm(c.ctx, c.actor(), c.book, c.param("pairing"), note)
	return c.onePairing(s, p, err)
}

func refusePairing(c *call) (reply, error) {
	s, note, err := c.decision()
	if err != nil {
		return reply{}, err
	}
	p, err := s.Refuse(c.ctx, c.actor(), c.book, c.param("pairing"), note)
	return c.onePairing(s, p, err)
}

func listReconciliationRules(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	limit, before := c.query.limit(), c.afterNumber()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	now, err := s.RulesAt(c.ctx, c.book, c.service.now())
	if err != nil {
		return reply{}, err
	}
	list, more, err := oneMore(limit, func(limit int) ([]reconcile.RulesRecord, error) {
		return s.RulesVersions(c.ctx, c.book, int(before), limit)
	})
	if err != nil {
		return reply{}, err
	}
	out := reconciliationRulesListJSON{Data: make([]ReconciliationRulesJSON, len(list))}
	for i, r := range list {
		out.Data[i] = ReconciliationRulesJSON{Version: r.Version, ValidFrom: optionalInstant(r.ValidFrom), RecordedAt: optionalInstant(r.RecordedAt), Approval: r.Approval, InForce: r.Version == now.Version, Rules: r.Canonical()}
	}
	if more {
		next := c.nextCursor(strconv.Itoa(list[len(list)-1].Version))
		out.NextCursor = &next
	} else {
		out.Data = append(out.Data, ReconciliationRulesJSON{InForce: now.Version == 0, Rules: reconcile.Shipped().Canonical()})
	}
	return document(http.StatusOK, out)
}
