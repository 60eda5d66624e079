package console

import (
	"context"
	"net/http"
	"strings"

	"mizan/api/access"
	"mizan/payouts/questions"
)

// The inbox: what payees ask, for the staff to answer. A list says what a question is about; who opens one reads what a person wrote,
// which the audit trail remembers.

const questionsPath = "/questions"

type inboxLine struct {
	Link, Payee, PayeeLink string
	About, AboutLink       string
	Amount                 amount
	State                  stateWord
	questions.Question
}

type inboxPage struct {
	payHead
	States      []tab
	Lines       []inboxLine
	MayRead     bool
	First, Next string
}

type inboxQuestionPage struct {
	payHead
	inboxLine
	At        string
	MayAnswer bool
}

func (c *console) inboxPages(mux *http.ServeMux) {
	const at = "/console/books/{book}" + questionsPath
	mux.HandleFunc("GET "+at, c.paid("questions", c.inbox))
	mux.HandleFunc("GET "+at+"/{question}", c.page("question", func(ctx context.Context, r *http.Request) (answer, error) {
		who, err := c.letterReader(ctx, r)
		if err != nil {
			return answer{}, err
		}
		return c.inboxQuestion(ctx, who, r)
	}))
	mux.HandleFunc("POST "+at+"/{question}/answer", c.formBy(access.PersonalRead, "question", []access.Scope{access.PayoutsWrite}, c.answerQuestion, c.inboxQuestion))
}

// letterReader is the visitor if they may read payouts and what people write.
func (c *console) letterReader(ctx context.Context, r *http.Request) (cashier, error) {
	who, err := c.readerOf(ctx, r, access.PersonalRead)
	if err == nil && !mayAll(who.principal(), who.o.Code, access.PayoutsRead) {
		err = access.ErrForbidden
	}
	return who, err
}

// inboxLineOf is a question as the staff sees it, with where to see what it is about.
func inboxLineOf(t teller, who cashier, q questions.Question) inboxLine {
	l := inboxLine{Link: who.o.At + questionsPath + "/" + q.ID, Payee: q.Payee.ID, PayeeLink: who.o.At + "/payees/" + q.Payee.ID, About: t.aboutWords(q.About), Amount: minor(q.Amount, q.Currency),
		State: t.questionState(q.State), Question: q}
	switch q.About.Kind {
	case questions.AboutOrder:
		if mayAll(who.principal(), who.o.Code, access.TransactionsRead) {
			l.AboutLink = narrowedTo("/books/"+who.o.Code+"/transactions", "subject", "order:"+q.About.ID)
		}
	case questions.AboutPayout:
		l.AboutLink = who.o.At + "/payouts/" + q.About.ID
	}
	if transaction, _, ok := strings.Cut(q.Line, "/"); ok && mayAll(who.principal(), who.o.Code, access.TransactionsRead) {
		l.AboutLink = "/books/" + who.o.Code + "/transactions/" + transaction
	}
	return l
}

func (c *console) inbox(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	t, q, at := tellerOf(ctx), r.URL.Query(), who.o.At+questionsPath
	state := q.Get("state")
	if state == "" {
		state = questions.Open
	}
	if _, known := questionStates[state]; !known {
		return answer{}, errQuery
	}
	p := inboxPage{payHead: c.payHead(who, "questions"), MayRead: mayAll(who.principal(), who.o.Code, access.PersonalRead)}
	for _, s := range questions.States() {
		p.States = append(p.States, tab{link{t.questionState(s).Word, narrowedTo(at, "state", s)}, s == state})
	}
	var after questions.Question
	var err error
	if after.AskedAt, after.ID, err = momentAndID(q.Get("after")); err != nil {
		return answer{}, err
	}
	list, err := c.Questions.In(ctx, who.book, state, after, questionsPerPage+1)
	if err != nil {
		return answer{}, err
	}
	if after.ID != "" {
		p.First = narrowedTo(at, "state", state)
	}
	if len(list) > questionsPerPage {
		list = list[:questionsPerPage]
		last := list[questionsPerPage-1]
		p.Next = narrowedTo(at, "state", state, "after", mark(last.AskedAt, last.ID))
	}
	for _, one := range list {
		p.Lines = append(p.Lines, inboxLineOf(t, who, one))
	}
	return who.answered(t.say("asked.title"), &p), nil
}

func (c *console) inboxQuestion(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	q, err := c.Questions.Read(ctx, who.actor(), who.book, r.PathValue("question"))
	if err != nil {
		return answer{}, err
	}
	t := tellerOf(ctx)
	p := inboxQuestionPage{payHead: c.payHead(who, "questions"), inboxLine: inboxLineOf(t, who, q), At: who.o.At + questionsPath + "/" + q.ID + "/answer"}
	p.MayAnswer = p.MayWrite && q.State == questions.Open && !q.Erased
	return who.answered(t.say("asked.one"), &p, link{t.say("asked.title"), who.o.At + questionsPath}), nil
}

// answerQuestion answers a question, and leads to it.
func (c *console) answerQuestion(ctx context.Context, who cashier, r *http.Request) (string, error) {
	id := r.PathValue("question")
	_, err := c.Questions.Answer(ctx, who.actor(), who.book, id, r.PostForm.Get("text"))
	return who.o.At + questionsPath + "/" + id, err
}
