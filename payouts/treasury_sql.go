package payouts

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What Mizan proposes about our own money, for people to do: it moves none. A proposal stands until it is done, until another
// day finds another amount, or until nothing has to be done any more.

// The kinds of proposals.
const (
	ProposeSweep        = "sweep"         // our own money can leave the processor
	ProposeTopUp        = "top_up"        // the processor needs money of ours
	ProposeTrustDeposit = "trust_deposit" // what is set aside for a minor has to be in a trust account
	ProposeCard         = "card"          // a debt can be charged to a card
	ProposeWriteOff     = "write_off"     // a debt can be given up by two people
)

// Proposal is one as it stands.
type Proposal struct {
	ID, Kind string
	Currency money.Currency
	Amount   money.Minor
	// Object is what it is about: processor:<name>, or a payee as kind:id.
	Object, Reason string
	// State is open, done, dropped or replaced.
	State              string
	CreatedAt, EndedAt time.Time
}

// answers are the events that answer proposals.
var answers = map[string]string{
	"treasury.swept": ProposeSweep, "processor.topped_up": ProposeTopUp, "minor_trust.deposited": ProposeTrustDeposit,
	"debt.card_recovered": ProposeCard, "debt.written_off": ProposeWriteOff,
}

// answer is an event that ends the open proposals of a kind, of all objects if it names none.
type answer struct {
	kind     string
	currency money.Currency
	object   string
	at       time.Time
}

// answeredBy finds what a page of the feed answers.
func (s *Service) answeredBy(ctx context.Context, book ledger.Book, page []news) (list []answer, err error) {
	for _, n := range page {
		kind, ok := answers[n.Event]
		if !ok {
			continue
		}
		t, err := s.ledger.Transaction(ctx, book, n.Sequence)
		if err != nil {
			return nil, err
		}
		for _, e := range t.Entries {
			object, ok := objectOf(kind, e.Account)
			if ok {
				list = append(list, answer{kind, e.Currency, object, n.RecordedAt.UTC()})
				break
			}
		}
	}
	return list, nil
}

// objectOf says which proposals an entry of an answering event is about.
func objectOf(kind string, a ledger.Address) (string, bool) {
	switch kind {
	case ProposeTrustDeposit:
		creator, ok := strings.CutPrefix(string(a), "assets:bank:trust:")
		return "creator:" + creator, ok
	case ProposeCard, ProposeWriteOff:
		h, ok := holderOf(a, "")
		return h.Kind + ":" + h.ID, ok
	}
	return "", true
}

// mostProposals bounds what one day proposes.
const mostProposals = 10_000

// Treasury proposes sweeps, top-ups and trust deposits. It asks the processors outside of transactions; one that does not
// answer keeps the turn from ending well, so that it is tried again.
func (s *Service) Treasury(ctx context.Context, t Turn) (Report, error) {
	short, spare, err := s.atProcessors(ctx, t.Book)
	if err != nil {
		return Report{}, err
	}
	wanted, err := s.cashProposals(ctx, t.Book, short, spare)
	if err != nil {
		return Report{}, err
	}
	trusts, err := s.trustProposals(ctx, t.Book)
	if err != nil {
		return Report{}, err
	}
	wanted = append(wanted, trusts...)
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		if err := t.check(ctx, tx); err != nil {
			return err
		}
		return s.proposeTx(ctx, tx, t.Book, []string{ProposeSweep, ProposeTopUp, ProposeTrustDeposit}, nil, wanted, s.now())
	})
	if err != nil {
		return Report{}, err
	}
	return Report{Text: fmt.Sprintf("%d proposals stand.", len(wanted)), Items: int64(len(wanted))}, nil
}

// place is a processor with a currency.
type place struct {
	processor string
	currency  money.Currency
}

