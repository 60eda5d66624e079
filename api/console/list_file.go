package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/api/traffic"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// A list file is a list of a page as CSV, whole and not only the part that the page shows. Its rows are those of the operation of the API
// that lists the same, narrowed as the page is: it is called here with the visitor's own session, page after page, so that a file holds
// nothing that the visitor could not read otherwise. Unlike an export of a report it has no place in the book: it tells how things stand while it
// is made.

// ListColumn is a column of a list as a file: what it is called and holds, and where it stands in a row.
type ListColumn struct {
	tabular.Column
	// At are the names of the fields that lead to it.
	At []string
	// Whole says that the value has parts of its own, and is written as JSON.
	Whole bool
}

const (
	// listPage is how many rows of a list are read at once whose rows hold documents of any length.
	listPage = 200
	// listsAtOnce is how many list files are made at once.
	listsAtOnce = 16
	// cellLimit bounds the JSON of one cell, in bytes; a spreadsheet takes no more.
	cellLimit = 32_767
	// fileParam is the name in a page's address that asks for one of its lists as a file.
	fileParam = "csv"
)

// pageList is a list on a page.
type pageList struct {
	// ID names the operation that lists it, one of those that the page names.
	ID string
	// Word is the key of the heading that it stands under; empty for the page's own title.
	Word string
	// Query are the fixed parameters of the call, as pairs, which tell lists of one operation apart.
	Query []string
}

// pageOf is how many rows of a list are read at once: as many as the operation gives, unless a row may be long.
func (op Operation) pageOf() int {
	if slices.ContainsFunc(op.Columns, func(c ListColumn) bool { return c.Whole }) {
		return min(op.MostRows, listPage)
	}
	return op.MostRows
}

// isAsked reports whether an address asks for the list.
func (l pageList) isAsked(q url.Values) bool {
	for i := 0; i+1 < len(l.Query); i += 2 {
		if q.Get(l.Query[i]) != l.Query[i+1] {
			return false
		}
	}
	return q.Get(fileParam) == l.ID
}

// pageLists are the lists that pages hand out as files.
var pageLists = map[string][]pageList{
	"transaction": {{ID: "list-transaction-evidence", Word: "trace.evidence"}}, "evidence-line": {{ID: "list-line-entries", Word: "trace.entries"}},
	"approvals": {{ID: "list-approvals"}}, "audit": {{ID: "list-audit"}}, "people": {{ID: "list-people"}}, "keys": {{ID: "list-keys"}},
	"jobs": {{ID: "list-jobs", Word: "jobs.stand"}, {ID: "list-job-periods", Word: "jobs.history"}}, "job": {{ID: "list-job-attempts", Word: "jobs.runs"}},
	"payout-health": {{ID: "list-payout-clocks", Word: "paying.parked", Query: parkedClocks}, {ID: "list-payout-clocks", Word: "paying.gated", Query: gatedClocks}}, "payout-runs": {{ID: "list-payout-runs"}}, "payout-run": {{ID: "list-payout-decisions", Word: "runs.decisions"}},
	"payouts": {{ID: "list-payouts"}}, "payees": {{ID: "list-payees"}, {ID: "list-standings", Word: "payees.standing"}},
	"payee":           {{ID: "list-payee-payouts", Word: "payees.payouts"}, {ID: "list-payee-payout-decisions", Word: "payees.decisions"}, {ID: "list-payee-holds", Word: "payees.holds"}},
	"payee-decisions": {{ID: "list-payee-payout-decisions"}}, "payout-waits": {{ID: "list-payee-waits"}},
	"payout-policies": {{ID: "list-payout-policies"}, {ID: "list-book-payout-overrides", Word: "paying.exceptions"}}, "payout-debts": {{ID: "list-payout-debts"}},
	"treasury-proposals": {{ID: "list-treasury-proposals"}},
	"bank-files":         {{ID: "list-bank-files", Word: "bank.files"}, {ID: "list-bank-reports", Word: "bank.reported"}}, "bank-file": {{ID: "list-bank-payments"}}, "bank-report": {{ID: "list-bank-report-items"}},
	"recon": {{ID: "list-evidence-sources", Word: "recon.sources"}}, "recon-runs": {{ID: "list-reconciliations"}},
	"recon-source": {{ID: "list-evidence-lines"}, {ID: "list-statements", Word: "recon.statements"}, {ID: "list-receipts", Word: "recon.taken"}},
	"breaks":       {{ID: "list-breaks"}}, "pairings": {{ID: "list-pairings"}},
	"periods": {{ID: "list-periods", Word: "close.months"}, {ID: "list-chain-of-closings", Word: "close.chain"}}, "period": {{ID: "list-closings", Word: "close.of_month"}},
	"exports": {{ID: "list-exports"}}, "questions": {{ID: "list-questions"}}, "rules": {{ID: "list-rule-sets"}},
	"imports": {{ID: "list-imports"}}, "import": {{ID: "list-import-rows"}}, "inbound": {{ID: "list-inbound"}}, "campaigns": {{ID: "list-campaigns"}},
}

