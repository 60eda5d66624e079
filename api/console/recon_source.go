package console

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/reconcile"
	"mizan/payouts/reconcile/evidence"
)

// A source of evidence: what was taken of it, whether that is all, and the forms to bring more.

// receiptLine is something that was taken.
type receiptLine struct {
	reconcile.Receipt
	By     who
	Digest string
}

// statementLine is a bank statement.
type statementLine struct {
	reconcile.StatementRecord
	Open, Close amount
}

// gapLine is evidence that is missing.
type gapLine struct {
	reconcile.Gap
	Said   string
	Amount amount
}

// heldLine is what a processor says that it holds.
type heldLine struct {
	reconcile.Balance
	Free, Soon, Kept amount
}

type reconSourcePage struct {
	payHead
	Source     reconSourceLine
	Accounts   []ledger.Address
	Receipts   []receiptLine
	Statements []statementLine
	Gaps       []gapLine
	MoreGaps   int
	Held       []heldLine
	Uploads    bool
	// Unproved says that a source states nothing that its lines could be held against.
	Unproved    bool
	First, Next string
	ReadTo      time.Time
}

// sourceOf is the source that the address names.
func (c *console) sourceOf(ctx context.Context, who cashier, r *http.Request) (reconcile.Source, error) {
	kind, name := reconcile.Kind(r.PathValue("kind")), r.PathValue("name")
	if matchOfKind(kind) == 0 || !ledger.IsSegment(name) {
		return reconcile.Source{}, errNoPage
	}
	return c.Reconcile.Source(ctx, who.book, kind, name)
}

func (c *console) reconSource(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	s, err := c.sourceOf(ctx, who, r)
	if err != nil {
		return answer{}, err
	}
	newest, err := c.Reconcile.NewestRuns(ctx, who.book)
	if err != nil {
		return answer{}, err
	}
	t := tellerOf(ctx)
	p := reconSourcePage{payHead: c.reconHead(t, who, reconPath), Accounts: s.Settings.Accounts, Uploads: s.Kind == reconcile.KindBank,
		Unproved: s.Kind == reconcile.KindChannel || s.Settings.Shared}
	if p.Source, err = c.reconSourceLine(ctx, t, who, s, newest); err != nil {
		return answer{}, err
	}
	before, err := positive(r.URL.Query().Get("before"))
	if err != nil {
		return answer{}, err
	}
	if before > 0 {
		p.First = p.Source.Link
	}
	for _, read := range []func(context.Context, cashier, reconcile.Source, *reconSourcePage) error{
		func(ctx context.Context, who cashier, s reconcile.Source, p *reconSourcePage) error {
			return c.receiptsOf(ctx, who, s, before, p)
		}, c.statementsOf, c.gapsOf, c.heldBy,
	} {
		if err := read(ctx, who, s, &p); err != nil {
			return answer{}, err
		}
	}
	return who.reconciled(t, p.Source.Word, &p), nil
}

func (c *console) receiptsOf(ctx context.Context, who cashier, s reconcile.Source, before int64, p *reconSourcePage) error {
	receipts, err := c.Reconcile.Receipts(ctx, who.book, s, before, receiptsShown+1)
	if err != nil {
		return err
	}
	if len(receipts) > receiptsShown {
		receipts = receipts[:receiptsShown]
		p.Next = narrowedTo(p.Source.Link, "before", strconv.FormatInt(receipts[receiptsShown-1].Number, 10))
	}
	var ids []string
	for _, x := range receipts {
		ids = append(ids, actorID(x.By))
	}
	name := c.names(ctx, who.visit, ids)
	for i, x := range receipts {
		p.Receipts = append(p.Receipts, receiptLine{x, name(ids[i]), hex.EncodeToString(x.SHA256)})
		if x.Until.After(p.ReadTo) {
			p.ReadTo = x.Until
		}
	}
	return nil
}

// statementsOf adds the statements of the receipts that are shown, the newest first.
func (c *console) statementsOf(ctx context.Context, who cashier, s reconcile.Source, p *reconSourcePage) error {
	if s.Kind != reconcile.KindBank || len(p.Receipts) == 0 {
		return nil
	}
	oldest := p.Receipts[len(p.Receipts)-1].Number
	list, err := c.Reconcile.Statements(ctx, who.book, s, oldest-1, 1<<15-1, reconcile.MaxPage)
	if err != nil {
		return err
	}
	for i := len(list) - 1; i >= 0 && len(p.Statements) < statementsShown; i-- {
		if x := list[i]; x.Receipt <= p.Receipts[0].Number {
			p.Unproved = p.Unproved || !x.Proved
			p.Statements = append(p.Statements, statementLine{x, minor(x.Opening, x.Currency), minor(x.Closing, x.Currency)})
		}
	}
	return nil
}

