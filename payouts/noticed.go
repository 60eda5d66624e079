package payouts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/payouts/processor"
)

// A notice is a reason to look at a payout now instead of later. Whose it is follows from the object it names; what it says
// is not believed.

// The outcomes of notices that this work handles.
const (
	noticeLooked  = "looked"
	noticeRead    = "account-read"
	noticeNobodys = "nobodys"
	// noticeBuyers is about a buyer's payment, of which events tell, and nothing of payouts follows from it.
	noticeBuyers = "buyers"
)

// noticePages bounds the pages of notices that one turn reads.
const noticePages = 50

// subject is what a notice is about, as far as it is known.
type subject struct {
	// kind is payout, destination, buyer, or nothing.
	kind string
	// ids are the book's, others those of other books, which may have the same account.
	ids    []string
	others []other
}

// other is a payout or destination of another book.
type other struct {
	book     int32
	code, id string
}

// ReadNotices reads again what the rails have announced. Notices concern no book until their object is known, so this work
// of each book takes only its own. One that concerns no book is noted as nobody's and left to reconciliation.
func (s *Service) ReadNotices(ctx context.Context, t Turn) (Report, error) {
	asks := func(name string) bool { return s.rails[name].Bank == "" }
	if !slices.ContainsFunc(s.railNames(), asks) {
		return Report{Text: "No processor is connected."}, nil // whose a notice is, is found out by those who can ask
	}
	return s.readNotices(ctx, t, noticePages)
}

// readNotices reads so many pages. Those that stay for another book must not keep the ones behind them back, so that a turn
// goes on where the last one ended.
func (s *Service) readNotices(ctx context.Context, t Turn, pages int) (Report, error) {
	n := newTally()
	var looked, nobodys int64
	after := s.noticesFrom(t.Book.ID, 0)
	for range pages {
		list, err := s.noticesAfter(ctx, after, carryPage)
		if err != nil {
			return Report{}, err
		}
		if len(list) == 0 {
			after = 0
			break
		}
		after = list[len(list)-1].Number
		var ids []string
		for _, m := range list {
			var outcome string
			var carry []string
			err := s.safely(func() (err error) {
				outcome, carry, err = s.handle(ctx, t, m)
				return err
			}, "notice", m.Number)
			if err != nil && ctx.Err() != nil {
				return Report{}, err
			}
			if err != nil {
				s.log.Warn("a notice could not be dealt with; it is read again", "notice", m.Number, "type", word60(m.Type), "error", err)
			}
			ids = append(ids, carry...)
			if err != nil || outcome == "" {
				continue
			}
			looked++
			if outcome == noticeNobodys {
				nobodys++
				s.log.Warn("a notice concerns nothing that is known here; look at the processor what it is about", "notice", m.Number, "type", word60(m.Type))
			}
		}
		s.carryAll(ctx, t, unique(ids), statesFollowed, n)
		if n.full() {
			break
		}
	}
	s.noticesFrom(t.Book.ID, after)
	if _, err := (&Notices{pool: s.pool, now: s.now}).Forget(ctx); err != nil {
		return Report{}, err
	}
	r, err := n.report("looked at again")
	if nobodys > 0 && err == nil {
		r.Text += fmt.Sprintf(" %d notices concern nobody.", nobodys)
	}
	r.Items = looked
	return r, err
}

// noticesFrom returns the notice after which the book's next turn begins, and notes the one for the turn after it.
func (s *Service) noticesFrom(book ledger.BookID, next int64) int64 {
	from, _ := s.noticed.Swap(book, next)
	after, _ := from.(int64) // the first turn begins at the beginning
	return after
}

// unique returns the ids once each, in the order in which they came.
func unique(ids []string) (list []string) {
	seen := map[string]bool{}
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
	}
	return list
}

