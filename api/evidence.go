package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/processor"
	"mizan/payouts/reconcile"
	"mizan/payouts/reconcile/evidence"
)

// Evidence: what processors, banks and channels say of the money. Its sources are set up here, statements are brought, processors
// are read now, and what came is listed with its bytes.

// statementBody documents a body that is a bank's file.
type statementBody struct{}

// Schema says that the body is a file. It implements huma.SchemaProvider.
func (statementBody) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "The statement, at most 16 MiB, as the bank wrote it"}
}

// statementMedia are the content types of statements. What a file is, its source's format says.
var statementMedia = []string{"application/xml", "text/xml", "text/csv", "text/plain", "application/octet-stream"}

var errStatementMedia = ErrMedia.With("The body must be the bank's statement itself, uncompressed. Send Content-Type: application/xml, text/csv or text/plain, and no Content-Encoding.")

// pullTime bounds one reading of a processor. What it leaves, the next one goes on with.
const pullTime = 10 * time.Second

// NewEvidenceSource says how a source of evidence is read.
type NewEvidenceSource struct {
	Accounts       []string          `json:"accounts,omitempty" maxItems:"8" doc:"The accounts of the ledger that a bank's or channel's lines are held against; a processor's are those of its name" example:"[\"assets:bank:operating:main\"]"`
	Currency       string            `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"The currency of a bank account; none for a processor" example:"GBP"`
	Format         string            `json:"format,omitempty" enum:"camt.053,csv,bai2,mt940" doc:"The format of a bank's statements" example:"camt.053"`
	Identification string            `json:"identification,omitempty" pattern:"^[A-Za-z0-9/. -]{1,64}$" doc:"The account's number as the bank writes it; statements of other accounts are refused" example:"GB29NWBK60161331926819"`
	Profile        json.RawMessage   `json:"profile,omitempty" doc:"What the columns of a CSV file mean; see the handbook's page on bank statements"`
	Batches        bool              `json:"batches,omitempty" doc:"The bank books a whole file of payments as one line"`
	Shared         bool              `json:"shared,omitempty" doc:"Other books have the same account at the processor"`
	Opening        map[string]string `json:"opening,omitempty" doc:"What a processor's account held before the first line that is read, by currency"`
}

// EvidenceSourceJSON is a source of evidence in its newest settings.
type EvidenceSourceJSON struct {
	Kind           string            `json:"kind" enum:"processor,bank,channel" example:"bank"`
	Name           string            `json:"name" example:"main"`
	Version        int               `json:"version" doc:"Of the settings; they are kept in all versions" example:"1"`
	Accounts       []string          `json:"accounts" nullable:"false"`
	Currency       string            `json:"currency" example:"GBP"`
	Format         string            `json:"format" example:"camt.053"`
	Identification string            `json:"identification" doc:"Its end; the whole of it is shown to nobody" example:"…5555"`
	Profile        json.RawMessage   `json:"profile,omitempty"`
	Batches        bool              `json:"batches"`
	Shared         bool              `json:"shared"`
	Opening        map[string]string `json:"opening,omitempty"`
	Since          string            `json:"since" format:"date-time" doc:"When these settings were recorded"`
}

type evidenceSourceListJSON struct {
	Data       []EvidenceSourceJSON `json:"data" nullable:"false" doc:"By kind and name"`
	NextCursor *string              `json:"next_cursor" doc:"Always null: a book has few sources"`
}

// EvidenceGapJSON is something that a source shows to be missing.
type EvidenceGapJSON struct {
	Kind     string `json:"kind" example:"balance"`
	Currency string `json:"currency" example:"GBP"`
	Amount   string `json:"amount" doc:"What is missing; below zero if there is too much" example:"12.34"`
	Detail   string `json:"detail" doc:"In a sentence"`
}