// atProcessors compares what the payouts that are not sent yet need with what the processors say is available: what is
// short for this book, and what is to spare after the payouts of all books.
func (s *Service) atProcessors(ctx context.Context, book ledger.Book) (short, spare map[place]money.Minor, err error) {
	needs, err := s.unsentPayouts(ctx, book)
	if err != nil {
		return nil, nil, err
	}
	short, spare = map[place]money.Minor{}, map[place]money.Minor{}
	need, all := map[place]money.Minor{}, map[place]money.Minor{}
	for _, n := range needs {
		at := place{s.rails[n.rail].Processor, n.currency}
		need[at], all[at] = need[at]+n.amount, all[at]+n.all
	}
	asked := map[string]bool{}
	for _, rail := range s.rails {
		if rail.Driver == nil || rail.Bank != "" || asked[rail.Processor] {
			continue
		}
		asked[rail.Processor] = true
		balances, err := rail.Driver.ReadBalance(ctx, "")
		if err != nil {
			return nil, nil, err
		}
		for _, c := range book.Currencies {
			at := place{rail.Processor, c}
			// What is short for all books is topped up by those that have payouts to send, each as far as its own.
			left := balances[c].Available - all[at]
			if missing := min(-left, need[at]); missing > 0 {
				short[at] = missing
			} else {
				spare[at] = max(0, left)
			}
		}
	}
	return short, spare, nil
}

// cashProposals are sweeps and top-ups. Own money is swept as far as all that is kept for others stays covered and the next
// payouts can be sent; a currency in which something is short is topped up first, and not swept.
func (s *Service) cashProposals(ctx context.Context, book ledger.Book, short, spare map[place]money.Minor) (list []Proposal, err error) {
	report, err := s.events.Coverage(ctx, book, "")
	if err != nil {
		return nil, err
	}
	for _, at := range report.Currencies {
		c := money.Currency(at.Currency)
		toFund, err := money.ParseAmount(at.Totals.ToFund, c)
		if err != nil {
			return nil, err
		}
		sweepable, err := money.ParseAmount(at.Totals.Sweepable, c)
		if err != nil {
			return nil, err
		}
		var missing, left money.Minor
		known := false
		for p, m := range short {
			if p.currency == c {
				missing, known = missing+m, true
				list = append(list, Proposal{Kind: ProposeTopUp, Currency: c, Amount: m, Object: "processor:" + p.processor,
					Reason: "Payouts that are not sent yet need more than the processor has available."})
			}
		}
		for p, m := range spare {
			if p.currency == c {
				left, known = left+m, true
			}
		}
		switch rest := toFund - missing; {
		case rest > 0:
			list = append(list, Proposal{Kind: ProposeTopUp, Currency: c, Amount: rest,
				Reason: "The money that is kept for others is not all there. Top up today, and post processor.topped_up."})
		case missing == 0 && sweepable > 0 && (!known || left > 0):
			if known {
				sweepable = min(sweepable, left)
			}
			list = append(list, Proposal{Kind: ProposeSweep, Currency: c, Amount: sweepable,
				Reason: "Our own money can be swept to the bank; what is kept for others stays covered. Post treasury.swept."})
		}
	}
	return list, nil
}

// trustProposals are deposits of what has been set aside for minors for so long that it has to be in a trust account.
func (s *Service) trustProposals(ctx context.Context, book ledger.Book) (list []Proposal, err error) {
	for after := (accountNow{}); len(list) < mostProposals; {
		page, err := s.accountsPage(ctx, book, "liabilities:creator:minor_trust:", after, debtPage)
		if err != nil {
			return nil, err
		}
		for _, a := range page {
			h, ok := holderOf(a.address, a.currency)
			if !ok || a.amount <= 0 {
				continue
			}
			trusts, err := s.events.Trusts(ctx, book, h.ID, s.now())
			if err != nil {
				return nil, err
			}
			for _, x := range trusts {
				due, err := money.ParseAmount(x.Due, h.Currency)
				if err != nil || x.Currency != string(h.Currency) || due == 0 {
					continue
				}
				list = append(list, Proposal{Kind: ProposeTrustDeposit, Currency: h.Currency, Amount: due, Object: "creator:" + h.ID,
					Reason: "This has been set aside for a minor for more than 15 business days. Pay it into the trust account, and post minor_trust.deposited."})
			}
		}
		if len(page) < debtPage {
			return list, nil
		}
		after = page[len(page)-1]
	}
	return list, nil
}
