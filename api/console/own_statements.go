package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/api/console/pdf"
	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts/statements"
)

// The statements of a payee: the months that were issued and the current one so far, by currency, and their files.

const (
	statementsAt = "/portal/statements"
	downloadsAt  = "/portal/downloads"
	// statementsPerPage is how many months a page lists.
	statementsPerPage = 24
)

type ownStatementsPage struct {
	Payee, Of string
	// Here is the page's own address, View and File where the form for any days leads to.
	Here, View, File string
	Payees           []wayTo
	Currencies       []ownStatements
	// From and To are the days in the form, and Today the last that can be asked for.
	From, To, Today string
	Choices         []choice
	Formats         []choice
	First, Next     string
	PDF             bool
}

// ownStatements are those in one currency.
type ownStatements struct {
	Currency string
	// Now is the month so far; nil on later pages. Unmade says why there is none.
	Now    *ownStatementCard
	Unmade string
	Issued []ownStatementCard
}

// ownStatementCard is a statement in a list.
type ownStatementCard struct {
	Title, Link, Heading, Span string
	Figures                    []ownFigure
	Opening, Closing, Lines    string
	Files                      []ownFile
	SHA256                     string
}

// ownFile is a file that a statement can be had as; Size is empty where it is not known before it is made.
type ownFile struct{ Name, Address, Size string }

// statementPages are the pages of payees about their statements.
func (c *console) statementPages(mux *http.ServeMux) {
	mux.HandleFunc("GET "+statementsAt, c.page("portal-statements", c.ownStatements))
	mux.HandleFunc("GET "+downloadsAt, c.page("portal-downloads", c.ownDownloads))
	mux.HandleFunc("GET "+statementsAt+"/month", c.ownMonth)
	for _, at := range []string{statementsAt + "/days", statementsAt + "/{statement}", "/portal/payouts/{payout}/statement"} {
		mux.HandleFunc("GET "+at, c.statementPage("portal-statements", c.ownStatement))
		mux.HandleFunc("GET "+at+"/print", c.statementPage("portal-statements", c.ownStatementPrint))
		mux.HandleFunc("GET "+at+"/file", c.ownStatementFile)
	}
}

// statementPage is page for a statement. Days that are no range lead back to the form, which says what is wrong.
func (c *console) statementPage(form string, read func(context.Context, *http.Request) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
		defer cancel()
		a, err := read(ctx, r)
		if err != nil {
			c.failDays(w, r, form, err)
			return
		}
		c.render(w, r, cmp.Or(a.Status, http.StatusOK), "portal-statement", a)
	}
}

