package reconcile

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts"
)

// R3 holds the books against themselves: the accounts of owners against the control totals, payouts against what is in transit,
// own money that is on its way against its time, suspense against breaks, books of ours against each other, and evidence against
// what its sources say. That each balance is the sum of its entries is proved by mizan verify and not done again here.
//
// A run reads at one place of the ledger. What the ledger said there it says for ever, and a replay reads it again. The state of a
// payout, the other book, evidence as it stands: these move on. What a run saw of them is kept in its inputs, so that the same
// findings follow. The last statement of each payee is held against what the books had where it ended.

// check names one of the comparisons of R3 and R4.
type check string

const (
	checkControl     check = "control"
	checkPeriods     check = "periods"
	checkPayouts     check = "payouts_in_transit"
	checkUnattached  check = "waiting_for_payout"
	checkRail        check = "cash_in_transit"
	checkStale       check = "payout_stale"
	checkReturned    check = "payout_returned"
	checkTreasury    check = "treasury_in_transit"
	checkExchange    check = "exchange_clearing"
	checkPassthrough check = "fee_passthrough"
	checkSponsor     check = "match_sponsor"
	checkPosition    check = "fx_position"
	checkPending     check = "order_pending"
	checkPair        check = "books"
	checkSuspense    check = "suspense"
	checkEvidence    check = "evidence"
	checkChanged     check = "evidence_changed"
	checkLines       check = "payout_lines"
	checkUnheld      check = "payout_lines_not_held"
	checkStatements  check = "payee_statements"
)

// meaning is how a check is judged: its class, and what a finance person reads.
type meaning struct {
	class  Class
	detail string
	// late is when it becomes a difference, from when it began; nil is at once.
	late func(situation, time.Time) time.Time
	// quiet says that it is no matter before; otherwise it is listed as a matter of time.
	quiet bool
	// lasting says that what happened stays so, whatever is done about it: two people who end its break have dealt with it, and it is
	// no difference again unless its amount changes.
	lasting bool
	// passes says that it ends by itself, and what it hides until then is not known: nobody accepts it.
	passes bool
}

func transitDays(x situation, at time.Time) time.Time { return x.bankingDays(at, x.Rules.TransitDays) }
func channelDays(x situation, at time.Time) time.Time {
	return x.endOf(x.day(at).AddDate(0, 0, min(max(x.Rules.ChannelDays, 0), mostDays)))
}
func processorDays(x situation, at time.Time) time.Time {
	return x.bankingDays(at, x.Rules.ProcessorDays)
}
func nextDay(x situation, at time.Time) time.Time { return x.endOf(x.day(at).AddDate(0, 0, 1)) }

// checksInside are the checks of R3 in the words of their differences.
var checksInside = map[check]meaning{
	checkControl:     {class: BalanceDiffers, detail: "The accounts of a chart row do not come to its control totals. Run mizan verify and find out who changed a table by hand."},
	checkPeriods:     {class: BalanceDiffers, detail: "The months of an account do not come to its balance. Run mizan verify and find out who changed a table by hand."},
	checkPayouts:     {class: BalanceDiffers, detail: "Less is in transit to a payee than its open payouts have. A payout was posted otherwise than by its own steps."},
	checkUnattached:  {class: BalanceDiffers, detail: "More is in transit to a payee than its open payouts have, and nobody has made a payout of it. Make one, or give the money back.", late: nextDay},
	checkRail:        {class: BalanceDiffers, detail: "What left for payees through this processor or bank and did not arrive is not what the account in transit holds."},
	checkStale:       {class: StaleInTransit, detail: "The payout left more than its banking days ago and nobody confirmed it. Ask the processor or the bank where it is.", late: transitDays, quiet: true},
	checkReturned:    {class: PayoutReturned, detail: "The payout came back and nothing was paid to the payee since. Check the bank details with the payee, then pay again."},
	checkTreasury:    {class: StaleInTransit, detail: "Own money left more than its banking days ago and did not arrive. Ask the bank where it is, or take in the statement that shows it.", late: transitDays, quiet: true},
	checkExchange:    {class: BalanceDiffers, detail: "An exchange is not finished: what the buyer gave back and what was sent instead differ for too long.", late: channelDays, quiet: true},
	checkPassthrough: {class: BalanceDiffers, detail: "A donor's share of the card fee waits, and the fee itself was not recorded in its time.", late: processorDays, quiet: true},
	checkSponsor:     {class: MatchNotFunded, detail: "A sponsor owes a match longer than it may. Ask the sponsor, or take the pledge back.", late: channelDays, quiet: true},
	checkPosition:    {class: BalanceDiffers, detail: "Currency that payees were given was not bought in its time. Record what the exchange was executed at.", late: transitDays, quiet: true},
	checkPending:     {class: BalanceDiffers, detail: "The order is settled, and something of it is still pending. Look at the order's transactions."},
	checkPair:        {class: BalanceDiffers, detail: "Two books of ours do not agree on what one owes the other. One of them has not posted what the other has."},
	checkSuspense:    {class: BalanceDiffers, detail: "Suspense is not the sum of what waits of breaks. Somebody posted there by hand."},
	checkEvidence:    {class: EvidenceIncomplete, detail: "Evidence is missing, or contradicts itself. Bring the missing statement, or ask the source which balance is right."},
	checkLines:       {class: PayoutLinesDiffer, detail: "The lines that the processor names for a payout do not come to what it paid out, as they are known here. Pull again; if it stays so, ask the processor which line is missing.", late: processorDays},
	checkUnheld:      {class: EvidenceIncomplete, detail: "The lines of a payout were not held against what was paid out: the processor does not answer which they are, or names more than are read at once. Hold its own report of the payout against the lines here.", late: processorDays, lasting: true},
	checkStatements:  {class: BalanceDiffers, detail: "A payee's last statement closes with something else than the books had where it ended. Run mizan verify and find out who changed a table by hand."},
	checkChanged:     {class: EvidenceChanged, detail: "The source says something else now of a line that was known. Ask it which is right; the books go by what it said first.", lasting: true},
}

