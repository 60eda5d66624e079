package console

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/locale"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/statements"
)

// A statement in words: its figures with what they are, its lines by day and order, and what stands below the line.

type ownStatementPage struct {
	Payee, Name, Title, Currency string
	// Heading says which statement it is, Running is what each sheet of paper says of it.
	Heading, Running string
	Book, Span, Zone string
	Issued           string
	// Back leads to all statements, Print to the page with all lines, First and Next to other pages.
	Back, Print, Here, First, Next string
	// Later says that pages came before, Last that this is the end, Whole that all lines are here.
	Later, Last, Whole bool
	TooLong            string
	Figures            []ownFigure
	Opening, Closing   string
	// Sums are what happened, added up by event; empty where nobody has added them up.
	Sums []ownSum
	Net  ownSum
	// AddUp leads to the page with the sums, where they are still to be made; Unsummed says that they were asked for and are too many.
	AddUp    string
	Unsummed bool
	Payouts  *ownSum
	Buckets  []ownBucket
	Days     []ownDay
	Nothing  []ownNothing
	// NothingWhole says that all orders that earn nothing were asked for, NothingAll leads to them from a page that has some, and NothingMore
	// says how many more there are than a statement names.
	NothingWhole               bool
	NothingAll, NothingAllSaid string
	NothingMore                string
	Tax                        []ownTax
	Fees                       *ownFees
	Held                       []ownHeld
	HeldOthers                 []ownBucket
	Paid                       []ownPaid
	PaidMore                   bool
	Coming                     string
	Reasons                    []toldReason
	Files                      []ownFile
	SHA256                     string
	// Previous leads to the statement before.
	Previous, PreviousSHA256 string
	// About leads to the form that asks about the statement; empty for none.
	About           string
	From, To, Lines string
	Accounts        []ownSpan
}

// ownFigure is one of the four figures.
type ownFigure struct {
	Word, Note, Amount string
	Minus              bool
}

// ownSum is what lines of one kind come to, with its parts if there are several.
type ownSum struct {
	Word, Amount string
	Minus        bool
	Parts        []ownSum
}

type ownBucket struct {
	Word, Opening, Closing string
	Minus                  bool
}

// ownDay are the lines of a day, by what they are about.
type ownDay struct {
	Day    string
	Groups []ownGroup
}

type ownGroup struct {
	Order, Link string
	// About are the live session and the channel of the order.
	About []string
	// Apart says that the lines are of no order and stand below those of one.
	Apart bool
	Lines []ownStatementLine
}

type ownStatementLine struct {
	Number                        int64
	Word, Event, How, Late        string
	Amount, Balance, Bucket, Rule string
	Notes                         []string
	Payout, Entry, SKU            string
	Minus, Move                   bool
	// About leads to the form that asks about the line; empty for none.
	About string
}

type ownNothing struct{ Order, Link, Why, Day string }

type ownTax struct{ Jurisdiction, Collected, Returned string }

// ownFees is what card fees took of gifts, and of it of those that went back.
type ownFees struct{ Borne, Back string }

type ownHeld struct{ Word, Order, Link, Amount, Until, Why string }

type ownPaid struct {
	Link, Amount, Fee, Day, Said, Trace string
	State                               stateWord
}

type ownSpan struct {
	Account          ledger.Address
	From, To         string
	Opening, Closing string
}

// page is what every page of the statement says.
func (a *statementAsked) page(first, last bool) *ownStatementPage {
	p := &ownStatementPage{Payee: a.who.ID, Title: a.title(), Currency: string(a.st.Currency), Book: a.o.book.Name, Span: a.t.span(a.st), Zone: a.o.book.TimeZone,
		Back: narrowedTo(statementsAt, "payee", a.query.Get("payee")), Print: a.to("/print"), Here: a.to(""), Later: !first, Last: last, SHA256: a.st.SHA256,
		Opening: a.amount(a.st.Opening()), Closing: a.amount(a.st.Closing()), From: a.language.Count(a.st.From), To: a.language.Count(a.st.To)}
	p.Heading = a.say("statement.days")
	if a.st.ID != "" {
		p.Heading, p.Issued, p.Lines = a.say("statement.number", "number", a.st.Number), a.say("statement.issued", "day", a.day(a.st.IssuedAt)), a.language.Count(a.st.Lines)
	} else {
		p.Issued = a.say("statement.made", "moment", a.language.Moment(a.st.IssuedAt, a.zone))
	}
	p.Running = strings.Join([]string{p.Heading, locale.Isolate(a.who.ID), locale.Isolate(p.Currency), locale.Isolate(p.Span)}, " · ")
	if a.st.Previous != "" {
		p.Previous, p.PreviousSHA256 = narrowedTo(statementsAt+"/"+url.PathEscape(a.st.Previous), "payee", a.query.Get("payee")), a.st.PreviousSHA256
	}
	for _, x := range a.st.Accounts {
		p.Accounts = append(p.Accounts, ownSpan{x.Account, a.language.Count(x.FromVersion), a.language.Count(x.ToVersion), a.figure(x.Opening), a.figure(x.Closing)})
	}
	return p
}