// EvidenceSourceStandingJSON is a source with how far it is known and what is missing.
type EvidenceSourceStandingJSON struct {
	Source      EvidenceSourceJSON `json:"source"`
	LastReceipt int64              `json:"last_receipt" example:"7"`
	LastLine    int64              `json:"last_line" example:"1204"`
	PulledUntil *string            `json:"pulled_until" format:"date-time" doc:"Up to when a processor was read"`
	Gaps        []EvidenceGapJSON  `json:"gaps" nullable:"false" doc:"What is missing: lines to the balance, or statements between others"`
}

// ReceiptJSON is a taking of evidence: a bank's file, or what was new at a processor.
type ReceiptJSON struct {
	Number     int64                `json:"number" example:"1"`
	Kind       string               `json:"kind" enum:"statement,pull" example:"statement"`
	Format     string               `json:"format" example:"camt.053"`
	Settings   int                  `json:"settings" doc:"The version of the settings that it was read by" example:"1"`
	SHA256     string               `json:"sha256" doc:"Of its bytes as they came" example:"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`
	Bytes      int64                `json:"bytes" example:"4096"`
	From       *string              `json:"from" format:"date-time" doc:"The time that it covers; null if it does not say"`
	Until      *string              `json:"until" format:"date-time"`
	FirstLine  int64                `json:"first_line" doc:"The number of its first new line" example:"1"`
	NewLines   int64                `json:"new_lines" example:"12"`
	KnownLines int64                `json:"known_lines" doc:"Lines that were known before" example:"0"`
	Changes    int                  `json:"changes" doc:"In how many places it says something else of known lines"`
	TakenBy    string               `json:"taken_by"`
	RecordedAt string               `json:"recorded_at" format:"date-time"`
	Conflicts  []EvidenceChangeJSON `json:"conflicts,omitempty" doc:"What this taking found to be said differently now of what moved"`
}

// EvidenceChangeJSON is what a source said later of a line that was known.
type EvidenceChangeJSON struct {
	Receipt int64  `json:"receipt" doc:"Where it was said" example:"2"`
	Line    int64  `json:"line" example:"17"`
	LineID  string `json:"line_id" doc:"The source's id of the line" example:"txn_1"`
	Field   string `json:"field" example:"amount"`
	Was     string `json:"was" example:"10.00"`
	Became  string `json:"became" example:"10.01"`
}

// PullJSON is what a reading of a processor brought.
type PullJSON struct {
	Lines    int64             `json:"lines" doc:"New lines" example:"12"`
	Changed  int64             `json:"changed" doc:"Lines of which something else is said now"`
	Receipts int64             `json:"receipts" doc:"How many receipts were kept" example:"1"`
	Last     *int64            `json:"last_receipt" doc:"The number of the last of them; null if nothing was kept" example:"3"`
	More     bool              `json:"more" doc:"There is more to read: pull again"`
	Gaps     []EvidenceGapJSON `json:"gaps" nullable:"false" doc:"Currencies in which the lines do not come to the balance"`
}

// evidencePath is where a source lies.
const evidencePath = "/v1/books/{book}/evidence/sources/{kind}/{name}"

