package api

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"mizan/api/access"
	"mizan/ledger/fault"
	"mizan/payouts/reconcile"
)

// The lines of a source, the statements they came in, and the receipts with the bytes as they came.

// EvidenceLineJSON is a line of a source. Gross less fee is net, which is what the balance moved by.
type EvidenceLineJSON struct {
	Number      int64   `json:"number" doc:"Counts the lines of the source in the order in which we learnt of them" example:"17"`
	Receipt     int64   `json:"receipt,omitempty" doc:"Where it was first said" example:"2"`
	LineID      string  `json:"line_id" doc:"The source's own id of it" example:"txn_1"`
	Key         string  `json:"key" doc:"What the ledger would know it by" example:"ch_1"`
	Currency    string  `json:"currency" example:"GBP"`
	Gross       string  `json:"gross" example:"30.00"`
	Fee         string  `json:"fee" example:"0.65"`
	Net         string  `json:"net" example:"29.35"`
	Category    string  `json:"category" example:"charge"`
	Type        string  `json:"type" example:"charge"`
	SourceRef   string  `json:"source_ref" doc:"What moved the money at the processor, or what a bank's line names end to end" example:"ch_1"`
	Batch       string  `json:"batch"`
	Trace       string  `json:"trace"`
	Note        string  `json:"note" doc:"What the source says of it, which may name people: only where one line is read; empty in lists"`
	Rate        string  `json:"rate" doc:"The rate of exchange, where one was applied"`
	MovedAt     string  `json:"moved_at" format:"date-time" doc:"When it moved. A bank says a day and no hour: then it is the instant at which that day begins in the time zone of the book"`
	Day         string  `json:"day" format:"date" doc:"The day in the time zone of the book on which it moved; of a bank's line the day that the bank wrote" example:"2026-11-05"`
	AvailableAt *string `json:"available_at,omitempty" format:"date-time" doc:"When the money is available; of a bank's line its value date"`
	Status      string  `json:"status,omitempty"`
}

// EvidenceLineDetailJSON is a line with all that is known of it.
type EvidenceLineDetailJSON struct {
	Line    EvidenceLineJSON     `json:"line"`
	Raw     json.RawMessage      `json:"raw,omitempty" doc:"What a processor wrote of it when it was new; absent for a bank's line, which is in its file"`
	Changes []EvidenceChangeJSON `json:"changes" nullable:"false" doc:"What was said differently later, the oldest first"`
}

// StatementJSON is one statement of a file.
type StatementJSON struct {
	Receipt  int64   `json:"receipt" example:"1"`
	Ordinal  int     `json:"ordinal" doc:"Its place in the file" example:"1"`
	ID       string  `json:"id" doc:"The bank's id of it"`
	Sequence string  `json:"sequence" doc:"The bank's number of it"`
	Currency string  `json:"currency" example:"GBP"`
	From     *string `json:"from" format:"date" doc:"Its first day; null if it does not say"`
	Until    *string `json:"until" format:"date" doc:"Its last day"`
	Opening  string  `json:"opening" example:"100.00"`
	Closing  string  `json:"closing" example:"130.00"`
	Lines    int64   `json:"lines" example:"3"`
	Proved   bool    `json:"proved" doc:"It states balances, and its lines come to them"`
}

type receiptListJSON struct {
	Data       []ReceiptJSON `json:"data" nullable:"false" doc:"The latest first"`
	NextCursor *string       `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

type evidenceLineListJSON struct {
	Data       []EvidenceLineJSON `json:"data" nullable:"false" doc:"In the order of their numbers or, for days, in that in which they moved"`
	NextCursor *string            `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last"`
}

