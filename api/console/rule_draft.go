package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/api/traffic"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A draft of rules: a document that is pasted or uploaded, checked, rehearsed over the orders of a period, and asked for.
// Nothing of it is stored until somebody asks; nothing holds until somebody else approves.

const (
	// draftBytes bounds the document of a draft, and formOfDraft the form around it, in which a line break takes two bytes.
	draftBytes  = 256 << 10
	formOfDraft = 2*draftBytes + maxForm
	// rehearsedPages bounds the pages of a rehearsal that one form asks for, of 500 orders each.
	rehearsedPages = 4
	// rehearsedDays is how far back a rehearsal reaches that does not say from when.
	rehearsedDays = 30
	// payeesRehearsed bounds the winners, and the losers, that a page shows; accountsRehearsed the accounts, failuresShown the failures.
	payeesRehearsed, accountsRehearsed, failuresShown = 25, 50, 25
)

// drafters may check and rehearse drafts: those who ask for rules, and those who decide about them.
var drafters = []access.Scope{access.ApprovalsWrite, access.ApprovalsDecide}

var (
	errDraftSize = fault.New(fault.TooLarge, "rule-draft-size", "A rule set has at most 256 KiB, and this is longer. Nothing was done. Take out what is not needed, and send it again.")
	errDraftDays = fault.New(fault.Malformed, "rule-draft-days", "The days of a rehearsal cannot be read. Write both as 2026-11-01, the first not after the last.")
)

// draftProblem is what is wrong with a draft, and where.
type draftProblem struct {
	fault.Field
	// Line counts from 1; zero if the place is not in the document.
	Line int
}

type ruleDraftPage struct {
	payHead
	At string
	// Text is the document; empty for none yet. From and To are the days of a rehearsal.
	Text, From, To string
	Problems       []draftProblem
	Wrong          string
	// Set is the draft that was read, with what it changes of Before.
	Set       *commerce.RuleSet
	SetID     string
	Before    string
	Rules     []ruleLine
	Groups    []changeGroup
	More      int
	Warned    []string
	Rehearsed *rehearsedView
}

func (c *console) draftPage(who cashier) (ruleDraftPage, error) {
	if !mayAny(who, drafters) {
		return ruleDraftPage{}, errNoPage
	}
	now := c.Now().UTC()
	return ruleDraftPage{payHead: c.adminHead(who, "Rules"), At: who.o.At + rulesPath + "/draft",
		From: now.AddDate(0, 0, -rehearsedDays).Format(time.DateOnly), To: now.Format(time.DateOnly)}, nil
}

// ruleDraft is an empty page for a draft, or one with the document of a set that a draft begins with.
func (c *console) ruleDraft(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	p, err := c.draftPage(who)
	if err != nil {
		return answer{}, err
	}
	if id := r.URL.Query().Get("like"); id != "" {
		s, _, err := c.setNamed(ctx, who, id)
		if err != nil {
			return answer{}, err
		}
		text, err := json.MarshalIndent(s.RuleSet, "", "  ")
		if err != nil {
			return answer{}, err
		}
		p.Text = string(text) + "\n"
	}
	return c.drafted(ctx, who, &p), nil
}

func (c *console) drafted(ctx context.Context, who cashier, p *ruleDraftPage) answer {
	t := tellerOf(ctx)
	return who.administered(t.say("rules.draft"), p, link{t.say("rules.title"), who.o.At + rulesPath})
}

// judgeDraft does what the form of a draft asks for: a check, a rehearsal, or a request to a second person.
func (c *console) judgeDraft(w http.ResponseWriter, r *http.Request) {
	if err := c.judgedDraft(w, r); err != nil {
		c.fail(w, r, err)
	}
}

