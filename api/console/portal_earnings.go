package console

import (
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts/earnings"
)

// Earnings of a payee in a month: what was earned, what was taken of it and why, and what was kept, by day or week, live session,
// channel or product. The figures under the headings, the table and the file are of one answer, so they are the same.

const (
	// monthsOffered are how many months back the page offers.
	monthsOffered = 36
	// namesShown bounds the live sessions, channels and products that the page tells one by one.
	namesShown = 50
)

// earningsWays are by what the page tells earnings apart.
var earningsWays = []earnings.By{earnings.ByDay, earnings.ByWeek, earnings.ByLiveSession, earnings.ByChannel, earnings.ByProduct}

type earningsPage struct {
	Payee, Kind, Currency string
	// Here is the page's own address, and Month and By what it is asked for.
	Here, Month, By  string
	Months           []choice
	Ways, Currencies []wayTo
	// Payees are oneself and the minors one acts for, if there are any.
	Payees    []wayTo
	MonthName string
	// Never says that nothing was ever earned; Rebuilding that the sums are made anew; Behind that something is not counted yet.
	Never, Rebuilding, Behind bool
	// Unknown says that nothing is counted of the payee yet, while not all is counted.
	Unknown bool
	// AsOf is up to when what was recorded counts; empty if nothing does.
	AsOf   string
	Kept   amount
	Parts  []earningsPart
	Beside []earningsPart
	Chart  *chart
	// Columns are the parts that are not zero throughout, and Rows have them in their order.
	Columns []string
	Rows    []earningsRow
	Total   earningsRow
	File    string
}

// wayTo is a link of a row of choices.
type wayTo struct {
	Text, Address string
	Here          bool
}

// earningsPart is a part of what was earned, with what it is.
type earningsPart struct {
	Name, Note string
	Amount     amount
}

type earningsRow struct {
	Name  string
	IsID  bool
	Cells []earningsCell
}

// earningsCell is a figure under a column's name: a count, or money.
type earningsCell struct {
	Label         string
	Count         int64
	Amount        amount
	Money, Strong bool
	// Blank is a count that the row does not have.
	Blank bool
}

// earningsParts are the parts that make up what was kept, by the names in the word files.
var earningsParts = []struct {
	name string
	of   func(commerce.EarnedParts) money.Minor
}{
	{"earned", func(p commerce.EarnedParts) money.Minor { return p.Earned }},
	{"given_back", func(p commerce.EarnedParts) money.Minor { return p.GivenBack }},
	{"fees", func(p commerce.EarnedParts) money.Minor { return p.Fees }},
	{"shared", func(p commerce.EarnedParts) money.Minor { return p.Shared }},
	{"withheld", func(p commerce.EarnedParts) money.Minor { return p.Withheld }},
}

// earningsPages are the page and its file, of oneself and of a minor one acts for.
func (c *console) earningsPages(mux *http.ServeMux) {
	for _, at := range []string{"/portal/earnings", "/portal/payees/{payee}/earnings"} {
		mux.HandleFunc("GET "+at, c.page("portal-earnings", c.ownEarnings))
		mux.HandleFunc("GET "+at+"/file", c.ownEarningsFile)
	}
}

// askEarnings reads what a request for the page or its file asks for, and the answer.
func (c *console) askEarnings(ctx context.Context, r *http.Request, top int) (o owner, a *earnings.Answer, month time.Time, err error) {
	payee := r.PathValue("payee")
	if payee == "" {
		if o, err = c.ownerOf(ctx, ""); err != nil {
			return o, nil, month, err
		}
		payee = o.principal().ID
	}
	if o, err = c.ownerOf(ctx, payee); err != nil {
		return o, nil, month, err
	}
	q := r.URL.Query()
	month = time.Date(c.Now().In(o.book.Location()).Year(), c.Now().In(o.book.Location()).Month(), 1, 0, 0, 0, 0, time.UTC)
	if asked := q.Get("month"); asked != "" {
		if month, err = time.Parse("2006-01", asked); err != nil {
			return o, nil, month, errQuery
		}
	}
	by := earnings.By(q.Get("by"))
	if by == "" {
		by = earnings.ByDay
	}
	if !slices.Contains(earningsWays, by) {
		return o, nil, month, errQuery
	}
	kind := o.kind
	if !slices.Contains(earnings.Kinds(), kind) {
		kind = "" // a guardian earns nothing, and who is not registered what the books say
	}
	ask := func() (*earnings.Answer, error) {
		return c.Earnings.Earnings(ctx, o.book, earnings.Query{Kind: kind, Payee: payee, Currency: money.Currency(q.Get("currency")), By: by, Top: top,
			From: month.Format(time.DateOnly), To: month.AddDate(0, 1, -1).Format(time.DateOnly)})
	}
	a, err = ask()
	if err == nil && q.Get("month") == "" && !a.Latest.IsZero() && a.Latest.Before(month) { // nothing yet this month: show the last one with anything
		month = a.Latest.AddDate(0, 0, 1-a.Latest.Day())
		a, err = ask()
	}
	if isMissing(err) { // whoever has signed in is somebody, also before the first sale
		a, err = &earnings.Answer{Query: earnings.Query{Payee: payee, Currency: o.book.Currencies[0], By: by}}, nil
	}
	return o, a, month, err
}

