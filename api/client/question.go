package client

// Questions of payees about what they are told, and the answers.

import (
	"context"
	"iter"
	"net/url"
	"time"
)

// NewQuestion asks about an order, a payout or a statement of a payee, or one line of it.
type NewQuestion struct {
	// Reference is your own name for it: the same again is answered as the first time.
	Reference string `json:"reference"`
	// About is order, payout or statement, ID that of it. Line is empty for the whole.
	About string `json:"about"`
	ID    string `json:"id"`
	Line  string `json:"line,omitempty"`
	Text  string `json:"text"`
}

// Question is a question as it stands. In lists Text and Answer are empty.
type Question struct {
	ID    string `json:"id"`
	Payee string `json:"payee"`
	Kind  string `json:"kind"`
	About struct {
		Kind     string `json:"kind"`
		ID       string `json:"id"`
		Line     string `json:"line"`
		Code     string `json:"code"`
		Currency string `json:"currency"`
		Amount   string `json:"amount"`
	} `json:"about"`
	// State is open, answered or closed.
	State  string `json:"state"`
	Text   string `json:"text"`
	Answer string `json:"answer"`
	// Erased says that what was written cannot be read any more.
	Erased     bool       `json:"erased"`
	AskedAt    time.Time  `json:"asked_at"`
	AnsweredAt *time.Time `json:"answered_at"`
	ClosedAt   *time.Time `json:"closed_at"`
}

// AskQuestion asks in the name of a payee.
func (c *Client) AskQuestion(ctx context.Context, book, payee string, n NewQuestion) (Question, error) {
	var q Question
	_, err := c.post(ctx, under(book, "payees", payee, "questions"), nil, n, &q)
	return q, err
}

// PayeeQuestions lists a payee's questions, the newest first.
func (c *Client) PayeeQuestions(ctx context.Context, book, payee string) iter.Seq2[Question, error] {
	return walk[Question](ctx, c, under(book, "payees", payee, "questions"), url.Values{"limit": {questionsPage}})
}

// questionsPage is how many questions are asked for at once.
const questionsPage = "200"

// PayeeQuestion returns a question with what was written. Reading it leaves a row in the audit trail.
func (c *Client) PayeeQuestion(ctx context.Context, book, payee, id string) (Question, error) {
	var q Question
	err := c.get(ctx, under(book, "payees", payee, "questions", id), nil, &q)
	return q, err
}

// CloseQuestion closes a question of a payee.
func (c *Client) CloseQuestion(ctx context.Context, book, payee, id string) (Question, error) {
	var q Question
	_, err := c.post(ctx, under(book, "payees", payee, "questions", id, "closing"), nil, map[string]string{"state": "closed"}, &q)
	return q, err
}

// Questions lists the questions of a book that stand in a state, the oldest first.
func (c *Client) Questions(ctx context.Context, book, state string) iter.Seq2[Question, error] {
	query := url.Values{"limit": {questionsPage}}
	set(query, "state", state)
	return walk[Question](ctx, c, under(book, "questions"), query)
}

// AnswerQuestion answers an open question.
func (c *Client) AnswerQuestion(ctx context.Context, book, id, text string) (Question, error) {
	var q Question
	_, err := c.post(ctx, under(book, "questions", id, "answer"), nil, map[string]string{"text": text}, &q)
	return q, err
}