func (c *console) judgedDraft(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), uploadTime)
	defer cancel()
	who, err := c.uploader(ctx, r, access.RulesRead, drafters...)
	if err != nil {
		return err
	}
	done, err := holding(ctx, c.drafting) // a draft is held whole while it is judged
	if err != nil {
		return err
	}
	defer done()
	text, err := c.readDraft(w, r)
	if err != nil {
		return err
	}
	p, err := c.draftPage(who)
	if err != nil {
		return err
	}
	p.Text, p.given = text, r.PostForm
	do, next, _ := strings.Cut(r.PostForm.Get("do"), ",")
	if do == "ask" && !p.MayAsk {
		return access.ErrForbidden
	}
	a := answer{}
	err = c.checkDraft(ctx, who, &p)
	if err == nil && do == "rehearse" {
		err = c.rehearseDraft(ctx, who, r.PostForm, next, &p)
	}
	if err == nil && do == "ask" {
		to, err := c.asked(ctx, who, "rules.activate", map[string]string{"document": text}, r.PostForm)
		if err == nil {
			http.Redirect(w, r, to, http.StatusSeeOther) // #nosec G710 -- a page of the book: asked makes it of the book's path and an approval's id
			return nil
		}
		if !isRefusal(err) {
			return err
		}
		a = c.drafted(ctx, who, &p)
		return c.renderDraft(w, r, a, err)
	}
	a = c.drafted(ctx, who, &p)
	if err != nil {
		if !isRefusal(err) {
			return err
		}
		return c.renderDraft(w, r, a, err)
	}
	c.render(w, r, http.StatusOK, "rule-draft", a)
	return nil
}

// renderDraft shows the draft with what speaks against it.
func (c *console) renderDraft(w http.ResponseWriter, r *http.Request, a answer, err error) error {
	var known *fault.Error
	if !errors.As(err, &known) {
		return err
	}
	t := tellerOf(r.Context())
	a.Status, a.Notice = statusOf(known.Kind), &notice{Heading: t.say("rules.draft.undone"), Message: t.problem(known)}
	if p := a.Data.(*ruleDraftPage); len(p.Problems) == 0 {
		for _, f := range known.Fields {
			a.Notice.Fields = append(a.Notice.Fields, f.Message)
		}
	}
	c.render(w, r, a.Status, "rule-draft", a)
	return nil
}

// readDraft reads the form of a draft: the file if there is one, else what was pasted, with the line breaks of a file.
func (c *console) readDraft(w http.ResponseWriter, r *http.Request) (string, error) {
	v := visitOf(r.Context())
	if v.failed != nil {
		return "", v.failed
	}
	r.Body = http.MaxBytesReader(w, r.Body, formOfDraft)
	if err := r.ParseMultipartForm(formOfDraft); err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			return "", errDraftSize
		}
		return "", unreadable(err)
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }()
	if !c.holdsToken(v, r.PostForm.Get(tokenField)) {
		return "", errForm
	}
	text := strings.ReplaceAll(r.PostForm.Get("draft"), "\r\n", "\n")
	if sent := r.MultipartForm.File["file"]; len(sent) == 1 && sent[0].Size > 0 {
		f, err := sent[0].Open()
		if err != nil {
			return "", unreadable(err)
		}
		defer f.Close()
		content, err := io.ReadAll(io.LimitReader(f, draftBytes+1))
		if err != nil {
			return "", unreadable(err)
		}
		text = string(content)
	}
	if len(text) > draftBytes {
		return "", errDraftSize
	}
	return text, nil
}

// checkDraft reads the draft and says what is wrong with it, or what it changes.
func (c *console) checkDraft(ctx context.Context, who cashier, p *ruleDraftPage) error {
	d, err := c.Rules.Judge(ctx, who.book, []byte(p.Text))
	if err != nil {
		var known *fault.Error
		if errors.As(err, &known) {
			p.Wrong = known.Message
			for _, f := range known.Fields {
				p.Problems = append(p.Problems, draftProblem{f, lineOfPointer(p.Text, f.Pointer)})
			}
		}
		return err
	}
	p.Set, p.SetID, p.Warned = d.Set, d.Set.ID(), d.Set.Warnings()
	p.Rules = ruleLines(who, d.Set, nil)
	if d.Before != nil {
		p.Before = d.Before.ID()
		p.Groups, p.More = changeGroups(d.Changes)
	}
	return nil
}

