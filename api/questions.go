package api

import (
	"net/http"
	"reflect"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/vault"
	"mizan/payouts"
	"mizan/payouts/questions"
)

// Questions of payees about what they are told, and the answers. Lists tell what a question is about; what was written is told of one
// question at a time, and whoever reads it of the staff leaves a row in the audit trail.

// NewQuestion is the body that asks a question.
type NewQuestion struct {
	Reference string `json:"reference" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Your own name for it; the same again is answered as the first time" example:"question-1"`
	About     string `json:"about" enum:"order,payout,statement" doc:"What it is about"`
	ID        string `json:"id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The id of the order, the payout or the statement" example:"UK-1001"`
	Line      string `json:"line,omitempty" minLength:"1" maxLength:"64" pattern:"^[a-z][a-z0-9_]*-[1-9][0-9]*(/[1-9][0-9]*){1,2}$" doc:"One line of it: of an order the transaction and the number of the line in it, from 1; of a statement the entry_id and the number of the line among those of the entry; left out, the whole" example:"uk-2/1"`
	Text      string `json:"text" minLength:"1" maxLength:"1000" doc:"Plain text, kept sealed under the payee's key and erased with its personal data" example:"Why is this less than last week?"`
}

// ClosedQuestion is the body that closes a question.
type ClosedQuestion struct {
	State string `json:"state" enum:"closed" doc:"The state that it shall have" example:"closed"`
}

// NewAnswer is the body that answers a question.
type NewAnswer struct {
	Text string `json:"text" minLength:"1" maxLength:"1000" doc:"Plain text, which the payee reads" example:"One of the two units came back, so the commission is of one."`
}

type questionAboutJSON struct {
	Kind     string `json:"kind" enum:"order,payout,statement"`
	ID       string `json:"id" example:"UK-1001"`
	Line     string `json:"line" doc:"One line of it; empty for the whole" example:"uk-2/1"`
	Code     string `json:"code" doc:"What the line is, such as commission; empty for the whole" example:"commission"`
	Currency string `json:"currency" example:"GBP"`
	Amount   string `json:"amount" doc:"As it was told when the question was asked" example:"6.30"`
}

// QuestionJSON is a question as it stands.
type QuestionJSON struct {
	ID         string            `json:"id" example:"qu_0123456789abcdef"`
	Payee      string            `json:"payee" example:"cre_amy"`
	Kind       string            `json:"kind" doc:"What the payee is" example:"creator"`
	About      questionAboutJSON `json:"about"`
	State      string            `json:"state" enum:"open,answered,closed" doc:"closed: by the payee, answered or not"`
	Text       string            `json:"text" doc:"What was asked; empty in lists, once it is erased, and for the staff where they ask or close in the payee's name"`
	Answer     string            `json:"answer" doc:"Empty like the text, and until there is one"`
	Erased     bool              `json:"erased" doc:"The personal data of the payee were erased, and what was written with them"`
	AskedAt    string            `json:"asked_at" format:"date-time"`
	AnsweredAt *string           `json:"answered_at" format:"date-time"`
	ClosedAt   *string           `json:"closed_at" format:"date-time"`
}

type questionListJSON struct {
	Data       []QuestionJSON `json:"data" nullable:"false" doc:"Of a payee the newest first, of a book the oldest first; without what was written"`
	NextCursor *string        `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last"`
}

type questionQuery struct {
	State  string `json:"state,omitempty" enum:"open,answered,closed" default:"open" doc:"Those that stand so"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"200" doc:"The size of a page, 50 if left out"`
	Cursor string `json:"cursor,omitempty" doc:"next_cursor of the page before"`
}