type apiKey struct{}

// WithAPI lets the pages that are asked for within ctx hand out lists as files, which they read from the service's own handler.
func WithAPI(ctx context.Context, service http.Handler) context.Context {
	return context.WithValue(ctx, apiKey{}, service)
}

// listOperation is the operation behind a list of a page; ok is false if there is none, or the visitor may not call it.
func (c *console) listOperation(l pageList, r *http.Request) (op Operation, ok bool) {
	code, p := r.PathValue("book"), visitOf(r.Context()).principal()
	op, ok = c.operation(l.ID, code != "")
	return op, ok && len(op.Columns) > 0 && r.Context().Value(apiKey{}) != nil && mayAll(p, code, op.Needs...)
}

// listsOf lead to the lists of a page as files.
func (c *console) listsOf(name, title string, r *http.Request) (links []link) {
	for _, l := range pageLists[name] {
		if _, ok := c.listOperation(l, r); !ok {
			continue
		}
		q := r.URL.Query()
		for _, place := range []string{"after", "cursor", "limit", fileParam} {
			q.Del(place)
		}
		q.Set(fileParam, l.ID)
		for i := 0; i+1 < len(l.Query); i += 2 {
			q.Set(l.Query[i], l.Query[i+1])
		}
		if l.Word != "" {
			title = tellerOf(r.Context()).say(l.Word)
		}
		links = append(links, link{title + " (CSV)", address(r.URL.EscapedPath(), q)})
	}
	return links
}

// asksForList is which list a page is asked for as a file; empty if it is asked for as a page.
func asksForList(name string, r *http.Request) string {
	if pageLists[name] == nil {
		return ""
	}
	return r.URL.Query().Get(fileParam)
}

// listFile hands out a list of a page that the visitor sees.
func (c *console) listFile(w http.ResponseWriter, r *http.Request, name, id string) error {
	l := slices.IndexFunc(pageLists[name], func(l pageList) bool { return l.isAsked(r.URL.Query()) })
	if l < 0 {
		return errQuery
	}
	call := slices.IndexFunc(pageCalls[name], func(p pageCall) bool { return p.ID == id && slices.Equal(p.Query, pageLists[name][l].Query) })
	if call < 0 {
		return errQuery
	}
	op, ok := c.listOperation(pageLists[name][l], r)
	if !ok {
		return errNoPage
	}
	ctx, cancel := context.WithTimeout(r.Context(), fileTime)
	defer cancel()
	select {
	case c.listing <- struct{}{}:
		defer func() { <-c.listing }()
	default: // whoever waits for readers that may take their time is better told so
		return traffic.ErrBusy
	}
	path, query := whereOf(op, pageCalls[name][call], name, r)
	if slices.Contains(op.Params, "limit") {
		query.Set("limit", strconv.Itoa(op.pageOf()))
	}
	first, err := c.readList(ctx, r, path, query)
	if err != nil {
		return err
	}
	h := tabular.Header{Report: strings.TrimPrefix(id, "list-"), Schema: 1, Book: cmp.Or(r.PathValue("book"), "installation")}
	for _, column := range op.Columns {
		h.Columns = append(h.Columns, column.Column)
	}
	if r.Method == http.MethodHead { // which hands nothing out
		w.Header().Set("Content-Type", tabular.CSV.MediaType())
		return nil
	}
	c.attach(ctx, w, r, tabular.CSV.MediaType(), h.FileName(tabular.CSV), func(to io.Writer) error {
		if err := c.listTaken(ctx, r, id, path, query); err != nil {
			return err
		}
		return c.writeList(ctx, r, to, h, op.Columns, first, path, query)
	})
	return nil
}

// listTaken records that somebody takes a list elsewhere.
func (c *console) listTaken(ctx context.Context, r *http.Request, id, path string, query url.Values) error {
	d := guard.Deed{Actor: visitOf(ctx).actor(), Act: "list.exported", Object: "list:" + strings.TrimPrefix(id, "list-")}
	if code := r.PathValue("book"); code != "" {
		book, err := c.Ledger.Book(ctx, code)
		if err != nil {
			return err
		}
		d.Book = guard.Book{ID: int32(book.ID), Code: book.Code}
	}
	narrowed := maps.Clone(query)
	delete(narrowed, "limit")
	var err error
	if d.After, err = json.Marshal(map[string]string{"call": address(path, narrowed)}); err != nil {
		return err
	}
	_, err = c.Trail.Record(ctx, d)
	return err
}

// listAnswer is a page of a list as the API answers with it.
type listAnswer struct {
	Data       []json.RawMessage `json:"data"`
	NextCursor *string           `json:"next_cursor"`
}

// heard is an answer that is kept instead of sent.
type heard struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (h *heard) Header() http.Header { return h.header }

// WriteHeader implements http.ResponseWriter.
func (h *heard) WriteHeader(status int) { h.status = cmp.Or(h.status, status) }

