package main

// Questions: what payees ask about what they are told, and answering it.

import (
	"context"
	"fmt"
	"io"
	"iter"

	"mizan/api/client"
)

type questionsCmd struct {
	List   questionsListCmd   `cmd:"" help:"List the questions of a book, the oldest first, or those of a payee, the newest first."`
	Show   questionsShowCmd   `cmd:"" help:"Print a question with what was written. It leaves a row in the audit trail."`
	Answer questionsAnswerCmd `cmd:"" help:"Answer a question, once. The payee reads the answer."`
}

type questionsListCmd struct {
	payeeFlags
	Payee string `help:"Those of this payee, however they stand." placeholder:"ID"`
	State string `help:"Those of the book that stand so: open, answered or closed." enum:"open,answered,closed" default:"open"`
}

// Run lists questions without what was written.
func (c *questionsListCmd) Run(ctx context.Context, s *surroundings) error {
	from := func(remote *client.Client) iter.Seq2[client.Question, error] {
		if c.Payee != "" {
			return remote.PayeeQuestions(ctx, c.Book, c.Payee)
		}
		return remote.Questions(ctx, c.Book, c.State)
	}
	return listPayees(s, &c.payeeFlags, from, newTable("ID", "PAYEE", "STATE", "ASKED", "ABOUT", "LINE", ">TOLD THEN", "CURRENCY"), func(q client.Question) []string {
		return []string{q.ID, q.Payee, q.State, moment(&q.AskedAt), q.About.Kind + " " + q.About.ID, q.About.Code, q.About.Amount, q.About.Currency}
	})
}

type questionsShowCmd struct {
	payeeFlags
	Payee    string `arg:"" help:"Id of the payee who asks."`
	Question string `arg:"" help:"Id of the question, qu_…"`
}

// Run prints a question.
func (c *questionsShowCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	q, err := remote.PayeeQuestion(ctx, c.Book, c.Payee, c.Question)
	if err != nil {
		return err
	}
	return writeQuestion(s.stdout, q, c.JSON)
}

type questionsAnswerCmd struct {
	payeeFlags
	Question string `arg:"" help:"Id of the question, qu_…"`
	File     string `arg:"" optional:"" default:"-" help:"File with the answer; - for standard input, which keeps it out of the shell's history."`
}

// maxAnswerBytes bounds an answer on its way; the service bounds its characters.
const maxAnswerBytes = 1 << 20

// Run answers a question and prints it as it stands then.
func (c *questionsAnswerCmd) Run(ctx context.Context, s *surroundings) error {
	text, err := readInput(c.File, s.stdin, maxAnswerBytes)
	if err != nil {
		return err
	}
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	q, err := remote.AnswerQuestion(ctx, c.Book, c.Question, string(text))
	if err != nil {
		return err
	}
	return writeQuestion(s.stdout, q, c.JSON)
}

func writeQuestion(w io.Writer, q client.Question, asJSON bool) error {
	if asJSON {
		return writeJSON(w, q)
	}
	t := newTable("QUESTION", q.ID)
	for _, fact := range [][2]string{{"payee", q.Payee}, {"state", q.State}, {"about", q.About.Kind + " " + q.About.ID}, {"line", q.About.Line}, {"what", q.About.Code},
		{"told then", q.About.Amount + " " + q.About.Currency}, {"asked", moment(&q.AskedAt)}, {"answered", moment(q.AnsweredAt)}, {"closed", moment(q.ClosedAt)}} {
		if fact[1] != "" {
			t.add(fact[0], fact[1])
		}
	}
	if err := t.write(w, ""); err != nil {
		return err
	}
	for _, text := range []string{q.Text, q.Answer} {
		if text != "" {
			if _, err := fmt.Fprintf(w, "\n%s\n", text); err != nil {
				return err
			}
		}
	}
	return nil
}
