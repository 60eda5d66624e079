package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/payouts"
	"mizan/payouts/questions"
	"mizan/payouts/statements"
)

// A payee's questions: asking about an order, a payout, a statement or one line of it, and reading the answers. What a question is about
// is looked up as the payee sees it, so an address that is made up leads nowhere.

// questionsPerPage is how many questions a page lists.
const questionsPerPage = 50

type ownQuestionLine struct {
	Link, About, Day string
	Amount           string
	Minus            bool
	State            stateWord
}

type ownQuestionsPage struct {
	Payee       string
	Questions   []ownQuestionLine
	First, Next string
}

type ownQuestionPage struct {
	Payee            string
	About, AboutLink string
	Amount           string
	Minus            bool
	State            stateWord
	Asked, Answered  string
	Text, Answer     string
	Erased           bool
	Close, Form, All string
}

type ownAskPage struct {
	Payee, Of        string
	About, AboutLink string
	Amount           string
	Minus            bool
	Form, Reference  string
	Kind, ID, Line   string
	Text             string
}

// questionPages are the pages of payees and of the staff about questions.
func (c *console) questionPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /portal/questions", c.page("portal-questions", c.ownQuestions))
	mux.HandleFunc("GET /portal/questions/{question}", c.page("portal-question", c.ownQuestion))
	mux.HandleFunc("GET /portal/ask", c.page("portal-ask", c.ownAsk))
	mux.HandleFunc("POST /portal/questions", c.form(c.askOwn))
	mux.HandleFunc("POST /portal/questions/{question}/closing", c.form(c.closeOwn))
	c.inboxPages(mux)
}

// questionStates are the states with the kinds of their colours.
var questionStates = map[string]string{questions.Open: "open", questions.Answered: "done", questions.Closed: ""}

func (t teller) questionState(state string) stateWord {
	return stateWord{t.say("question.state." + state), questionStates[state]}
}

// aboutWords say what a question is about.
func (t teller) aboutWords(a questions.About) string {
	text := t.say("question.about."+a.Kind, "id", a.ID)
	if a.Code == "" {
		return text
	}
	for _, key := range []string{"order.line." + a.Code, "statement.code." + a.Code} {
		if (a.Kind == questions.AboutOrder) == strings.HasPrefix(key, "order.") && phrases().Has(key) {
			return text + ": " + t.say(key)
		}
	}
	return text + ": " + eventWords(a.Code)
}

// aboutAmount writes the amount that a question is about.
func aboutAmount(t teller, a questions.About) string {
	return orderWords{language: t.Language, currency: a.Currency}.amount(a.Amount)
}

// aboutLink is where a payee sees what a question is about.
func aboutLink(a questions.About, at url.Values) string {
	return address("/portal/"+a.Kind+"s/"+a.ID, at)
}

// askLink is where a payee asks about something; empty without questions.
func (c *console) askLink(kind, id, line string, at url.Values) string {
	if c.Questions == nil {
		return ""
	}
	return narrowedTo("/portal/ask", "payee", at.Get("payee"), kind, id, "line", line)
}

// askable adds where to ask about an issued statement and each of the lines of a page that begins at a place. The lines of an entry are
// counted from its first one, which may stand on the page before.
func (c *console) askable(ctx context.Context, a *statementAsked, p *ownStatementPage, from statements.Place) error {
	if c.Questions == nil || a.st.ID == "" {
		return nil
	}
	p.About = c.askLink(questions.AboutStatement, a.st.ID, "", a.query)
	counted, skip := map[string]int{}, from.Skip
	for i := range p.Days {
		for j := range p.Days[i].Groups {
			for k := range p.Days[i].Groups[j].Lines {
				l := &p.Days[i].Groups[j].Lines[k]
				if skip > 0 {
					if err := c.countBefore(ctx, a, l.Entry, skip, counted); err != nil {
						return err
					}
					skip = 0
				}
				counted[l.Entry]++
				l.About = c.askLink(questions.AboutStatement, a.st.ID, l.Entry+"/"+strconv.Itoa(counted[l.Entry]), a.query)
			}
		}
	}
	return nil
}

// countBefore counts the first lines of the transaction of an entry by their entries.
func (c *console) countBefore(ctx context.Context, a *statementAsked, entry string, first int64, counted map[string]int) error {
	transaction, _, _ := strings.Cut(entry, "/")
	sequence, err := ledger.ParseTransactionID(a.o.book.Code, transaction)
	if err != nil {
		return err
	}
	lines, err := c.Statements.TransactionLines(ctx, a.st, sequence)
	for i := range lines[:min(int(first), len(lines))] {
		counted[lines[i].Entry]++
	}
	return err
}

