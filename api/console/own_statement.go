package console

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/vault"
	"mizan/payouts"
	"mizan/payouts/statements"
)

// A statement as its payee reads it: who, of when, the four figures, how the opening became the closing, each line with its reason, and what
// stands below the line. A page of lines costs a page wherever in the statement it is; the whole is on one page up to a bound, to be printed.

const (
	// linesOfStatement is how many lines a page of a statement has, and nothingShown about how many orders that earn nothing, of which one
	// that is asked for names all.
	linesOfStatement, nothingShown = 50, 40
	// mostPrinted bounds the lines of a statement on one page.
	mostPrinted = 2_000
)

var (
	errNotPrinted = fault.New(fault.TooLarge, "statement-print-long", "This statement has more lines than one page holds. Take it as a table, or ask for fewer days.")
	errNoPDF      = fault.New(fault.Conflict, "pdf-unavailable", "No PDF is made here. Print the page from your own browser, or take the statement as a table.")
)

// statementAsked is the statement that a request is about, and who reads it.
type statementAsked struct {
	orderWords
	t     teller
	o     owner
	who   payouts.PayeeKey
	st    *statements.Statement
	path  string
	query url.Values
}

// askedStatement reads which statement a request is about: an issued one by its id, that of a payout, or that of any days.
func (c *console) askedStatement(ctx context.Context, r *http.Request) (a statementAsked, err error) {
	a.t = tellerOf(ctx)
	if a.o, a.who, a.query, err = c.orderOwner(ctx, r); err != nil {
		return a, err
	}
	id, payout := r.PathValue("statement"), r.PathValue("payout")
	switch {
	case unusable(id) || unusable(payout):
		err = errNoPage
	case id != "":
		a.path = statementsAt + "/" + id
		a.st, err = c.Statements.Statement(ctx, a.o.book, a.who.ID, id)
	case payout != "":
		a.path = "/portal/payouts/" + payout + "/statement"
		if a.st, err = c.Statements.OfPayout(ctx, a.o.book, a.who.ID, payout); err == nil && a.st.PaidAs() != a.who.Kind {
			err = payouts.ErrPayoutUnknown // what is kept under its id for another kind may be somebody else's
		}
	default:
		err = c.askDays(ctx, r, &a)
	}
	if err != nil {
		return a, err
	}
	a.orderWords = orderWords{a.t.Language, a.st.Currency, a.o.book.Location(), a.who.Kind}
	return a, nil
}

// askDays makes the statement of the days that an address asks for: without any, those of this month so far.
func (c *console) askDays(ctx context.Context, r *http.Request, a *statementAsked) (err error) {
	q := r.URL.Query()
	a.path = statementsAt + "/days"
	currency := money.Currency(q.Get("currency"))
	if currency == "" {
		if currency, err = c.Payouts.PaidIn(ctx, a.o.book, a.who.ID); err != nil {
			return err
		}
	}
	if !a.o.book.Uses(currency) {
		return errQuery
	}
	first, last := thisMonth(c.Now(), a.o.book)
	if from := q.Get("from"); from != "" {
		first = from
	}
	if to := q.Get("to"); to != "" {
		last = to
	}
	a.query.Set("currency", string(currency))
	a.query.Set("from", first)
	a.query.Set("to", last)
	a.st, err = c.Statements.Days(ctx, a.o.book, a.who.ID, currency, first, last)
	return err
}

// thisMonth are the first day of the month and today, by the book's clocks.
func thisMonth(now time.Time, book ledger.Book) (first, today string) {
	today = now.In(book.Location()).Format(time.DateOnly)
	return today[:len(today)-2] + "01", today
}

// to is an address of the statement: a page below its own, with what is added.
func (a *statementAsked) to(below string, more ...string) string {
	q := url.Values{}
	for name, values := range a.query {
		q[name] = values
	}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return address(a.path+below, q)
}

// title is what the statement is called: its month, or its days.
func (a *statementAsked) title() string { return a.t.statementTitle(a.st) }

func (t teller) statementTitle(st *statements.Statement) string {
	if st.Payout != nil {
		return t.say("statement.of_payout", "day", dayText(t, st.LastDay))
	}
	if st.Period != 0 {
		return t.Month(int(st.Period/100), time.Month(st.Period%100))
	}
	return t.span(st)
}

// span is from when to when the statement is.
func (t teller) span(st *statements.Statement) string {
	first, last := dayText(t, st.FirstDay), dayText(t, st.LastDay)
	if first == last {
		return first
	}
	return first + " – " + last
}

func dayText(t teller, day string) string {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Day(at)
}