type ownQuestionQuery struct {
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"200" doc:"The size of a page, 50 if left out"`
	Cursor string `json:"cursor,omitempty" doc:"next_cursor of the page before"`
}

func questionOperations() []Operation {
	const own, path = "/v1/books/{book}/payees/{payee}/questions", "/v1/books/{book}/questions"
	one := []Answer{{Status: 200, Meaning: "The question as it stands.", Body: reflect.TypeFor[QuestionJSON]()}}
	closed := []*fault.Error{vault.ErrClosed, vault.ErrMaster, vault.ErrRegion, vault.ErrBroken}
	list := []Operation{
		{
			Method: http.MethodPost, Path: own, ID: "ask-question", Summary: "Ask about something that a payee is told",
			Description: "About an order, a payout or a statement of the payee, or one line of it. What it is about is kept with the amount as it is told now. Up to 10 in 24 hours, and 20 that nobody has answered.",
			Scope:       access.PayeesWrite, Own: "payee", Body: reflect.TypeFor[NewQuestion](), BodyLimit: bodyLimit,
			Example: map[string]any{"reference": "question-1", "about": "order", "id": "UK-1001", "text": "Why is this less than last week?"},
			Answers: []Answer{{Status: 200, Meaning: "Asked, now or under this reference before.", Body: reflect.TypeFor[QuestionJSON]()}},
			Errors: append([]*fault.Error{questions.ErrAbout, questions.ErrText, questions.ErrMany, questions.ErrReused, commerce.ErrPayeeUnknown, commerce.ErrOrderState, vault.ErrErased, ledger.ErrInvalid, ErrNotReady},
				closed...), handle: askQuestion,
		},
		{
			Method: http.MethodGet, Path: own, ID: "list-payee-questions", Summary: "List the questions of a payee",
			Scope: access.PayoutsRead, Own: "payee", Query: reflect.TypeFor[ownQuestionQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of questions.", Body: reflect.TypeFor[questionListJSON]()}}, Errors: []*fault.Error{ErrCursor, ledger.ErrInvalid, ErrNotReady}, handle: listPayeeQuestions,
		},
		{
			Method: http.MethodGet, Path: own + "/{question}", ID: "get-payee-question", Summary: "Read a question of a payee",
			Description: "With what was written. Whoever is not the payee leaves a row in the audit trail.",
			Scope:       access.PayoutsRead, Also: access.PersonalRead, Own: "payee",
			Answers: one, Errors: append([]*fault.Error{questions.ErrUnknown, ErrNotReady}, closed...), handle: getPayeeQuestion,
		},
		{
			Method: http.MethodGet, Path: path, ID: "list-questions", Summary: "List the questions of a book",
			Description: "The oldest first, by state, without what was written.", Scope: access.PayoutsRead, Query: reflect.TypeFor[questionQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of questions.", Body: reflect.TypeFor[questionListJSON]()}}, Errors: []*fault.Error{ErrCursor, ledger.ErrInvalid, ErrNotReady}, handle: listQuestions,
		},
		{
			Method: http.MethodPost, Path: path + "/{question}/answer", ID: "answer-question", Summary: "Answer a question",
			Description: "Once. The payee reads it. The same answer from the same principal again changes nothing.", Scope: access.PayoutsWrite, Also: access.PersonalRead, Body: reflect.TypeFor[NewAnswer](), BodyLimit: bodyLimit,
			Example: map[string]any{"text": "One of the two units came back, so the commission is of one."},
			Answers: one, Errors: append([]*fault.Error{questions.ErrUnknown, questions.ErrText, questions.ErrState, vault.ErrErased, ErrNotReady}, closed...), handle: answerQuestion,
		},
		{
			Method: http.MethodPost, Path: own + "/{question}/closing", ID: "close-question", Summary: "Close a question of a payee",
			Description: "For a question that is settled. Again changes nothing.", Scope: access.PayeesWrite, Own: "payee",
			Body: reflect.TypeFor[ClosedQuestion](), BodyLimit: bodyLimit, Example: map[string]any{"state": "closed"},
			Answers: one, Errors: append([]*fault.Error{questions.ErrUnknown, ErrNotReady}, closed...), handle: closeQuestion,
		},
	}
	for i := range list {
		list[i].Group = "Questions"
	}
	return list
}

// questionOf is a question as callers read it.
func questionOf(q questions.Question) QuestionJSON {
	return QuestionJSON{ID: q.ID, Payee: q.Payee.ID, Kind: q.Payee.Kind, State: q.State, Text: q.Text, Answer: q.Answer, Erased: q.Erased, AskedAt: q.AskedAt.Format(instantFormat),
		AnsweredAt: shownOrNull(q.AnsweredAt), ClosedAt: shownOrNull(q.ClosedAt),
		About: questionAboutJSON{q.About.Kind, q.About.ID, q.Line, q.Code, string(q.Currency), minorIn(q.Amount, q.Currency)}}
}

// asking returns the questions, or ErrNotReady.
func (c *call) asking() (*questions.Service, error) {
	if c.service.questions == nil {
		return nil, ErrNotReady
	}
	return c.service.questions, nil
}

func askQuestion(c *call) (reply, error) {
	s, err := c.asking()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewQuestion) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	payee, err := c.segment("payee")
	if err != nil {
		return reply{}, err
	}
	registered, err := c.service.commerce.Payee(c.ctx, c.book, payee)
	if err != nil {
		return reply{}, err
	}
	q, err := s.Ask(c.ctx, c.actor(), c.book, questions.Asking{Payee: payouts.PayeeKey{Kind: registered.Kind, ID: payee}, Reference: n.Reference,
		About: questions.About{Kind: n.About, ID: n.ID, Line: n.Line}, Text: n.Text})
	return c.questionUnread(q, err)
}

// questionUnread answers with a question that was not asked for to be read: with what was written for the payee alone. The staff read
// that for itself, with the right to and a row in the audit trail.
func (c *call) questionUnread(q questions.Question, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	if c.principal.Kind != access.Payee {
		q.Text, q.Answer = "", ""
	}
	return document(http.StatusOK, questionOf(q))
}

// questionPage answers with a page of questions, of which one more than the page was read.
func (c *call) questionPage(list []questions.Question, limit int) (reply, error) {
	out := questionListJSON{Data: []QuestionJSON{}}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next := c.nextCursor(last.AskedAt.Format(time.RFC3339Nano), last.ID)
		out.NextCursor = &next
	}
	for _, q := range list {
		out.Data = append(out.Data, questionOf(q))
	}
	return document(http.StatusOK, out)
}

// questionPlace is the question after which the page begins, and the size of the page.
func (c *call) questionPlace() (at questions.Question, limit int, err error) {
	limit = int(c.query.integer("limit", 1, questions.MaxPage, 50))
	if parts := c.position(2); parts != nil {
		if at.AskedAt, err = time.Parse(time.RFC3339Nano, parts[0]); err != nil {
			return at, 0, ErrCursor
		}
		at.ID = parts[1]
	}
	return at, limit, c.query.wrong
}

func listPayeeQuestions(c *call) (reply, error) {
	s, err := c.asking()
	if err != nil {
		return reply{}, err
	}
	payee, err := c.segment("payee")
	if err != nil {
		return reply{}, err
	}
	before, limit, err := c.questionPlace()
	if err != nil {
		return reply{}, err
	}
	list, err := s.Of(c.ctx, c.book, payee, before, limit+1)
	if err != nil {
		return reply{}, err
	}
	return c.questionPage(list, limit)
}

func listQuestions(c *call) (reply, error) {
	s, err := c.asking()
	if err != nil {
		return reply{}, err
	}
	state := c.query.choice("state", questions.States()...)
	after, limit, err := c.questionPlace()
	if err != nil {
		return reply{}, err
	}
	list, err := s.In(c.ctx, c.book, state, after, limit+1)
	if err != nil {
		return reply{}, err
	}
	return c.questionPage(list, limit)
}

func getPayeeQuestion(c *call) (reply, error) {
	s, err := c.asking()
	if err != nil {
		return reply{}, err
	}
	q, err := s.Own(c.ctx, c.book, c.param("payee"), c.param("question"))
	if err == nil && c.principal.Kind != access.Payee {
		q, err = s.Read(c.ctx, c.actor(), c.book, q.ID)
	}
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, questionOf(q))
}

func closeQuestion(c *call) (reply, error) {
	s, err := c.asking()
	if err != nil {
		return reply{}, err
	}
	if _, err := decodeWith(c, func(d *decoder, at int32) (body ClosedQuestion) {
		d.object(at, &body)
		return body
	}); err != nil {
		return reply{}, err
	}
	q, err := s.Close(c.ctx, c.actor(), c.book, c.param("payee"), c.param("question"))
	return c.questionUnread(q, err)
}

func answerQuestion(c *call) (reply, error) {
	s, err := c.asking()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewAnswer) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	q, err := s.Answer(c.ctx, c.actor(), c.book, c.param("question"), n.Text)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, questionOf(q))
}