func (c *console) ownQuestions(ctx context.Context, r *http.Request) (answer, error) {
	o, who, at, err := c.orderOwner(ctx, r)
	if err != nil {
		return answer{}, err
	}
	t, after := tellerOf(ctx), r.URL.Query().Get("after")
	p := ownQuestionsPage{Payee: who.ID}
	var before questions.Question
	if before.AskedAt, before.ID, err = momentAndID(after); err != nil {
		return answer{}, err
	}
	list, err := c.Questions.Of(ctx, o.book, who.ID, before, questionsPerPage+1)
	if err != nil {
		return answer{}, err
	}
	if after != "" {
		p.First = address("/portal/questions", at)
	}
	if len(list) > questionsPerPage {
		list = list[:questionsPerPage]
		last := list[questionsPerPage-1]
		p.Next = narrowedTo("/portal/questions", "payee", at.Get("payee"), "after", mark(last.AskedAt, last.ID))
	}
	for _, q := range list {
		p.Questions = append(p.Questions, ownQuestionLine{address("/portal/questions/"+q.ID, at), t.aboutWords(q.About), t.day(q.AskedAt, o.book.Location()), aboutAmount(t, q.About), q.Amount < 0, t.questionState(q.State)})
	}
	return answer{Title: t.say("question.all"), Active: "portal", Data: &p}, nil
}

func (c *console) ownQuestion(ctx context.Context, r *http.Request) (answer, error) {
	o, who, at, err := c.orderOwner(ctx, r)
	if err != nil {
		return answer{}, err
	}
	q, err := c.Questions.Own(ctx, o.book, who.ID, r.PathValue("question"))
	if err != nil {
		return answer{}, err
	}
	t, zone := tellerOf(ctx), o.book.Location()
	p := ownQuestionPage{Payee: who.ID, About: t.aboutWords(q.About), AboutLink: aboutLink(q.About, at), Amount: aboutAmount(t, q.About), Minus: q.Amount < 0, State: t.questionState(q.State),
		Asked: t.day(q.AskedAt, zone), Answered: t.day(q.AnsweredAt, zone), Text: q.Text, Answer: q.Answer, Erased: q.Erased, All: address("/portal/questions", at)}
	if q.State != questions.Closed {
		p.Close, p.Form = address("/portal/questions/"+q.ID+"/closing", at), c.formToken(o.visit)
	}
	return answer{Title: t.say("question.title"), Active: "portal", Data: &p}, nil
}

// askedAbout reads what an address or a form is about.
func askedAbout(q url.Values) (a questions.About) {
	for _, kind := range []string{questions.AboutOrder, questions.AboutPayout, questions.AboutStatement} {
		if q.Has(kind) {
			a.Kind, a.ID = kind, q.Get(kind)
		}
	}
	a.Line = q.Get("line")
	return a
}

func (c *console) ownAsk(ctx context.Context, r *http.Request) (answer, error) {
	o, who, at, err := c.orderOwner(ctx, r)
	if err != nil {
		return answer{}, err
	}
	return c.ownAskOf(ctx, o, who, at, askedAbout(r.URL.Query()), newToken(), "")
}

func (c *console) ownAskOf(ctx context.Context, o owner, who payouts.PayeeKey, at url.Values, about questions.About, reference, text string) (answer, error) {
	about, err := c.Questions.About(ctx, o.book, who, about)
	if err != nil {
		return answer{}, err
	}
	t := tellerOf(ctx)
	p := ownAskPage{Payee: who.ID, Of: at.Get("payee"), About: t.aboutWords(about), AboutLink: aboutLink(about, at), Amount: aboutAmount(t, about), Minus: about.Amount < 0, Form: c.formToken(o.visit),
		Reference: reference, Kind: about.Kind, ID: about.ID, Line: about.Line, Text: text}
	return answer{Title: t.say("question.ask"), Active: "portal", Data: &p}, nil
}

// ownForm is who sent a form of a payee: itself, or somebody that acts for it.
func (c *console) ownForm(ctx context.Context, r *http.Request) (o owner, who payouts.PayeeKey, at url.Values, err error) {
	if of := r.PostForm.Get("payee"); of != "" {
		r.URL.RawQuery = url.Values{"payee": {of}}.Encode()
	}
	return c.orderOwner(ctx, r)
}

// askOwn asks a question. What cannot be asked is shown again with what was typed.
func (c *console) askOwn(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), decisionTimeout)
	defer cancel()
	o, who, at, err := c.ownForm(ctx, r)
	if err != nil {
		return err
	}
	about, reference, text := askedAbout(r.PostForm), r.PostForm.Get("reference"), r.PostForm.Get("text")
	q, err := c.Questions.Ask(ctx, o.actor(), o.book, questions.Asking{Payee: who, Reference: reference, About: about, Text: text})
	if err == nil {
		http.Redirect(w, r, address("/portal/questions/"+q.ID, at), http.StatusSeeOther)
		return nil
	}
	var known *fault.Error
	if !isRefusal(err) || !errors.As(err, &known) || known.Kind == fault.NotFound {
		return err
	}
	page, failed := c.ownAskOf(ctx, o, who, at, about, reference, text)
	if failed != nil {
		return failed
	}
	page.Status, page.Notice = statusOf(known.Kind), tellerOf(ctx).undone(known)
	c.render(w, r, page.Status, "portal-ask", page)
	return nil
}

// closeOwn closes a question.
func (c *console) closeOwn(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), decisionTimeout)
	defer cancel()
	o, who, at, err := c.ownForm(ctx, r)
	if err != nil {
		return err
	}
	if _, err := c.Questions.Close(ctx, o.actor(), o.book, who.ID, r.PathValue("question")); err != nil {
		return err
	}
	http.Redirect(w, r, address("/portal/questions/"+r.PathValue("question"), at), http.StatusSeeOther)
	return nil
}