// bucketWord is what a bucket is called.
func (w orderWords) bucketWord(b statements.Bucket) string {
	name := string(b)
	if b == statements.InTransit {
		name = "paying"
	}
	return w.say("portal.holding." + name)
}

// figures are the four figures above a statement. Paid is told where it was added up: of an issued statement, and of lines that are all here.
func (w orderWords) figures(h statements.Headlines) []ownFigure {
	one := func(name string, m money.Minor) ownFigure {
		return ownFigure{w.say("statement.figure." + name), w.say("statement.figure." + name + ".note"), w.amount(m), m < 0}
	}
	list := []ownFigure{one("estimated", h.Estimated), one("settled", h.Settled), one("on_hold", h.OnHold), one("paid", h.Paid)}
	if !h.PaidKnown {
		list[3].Amount, list[3].Note, list[3].Minus = "–", w.say("statement.figure.paid.unknown"), false
	}
	if h.InTransit != 0 {
		list[3].Note += " " + w.say("statement.figure.paying", "amount", w.amount(h.InTransit))
	}
	return list
}

// fillSums tells what happened, added up. That of an issued statement was added up when it was issued; that of days on demand is, if all lines
// are on the page or somebody asks for it.
func (a *statementAsked) fillSums(p *ownStatementPage) {
	if a.st.Payout == nil {
		p.Figures = a.figures(a.st.Headlines())
	}
	for _, b := range a.st.Buckets {
		p.Buckets = append(p.Buckets, ownBucket{Word: a.bucketWord(b.Bucket), Opening: a.figure(b.Opening), Closing: a.figure(b.Closing), Minus: b.Closing < 0})
	}
	switch {
	case a.st.Summed():
		a.addUp(p, a.st.Totals)
	case a.st.Kind == statements.Range && p.TooLong == "" && !p.Unsummed:
		p.AddUp = a.to("", "sums", "yes")
	}
	nothing := a.st.Nothing
	if !p.NothingWhole && !p.Whole && len(nothing) > nothingShown+nothingShown/2 {
		nothing, p.NothingAll = nothing[:nothingShown], a.to("", "nothing", "all")+"#nothing"
		p.NothingAllSaid = a.say("statement.nothing.all", "number", a.language.Count(int64(len(a.st.Nothing))))
	}
	for _, n := range nothing {
		p.Nothing = append(p.Nothing, ownNothing{n.Order, a.orderLink(n.Order), a.t.word("event", n.Event), a.day(n.At)})
	}
	if more := a.st.NothingCount - int64(len(a.st.Nothing)); more > 0 {
		p.NothingMore = a.say("statement.nothing.more", "count", more)
	}
	for _, t := range a.st.Tax {
		p.Tax = append(p.Tax, ownTax{t.Jurisdiction, a.figure(t.Collected), a.figure(t.Returned)})
	}
}

