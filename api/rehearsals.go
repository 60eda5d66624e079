package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// Rehearsals: what a proposed rule set would have come to for the orders that were placed. Nothing is posted.

// rehearsalDays is how far back a rehearsal reaches that does not say from when.
const rehearsalDays = 30

type rehearsalQuery struct {
	From   string `json:"from,omitempty" format:"date-time" doc:"Orders placed, and charges made, from this moment on; left out, thirty days before to" example:"2026-11-01T00:00:00Z"`
	To     string `json:"to,omitempty" format:"date-time" doc:"and before this one; left out, now" example:"2026-12-01T00:00:00Z"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"500" default:"500" doc:"Orders and charges per page"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

// rehearsalJSON is a page of a rehearsal.
type rehearsalJSON struct {
	commerce.Rehearsal
	From       string  `json:"from" format:"date-time" doc:"The range that was rehearsed; repeat it for the next page" example:"2026-11-01T00:00:00.000000Z"`
	To         string  `json:"to" format:"date-time" example:"2026-12-01T00:00:00.000000Z"`
	NextCursor *string `json:"next_cursor" doc:"Send it as cursor for the next page, with the same set and range; null on the last one"`
}

func rehearsalOperations() []Operation {
	return []Operation{{
		Method: http.MethodPost, Path: "/v1/books/{book}/rule_sets/rehearsal", ID: "rehearse-rules", Group: "Rules", Summary: "Rehearse a rule set",
		Description: "Plays the orders placed in a range again under the document, over their whole recorded lives, and says what every payee, fee and tax would have come to. " +
			"Nothing is posted. The pages of a rehearsal add up; a page may hold few orders, or none, before the last. It tells what each payee has got, and so is for those who read balances.",
		Scope: access.RulesRead, Also: access.BalancesRead, Reads: true, Query: reflect.TypeFor[rehearsalQuery](), Body: reflect.TypeFor[NewRuleSet](), BodyLimit: ruleSetLimit, Example: ruleSetExample(),
		Answers: []Answer{{Status: 200, Meaning: "A page of the rehearsal.", Body: reflect.TypeFor[rehearsalJSON]()}},
		Errors: []*fault.Error{
			commerce.ErrRuleSetInvalid, commerce.ErrRuleSetMarket, commerce.ErrRehearsalRange, commerce.ErrRehearsalLarge, ErrCursor, ledger.ErrInvalid,
		},
		handle: rehearseRules,
	}}
}

func rehearseRules(c *call) (reply, error) {
	to := c.query.moment("to", c.service.now())
	q := commerce.RehearsalQuery{From: c.query.moment("from", to.AddDate(0, 0, -rehearsalDays)), To: to, Limit: int(c.query.integer("limit", 1, 500, 500))}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	body, err := c.readDocument()
	if err != nil {
		return reply{}, err
	}
	c.startClock()
	set, err := commerce.ParseRuleSet([]byte(body))
	if err != nil {
		return reply{}, err
	}
	sum := sha256.Sum256([]byte(body))
	// The cursor belongs to the document and the range, whose end may have been now.
	binding := c.op.ID + "\x00" + c.book.Code + "\x00" + base64.RawURLEncoding.EncodeToString(sum[:])
	if cursor := c.query.text("cursor"); cursor != "" {
		parts, err := openCursor(c.service.cursorKey, binding, cursor, 4)
		if err != nil {
			return reply{}, err
		}
		if err := resume(&q, parts); err != nil {
			return reply{}, err
		}
	}
	done, err := c.service.commerce.Rehearse(c.ctx, c.book, set, q)
	if err != nil {
		return reply{}, err
	}
	out := rehearsalJSON{Rehearsal: *done, From: q.From.UTC().Format(instantFormat), To: q.To.UTC().Format(instantFormat)}
	if next := done.Next; next != nil {
		cursor := sealCursor(c.service.cursorKey, binding, next.Event, strconv.FormatInt(next.Sequence, 10), strconv.FormatInt(q.From.UnixMicro(), 10), strconv.FormatInt(q.To.UnixMicro(), 10))
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

// resume continues where a cursor says, over the range of the first page.
func resume(q *commerce.RehearsalQuery, parts []string) error {
	var numbers [3]int64
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.ParseInt(parts[i+1], 10, 64); err != nil {
			return ErrCursor
		}
	}
	q.After = commerce.RehearsalPlace{Event: parts[0], Sequence: numbers[0]}
	q.From, q.To = time.UnixMicro(numbers[1]), time.UnixMicro(numbers[2])
	if !q.After.IsPlace() {
		return ErrCursor
	}
	return nil
}