// placeOf is a place in a statement as addresses have it. It is signed, so that a place that nobody gave out is one that cannot be read, not a
// statement that does not add up.
func (c *console) placeOf(a *statementAsked, p statements.Place) string {
	text := strconv.FormatInt(p.Sequence, 10) + "." + strconv.FormatInt(p.Skip, 10) + "." + strconv.FormatInt(p.Number, 10)
	mac := hmac.New(sha256.New, c.FormKey)
	mac.Write([]byte("mizan place in a statement 2\x00" + strings.Join([]string{a.o.book.Code, a.who.ID, string(a.st.Currency), a.path, a.st.FirstDay, a.st.LastDay, text}, "\x00")))
	return text + "." + hex.EncodeToString(mac.Sum(nil)[:8])
}

// readPlace reads a place; the beginning if there is none.
func (c *console) readPlace(a *statementAsked, text string) (p statements.Place, err error) {
	if text == "" {
		return p, nil
	}
	parts := strings.Split(text, ".")
	if len(parts) != 4 {
		return p, errQuery
	}
	for i, to := range []*int64{&p.Sequence, &p.Skip, &p.Number} {
		if *to, err = strconv.ParseInt(parts[i], 10, 64); err != nil {
			return p, errQuery
		}
	}
	if !hmac.Equal([]byte(c.placeOf(a, p)), []byte(text)) {
		return p, errQuery
	}
	return p, nil
}

func (c *console) ownStatement(ctx context.Context, r *http.Request) (answer, error) {
	a, err := c.askedStatement(ctx, r)
	if err != nil {
		return answer{}, err
	}
	from, err := c.readPlace(&a, r.URL.Query().Get("after"))
	if err != nil {
		return answer{}, err
	}
	page, err := c.Statements.Page(ctx, a.st, from, linesOfStatement)
	if err != nil {
		return answer{}, err
	}
	p := a.page(from == statements.Place{}, page.Next == nil)
	p.NothingWhole = r.URL.Query().Get("nothing") != ""
	if r.URL.Query().Get("sums") != "" && !p.Later {
		if err := c.Statements.Sum(ctx, a.st); errors.Is(err, statements.ErrLong) {
			p.Unsummed = true
		} else if err != nil {
			return answer{}, err
		}
	}
	if p.Later {
		p.First = a.to("")
	}
	if page.Next != nil {
		p.Next = a.to("", "after", c.placeOf(&a, *page.Next))
	}
	out, err := c.toldStatement(ctx, &a, p, page.Lines)
	if err != nil {
		return answer{}, err
	}
	return out, c.askable(ctx, &a, p, from)
}

// ownStatementPrint is the whole statement on one page.
func (c *console) ownStatementPrint(ctx context.Context, r *http.Request) (answer, error) {
	a, err := c.askedStatement(ctx, r)
	if err != nil {
		return answer{}, err
	}
	out, err := c.wholeStatement(ctx, &a)
	if errors.Is(err, errNotPrinted) {
		p := a.page(true, false)
		p.Whole, p.TooLong = true, a.say("statement.print.long", "count", int64(mostPrinted))
		out, err = c.toldStatement(ctx, &a, p, nil)
		out.Status = statusOf(errNotPrinted.Kind)
	}
	return out, err
}

// wholeStatement puts all lines on one page, or returns errNotPrinted.
func (c *console) wholeStatement(ctx context.Context, a *statementAsked) (answer, error) {
	if a.st.Lines > mostPrinted {
		return answer{}, errNotPrinted
	}
	var lines []statements.Line
	for from := (&statements.Place{}); from != nil; {
		page, err := c.Statements.Page(ctx, a.st, *from, statements.MaxPage)
		if err != nil {
			return answer{}, err
		}
		if lines = append(lines, page.Lines...); len(lines) > mostPrinted {
			return answer{}, errNotPrinted
		}
		from = page.Next
	}
	if err := c.Statements.Sum(ctx, a.st); err != nil {
		return answer{}, err
	}
	p := a.page(true, true)
	p.Whole = true
	return c.toldStatement(ctx, a, p, lines)
}

// toldStatement fills in what a page says of its lines and of what stands around them.
func (c *console) toldStatement(ctx context.Context, a *statementAsked, p *ownStatementPage, lines []statements.Line) (answer, error) {
	p.Days = a.days(lines)
	if !p.Later {
		below, err := c.Statements.Below(ctx, a.st)
		if err != nil {
			return answer{}, err
		}
		a.fillSums(p)
		a.fillBelow(p, below)
		p.Files = c.filesOf(a.t, a.st, a.path, a.query)
		p.Name = c.nameOf(ctx, a.o.book, a.who.ID)
	}
	return answer{Title: a.title() + " · " + a.say("statement.title"), Active: "statements", Data: p, Sheet: statementSheetPath}, nil
}

// nameOf is the payee's name, and nothing where it is not known or may not be read right now.
func (c *console) nameOf(ctx context.Context, book ledger.Book, payee string) string {
	subject := "payee:" + payee
	names, err := c.Vault.Names(ctx, vault.Owner{Book: int32(book.ID), Region: book.Region}, []string{subject})
	if err != nil {
		c.Log.Warn("a payee could not be named", "err", err)
		return ""
	}
	return names[subject]
}