// addUp tells totals by event and, within one, by what they are. Moves between the payee's own money are none, and payouts stand by themselves.
func (a *statementAsked) addUp(p *ownStatementPage, totals []statements.Total) {
	type part struct{ kind, code string }
	sums, of := map[part]money.Minor{}, map[string]money.Minor{}
	var kinds []string
	net, paid, payouts := money.Minor(0), money.Minor(0), false
	for _, t := range totals {
		switch t.Code {
		case statements.CodeMove:
			continue
		case statements.CodePayout:
			paid, payouts = paid+t.Amount, true
			continue
		}
		if _, ok := of[t.Type]; !ok {
			kinds = append(kinds, t.Type)
		}
		net, of[t.Type], sums[part{t.Type, t.Code}] = net+t.Amount, of[t.Type]+t.Amount, sums[part{t.Type, t.Code}]+t.Amount
	}
	sum := func(word string, m money.Minor) ownSum { return ownSum{Word: word, Amount: a.figure(m), Minus: m < 0} }
	slices.SortFunc(kinds, func(x, y string) int { // what came before what went
		switch {
		case of[x] >= 0 && of[y] < 0:
			return -1
		case of[x] < 0 && of[y] >= 0:
			return 1
		}
		return strings.Compare(x, y)
	})
	for _, kind := range kinds {
		row := sum(a.t.word("event", kind), of[kind])
		var codes []string
		for x := range sums {
			if x.kind == kind {
				codes = append(codes, x.code)
			}
		}
		slices.SortFunc(codes, func(x, y string) int {
			return cmp.Or(-cmp.Compare(sums[part{kind, x}], sums[part{kind, y}]), strings.Compare(x, y))
		})
		if len(codes) == 1 { // it is the whole already
			codes = nil
		}
		for _, code := range codes {
			row.Parts = append(row.Parts, sum(a.codeWord(code), sums[part{kind, code}]))
		}
		p.Sums = append(p.Sums, row)
	}
	p.Net = sum(a.say("statement.net"), net)
	if payouts {
		row := sum(a.say("statement.payouts"), paid)
		p.Payouts = &row
	}
}

// codeWord is what an amount is, in the reader's words.
func (w orderWords) codeWord(code string) string {
	if key := "statement.code." + code; phrases().Has(key) {
		return w.say(key)
	}
	return eventWords(code)
}

func (a *statementAsked) orderLink(order string) string {
	return narrowedTo("/portal/orders/"+url.PathEscape(order), "payee", a.query.Get("payee"))
}

// days groups lines as somebody reads them: by the day on which the book learned of them, and by order.
func (a *statementAsked) days(lines []statements.Line) (list []ownDay) {
	for i := range lines {
		l := &lines[i]
		day := a.day(l.PostedAt)
		if n := len(list); n == 0 || list[n-1].Day != day {
			list = append(list, ownDay{Day: day})
		}
		d := &list[len(list)-1]
		if n := len(d.Groups); n == 0 || d.Groups[n-1].Order != l.Order {
			g := ownGroup{Order: l.Order}
			g.Apart = n > 0 && l.Order == ""
			if l.Order != "" {
				g.Link = a.orderLink(l.Order)
				g.About = slices.DeleteFunc([]string{l.LiveSession, l.Channel}, func(s string) bool { return s == "" })
			}
			d.Groups = append(d.Groups, g)
		}
		g := &d.Groups[len(d.Groups)-1]
		g.Lines = append(g.Lines, a.line(l, day))
	}
	return list
}

// line puts a line into words.
func (a *statementAsked) line(l *statements.Line, day string) ownStatementLine {
	out := ownStatementLine{Number: l.Number, Word: a.codeWord(l.Code), Event: a.t.word("event", l.Type), Amount: a.figure(l.Amount), Balance: a.figure(l.Balance), Bucket: a.bucketWord(l.Bucket),
		SKU: l.SKU, Rule: l.Rule, Entry: l.Entry, Minus: l.Amount < 0, Move: l.Code == statements.CodeMove}
	if l.Rule != "" && l.RuleVersion != "" {
		out.Rule += " " + l.RuleVersion
	}
	if l.Rate != "" {
		out.How = a.say("statement.how", "rate", a.percent(l.Rate), "basis", a.text(l.Basis))
	}
	if month, err := time.Parse("2006-01", l.OriginalPeriod); err == nil {
		out.Late = a.say("statement.late", "month", a.language.Month(month.Year(), month.Month()))
	}
	for _, note := range strings.Split(l.Note, "; ") {
		a.note(&out, note)
	}
	if happened := a.day(l.OccurredAt); happened != day {
		out.Notes = append(out.Notes, a.say("statement.happened", "day", happened))
	}
	return out
}