// Write implements http.ResponseWriter.
func (h *heard) Write(b []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(b)
}

// readList calls the API as the visitor. What is not the visitor's is missing.
func (c *console) readList(ctx context.Context, r *http.Request, path string, query url.Values) (page listAnswer, err error) {
	service, ok := r.Context().Value(apiKey{}).(http.Handler)
	if !ok {
		return page, errNoPage
	}
	call, err := http.NewRequestWithContext(ctx, http.MethodGet, address(path, query), nil)
	if err != nil {
		return page, err
	}
	call.RequestURI, call.Host, call.RemoteAddr = call.URL.RequestURI(), r.Host, r.RemoteAddr
	call.Header["Cookie"], call.Header["Accept"] = r.Header["Cookie"], []string{"application/json"}
	if id := visitOf(ctx).request; id != "" {
		call.Header.Set("X-Request-Id", id)
	}
	got := &heard{header: http.Header{}}
	service.ServeHTTP(got, call)
	switch got.status {
	case http.StatusOK:
		return page, json.Unmarshal(got.body.Bytes(), &page)
	case http.StatusForbidden, http.StatusNotFound, http.StatusUnauthorized:
		return page, errNoPage
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return page, errQuery
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return page, traffic.ErrBusy
	}
	return page, fmt.Errorf("console: a list is answered with %d", got.status)
}

// writeList writes the pages of a list, beginning with the one that was read. It ends: each page begins after the one before, and what a list
// gains meanwhile is less than is read.
func (c *console) writeList(ctx context.Context, r *http.Request, to io.Writer, h tabular.Header, columns []ListColumn, page listAnswer, path string, query url.Values) error {
	file, err := tabular.NewWriter(to, tabular.CSV, h)
	if err != nil {
		return err
	}
	defer file.Abandon()
	for {
		for _, raw := range page.Data {
			row, err := listRow(columns, raw)
			if err == nil {
				err = file.Write(row)
			}
			if err != nil {
				return err
			}
		}
		if page.NextCursor == nil {
			_, err = file.Close()
			return err
		}
		if query.Get("cursor") == *page.NextCursor {
			return errors.New("console: a list does not go on")
		}
		query.Set("cursor", *page.NextCursor)
		if page, err = c.readList(ctx, r, path, query); err != nil {
			return err
		}
	}
}

// listRow is a row of a list as a row of its file.
func listRow(columns []ListColumn, raw json.RawMessage) (tabular.Row, error) {
	parts := map[string]map[string]json.RawMessage{}
	var part func(at []string) map[string]json.RawMessage
	part = func(at []string) map[string]json.RawMessage {
		name := strings.Join(at, ".")
		fields, known := parts[name]
		if known {
			return fields
		}
		whole := raw
		if last := len(at) - 1; last >= 0 {
			whole = part(at[:last])[at[last]]
		}
		_ = json.Unmarshal(whole, &fields) // what is absent or null has no fields
		parts[name] = fields
		return fields
	}
	texts := map[string]string{} // by column, of which some are currencies
	row := make(tabular.Row, len(columns))
	for i, column := range columns {
		last := len(column.At) - 1
		raw := part(column.At[:last])[column.At[last]]
		if column.Kind != tabular.KindText || column.Whole {
			continue
		}
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw) // a number that is no whole one
		}
		texts[column.Name], row[i] = text, tabular.Text(text)
	}
	for i, column := range columns {
		if column.Kind == tabular.KindText && !column.Whole {
			continue
		}
		last := len(column.At) - 1
		value, err := listCell(column, part(column.At[:last])[column.At[last]], money.Currency(texts[column.Currency]))
		if err != nil {
			return nil, fmt.Errorf("console: the column %s of a list: %w", column.Name, err)
		}
		row[i] = value
	}
	return row, nil
}

// listCell is a value of a list as a cell.
func listCell(column ListColumn, raw json.RawMessage, c money.Currency) (tabular.Value, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return tabular.Empty(), nil
	}
	if column.Whole {
		var b bytes.Buffer
		if err := json.Compact(&b, raw); err != nil {
			return tabular.Value{}, err
		}
		if b.Len() > cellLimit {
			return tabular.Text(fmt.Sprintf(`{"left_out_bytes":%d}`, b.Len())), nil
		}
		return tabular.Text(b.String()), nil
	}
	switch column.Kind {
	case tabular.KindNumber:
		n, err := strconv.ParseInt(string(raw), 10, 64)
		return tabular.Int(n), err
	case tabular.KindBool:
		yes, err := strconv.ParseBool(string(raw))
		return tabular.Yes(yes), err
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil || text == "" {
		return tabular.Empty(), err
	}
	switch column.Kind {
	case tabular.KindTime:
		at, err := time.Parse(time.RFC3339, text)
		return tabular.At(at), err
	case tabular.KindDate:
		day, err := time.Parse(time.DateOnly, text)
		return tabular.Day(day), err
	default:
		return tabular.ParseMoney(text, c)
	}
}