func evidenceOperations() []Operation {
	unknown := []*fault.Error{reconcile.ErrSourceUnknown, ErrNotReady}
	list := []Operation{
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/evidence/sources", ID: "list-evidence-sources", Summary: "List the sources of evidence", Scope: access.ReconciliationRead,
			Answers: []Answer{{Status: 200, Meaning: "The sources.", Body: reflect.TypeFor[evidenceSourceListJSON]()}}, Errors: []*fault.Error{ErrNotReady}, handle: listEvidenceSources,
		},
		{
			Method: http.MethodGet, Path: evidencePath, ID: "get-evidence-source", Summary: "Read a source, how far it is known and what is missing", Scope: access.ReconciliationRead,
			Answers: []Answer{{Status: 200, Meaning: "The source.", Body: reflect.TypeFor[EvidenceSourceStandingJSON]()}}, Errors: unknown, handle: getEvidenceSource,
		},
		{
			Method: http.MethodPut, Path: evidencePath, ID: "set-evidence-source", Summary: "Say how a source is read",
			Description: "The same settings again change nothing; others are a new version. A processor's source appears by itself with its first pull.",
			Scope:       access.ReconciliationWrite, Body: reflect.TypeFor[NewEvidenceSource](), BodyLimit: bodyLimit,
			Example: map[string]any{"accounts": []string{"assets:bank:operating:main"}, "currency": "GBP", "format": "camt.053", "identification": "GB29NWBK60161331926819"},
			Answers: []Answer{{Status: 200, Meaning: "It is read so from now on.", Body: reflect.TypeFor[EvidenceSourceJSON]()}},
			Errors:  []*fault.Error{reconcile.ErrSourceUnknown, reconcile.ErrSourceInvalid, reconcile.ErrSourceShared, evidence.ErrProfile, ErrNotReady}, handle: setEvidenceSource,
		},
		{
			Method: http.MethodPost, Path: evidencePath + "/statements", ID: "take-statement", Summary: "Bring a bank's statement",
			Description: "The body is the file as the bank wrote it: camt.053, CSV, BAI2 or MT940, as the source is set. It is taken whole or not at all. " +
				"The same bytes again are answered as the first time, with Idempotent-Replayed, and change nothing. Lines that are known already are not doubled.",
			Scope: access.ReconciliationWrite, Body: reflect.TypeFor[statementBody](), BodyLimit: evidence.MaxBytes, BodyMedia: statementMedia,
			Answers: []Answer{{Status: 201, Meaning: "It was taken.", Body: reflect.TypeFor[ReceiptJSON]()}, {Status: 200, Meaning: "It was taken before.", Body: reflect.TypeFor[ReceiptJSON](), Replayed: true}},
			Errors: append([]*fault.Error{reconcile.ErrStatementElsewhere, reconcile.ErrStatementEmpty, reconcile.ErrStatementOverlap, reconcile.ErrSourceMoved, evidence.ErrUnreadable, evidence.ErrUnbalanced, evidence.ErrTooLarge,
				evidence.ErrCurrency, evidence.ErrProfile, ErrOverloaded}, unknown...), handle: takeStatement,
		},
		{
			Method: http.MethodPost, Path: evidencePath + "/pulls", ID: "pull-processor", Summary: "Read what is new at a processor, now",
			Description: "The job reconcile_processors does it every night. It reads for at most ten seconds; what it leaves, the next pull goes on with, and nothing is read twice.",
			Scope:       access.ReconciliationWrite, Body: reflect.TypeFor[NewRetry](), BodyLimit: bodyLimit, Example: map[string]any{},
			Answers: []Answer{{Status: 200, Meaning: "All that is new is here.", Body: reflect.TypeFor[PullJSON]()}, {Status: 202, Meaning: "There is more: pull again.", Body: reflect.TypeFor[PullJSON]()}},
			Errors:  append([]*fault.Error{reconcile.ErrNoDriver, reconcile.ErrSourceShared, processor.ErrUnavailable, ErrProcessorSilent}, unknown...), handle: pullProcessor,
		},
	}
	for i := range list {
		list[i].Group = "Evidence"
	}
	return list
}

// ErrProcessorSilent means that a processor could not be read.
var ErrProcessorSilent = fault.New(fault.Unavailable, "processor-silent", "The processor answered something that cannot be used. What was read before is kept. Pull again in some minutes.")

// reconciling returns reconciliation, or ErrNotReady.
func (c *call) reconciling() (*reconcile.Service, error) {
	if c.service.reconcile == nil {
		return nil, ErrNotReady
	}
	return c.service.reconcile, nil
}

// evidenceSource returns reconciliation and the source of the path.
func (c *call) evidenceSource() (*reconcile.Service, reconcile.Source, error) {
	s, err := c.reconciling()
	if err != nil {
		return nil, reconcile.Source{}, err
	}
	kind, name, err := c.evidenceName()
	if err != nil {
		return nil, reconcile.Source{}, err
	}
	source, err := s.Source(c.ctx, c.book, kind, name)
	return s, source, err
}

