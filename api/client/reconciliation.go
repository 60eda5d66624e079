package client

// Reconciliation: runs, the breaks that they find, suggestions, and the closing of months.

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// NewReconciliation asks for a run: R1 of processor/NAME, R2 of bank/NAME, R3 of nothing, R4 of channel/NAME. CutOff is left out if it
// is nil.
type NewReconciliation struct {
	Match  string     `json:"match"`
	Source string     `json:"source,omitempty"`
	CutOff *time.Time `json:"cut_off,omitempty"`
}

// Reconciliation is a run that was recorded. Lists have no Summary, and only a run that was asked for now has Posted.
type Reconciliation struct {
	ID           string             `json:"id"`
	Match        string             `json:"match"`
	Source       string             `json:"source"`
	Number       int64              `json:"number"`
	CutOff       time.Time          `json:"cut_off"`
	FromLine     int64              `json:"from_line"`
	ToLine       int64              `json:"to_line"`
	FromSequence int64              `json:"from_sequence"`
	ToSequence   int64              `json:"to_sequence"`
	Rules        int                `json:"rules"`
	Settings     int                `json:"settings"`
	Digest       string             `json:"digest"`
	Matched      int64              `json:"matched"`
	OpenItems    int64              `json:"open_items"`
	Found        int64              `json:"found"`
	Summary      json.RawMessage    `json:"summary"`
	Trigger      string             `json:"trigger"`
	StartedBy    string             `json:"started_by"`
	RecordedAt   time.Time          `json:"recorded_at"`
	TookMS       int64              `json:"took_ms"`
	Posted       *PostedDifferences `json:"posted"`
}

// PostedDifferences counts what was posted because of differences. Later says that the next round does the rest.
type PostedDifferences struct {
	Landed    int  `json:"landed"`
	Suspended int  `json:"suspended"`
	TrueUps   int  `json:"true_ups"`
	Held      int  `json:"held"`
	Later     bool `json:"later"`
}

// Replay says what a run comes to when it is made again.
type Replay struct {
	Same    bool     `json:"same"`
	Digest  string   `json:"digest"`
	Was     string   `json:"was"`
	Differs []string `json:"differs"`
}

// Break is a difference that somebody has to deal with.
type Break struct {
	ID         string     `json:"id"`
	Match      string     `json:"match"`
	Source     string     `json:"source"`
	Class      string     `json:"class"`
	State      string     `json:"state"`
	Ended      bool       `json:"ended"`
	Currency   string     `json:"currency"`
	Amount     string     `json:"amount"`
	Left       string     `json:"left"`
	Right      string     `json:"right"`
	Detail     string     `json:"detail"`
	Held       string     `json:"held"`
	HappenedAt time.Time  `json:"happened_at"`
	Original   string     `json:"original_period"`
	FirstSeen  time.Time  `json:"first_seen"`
	ExpectedBy *time.Time `json:"expected_by"`
	AgeDays    int        `json:"age_days"`
	Owner      string     `json:"owner"`
	Note       string     `json:"note"`
	Document   string     `json:"document"`
	Suspense   string     `json:"suspense"`
	Fix        string     `json:"fix"`
	// Accepted says that two people ended it and nothing was posted: the difference stays what it is.
	Accepted bool `json:"accepted"`
	// Step is the last step that changed it. Whoever acts on it names the one they have seen.
	Step      int64      `json:"step"`
	ChangedAt time.Time  `json:"changed_at"`
	EndedAt   *time.Time `json:"ended_at"`
}

// BreakEntry is an entry of the ledger that a break is about; its amount is above zero for a debit.
type BreakEntry struct {
	Transaction string    `json:"transaction"`
	Line        int       `json:"line"`
	Account     string    `json:"account"`
	Currency    string    `json:"currency"`
	Amount      string    `json:"amount"`
	ExternalRef string    `json:"external_ref"`
	Event       string    `json:"event"`
	Subject     string    `json:"subject"`
	Reference   string    `json:"reference"`
	OccurredAt  time.Time `json:"occurred_at"`
	Period      string    `json:"period"`
}