// CompareInside holds a book against itself at one place of its ledger (R3), and records the run.
//
// Errors: ErrRunOvertaken if another run of R3 ended first.
func (s *Service) CompareInside(ctx context.Context, t payouts.Turn, book ledger.Book) (Run, error) {
	began := s.now()
	in := inputs{Match: R3, CutOff: began, TimeZone: book.TimeZone, Source: sourceInput{Kind: "book", Name: book.Code}}
	if err := s.planInside(ctx, book, &in); err != nil {
		return Run{}, err
	}
	in.Calendar = calendarFor(KindProcessor, "", book.Market)
	before, err := s.inputsBefore(ctx, book, in)
	if err != nil {
		return Run{}, err
	}
	in.ordersOf(before.Facts)
	out, err := s.computeInside(ctx, book, &in, &before)
	if err != nil {
		return Run{}, err
	}
	t.Book = book
	return s.recordOther(ctx, t, in, out, began)
}

// planInside fixes the place in the ledger, and what the control totals say there.
func (s *Service) planInside(ctx context.Context, book ledger.Book, in *inputs) (err error) {
	if err = s.placeOf(ctx, book, in); err != nil {
		return err
	}
	if in.Rules, err = s.rulesFor(ctx, book, in.CutOff); err != nil {
		return err
	}
	if in.listed, err = s.openIdentities(ctx, book, *in); err != nil {
		return err
	}
	in.Receipts, err = s.receiptsOf(ctx, book, *in, nil)
	return err
}

// recordOther records a run that compares no lines one by one.
func (s *Service) recordOther(ctx context.Context, t payouts.Turn, in inputs, out *outcome, began time.Time) (Run, error) {
	run := Run{
		ID: freshID("rec"), Match: in.Match, Source: in.Source.ID, SourceName: in.Source.Name, Number: in.Number, CutOff: in.CutOff,
		FromLine: in.Lines.From, ToLine: in.Lines.To, FromSequence: in.Entries.From, ToSequence: in.Entries.To,
		Rules: in.Rules.Version, Settings: in.Settings, Inputs: out.inputsJSON, Summary: out.summaryJSON, Digest: out.digest,
		Matched: out.matched, Found: int64(len(out.findings)), Trigger: trigger(t, Asked{}), StartedBy: starter(t), RecordedAt: s.now(),
	}
	run.Took = run.RecordedAt.Sub(began)
	if err := s.record(ctx, t, run, out); err != nil {
		return Run{}, err
	}
	return run, nil
}

// computeInside finds what the inputs come to. The first time, for which it is given what the run before took, it also looks at what moves
// on, and keeps it in the inputs; when a run is made again, that is taken from there.
func (s *Service) computeInside(ctx context.Context, book ledger.Book, in, before *inputs) (*outcome, error) {
	f := &facts{rows: map[controlRow]*controlSums{}}
	for _, c := range in.Controls {
		there, err := parseSigned(string(c.Total), c.Currency)
		if err != nil {
			return nil, err
		}
		f.rows[controlRow{c.Code, c.Currency}] = &controlSums{there: there}
	}
	if err := s.readControls(ctx, book, *in, f); err != nil {
		return nil, err
	}
	if err := s.readOrders(ctx, book, *in, f); err != nil {
		return nil, err
	}
	if before != nil {
		if err := s.readLive(ctx, book, *in, f); err != nil {
			return nil, err
		}
		if err := s.leaveEnded(ctx, book, in, *before, f, checksInside); err != nil {
			return nil, err
		}
	}
	return finishFacts(book, in, f, checksInside, controlSummary(f.rows))
}

// ordersOf takes over which orders the run before saw something pending of: it stays a difference until they move.
func (in *inputs) ordersOf(before []fact) {
	for _, f := range before {
		switch {
		case f.Check != checkPending:
		case f.More > 0:
			if from := f.From - 1; in.OrdersFrom == 0 || from < in.OrdersFrom {
				in.OrdersFrom = from
			}
		default:
			in.Orders = append(in.Orders, f.Left)
		}
	}
	slices.Sort(in.Orders)
	in.Orders = slices.Compact(in.Orders)
}

// controlInput is what the control totals of a chart row say at the run's place.
type controlInput struct {
	Code     int32          `json:"code"`
	Currency money.Currency `json:"currency"`
	Total    Amount         `json:"total"`
}

// controlLine is a chart row in the summary of R3.
type controlLine struct {
	Code     int32          `json:"code"`
	Currency money.Currency `json:"currency"`
	Accounts int64          `json:"accounts"`
	Ledger   Amount         `json:"ledger"`
	Control  Amount         `json:"control"`
}

func controlSummary(rows map[controlRow]*controlSums) []controlLine {
	list := []controlLine{}
	for k, v := range rows {
		list = append(list, controlLine{k.code, k.currency, v.accounts, amountOf(v.here, k.currency), amountOf(v.there, k.currency)})
	}
	slices.SortFunc(list, func(a, b controlLine) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), strings.Compare(string(a.Currency), string(b.Currency)))
	})
	return list
}