// evidenceName returns the kind and the name of the path.
func (c *call) evidenceName() (reconcile.Kind, string, error) {
	kind, name := reconcile.Kind(c.param("kind")), c.param("name")
	switch kind {
	case reconcile.KindProcessor, reconcile.KindBank, reconcile.KindChannel:
		if len(name) <= 64 && ledger.IsSegment(name) {
			return kind, name, nil
		}
	}
	return "", "", reconcile.ErrSourceUnknown
}

// maskedAccount is the end of an account's number.
func maskedAccount(number string) string {
	if len(number) <= 4 {
		return number
	}
	return "…" + number[len(number)-4:]
}

func evidenceSourceOf(x reconcile.Source) EvidenceSourceJSON {
	out := EvidenceSourceJSON{Kind: string(x.Kind), Name: x.Name, Version: x.Version, Accounts: []string{}, Currency: string(x.Settings.Currency), Format: x.Settings.Format,
		Identification: maskedAccount(x.Settings.Identification), Profile: x.Settings.Profile, Batches: x.Settings.Batches, Shared: x.Settings.Shared, Since: x.Since.UTC().Format(instantFormat)}
	for _, a := range x.Settings.Accounts {
		out.Accounts = append(out.Accounts, string(a))
	}
	for currency, amount := range x.Settings.Opening {
		if out.Opening == nil {
			out.Opening = map[string]string{}
		}
		out.Opening[string(currency)] = amount
	}
	return out
}

func evidenceGapsOf(gaps []reconcile.Gap) []EvidenceGapJSON {
	out := []EvidenceGapJSON{}
	for _, g := range gaps {
		out = append(out, EvidenceGapJSON{Kind: g.Kind, Currency: string(g.Currency), Amount: g.Amount.Format(g.Currency), Detail: g.Detail()})
	}
	return out
}

func evidenceChangesOf(changes []reconcile.Change) []EvidenceChangeJSON {
	out := make([]EvidenceChangeJSON, len(changes))
	for i, x := range changes {
		out[i] = EvidenceChangeJSON{Receipt: x.Receipt, Line: x.Line, LineID: x.LineID, Field: x.Field, Was: x.Was, Became: x.Became}
	}
	return out
}

func listEvidenceSources(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	sources, err := s.Sources(c.ctx, c.book)
	if err != nil {
		return reply{}, err
	}
	out := evidenceSourceListJSON{Data: []EvidenceSourceJSON{}}
	for _, x := range sources {
		out.Data = append(out.Data, evidenceSourceOf(x))
	}
	return document(http.StatusOK, out)
}

func getEvidenceSource(c *call) (reply, error) {
	s, source, err := c.evidenceSource()
	if err != nil {
		return reply{}, err
	}
	out := EvidenceSourceStandingJSON{Source: evidenceSourceOf(source), Gaps: []EvidenceGapJSON{}}
	receipt, line, until, err := s.Known(c.ctx, c.book, source)
	switch {
	case errors.Is(err, reconcile.ErrSourceUnknown): // nothing was taken yet
		return document(http.StatusOK, out)
	case err != nil:
		return reply{}, err
	}
	out.LastReceipt, out.LastLine, out.PulledUntil = receipt, line, optionalInstant(until)
	missing, err := s.Completeness(c.ctx, c.book, source)
	if err == nil && source.Kind == reconcile.KindBank {
		var between []reconcile.Gap
		between, err = s.Continuity(c.ctx, c.book, source)
		missing = append(missing, between...)
	}
	if err != nil {
		return reply{}, err
	}
	out.Gaps = evidenceGapsOf(missing)
	return document(http.StatusOK, out)
}