// BreakStep is something that happened to a break.
type BreakStep struct {
	Number   int64     `json:"number"`
	Act      string    `json:"act"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Run      int64     `json:"run"`
	Note     string    `json:"note"`
	Approval string    `json:"approval"`
	Fix      string    `json:"fix"`
}

// BreakDetail is a break with both its sides and its history.
type BreakDetail struct {
	Break        Break          `json:"break"`
	Lines        []EvidenceLine `json:"lines"`
	Entries      []BreakEntry   `json:"entries"`
	LinesCount   int            `json:"lines_count"`
	EntriesCount int            `json:"entries_count"`
	Steps        []BreakStep    `json:"steps"`
}

// BreakQuery chooses breaks. Its zero value chooses all.
type BreakQuery struct {
	// Open chooses those that have not ended.
	Open                                                    bool
	State, Class, Match, Source, Owner, Currency, Reference string
	MinAgeDays                                              int
}

// Ageing is how old the open breaks of a book are. Ends are the upper ends of the age classes in days.
type Ageing struct {
	At     time.Time `json:"at"`
	Ends   []int     `json:"ends"`
	Breaks []struct {
		Currency string `json:"currency"`
		Class    string `json:"class"`
		Owner    string `json:"owner"`
		Bucket   int    `json:"bucket"`
		Count    int64  `json:"count"`
		Net      string `json:"net"`
		Gross    string `json:"gross"`
		Suspense string `json:"suspense"`
	} `json:"breaks"`
	Suspense []struct {
		Currency string `json:"currency"`
		Inflow   bool   `json:"inflow"`
		Bucket   int    `json:"bucket"`
		Count    int64  `json:"count"`
		Net      string `json:"net"`
		Gross    string `json:"gross"`
	} `json:"suspense"`
}

// Pairing is lines and entries that may belong together.
type Pairing struct {
	ID      string  `json:"id"`
	Match   string  `json:"match"`
	Source  string  `json:"source"`
	State   string  `json:"state"`
	Kind    string  `json:"kind"`
	Basis   string  `json:"basis"`
	Lines   []int64 `json:"lines"`
	Entries []struct {
		Transaction string `json:"transaction"`
		Line        int    `json:"line"`
	} `json:"entries"`
	// Changes are what the source says otherwise of its lines, the newest first; lists leave them out.
	Changes []struct {
		Line    int64  `json:"line"`
		LineID  string `json:"line_id"`
		Field   string `json:"field"`
		Was     string `json:"was"`
		Became  string `json:"became"`
		Receipt int64  `json:"receipt"`
	} `json:"changes"`
	Run       int64      `json:"run"`
	DecidedBy string     `json:"decided_by"`
	DecidedAt *time.Time `json:"decided_at"`
	Note      string     `json:"note"`
}

// ReconciliationRules is a version of the rules; 0 is the shipped ones.
type ReconciliationRules struct {
	Version    int             `json:"version"`
	ValidFrom  *time.Time      `json:"valid_from"`
	RecordedAt *time.Time      `json:"recorded_at"`
	Approval   string          `json:"approval"`
	InForce    bool            `json:"in_force"`
	Rules      json.RawMessage `json:"rules"`
}

// Checklist is what stands between a month and its close.
type Checklist struct {
	Period string          `json:"period"`
	Closed bool            `json:"closed"`
	Items  []ChecklistItem `json:"items"`
	Months []string        `json:"months"`
}

// ChecklistItem is one thing that has to be in order.
type ChecklistItem struct {
	Code    string `json:"code"`
	Title   string `json:"title"`
	State   string `json:"state"`
	Detail  string `json:"detail"`
	Amounts []struct {
		Name     string `json:"name"`
		Currency string `json:"currency"`
		Amount   string `json:"amount"`
	} `json:"amounts"`
	Names      []string `json:"names"`
	More       bool     `json:"more"`
	Acceptable bool     `json:"acceptable"`
}

// Closing is a month that was closed or reopened.
type Closing struct {
	Number     int       `json:"number"`
	Act        string    `json:"act"`
	Period     string    `json:"period"`
	AtSequence int64     `json:"at_sequence"`
	Totals     string    `json:"totals"`
	Previous   string    `json:"previous"`
	Hash       string    `json:"hash"`
	Preparer   string    `json:"preparer"`
	Approver   string    `json:"approver"`
	Approval   string    `json:"approval"`
	Reason     string    `json:"reason"`
	RecordedAt time.Time `json:"recorded_at"`
	// Sum is the SHA-256 of the document, which only the list of a month has.
	Sum      string          `json:"document_sha256"`
	Document json.RawMessage `json:"document,omitempty"`
}

// Reconcile holds a source against the ledger, now. It is not asked again if no answer came: look at the runs.
func (c *Client) Reconcile(ctx context.Context, book string, n NewReconciliation) (Reconciliation, error) {
	var r Reconciliation
	body, err := encode(n)
	if err == nil {
		_, err = c.do(ctx, call{method: http.MethodPost, path: under(book, "reconciliations"), body: body, once: true, slow: true}, &r)
	}
	return r, err
}

// Reconciliations lists runs, the latest first.
func (c *Client) Reconciliations(ctx context.Context, book string) iter.Seq2[Reconciliation, error] {
	return walk[Reconciliation](ctx, c, under(book, "reconciliations"), nil)
}

// GetReconciliation returns a run with its summary.
func (c *Client) GetReconciliation(ctx context.Context, book, id string) (Reconciliation, error) {
	var r Reconciliation
	err := c.get(ctx, under(book, "reconciliations", id), nil, &r)
	return r, err
}

// ReconciliationDocument writes a run as canonical JSON, whose SHA-256 is its digest. On an error w has got no whole document.
func (c *Client) ReconciliationDocument(ctx context.Context, book, id string, w io.Writer) error {
	_, err := c.download(ctx, under(book, "reconciliations", id, "document"), w)
	return err
}

// ReplayReconciliation makes a run again and compares.
func (c *Client) ReplayReconciliation(ctx context.Context, book, id string) (Replay, error) {
	var r Replay
	body, err := encode(struct{}{})
	if err == nil {
		_, err = c.do(ctx, call{method: http.MethodPost, path: under(book, "reconciliations", id, "replay"), body: body, slow: true}, &r)
	}
	return r, err
}

// Breaks lists breaks, those that were seen first first.
func (c *Client) Breaks(ctx context.Context, book string, q BreakQuery) iter.Seq2[Break, error] {
	query := url.Values{}
	if q.Open {
		query.Set("open", "true")
	}
	if q.MinAgeDays > 0 {
		query.Set("min_age_days", strconv.Itoa(q.MinAgeDays))
	}
	for name, value := range map[string]string{"state": q.State, "class": q.Class, "match": q.Match, "source": q.Source, "owner": q.Owner, "currency": q.Currency, "ref": q.Reference} {
		set(query, name, value)
	}
	return walk[Break](ctx, c, under(book, "breaks"), query)
}

// GetBreak returns a break with both its sides and its history.
func (c *Client) GetBreak(ctx context.Context, book, id string) (BreakDetail, error) {
	var d BreakDetail
	err := c.get(ctx, under(book, "breaks", id), nil, &d)
	return d, err
}

// BreakAgeing returns how old the open breaks are now.
func (c *Client) BreakAgeing(ctx context.Context, book string) (Ageing, error) {
	var a Ageing
	err := c.get(ctx, under(book, "breaks", "ageing"), nil, &a)
	return a, err
}

func (c *Client) onBreak(ctx context.Context, book, id, act string, in any) (Break, error) {
	var b Break
	err := c.postOnce(ctx, under(book, "breaks", id, act), in, &b)
	return b, err
}

// AssignBreak gives a break, as seen at a step, to a team or a person.
func (c *Client) AssignBreak(ctx context.Context, book, id string, step int64, owner string) (Break, error) {
	return c.onBreak(ctx, book, id, "assign", map[string]any{"step": step, "owner": owner})
}

// ExplainBreak says why a break is there, where that can be read, and when it should be gone.
func (c *Client) ExplainBreak(ctx context.Context, book, id string, step int64, note, document string, clearBy time.Time) (Break, error) {
	in := map[string]any{"step": step, "note": note, "clear_by": clearBy}
	if document != "" {
		in["document"] = document
	}
	return c.onBreak(ctx, book, id, "explain", in)
}

// NoteBreak adds a remark to a break.
func (c *Client) NoteBreak(ctx context.Context, book, id string, step int64, note string) (Break, error) {
	return c.onBreak(ctx, book, id, "note", map[string]any{"step": step, "note": note})
}

// ReopenBreak opens a break again that is explained or has ended.
func (c *Client) ReopenBreak(ctx context.Context, book, id string, step int64, note string) (Break, error) {
	return c.onBreak(ctx, book, id, "reopen", map[string]any{"step": step, "note": note})
}

// Pairings lists pairings in a state: suggested, made, refused or void; suggested if it is empty.
func (c *Client) Pairings(ctx context.Context, book, state string) iter.Seq2[Pairing, error] {
	query := url.Values{}
	set(query, "state", state)
	return walk[Pairing](ctx, c, under(book, "pairings"), query)
}

// ConfirmPairing makes a suggested pairing. The note may be empty.
func (c *Client) ConfirmPairing(ctx context.Context, book, id, note string) (Pairing, error) {
	return c.decidePairing(ctx, book, id, "confirm", note)
}

// RefusePairing says that a suggested pairing is none. It needs a note.
func (c *Client) RefusePairing(ctx context.Context, book, id, note string) (Pairing, error) {
	return c.decidePairing(ctx, book, id, "refuse", note)
}

func (c *Client) decidePairing(ctx context.Context, book, id, act, note string) (Pairing, error) {
	var p Pairing
	in := map[string]string{}
	if note != "" {
		in["note"] = note
	}
	err := c.postOnce(ctx, under(book, "pairings", id, act), in, &p)
	return p, err
}

// ReconciliationRulesVersions lists the versions of the rules, the newest first.
func (c *Client) ReconciliationRulesVersions(ctx context.Context, book string) iter.Seq2[ReconciliationRules, error] {
	return walk[ReconciliationRules](ctx, c, under(book, "reconciliation-rules"), nil)
}

// PeriodChecklist returns what stands between a month, such as 2026-11, and its close.
func (c *Client) PeriodChecklist(ctx context.Context, book, month string) (Checklist, error) {
	var l Checklist
	err := c.get(ctx, under(book, "periods", month, "checklist"), nil, &l)
	return l, err
}

// PeriodClosings lists how a month was closed and reopened, the oldest first.
func (c *Client) PeriodClosings(ctx context.Context, book, month string) iter.Seq2[Closing, error] {
	return walk[Closing](ctx, c, under(book, "periods", month, "closings"), nil)
}

// Closings lists a book's chain of closings, the oldest first, without documents.
func (c *Client) Closings(ctx context.Context, book string) iter.Seq2[Closing, error] {
	return walk[Closing](ctx, c, under(book, "closings"), nil)
}