// failDays says on the page of a form that its days are no range, and fails as pages do for everything else.
func (c *console) failDays(w http.ResponseWriter, r *http.Request, form string, err error) {
	if !errors.Is(err, statements.ErrRange) && !errors.Is(err, ledger.ErrAccountNotOpened) {
		c.fail(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	a, failed := c.listedStatements(ctx, r, form == "portal-downloads")
	if failed != nil {
		c.fail(w, r, failed)
		return
	}
	t := tellerOf(ctx)
	key := "statements.range"
	if errors.Is(err, ledger.ErrAccountNotOpened) {
		key = "statements.no_money"
	}
	a.Notice, a.Status = &notice{Heading: t.say("problem.cannot_show"), Message: t.say(key)}, http.StatusBadRequest
	c.render(w, r, a.Status, form, a)
}

func (c *console) ownStatements(ctx context.Context, r *http.Request) (answer, error) {
	return c.listedStatements(ctx, r, false)
}

func (c *console) ownDownloads(ctx context.Context, r *http.Request) (answer, error) {
	return c.listedStatements(ctx, r, true)
}

// listedStatements are the statements of a payee, to be read or to be downloaded.
func (c *console) listedStatements(ctx context.Context, r *http.Request, downloads bool) (answer, error) {
	o, who, at, err := c.orderOwner(ctx, r)
	if err != nil {
		return answer{}, err
	}
	t, q := tellerOf(ctx), r.URL.Query()
	p := &ownStatementsPage{Payee: who.ID, Of: at.Get("payee"), Here: statementsAt, View: statementsAt + "/days", File: statementsAt + "/days/file", PDF: c.Printer != nil}
	out := answer{Title: t.say("statements.title"), Active: "statements", Data: p, Sheet: statementSheetPath}
	if downloads {
		p.Here, out.Title, out.Active = downloadsAt, t.say("downloads.title"), "downloads"
	}
	query := statements.Query{Payee: who.ID, Limit: statementsPerPage}
	if after := q.Get("after"); after != "" {
		currency, number, _ := strings.Cut(after, ",")
		query.AfterCurrency = money.Currency(currency)
		if query.AfterNumber, err = positive(number); err != nil || query.AfterNumber == 0 || !o.book.Uses(query.AfterCurrency) {
			return answer{}, errQuery
		}
		p.First = address(p.Here, at)
	}
	list, err := c.Statements.Statements(ctx, o.book, query)
	if err != nil {
		return answer{}, err
	}
	if len(list) > statementsPerPage {
		list = list[:statementsPerPage]
		last := list[len(list)-1]
		p.Next = narrowedTo(p.Here, "payee", p.Of, "after", string(last.Currency)+","+strconv.FormatInt(last.Number, 10))
	}
	if p.First == "" {
		if err := c.monthsSoFar(ctx, o, t, p, at); err != nil {
			return answer{}, err
		}
	}
	for _, st := range list {
		into := p.in(st.Currency)
		into.Issued = append(into.Issued, c.card(t, o, st, at))
	}
	c.formOf(p, o, q)
	if whose := o.principal().Payees; len(whose) > 1 {
		for _, id := range whose[:min(len(whose), minorsShown+1)] {
			p.Payees = append(p.Payees, wayTo{id, narrowedTo(p.Here, "payee", id), id == p.Payee})
		}
	}
	return out, nil
}

// in are the statements of a currency on the page.
func (p *ownStatementsPage) in(currency money.Currency) *ownStatements {
	i := slices.IndexFunc(p.Currencies, func(s ownStatements) bool { return s.Currency == string(currency) })
	if i < 0 {
		i, p.Currencies = len(p.Currencies), append(p.Currencies, ownStatements{Currency: string(currency)})
	}
	return &p.Currencies[i]
}

// monthsSoFar are the current month in each currency, up to today.
func (c *console) monthsSoFar(ctx context.Context, o owner, t teller, p *ownStatementsPage, at url.Values) error {
	currencies, err := c.Statements.Currencies(ctx, o.book, p.Payee)
	if err != nil {
		return err
	}
	first, today := thisMonth(c.Now(), o.book)
	for _, currency := range currencies {
		st, err := c.Statements.Days(ctx, o.book, p.Payee, currency, first, today)
		switch {
		case errors.Is(err, ledger.ErrAccountNotOpened):
			continue
		case errors.Is(err, statements.ErrLarge): // what was issued can still be read
			p.in(currency).Unmade = t.problem(statements.ErrLarge)
			continue
		case err != nil:
			return err
		}
		card := c.card(t, o, st, at)
		p.in(currency).Now = &card
	}
	return nil
}

// card tells of a statement in a list.
func (c *console) card(t teller, o owner, st *statements.Statement, at url.Values) ownStatementCard {
	w := orderWords{t.Language, st.Currency, o.book.Location(), o.kind}
	path, query := statementsAt+"/"+url.PathEscape(st.ID), at
	if st.ID == "" {
		path, query = statementsAt+"/days", url.Values{"currency": {string(st.Currency)}, "from": {st.FirstDay}, "to": {st.LastDay}}
		if payee := at.Get("payee"); payee != "" {
			query.Set("payee", payee)
		}
	}
	card := ownStatementCard{Title: t.statementTitle(st), Link: address(path, query), Span: t.span(st), Figures: w.figures(st.Headlines()), Opening: w.amount(st.Opening()), Closing: w.amount(st.Closing()),
		Files: c.filesOf(t, st, path, query), SHA256: st.SHA256}
	if st.ID != "" {
		card.Heading, card.Lines = w.say("statement.number", "number", st.Number), w.say("statements.lines", "count", st.Lines)
	}
	return card
}

// filesOf are the files of a statement: the data form has a size that is known, tables are measured when somebody asks for them.
func (c *console) filesOf(t teller, st *statements.Statement, path string, query url.Values) (list []ownFile) {
	for _, format := range c.fileFormats() {
		q := url.Values{"format": {format}}
		for name, values := range query {
			q[name] = values
		}
		f := ownFile{Name: strings.ToUpper(format), Address: address(path+"/file", q)}
		if format == string(statements.JSON) && st.Bytes > 0 {
			f.Size = t.say("downloads.size", "size", t.Count((st.Bytes+999)/1000))
		}
		list = append(list, f)
	}
	return list
}

// fileFormats are the formats that pages offer.
func (c *console) fileFormats() []string {
	list := []string{string(tabular.CSV), string(tabular.XLSX), string(statements.JSON)}
	if c.Printer != nil {
		list = append(list, "pdf")
	}
	return list
}

// formOf fills in the form for any days: what was asked for before, else this month so far.
func (c *console) formOf(p *ownStatementsPage, o owner, q url.Values) {
	p.From, p.Today = thisMonth(c.Now(), o.book)
	p.To = p.Today
	if from, to := q.Get("from"), q.Get("to"); from != "" || to != "" {
		p.From, p.To = from, to
	}
	for _, currency := range o.book.Currencies {
		p.Choices = append(p.Choices, choice{string(currency), string(currency), string(currency) == q.Get("currency")})
	}
	for _, format := range c.fileFormats() {
		p.Formats = append(p.Formats, choice{format, strings.ToUpper(format), format == q.Get("format")})
	}
}

// ownMonth leads to the statement of a month: the issued one, or its days where none was issued.
func (c *console) ownMonth(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	to, err := c.monthAsked(ctx, r)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (c *console) monthAsked(ctx context.Context, r *http.Request) (to string, err error) {
	o, who, at, err := c.orderOwner(ctx, r)
	if err != nil {
		return "", err
	}
	q := r.URL.Query()
	currency := money.Currency(q.Get("currency"))
	month, err := time.Parse("2006-01", q.Get("month"))
	if err != nil || !o.book.Uses(currency) {
		return "", errQuery
	}
	list, err := c.Statements.Statements(ctx, o.book, statements.Query{Payee: who.ID, Currency: currency, Period: ledger.PeriodOf(month, time.UTC), Limit: 1})
	if err != nil {
		return "", err
	}
	if len(list) > 0 {
		return address(statementsAt+"/"+url.PathEscape(list[0].ID), at), nil
	}
	last := month.AddDate(0, 1, -1).Format(time.DateOnly)
	if _, today := thisMonth(c.Now(), o.book); last > today {
		last = today
	}
	return narrowedTo(statementsAt+"/days", "payee", at.Get("payee"), "currency", string(currency), "from", month.Format(time.DateOnly), "to", last), nil
}

// monthAddress leads from something of a payee to the statement of its month.
func monthAddress(payee string, currency money.Currency, at time.Time, zone *time.Location) string {
	if at.IsZero() || currency == "" {
		return ""
	}
	return narrowedTo(statementsAt+"/month", "payee", payee, "currency", string(currency), "month", at.In(zone).Format("2006-01"))
}

// ownStatementFile hands out a statement as a file. It is measured before it leaves, so that the reader knows how long it is and sees if it breaks off.
func (c *console) ownStatementFile(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), fileTime)
	defer cancel()
	asking, done := context.WithTimeout(ctx, pageTimeout)
	defer done()
	format := r.URL.Query().Get("format")
	a, err := c.askedStatement(asking, r)
	if err == nil && !slices.Contains(append(c.fileFormats(), "pdf"), format) {
		err = errQuery
	}
	if err == nil && format == "pdf" && c.Printer == nil {
		err = errNoPDF
	}
	if err != nil {
		c.failDays(w, r, "portal-downloads", err)
		return
	}
	var came statements.Came
	kind := tabular.Format(format).MediaType()
	switch format {
	case "pdf":
		kind = "application/pdf"
	case string(statements.JSON):
		kind = "application/json"
	}
	set := func(h http.Header) {
		h.Set("Content-Type", kind)
		h.Set("Content-Disposition", `attachment; filename="`+a.st.FileName(tabular.Format(format))+`"`)
		h.Set("Content-Length", strconv.FormatInt(came.Bytes, 10))
		if came.SHA256 != nil {
			h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(came.SHA256)+":")
		}
	}
	c.attachAs(ctx, w, r, set, func(to io.Writer) error {
		end, err := c.Statements.Begin(a.st)
		if err != nil {
			return err
		}
		defer end()
		if format == "pdf" {
			file, err := c.printed(ctx, r, &a)
			if err != nil {
				return err
			}
			came.Bytes = int64(len(file))
			_, err = io.Copy(to, bytes.NewReader(file))
			return err
		}
		if came, err = c.Statements.Measure(ctx, a.st, tabular.Format(format), tabular.Dialect{}); err != nil {
			return err
		}
		return c.Statements.Write(ctx, a.st, tabular.Format(format), tabular.Dialect{}, to)
	})
}

// letterMarkets are those where paper is letter; it is A4 everywhere else.
var letterMarkets = []string{"US", "CA", "MX", "PH"}

// printed is the statement as a PDF: the page with all lines, with its style inside, as a browser prints it.
func (c *console) printed(ctx context.Context, r *http.Request, a *statementAsked) ([]byte, error) {
	reading, done := context.WithTimeout(ctx, pageTimeout)
	defer done()
	whole, err := c.wholeStatement(reading, a)
	if err != nil {
		return nil, err
	}
	page, err := c.written(r, "portal-statement", whole, template.CSS(styleCSS)+template.CSS(statementCSS)) // #nosec G203 -- the program's own style sheets
	if err != nil {
		return nil, err
	}
	return c.Printer.Print(ctx, page, paperOf(a.o.book.Market))
}

// paperOf is what a market prints on.
func paperOf(market string) pdf.Paper {
	if slices.Contains(letterMarkets, market) {
		return pdf.Letter
	}
	return pdf.A4
}