func (c *console) ownEarnings(ctx context.Context, r *http.Request) (answer, error) {
	o, a, month, err := c.askEarnings(ctx, r, namesShown)
	if err != nil {
		return answer{}, err
	}
	t := tellerOf(ctx)
	p := &earningsPage{Payee: a.Payee, Kind: o.kind, Currency: string(a.Currency), Here: r.URL.Path, Month: month.Format("2006-01"), By: string(a.By), MonthName: t.Month(month.Year(), month.Month()),
		Never: len(a.Currencies) == 0 && a.Behind == 0 && !a.Rebuilding, Unknown: len(a.Currencies) == 0 && (a.Behind > 0 || a.Rebuilding), Rebuilding: a.Rebuilding, Behind: a.Behind > 0, Kept: sumOf(a.Total.Kept(), a.Currency)}
	if a.Sequence > 0 {
		p.AsOf = t.Moment(a.RecordedAt, o.book.Location())
	}
	to := func(month string, by earnings.By, currency string) string {
		return narrowedTo(p.Here, "month", month, "by", string(by), "currency", currency)
	}
	now := c.Now().In(o.book.Location())
	for i := range monthsOffered {
		m := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, -i, 0)
		p.Months = append(p.Months, choice{Value: m.Format("2006-01"), Text: t.Month(m.Year(), m.Month()), Chosen: m.Equal(month)})
	}
	if !slices.ContainsFunc(p.Months, func(m choice) bool { return m.Chosen }) {
		p.Months = append(p.Months, choice{Value: p.Month, Text: p.MonthName, Chosen: true})
	}
	for _, way := range earningsWays {
		p.Ways = append(p.Ways, wayTo{t.say("earnings.by." + string(way)), to(p.Month, way, p.Currency), way == a.By})
	}
	for _, one := range a.Currencies {
		p.Currencies = append(p.Currencies, wayTo{string(one), to(p.Month, a.By, string(one)), one == a.Currency})
	}
	t.parts(p, a)
	t.rows(p, a)
	p.File = narrowedTo(p.Here+"/file", "month", p.Month, "by", p.By, "currency", p.Currency)
	if a.By == earnings.ByDay {
		p.Chart = t.chartOfDays(a, month)
	}
	if whose := o.principal().Payees; len(whose) > 1 {
		for _, id := range whose[:min(len(whose), minorsShown+1)] {
			p.Payees = append(p.Payees, wayTo{id, narrowedTo("/portal/payees/"+id+"/earnings", "month", p.Month, "by", p.By), id == a.Payee})
		}
	}
	return answer{Title: t.say("earnings.title"), Active: "earnings", Data: p}, nil
}

// parts are the figures under the heading: what makes up what was kept, and what moved beside it.
func (t teller) parts(p *earningsPage, a *earnings.Answer) {
	one := func(name string, m money.Minor) earningsPart {
		return earningsPart{t.sayTo(p.Kind, "earnings.part."+name), t.sayTo(p.Kind, "earnings.part."+name+".note"), sumOf(m, a.Currency)}
	}
	for _, part := range earningsParts {
		if m := part.of(a.Total.EarnedParts); m != 0 || part.name == "earned" {
			p.Parts = append(p.Parts, one(part.name, m))
		}
	}
	if a.Total.Adjusted != 0 {
		p.Beside = append(p.Beside, one("adjusted", a.Total.Adjusted))
	}
	if a.Total.Paid != 0 {
		p.Beside = append(p.Beside, one("paid", a.Total.Paid))
	}
}