// note puts one of the fixed notes of a line into the reader's words.
func (a *statementAsked) note(out *ownStatementLine, note string) {
	if note == "" || strings.HasPrefix(note, "belongs to ") { // the month is told beside the line
		return
	}
	if before, now, ok := strings.Cut(strings.TrimSuffix(note, " now"), " before, "); ok {
		was := a.say("statement.was", "now", a.text(now), "before", a.text(before))
		if out.How != "" {
			was = out.How + " = " + was
		}
		out.How = was
		return
	}
	if from, to, ok := strings.Cut(note, " to "); ok && out.Move {
		out.How = a.say("statement.moved", "from", a.bucketWord(statements.Bucket(from)), "to", a.bucketWord(statements.Bucket(to)))
		return
	}
	if paid, whole, ok := strings.Cut(note, " of "); ok && a.isAmount(paid) && a.isAmount(whole) {
		out.Notes = append(out.Notes, a.say("statement.part", "paid", a.text(paid), "whole", a.text(whole)))
		return
	}
	switch kind, id, _ := strings.Cut(note, ":"); {
	case kind == "payout" && !unusable(id):
		out.Payout = "/portal/payouts/" + url.PathEscape(id)
	case strings.HasPrefix(note, "corrects "):
		out.Notes = append(out.Notes, a.say("statement.corrects", "id", locale.Isolate(strings.TrimPrefix(note, "corrects "))))
	default:
		out.Notes = append(out.Notes, locale.Isolate(note))
	}
}

// isAmount reports whether a text is an amount of the statement's currency.
func (a *statementAsked) isAmount(text string) bool {
	_, err := money.ParseAmount(strings.TrimPrefix(text, "-"), a.currency)
	return err == nil
}

// fillBelow tells what stands below the line.
func (a *statementAsked) fillBelow(p *ownStatementPage, b *statements.Below) {
	for _, h := range b.Held {
		row := ownHeld{Word: a.say("statement.held." + h.Reason), Order: h.Order, Amount: a.figure(h.Amount), Until: a.say("statement.waits." + h.WaitsFor)}
		if h.Campaign != "" {
			row.Order = h.Campaign
		}
		if h.Order != "" {
			row.Link = a.orderLink(h.Order)
		}
		if h.Reason == statements.HeldPause {
			row.Amount = ""
		}
		if !h.Until.IsZero() {
			row.Until = a.say("statement.until", "day", a.day(h.Until))
		}
		var why []string
		for _, category := range h.Categories {
			if word := a.t.holdCategory(category); word != "" {
				why = append(why, word)
			}
		}
		row.Why = strings.Join(why, ", ")
		p.Held = append(p.Held, row)
	}
	for _, x := range b.Others {
		p.HeldOthers = append(p.HeldOthers, ownBucket{Word: a.bucketWord(x.Bucket), Closing: a.figure(x.Closing)})
	}
	for _, x := range b.Payouts {
		p.Paid = append(p.Paid, a.paid(x))
	}
	p.PaidMore = b.MorePayouts
	if f := b.CardFees; f != nil {
		p.Fees = &ownFees{a.figure(f.Borne), a.figure(f.Back)}
	}
	if b.Next != nil {
		next := payouts.NextOf(b.Next)
		p.Coming, p.Reasons = a.nextPayout(next), a.reasonsBeside(next)
	}
}

// paid puts a payout into words: how it stood at the end of the statement, and when it arrived.
func (a *statementAsked) paid(x statements.PaidOut) ownPaid {
	row := ownPaid{Amount: a.figure(x.Amount), Day: a.day(x.CreatedAt), Trace: cmp.Or(x.Trace, x.Reference), State: a.t.payoutState(x.StateNow)}
	if x.Method != "" { // a disbursement of donations has none, and no page of its own
		row.Link = "/portal/payouts/" + url.PathEscape(x.ID)
	}
	if x.Fee != 0 {
		row.Fee = a.say("statement.paid.fee", "amount", a.amount(x.Fee))
	}
	switch {
	case !x.ReturnedAt.IsZero():
		row.Said = a.say("pay.said.returned", "day", a.day(x.ReturnedAt))
	case !x.ArrivedAt.IsZero():
		row.Said = a.say("pay.said.paid", "day", a.day(x.ArrivedAt))
	case !x.ExpectedAt.IsZero() && x.StateNow != payouts.Failed && x.StateNow != payouts.Cancelled:
		row.Said = a.say("pay.said.expected", "day", a.day(x.ExpectedAt))
	}
	return row
}