type statementListJSON struct {
	Data       []StatementJSON `json:"data" nullable:"false" doc:"In the order in which they came"`
	NextCursor *string         `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

type evidenceLineQuery struct {
	Key     string `json:"key,omitempty" maxLength:"255" doc:"Only lines that the ledger would know by this" example:"ch_1"`
	LineID  string `json:"line_id,omitempty" maxLength:"255" doc:"The line of this id" example:"txn_1"`
	Receipt int64  `json:"receipt,omitempty" minimum:"1" doc:"Only lines that were first said in this receipt" example:"2"`
	From    string `json:"from,omitempty" format:"date-time" doc:"Only lines that moved then or later" example:"2026-11-01T00:00:00Z"`
	Until   string `json:"until,omitempty" format:"date-time" doc:"Only lines that moved before" example:"2026-12-01T00:00:00Z"`
	Limit   int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor  string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

type bankStatementQuery struct {
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
	Order  string `json:"order,omitempty" enum:"asc,desc" default:"asc" doc:"asc: the first that came first; desc: the last"`
}

func evidenceLineOperations() []Operation {
	unknown := []*fault.Error{reconcile.ErrSourceUnknown, ErrNotReady}
	paged := append([]*fault.Error{ErrCursor}, unknown...)
	receipt := append([]*fault.Error{reconcile.ErrReceiptUnknown}, unknown...)
	list := []Operation{
		{
			Method: http.MethodGet, Path: evidencePath + "/receipts", ID: "list-receipts", Summary: "List what was taken of a source", Scope: access.ReconciliationRead, Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of receipts.", Body: reflect.TypeFor[receiptListJSON]()}}, Errors: paged, handle: listReceipts,
		},
		{
			Method: http.MethodGet, Path: evidencePath + "/receipts/{number}", ID: "get-receipt", Summary: "Read one receipt", Scope: access.ReconciliationRead,
			Answers: []Answer{{Status: 200, Meaning: "The receipt.", Body: reflect.TypeFor[ReceiptJSON]()}}, Errors: receipt, handle: getReceipt,
		},
		{
			Method: http.MethodGet, Path: evidencePath + "/receipts/{number}/content", ID: "get-receipt-content", Summary: "Fetch the bytes of a receipt as they came",
			Description: "Repr-Digest is their SHA-256. They may name people: the look leaves a row in the audit trail.", Scope: access.ReconciliationRead,
			Answers: []Answer{{Status: 200, Meaning: "The bytes.", Media: fileBytes}}, Errors: receipt, handle: getReceiptContent,
		},
		{
			Method: http.MethodGet, Path: evidencePath + "/lines", ID: "list-evidence-lines", Summary: "List lines of a source",
			Description: "By key, by id, by receipt or by the days on which they moved; one of these at a time. What the source says of a line in words is told only where one line is read.", Scope: access.ReconciliationRead, Query: reflect.TypeFor[evidenceLineQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of lines.", Body: reflect.TypeFor[evidenceLineListJSON]()}}, Errors: append([]*fault.Error{reconcile.ErrReceiptUnknown}, paged...), handle: listEvidenceLines,
		},
		{
			Method: http.MethodGet, Path: evidencePath + "/lines/{number}", ID: "get-evidence-line", Summary: "Read one line and what was said of it later",
			Description: "Its words may name people: the look leaves a row in the audit trail.", Scope: access.ReconciliationRead,
			Answers: []Answer{{Status: 200, Meaning: "The line.", Body: reflect.TypeFor[EvidenceLineDetailJSON]()}}, Errors: append([]*fault.Error{reconcile.ErrLineUnknown}, unknown...), handle: getEvidenceLine,
		},
		{
			Method: http.MethodGet, Path: evidencePath + "/statements", ID: "list-statements", Summary: "List a bank's statements", Scope: access.ReconciliationRead, Query: reflect.TypeFor[bankStatementQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of statements.", Body: reflect.TypeFor[statementListJSON]()}}, Errors: paged, handle: listStatements,
		},
	}
	for i := range list {
		list[i].Group = "Evidence"
	}
	return list
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// reprDigest is a SHA-256 as the header of RFC 9530 has it.
func reprDigest(sum []byte) string {
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":"
}

func listReceipts(c *call) (reply, error) {
	s, source, err := c.evidenceSource()
	if err != nil {
		return reply{}, err
	}
	limit, before := c.query.limit(), c.afterNumber()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := oneMore(limit, func(limit int) ([]reconcile.Receipt, error) { return s.Receipts(c.ctx, c.book, source, before, limit) })
	if err != nil {
		return reply{}, err
	}
	out := receiptListJSON{Data: make([]ReceiptJSON, len(list))}
	for i, r := range list {
		out.Data[i] = receiptOf(r)
	}
	if more {
		next := c.nextCursor(strconv.FormatInt(list[len(list)-1].Number, 10))
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

// receipt returns reconciliation, and the source and the receipt of the path.
func (c *call) receipt() (s *reconcile.Service, source reconcile.Source, r reconcile.Receipt, err error) {
	if s, source, err = c.evidenceSource(); err != nil {
		return s, source, r, err
	}
	number, err := c.numberOf(reconcile.ErrReceiptUnknown)
	if err == nil {
		r, err = s.Receipt(c.ctx, c.book, source, number)
	}
	return s, source, r, err
}

func getReceipt(c *call) (reply, error) {
	_, _, r, err := c.receipt()
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, receiptOf(r))
}

// looked leaves a row in the trail that somebody reads evidence as it came, before it leaves. Who asks for the headers only reads nothing.
func (c *call) looked(s *reconcile.Service, source reconcile.Source, what string, number int64) error {
	if c.r.Method == http.MethodHead {
		return nil
	}
	return s.Looked(c.ctx, c.actor(), c.book, source, what, number)
}

func getReceiptContent(c *call) (reply, error) {
	s, source, r, err := c.receipt()
	if err != nil {
		return reply{}, err
	}
	name := string(source.Kind) + "-" + strconv.FormatInt(r.Number, 10) + ".txt" // nothing of what others chose stands in it
	return c.stream(fileBytes, map[string]string{
		"Content-Disposition": `attachment; filename="` + name + `"`, "Repr-Digest": reprDigest(r.SHA256), "Content-Length": strconv.FormatInt(r.Bytes, 10),
	}, func(to *bufio.Writer) error {
		if err := c.looked(s, source, "receipts", r.Number); err != nil {
			return err
		}
		return s.Content(c.ctx, c.book, source, r.Number, to)
	})
}

// evidenceLineOf is a line as lists show it: without what the source says of it in words.
func (c *call) evidenceLineOf(x reconcile.External) EvidenceLineJSON {
	return EvidenceLineJSON{Number: x.Number, LineID: x.ID, Key: x.Key, Currency: string(x.Currency), Gross: x.Gross.Format(x.Currency), Fee: x.Fee.Format(x.Currency), Net: x.Net.Format(x.Currency),
		Category: x.Category, Type: x.Type, SourceRef: x.SourceRef, Batch: x.Batch, Trace: x.Trace, Rate: x.Rate, MovedAt: x.MovedAt.UTC().Format(instantFormat),
		Day: reconcile.Day(c.book, x.MovedAt)}
}

func (c *call) keptLineOf(l reconcile.Line) EvidenceLineJSON {
	out := c.evidenceLineOf(l.External)
	out.Receipt, out.AvailableAt, out.Status = l.Receipt, optionalInstant(l.AvailableAt), l.Status
	return out
}

// lineQuery reads which lines are wanted.
func (c *call) lineQuery(limit int) reconcile.LineQuery {
	q := reconcile.LineQuery{Key: c.query.text("key"), LineID: c.query.text("line_id"), Receipt: c.query.integer("receipt", 1, 1<<62, 0),
		From: c.query.moment("from", time.Time{}), Until: c.query.moment("until", time.Time{}), Limit: limit}
	given := 0
	for name, is := range map[string]bool{"key": q.Key != "", "line_id": q.LineID != "", "receipt": q.Receipt != 0, "from": !q.From.IsZero() || !q.Until.IsZero()} {
		if is {
			given++
		}
		if given > 1 {
			c.query.invalid(name, "exclusive", "Ask by key, by id, by receipt or by days; one of these at a time.")
			return q
		}
	}
	if at := c.position(2); at != nil {
		number, err := strconv.ParseInt(at[0], 10, 64)
		micros, err2 := strconv.ParseInt(at[1], 10, 64)
		if err != nil || err2 != nil {
			c.query.fail(ErrCursor)
		}
		q.After, q.AfterMoved = number, time.UnixMicro(micros).UTC()
	}
	return q
}

func listEvidenceLines(c *call) (reply, error) {
	s, source, err := c.evidenceSource()
	if err != nil {
		return reply{}, err
	}
	limit := c.query.limit()
	q := c.lineQuery(limit)
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := oneMore(limit, func(limit int) ([]reconcile.Line, error) {
		q.Limit = limit
		return s.Lines(c.ctx, c.book, source, q)
	})
	if err != nil {
		return reply{}, err
	}
	out := evidenceLineListJSON{Data: make([]EvidenceLineJSON, len(list))}
	for i, l := range list {
		out.Data[i] = c.keptLineOf(l)
	}
	if more {
		last := list[len(list)-1]
		next := c.nextCursor(strconv.FormatInt(last.Number, 10), strconv.FormatInt(last.MovedAt.UnixMicro(), 10))
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

func getEvidenceLine(c *call) (reply, error) {
	s, source, err := c.evidenceSource()
	if err != nil {
		return reply{}, err
	}
	number, err := c.numberOf(reconcile.ErrLineUnknown)
	if err != nil {
		return reply{}, err
	}
	d, err := s.Line(c.ctx, c.book, source, number)
	if err == nil {
		err = c.looked(s, source, "lines", number)
	}
	if err != nil {
		return reply{}, err
	}
	line := c.keptLineOf(d.Line)
	line.Note = d.Note
	return document(http.StatusOK, EvidenceLineDetailJSON{Line: line, Raw: json.RawMessage(d.Raw), Changes: evidenceChangesOf(d.Changes)})
}

func listStatements(c *call) (reply, error) {
	s, source, err := c.evidenceSource()
	if err != nil {
		return reply{}, err
	}
	limit, receipt, ordinal := c.query.limit(), int64(0), 0
	if at := c.position(2); at != nil {
		var err2 error
		receipt, err = strconv.ParseInt(at[0], 10, 64)
		if ordinal, err2 = strconv.Atoi(at[1]); err != nil || err2 != nil {
			return reply{}, ErrCursor
		}
	}
	read := s.Statements
	if c.query.descending() {
		read = s.LatestStatements
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := oneMore(limit, func(limit int) ([]reconcile.StatementRecord, error) {
		return read(c.ctx, c.book, source, receipt, ordinal, limit)
	})
	if err != nil {
		return reply{}, err
	}
	out := statementListJSON{Data: make([]StatementJSON, len(list))}
	for i, x := range list {
		out.Data[i] = StatementJSON{Receipt: x.Receipt, Ordinal: x.Ordinal, ID: x.ID, Sequence: x.Sequence, Currency: string(x.Currency), From: dateOf(x.From), Until: dateOf(x.Until),
			Opening: x.Opening.Format(x.Currency), Closing: x.Closing.Format(x.Currency), Lines: x.Lines, Proved: x.Proved}
	}
	if more {
		last := list[len(list)-1]
		next := c.nextCursor(strconv.FormatInt(last.Receipt, 10), strconv.Itoa(last.Ordinal))
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}