// rows are the table: its columns are the parts that any of its rows has.
func (t teller) rows(p *earningsPage, a *earnings.Answer) {
	all := slices.Clone(a.Sums)
	if a.Named > 0 {
		all = append(all, a.Others)
	}
	var of []func(commerce.EarnedParts) money.Minor
	for _, part := range earningsParts {
		if part.name == "earned" || slices.ContainsFunc(all, func(s earnings.Sum) bool { return part.of(s.EarnedParts) != 0 }) {
			p.Columns, of = append(p.Columns, t.sayTo(p.Kind, "earnings.part."+part.name)), append(of, part.of)
		}
	}
	row := func(s earnings.Sum, name string, isID bool) earningsRow {
		r := earningsRow{Name: name, IsID: isID, Cells: []earningsCell{{Label: t.sayTo(p.Kind, "earnings.sales"), Count: s.Sales}}}
		for i, part := range of {
			r.Cells = append(r.Cells, earningsCell{Label: p.Columns[i], Amount: sumOf(part(s.EarnedParts), a.Currency), Money: true})
		}
		r.Cells = append(r.Cells, earningsCell{Label: t.say("earnings.part.kept"), Amount: sumOf(s.Kept(), a.Currency), Money: true, Strong: true})
		return r
	}
	for _, s := range a.Sums {
		if a.By.Dated() && s.Sales == 0 && s.Returns == 0 && s.Kept() == 0 && s.Earned == 0 {
			continue // nothing but payouts
		}
		name, isID := t.keyName(a.By, s)
		p.Rows = append(p.Rows, row(s, name, isID))
	}
	if a.Named > 0 {
		p.Rows = append(p.Rows, row(a.Others, t.say("earnings.others", "count", a.Named), false))
	}
	p.Total = row(a.Total, t.say("earnings.total"), false)
	if a.By == earnings.ByProduct { // one sale may be of several products, so the rows do not sum to it
		p.Total.Cells[0].Blank = true
		if a.Named > 0 {
			p.Rows[len(p.Rows)-1].Cells[0].Blank = true
		}
	}
}

// keyName writes a day or week, or what has no name; a name stays as it is.
func (t teller) keyName(by earnings.By, s earnings.Sum) (name string, isID bool) {
	key := s.Key
	if by.Dated() {
		day, err := time.Parse(time.DateOnly, key)
		if err != nil {
			return key, true
		}
		if by == earnings.ByWeek {
			first, err := time.Parse(time.DateOnly, s.First)
			last, e := time.Parse(time.DateOnly, s.Last)
			if err != nil || e != nil {
				return key, true
			}
			return t.say("earnings.week", "first", t.Day(first), "last", t.Day(last)), false
		}
		return t.Day(day), false
	}
	if key == "" {
		return t.say("earnings.without." + string(by)), false
	}
	return key, true
}

// earningsFile is the table as a file, whose names programs know.
func earningsFile(book string, a *earnings.Answer) tabular.Header {
	h := tabular.Header{Report: "earnings", Schema: 1, Book: book, Title: "Earnings of " + a.Payee, Columns: []tabular.Column{{Name: "key", Title: "Key", Kind: tabular.KindText},
		{Name: "sales", Title: "Sales", Kind: tabular.KindNumber}, {Name: "returns", Title: "Returns", Kind: tabular.KindNumber}, {Name: "currency", Title: "Currency", Kind: tabular.KindText}}}
	for _, name := range []string{"earned", "given_back", "fees", "shared", "withheld", "kept", "adjusted", "paid", "moved"} {
		h.Columns = append(h.Columns, tabular.Column{Name: name, Title: name, Kind: tabular.KindAmount, Currency: "currency", Sum: true})
	}
	return h
}

// othersKey is the file's name for what it does not tell one by one.
const othersKey = "(others)"

// ownEarningsFile is the CSV of the page: every day, or the names that kept most, up to MaxTop, with the others as one line.
func (c *console) ownEarningsFile(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	o, a, month, err := c.askEarnings(ctx, r, earnings.MaxTop)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	sums := slices.Clone(a.Sums)
	if a.Named > 0 {
		others := a.Others
		others.Key = othersKey
		sums = append(sums, others)
	}
	name := "earnings-" + month.Format("2006-01") + "-" + string(a.By) + "-" + string(a.Currency) + ".csv"
	c.attach(ctx, w, r, tabular.CSV.MediaType(), name, func(to io.Writer) error {
		table, err := tabular.NewWriter(to, tabular.CSV, earningsFile(o.book.Code, a))
		if err != nil {
			return err
		}
		for _, s := range sums {
			sales, returns := tabular.Int(s.Sales), tabular.Int(s.Returns)
			if a.By == earnings.ByProduct && s.Key == othersKey {
				sales, returns = tabular.Empty(), tabular.Empty()
			}
			row := tabular.Row{tabular.Text(s.Key), sales, returns, tabular.Text(string(a.Currency))}
			for _, m := range []money.Minor{s.Earned, s.GivenBack, s.Fees, s.Shared, s.Withheld, s.Kept(), s.Adjusted, s.Paid, s.Moved()} {
				row = append(row, tabular.Money(m, a.Currency))
			}
			if err := table.Write(row); err != nil {
				table.Abandon()
				return err
			}
		}
		_, err = table.Close()
		return err
	})
}