// lineOfPointer is the line on which the value of a JSON pointer begins, or that of the innermost part of it that is there; zero for
// no document.
func lineOfPointer(text, pointer string) int {
	want := strings.Split(pointer, "/")[1:]
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	at, depth := int64(0), 0
	var walk func(level int, matched bool) bool
	// walk reads one value, and returns false where the document ends.
	walk = func(level int, matched bool) bool {
		token, err := d.Token()
		if err != nil || level > 64 {
			return false
		}
		if matched && level >= depth {
			at, depth = d.InputOffset(), level
		}
		open, isOpen := token.(json.Delim)
		if !isOpen {
			return true
		}
		for i := 0; d.More(); i++ {
			name := strconv.Itoa(i)
			if open == '{' {
				key, err := d.Token()
				if err != nil {
					return false
				}
				name, _ = key.(string)
			}
			if !walk(level+1, matched && level < len(want) && want[level] == name) {
				return false
			}
		}
		_, err = d.Token()
		return err == nil
	}
	walk(0, true)
	if at == 0 || pointer == "" {
		return 0
	}
	return 1 + bytes.Count([]byte(text)[:at], []byte("\n"))
}

// rehearsedView is a rehearsal for people: who would have got more, and who less.
type rehearsedView struct {
	Orders, Charges, Changed int
	Totals, Winners, Losers  []rehearsedLine
	Accounts                 []rehearsedLine
	Largest                  []rehearsedOrder
	Failed                   []commerce.RehearsalFailure
	MoreWinners, MoreLosers  int
	MoreAccounts, MoreFailed int
	// Next is where it goes on, as the form sends it; empty on the last page.
	Next string
}

// rehearsedLine is a sum of a rehearsal, with its difference as a number to sort by.
type rehearsedLine struct {
	Who, Link                 string
	Currency                  money.Currency
	Orders                    int
	Now, Proposed, Difference amount
}

type rehearsedOrder struct {
	commerce.RehearsedOrder
	Link                string
	Before, After, Less amount
}

// rehearseDraft plays the orders of the days again under the draft, from a place of the rehearsal on.
func (c *console) rehearseDraft(ctx context.Context, who cashier, f url.Values, next string, p *ruleDraftPage) error {
	from, err := dayOf(f.Get("from"), 0)
	to, bad := dayOf(f.Get("to"), 1)
	if err != nil || bad != nil || from.IsZero() || to.IsZero() || !from.Before(to) {
		return errDraftDays
	}
	if err := who.principal().Allow(access.BalancesRead, who.o.Code); err != nil { // it tells what each payee has got
		return err
	}
	p.From, p.To = f.Get("from"), f.Get("to")
	leave, err := traffic.Turn(ctx)
	if err != nil {
		return err
	}
	defer leave()
	q := commerce.RehearsalQuery{From: from, To: to}
	if next != "" {
		event, sequence, _ := strings.Cut(next, ",")
		n, err := strconv.ParseInt(sequence, 10, 64)
		q.After = commerce.RehearsalPlace{Event: event, Sequence: n}
		if err != nil || !q.After.IsPlace() {
			return errFormRead
		}
	}
	var pages []*commerce.Rehearsal
	for range rehearsedPages {
		page, err := c.Commerce.Rehearse(ctx, who.book, p.Set, q)
		if err != nil {
			return err
		}
		pages = append(pages, page)
		if page.Next == nil {
			break
		}
		q.After = *page.Next
	}
	p.Rehearsed = who.rehearsed(pages)
	return nil
}

