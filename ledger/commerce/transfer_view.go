package commerce

import (
	"context"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Own money on its way between accounts of ours, as its story tells it: sweeps, top-ups, and donation cash that is made safe or
// brought back.

// OwnTransfer is one movement of own money.
type OwnTransfer struct {
	// ID is the transfer's or the movement's; Subject names its story.
	ID, Subject string
	Currency    money.Currency
	Amount      money.Minor
	// To is the account where it arrives.
	To ledger.Address
	// SentAt is when it left.
	SentAt time.Time
	// Done says that it arrived or came back.
	Done bool
}

// Landed is the event that it arrived, with what the bank or the processor calls it.
func (t OwnTransfer) Landed(reference string) EventData {
	switch {
	case strings.HasPrefix(t.Subject, "safeguarding:"):
		return &SafeguardLanded{Movement: t.ID, Reference: reference}
	case strings.HasPrefix(string(t.To), "assets:processor:"):
		return &TopupLanded{Transfer: t.ID, Reference: reference}
	}
	return &TreasuryLanded{Transfer: t.ID, Reference: reference}
}

// Transfer is the movement of own money that a subject tells of, such as transfer:T-1 or safeguarding:SG-1.
//
// Errors: ErrTransferUnknown if it tells of none.
func (s *Service) Transfer(ctx context.Context, book ledger.Book, subject string) (t OwnTransfer, err error) {
	p := &planner{service: s, ctx: ctx, book: book, event: &Event{}}
	told, err := p.story(subject)
	if err != nil {
		return t, err
	}
	if !told.begun() {
		return t, ErrTransferUnknown
	}
	_, t.ID, _ = strings.Cut(subject, ":")
	t.Subject = subject
	begun := &told.transactions[0]
	t.SentAt = begun.OccurredAt
	for _, e := range begun.Entries {
		if e.Amount > 0 && strings.HasPrefix(string(e.Account), "assets:treasury_in_transit:") {
			t.Currency, t.Amount = e.Currency, e.Amount
		}
	}
	t.Done = len(told.transactions) > 1
	switch begun.Event {
	case "treasury.swept":
		d, err := storedAs[TreasurySwept](begun)
		if err != nil {
			return t, err
		}
		_, t.To = d.ends()
	case "processor.topped_up":
		d, err := storedAs[ProcessorToppedUp](begun)
		if err != nil {
			return t, err
		}
		t.To = processorAccount(bucketAvailable, d.Processor)
	case "donation.safeguarded", "donation.unsafeguarded":
		d, err := storedAs[movementStored](begun)
		if err != nil {
			return t, err
		}
		if t.To = safeguarded(d.BankAccount); d.Out {
			t.To = processorAccount(bucketAvailable, d.Processor)
		}
	default:
		return t, ErrTransferUnknown
	}
	return t, nil
}
