package reconcile

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
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
// findings follow. Statements of payees against the balances that they show are a further check of this match; it has its place in
// checksInside.

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
)

// meaning is how a check is judged: its class, and what a finance person reads.
type meaning struct {
	class  Class
	detail string
	// late is when it becomes a difference, from when it began; nil is at once.
	late func(situation, time.Time) time.Time
	// quiet says that it is no matter before; otherwise it is listed as a matter of time.
	quiet bool
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
	checkChanged:     {class: EvidenceChanged, detail: "The source says something else now of a line that was known. Ask it which is right; the books go by what it said first."},
}

// fact is one thing that a run saw and that must not be so, or must not stay so.
type fact struct {
	Check check `json:"check"`
	// Of tells it from others of the check for ever: an account, a payout, an order.
	Of       string         `json:"of"`
	Currency money.Currency `json:"currency"`
	// There is what the other side has, Here what the ledger has.
	There Amount `json:"there"`
	Here  Amount `json:"here"`
	// Since is when it began.
	Since time.Time `json:"since"`
	// Left and Right name both sides to people.
	Left  string `json:"left,omitempty"`
	Right string `json:"right,omitempty"`
	// Live says that it cannot be read again, because what it was read from moves on.
	Live bool `json:"live,omitempty"`
	// More is how many others of the check are not listed, whose amounts this one sums.
	More int `json:"more,omitempty"`
}

// mostFacts bounds what a run lists of one check in one currency. What is above is one sum.
const mostFacts = 150

// facts collects what a run sees.
type facts struct {
	list []fact
	// rows are control sums by chart row and currency: the ledger's accounts and the control totals.
	rows map[controlRow]*controlSums
}

type controlRow struct {
	code     int32
	currency money.Currency
}

type controlSums struct {
	accounts int64
	here     money.Minor
	there    money.Minor
}

func (f *facts) see(c check, of string, currency money.Currency, there, here money.Minor, since time.Time, live bool) *fact {
	f.list = append(f.list, fact{Check: c, Of: of, Currency: currency, There: amountOf(there, currency), Here: amountOf(here, currency),
		Since: since.UTC().Truncate(time.Microsecond), Right: of, Live: live})
	return &f.list[len(f.list)-1]
}

// identity is that of the difference that a fact can be.
func (f fact) identity() string { return string(f.Check) + ":" + f.Of + ":" + string(f.Currency) }

func (f fact) compare(g fact) int {
	return cmp.Or(strings.Compare(string(f.Check), string(g.Check)), strings.Compare(string(f.Currency), string(g.Currency)), strings.Compare(f.Of, g.Of))
}

// bounded sorts facts and sums what is above the bound of a check into one.
func bounded(list []fact) ([]fact, error) {
	slices.SortFunc(list, fact.compare)
	var out []fact
	for from := 0; from < len(list); {
		to := from
		for to < len(list) && list[to].Check == list[from].Check && list[to].Currency == list[from].Currency {
			to++
		}
		out = append(out, list[from:min(to, from+mostFacts)]...)
		if n := to - from - mostFacts; n > 0 {
			more := fact{Check: list[from].Check, Of: "more", Currency: list[from].Currency, Since: list[from].Since, Right: fmt.Sprintf("and %d more", n), More: n}
			var there, here money.Minor
			for _, x := range list[from+mostFacts : to] {
				t, h, err := x.amounts()
				if err != nil {
					return nil, err
				}
				if there, err = money.Add(there, t); err == nil {
					here, err = money.Add(here, h)
				}
				if err != nil {
					return nil, err
				}
				more.Live = more.Live || x.Live
				if x.Since.Before(more.Since) {
					more.Since = x.Since
				}
			}
			more.There, more.Here = amountOf(there, more.Currency), amountOf(here, more.Currency)
			out = append(out, more)
		}
		from = to
	}
	return out, nil
}

func (f fact) amounts() (there, here money.Minor, err error) {
	if there, err = parseSigned(string(f.There), f.Currency); err == nil {
		here, err = parseSigned(string(f.Here), f.Currency)
	}
	return there, here, err
}

// judge makes findings of facts. It is pure: the same facts, rules and cut-off come to the same.
func judge(list []fact, of map[check]meaning, x situation) ([]Finding, error) {
	var found []Finding
	for _, f := range list {
		there, here, err := f.amounts()
		if err != nil {
			return nil, err
		}
		m := of[f.Check]
		y := Finding{Class: m.class, Identity: f.identity(), Currency: f.Currency, Amount: there - here,
			Left: f.Left, Right: f.Right, HappenedAt: f.Since, Detail: m.detail}
		if m.late != nil {
			late := m.late(x, f.Since)
			if x.CutOff.Before(late) {
				if m.quiet {
					continue
				}
				y.Class, y.ExpectedBy = Timing, late
			}
		}
		found = append(found, y)
	}
	return found, nil
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
	out, err := s.computeInside(ctx, book, &in, true)
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

// computeInside finds what the inputs come to. The first time it also looks at what moves on, and keeps it in the inputs; when a run
// is made again, that is taken from there.
func (s *Service) computeInside(ctx context.Context, book ledger.Book, in *inputs, first bool) (*outcome, error) {
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
	if err := s.readOrders(ctx, book, in.Entries, f); err != nil {
		return nil, err
	}
	if first {
		if err := s.readLive(ctx, book, *in, f); err != nil {
			return nil, err
		}
	}
	return finishFacts(book, in, f, checksInside, controlSummary(f.rows))
}

// finishFacts judges what was seen and writes the run's document. Of a run that is made again, what cannot be read again comes
// from its inputs; and what was read again takes the place of what they say, so that it shows if it is not the same.
func finishFacts(book ledger.Book, in *inputs, f *facts, of map[check]meaning, summary any) (*outcome, error) {
	for _, x := range in.Facts {
		if x.Live && x.More == 0 {
			f.list = append(f.list, x)
		}
	}
	list, err := bounded(f.list)
	if err != nil {
		return nil, err
	}
	// A sum of live facts cannot be made again from its parts.
	for _, x := range in.Facts {
		if x.Live && x.More > 0 {
			list = append(list, x)
		}
	}
	slices.SortStableFunc(list, fact.compare)
	in.Facts = list
	rules, err := rulesOf(in.Rules.Document)
	if err != nil {
		return nil, err
	}
	x := situation{Match: in.Match, Kind: in.Source.Kind, Rules: rules, CutOff: in.CutOff, Zone: book.Location()}
	out := &outcome{}
	if out.findings, err = judge(list, of, x); err != nil {
		return nil, err
	}
	for _, r := range f.rows {
		out.matched += r.accounts
	}
	out.inOrder()
	if out.inputsJSON, err = canonicalJSON(*in); err != nil {
		return nil, err
	}
	if out.summaryJSON, err = canonicalJSON(summary); err != nil {
		return nil, err
	}
	hash := sha256.New()
	if err := out.document(hash); err != nil {
		return nil, err
	}
	out.digest = hash.Sum(nil)
	return out, nil
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