// handle deals with one notice: the payouts it may concern are looked at now, and the notice is noted as handled in the
// same transaction, so that twenty copies of one notice have the effect of one. It returns what came of it, nothing if it is
// others' to handle, and the payouts to carry.
func (s *Service) handle(ctx context.Context, t Turn, m Notice) (outcome string, ids []string, err error) {
	about, err := s.about(ctx, t, m)
	if err != nil {
		return "", nil, err
	}
	switch {
	case about.kind == "buyer":
		outcome = noticeBuyers
	case about.kind != "" && len(about.ids) == 0:
		return "", nil, nil // another book's work takes it
	case about.kind == "destination":
		if err := s.refreshAll(ctx, t, about); err != nil {
			return "", nil, err
		}
		outcome = noticeRead
	case about.kind == "payout":
		outcome = noticeLooked
	default:
		outcome = noticeNobodys
	}
	err = s.noticeDone(ctx, t, m.Number, outcome, about)
	if fault.CodeOf(err) == ErrNoticeHandled.Code {
		return "", nil, nil
	}
	return outcome, about.ids, err
}

// refreshAll reads destinations again, in every book that has the account: a bank that changed is another one for all.
func (s *Service) refreshAll(ctx context.Context, t Turn, about subject) error {
	for _, id := range about.ids {
		if _, err := s.Refresh(ctx, t.Book, id); err != nil {
			return err
		}
	}
	for _, o := range about.others {
		book, err := s.ledger.Book(ctx, o.code)
		if err != nil {
			return err
		}
		if _, err := s.Refresh(ctx, book, o.id); err != nil {
			return err
		}
	}
	return nil
}

// about finds out what a notice is about.
func (s *Service) about(ctx context.Context, t Turn, m Notice) (subject, error) {
	switch {
	case strings.HasPrefix(m.Type, "account.") || m.Kind == "account":
		if account := m.account(); account != "" {
			return s.destinationsAt(ctx, t, account)
		}
	case m.Kind == "transfer" || strings.HasPrefix(m.Type, "transfer."):
		about, err := s.payoutsOfTransfer(ctx, t, m.Object)
		if err != nil || about.kind != "" {
			return about, err
		}
		// Its outcome may not be known here yet. The processor says whose instruction it was.
		transfer, err := s.readTransfer(ctx, t.Book, m.Object)
		// What cannot be read by its own notice is read when its payout is looked at, if it is ours.
		if errors.Is(err, processor.ErrAbsent) || errors.Is(err, processor.ErrStrange) || err == nil && transfer.Instruction == "" {
			return subject{}, nil
		}
		if err != nil {
			return subject{}, err
		}
		return s.payoutOfID(ctx, t, transfer.Instruction)
	case m.Kind == "payout" || strings.HasPrefix(m.Type, "payout."):
		about, err := s.payoutsOfOutgoing(ctx, t, m.Object)
		if err != nil || about.kind != "" || m.Account == "" {
			return about, err
		}
		// A payout that the processor makes by itself carries whatever is at the account.
		return s.payoutsAt(ctx, t, m.Account)
	case slices.ContainsFunc(buyersTypes, func(p string) bool { return strings.HasPrefix(m.Type, p) }):
		return subject{kind: "buyer"}, nil
	}
	return subject{}, nil
}

// buyersTypes begin the types of notices about what buyers pay, get back and dispute.
var buyersTypes = []string{"charge.", "payment_intent.", "refund."}

// account is the connected account that a notice of an account is about.
func (m *Notice) account() string {
	if m.Account != "" {
		return m.Account
	}
	if strings.HasPrefix(m.Object, "acct_") {
		return m.Object
	}
	return ""
}

// readTransfer reads a transfer at whichever rail has it.
func (s *Service) readTransfer(ctx context.Context, book ledger.Book, id string) (v processor.Transfer, err error) {
	err = processor.ErrAbsent
	for _, name := range s.railNames() {
		v, err = asked(ctx, s, s.rail(book, name), func(d processor.Driver) (processor.Transfer, error) { return d.ReadTransfer(ctx, id) })
		if !errors.Is(err, processor.ErrAbsent) {
			return v, err
		}
	}
	return v, err
}