func (c *console) gapsOf(ctx context.Context, who cashier, s reconcile.Source, p *reconSourcePage) error {
	if s.Kind == reconcile.KindChannel || len(p.Receipts) == 0 {
		return nil
	}
	gaps, err := c.Reconcile.Completeness(ctx, who.book, s)
	if err == nil && s.Kind == reconcile.KindBank {
		var more []reconcile.Gap
		more, err = c.Reconcile.Continuity(ctx, who.book, s)
		gaps = append(gaps, more...)
	}
	for _, g := range gaps {
		if len(p.Gaps) == gapsShown {
			p.MoreGaps++
			continue
		}
		p.Gaps = append(p.Gaps, gapLine{g, tellerOf(ctx).gap(g), minor(g.Amount, g.Currency)})
	}
	return err
}

func (c *console) heldBy(ctx context.Context, who cashier, s reconcile.Source, p *reconSourcePage) error {
	if s.Kind != reconcile.KindProcessor {
		return nil
	}
	list, err := c.Reconcile.Balances(ctx, who.book, s)
	for _, b := range list {
		p.Held = append(p.Held, heldLine{b, minor(b.Available, b.Currency), minor(b.Pending, b.Currency), minor(b.Reserved, b.Currency)})
	}
	return err
}

// compareSource compares a source now, and posts what its differences ask for, as the nightly round does.
func (c *console) compareSource(ctx context.Context, who cashier, r *http.Request) (string, error) {
	s, err := c.sourceOf(ctx, who, r)
	if err != nil {
		return "", err
	}
	end, err := c.Reconcile.Begin()
	if err != nil {
		return "", err
	}
	defer end()
	turn := c.turnOf(who)
	run, err := c.Reconcile.CompareSource(ctx, turn, s)
	if err != nil {
		return "", err
	}
	if _, err := c.Reconcile.FollowUp(ctx, turn, s); err != nil {
		// The run is recorded, and so may be a part of what follows it: the next round does the rest.
		c.Log.Error("what follows a run could not be done", "book", who.book.Code, "run", run.ID, "err", err)
	}
	return who.runAt(run.ID), nil
}

// pullSource reads what is new at a processor.
func (c *console) pullSource(ctx context.Context, who cashier, r *http.Request) (string, error) {
	s, err := c.sourceOf(ctx, who, r)
	if err != nil {
		return "", err
	}
	if s.Kind != reconcile.KindProcessor {
		return "", errNoPage
	}
	_, err = c.Reconcile.PullAndAsk(ctx, c.turnOf(who), s.Name)
	return who.sourceAt(s.Kind, s.Name), err
}

// takeStatement takes a bank statement that is uploaded. The form's token comes before the file, and nothing is read of the file
// before it was judged.
func (c *console) takeStatement(w http.ResponseWriter, r *http.Request) {
	if err := c.uploadStatement(w, r); err != nil {
		c.fail(w, r, err)
	}
}

func (c *console) uploadStatement(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), uploadTime)
	defer cancel()
	who, err := c.uploader(ctx, r, access.ReconciliationRead, access.ReconciliationWrite)
	if err != nil {
		return err
	}
	done, err := holding(ctx, c.uploading) // a statement is held whole while it is taken
	if err != nil {
		return err
	}
	defer done()
	_, file, err := c.readUpload(ctx, w, r)
	if err != nil {
		return err
	}
	s, err := c.sourceOf(ctx, who, r)
	if err != nil {
		return err
	}
	if s.Kind != reconcile.KindBank {
		return errNoPage
	}
	content, err := io.ReadAll(file)
	if errors.As(err, new(*http.MaxBytesError)) {
		err = evidence.ErrTooLarge
	} else if err != nil {
		err = unreadable(err)
	}
	if err == nil {
		_, err = c.Reconcile.TakeStatement(ctx, who.actor(), who.book, s.Name, content)
	}
	if err != nil {
		return c.again(ctx, w, r, who, "recon-source", err, c.reconSource)
	}
	http.Redirect(w, r, who.sourceAt(s.Kind, s.Name), http.StatusSeeOther)
	return nil
}

// currencyAt reads a currency from an address; an absent one is none.
func currencyAt(s string) (money.Currency, error) {
	if s == "" {
		return "", nil
	}
	if !money.Currency(s).Known() {
		return "", errQuery
	}
	return money.Currency(s), nil
}