// rehearsed adds the pages of a rehearsal up.
func (who cashier) rehearsed(pages []*commerce.Rehearsal) *rehearsedView {
	v := &rehearsedView{}
	var totals, payees, accounts []commerce.RehearsedSum
	for _, page := range pages {
		v.Orders, v.Charges, v.Changed = v.Orders+page.Orders, v.Charges+page.Charges, v.Changed+page.Changed
		totals, payees, accounts = append(totals, page.Totals...), append(payees, page.Payees...), append(accounts, page.Accounts...)
		v.Failed = append(v.Failed, page.Failed...)
		for _, o := range page.Largest {
			l := rehearsedOrder{RehearsedOrder: o, Before: signedSum(o.Now, o.Currency), After: signedSum(o.Proposed, o.Currency), Less: signedSum(o.Difference, o.Currency)}
			switch {
			case o.Order != "":
				l.Link = who.subjectAt("order:" + o.Order)
			case o.Charge != "":
				l.Link = "/books/" + who.o.Code + "/transactions/" + o.Charge
			}
			v.Largest = append(v.Largest, l)
		}
	}
	if last := pages[len(pages)-1]; last.Next != nil {
		v.Next = last.Next.Event + "," + strconv.FormatInt(last.Next.Sequence, 10)
	}
	v.Totals = who.rehearsedLines(totals)
	for _, l := range who.rehearsedLines(payees) {
		switch l.Difference.Value.Sign() {
		case 1:
			v.Winners = append(v.Winners, l)
		case -1:
			v.Losers = append(v.Losers, l)
		}
	}
	slices.Reverse(v.Winners)
	for _, l := range who.rehearsedLines(accounts) {
		if l.Difference.Value.Sign() != 0 {
			v.Accounts = append(v.Accounts, l)
		}
	}
	slices.SortStableFunc(v.Largest, func(a, b rehearsedOrder) int { return b.Less.Value.CmpAbs(a.Less.Value) })
	v.Largest = v.Largest[:min(len(v.Largest), payeesRehearsed)]
	v.Winners, v.MoreWinners = upTo(v.Winners, payeesRehearsed)
	v.Losers, v.MoreLosers = upTo(v.Losers, payeesRehearsed)
	v.Accounts, v.MoreAccounts = upTo(v.Accounts, accountsRehearsed)
	v.Failed, v.MoreFailed = upTo(v.Failed, failuresShown)
	return v
}

// signedSum is a sum as a rehearsal writes it: every digit of its currency, and a sign if it is below zero.
func signedSum(text string, c money.Currency) amount {
	v, ok := new(big.Int).SetString(strings.Replace(text, ".", "", 1), 10)
	if !ok {
		v = new(big.Int)
	}
	return amount{v, c}
}

// upTo cuts a list, and counts what is cut off.
func upTo[T any](list []T, most int) ([]T, int) {
	if len(list) <= most {
		return list, 0
	}
	return list[:most], len(list) - most
}

// rehearsedLines adds the sums of one receiver up; those who lose most come first.
func (who cashier) rehearsedLines(sums []commerce.RehearsedSum) []rehearsedLine {
	type key struct {
		who      string
		currency money.Currency
	}
	at, lines := map[key]int{}, []rehearsedLine{}
	for _, s := range sums {
		k := key{s.Who, s.Currency}
		i, known := at[k]
		if !known {
			i = len(lines)
			at[k] = i
			l := rehearsedLine{Who: s.Who, Currency: s.Currency, Now: minor(0, s.Currency), Proposed: minor(0, s.Currency), Difference: minor(0, s.Currency)}
			if kind, id, ok := strings.Cut(s.Who, ":"); ok && who.o.Payouts && isEarner(kind) && !strings.Contains(id, ":") {
				l.Link = who.o.At + "/payees/" + id
			}
			lines = append(lines, l)
		}
		l := &lines[i]
		l.Orders += s.Orders
		for _, part := range []struct {
			to   amount
			text string
		}{{l.Now, s.Now}, {l.Proposed, s.Proposed}, {l.Difference, s.Difference}} {
			part.to.Value.Add(part.to.Value, signedSum(part.text, s.Currency).Value)
		}
	}
	slices.SortStableFunc(lines, func(a, b rehearsedLine) int {
		return cmp.Or(a.Difference.Value.Cmp(b.Difference.Value), cmp.Compare(a.Who, b.Who), cmp.Compare(a.Currency, b.Currency))
	})
	return lines
}