func setEvidenceSource(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewEvidenceSource) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	kind, name, err := c.evidenceName()
	if err != nil {
		return reply{}, err
	}
	settings := reconcile.Settings{Currency: money.Currency(n.Currency), Format: n.Format, Identification: n.Identification, Profile: n.Profile, Batches: n.Batches, Shared: n.Shared}
	for _, a := range n.Accounts {
		settings.Accounts = append(settings.Accounts, ledger.Address(a))
	}
	for currency, amount := range n.Opening {
		if settings.Opening == nil {
			settings.Opening = map[money.Currency]string{}
		}
		settings.Opening[money.Currency(currency)] = amount
	}
	source, err := s.SetSource(c.ctx, c.actor(), c.book, kind, name, settings)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, evidenceSourceOf(source))
}

func takeStatement(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	kind, name, err := c.evidenceName()
	if err == nil && kind != reconcile.KindBank {
		err = reconcile.ErrSourceUnknown
	}
	if err != nil {
		return reply{}, err
	}
	from, err := c.file(statementMedia, errStatementMedia, evidence.ErrTooLarge)
	if err != nil {
		return reply{}, err
	}
	content, err := io.ReadAll(&weighed{c: c, from: from})
	if err != nil {
		return reply{}, err
	}
	r, err := s.TakeStatement(c.ctx, c.actor(), c.book, name, content)
	if err != nil {
		return reply{}, err
	}
	status := http.StatusCreated
	if r.Replayed {
		status = http.StatusOK
	}
	out, err := document(status, receiptOf(r))
	out.replayed = r.Replayed
	return out, err
}

// turn is the call as a turn of work in its book.
func (c *call) turn() payouts.Turn {
	now := c.service.now().UTC()
	return payouts.Turn{Book: c.book, Start: now, End: now, Extra: true, Actor: c.actor()}
}

func pullProcessor(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	if err := c.nothing(); err != nil {
		return reply{}, err
	}
	kind, name, err := c.evidenceName()
	if err == nil && kind != reconcile.KindProcessor {
		err = reconcile.ErrSourceUnknown
	}
	if err != nil {
		return reply{}, err
	}
	done, more, err := c.pull(s, name)
	if errors.Is(err, reconcile.ErrNoDriver) { // if nothing of it is known either, there is no such source
		if _, unknown := s.Source(c.ctx, c.book, kind, name); unknown != nil {
			err = unknown
		}
	}
	if err != nil {
		return reply{}, err
	}
	out, status := PullJSON{Lines: done.Lines, Changed: done.Changed, Receipts: done.Receipts, More: more, Gaps: evidenceGapsOf(done.Gaps)}, http.StatusOK
	if done.Number > 0 {
		out.Last = &done.Number
	}
	if more {
		status = http.StatusAccepted
	}
	return document(status, out)
}

// receiptOf is a receipt as callers read it.
func receiptOf(r reconcile.Receipt) ReceiptJSON {
	return ReceiptJSON{Number: r.Number, Kind: r.Kind, Format: r.Format, Settings: r.Settings, SHA256: hexOf(r.SHA256), Bytes: r.Bytes, From: optionalInstant(r.From), Until: optionalInstant(r.Until),
		FirstLine: r.FirstLine, NewLines: r.NewLines, KnownLines: r.KnownLines, Changes: r.Changes, TakenBy: r.By, RecordedAt: r.RecordedAt.UTC().Format(instantFormat),
		Conflicts: evidenceChangesOf(r.Conflicts)}
}

// numberOf returns the number of the path, or what is said of a number that none has.
func (c *call) numberOf(unknown error) (int64, error) {
	text := c.param("number")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || strings.HasPrefix(text, "+") {
		return 0, unknown
	}
	return n, nil
}

// nothing reads a body that says nothing.
func (c *call) nothing() error {
	_, err := decodeWith(c, func(d *decoder, at int32) (r NewRetry) {
		d.object(at, &r)
		return r
	})
	return err
}
