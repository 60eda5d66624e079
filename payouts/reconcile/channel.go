package reconcile

import (
	"context"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts"
)

// R4 holds the settlements of a sales channel against the books: the file's own total against its rows, each row against what was
// posted for it, what was posted against the rows, and what the channel owes against what it paid. Files of the role attribution
// post nothing: of them only totals and rows are looked at.
//
// A run takes the files that came since the run before, and those of which something was still open then. What became of a row can
// change later, when people have it tried again; so a run keeps what it saw in its inputs.
//
// A file that is being received or applied is no settlement yet, and one that was refused is none at all: both are differences. Another
// file makes up for one that was refused if the refused one can be read to its end and all that is in it is in the books; nothing else does
// but people.

const (
	checkFileTotal  check = "file_total"
	checkFileOpen   check = "file_not_applied"
	checkFileRefuse check = "file_refused"
	checkRowParked  check = "row_parked"
	checkRowField   check = "row_unknown_field"
	checkRowChanged check = "row_changed"
	checkRowPosted  check = "row_not_posted"
	checkRowAmount  check = "row_amount"
	checkNotSettled check = "not_in_settlement"
	checkUnpaid     check = "channel_unpaid"
)

// checksOfChannels are the checks of R4 in the words of their differences.
var checksOfChannels = map[check]meaning{
	checkFileTotal:  {class: AmountDiffers, detail: "The file's own total is not the sum of its rows. Nothing of it was applied; ask the channel for a whole one.", lasting: true},
	checkFileOpen:   {class: EvidenceIncomplete, detail: "The file was received and is not applied yet. Wait until it is, then run again.", passes: true},
	checkFileRefuse: {class: EvidenceIncomplete, detail: "The file was refused and nothing of it was applied. Its reason stands with the import; bring the file again as the channel made it, or explain why it is not needed.", lasting: true},
	checkRowParked:  {class: MissingInLedger, detail: "A row of the settlement is not in the books. Its reason stands with the import; mend it and have the row tried again.", lasting: true},
	checkRowField:   {class: UnknownField, detail: "A row of the settlement has money under a name that nobody here knows. Have the name taken up, then have the row tried again.", lasting: true},
	checkRowChanged: {class: AmountDiffers, detail: "The channel says something else now of a transaction that is in the books. Ask it which is right.", lasting: true},
	checkRowPosted:  {class: MissingInLedger, detail: "A row of the settlement counts as applied, and the books do not have its transaction."},
	checkRowAmount:  {class: AmountDiffers, detail: "The books have another amount than the row of the settlement."},
	checkNotSettled: {class: MissingAtProcessor, detail: "The books have a settlement of the channel that is in none of its files. Find out who posted it, or bring the file.", late: channelDays},
	checkUnpaid:     {class: MissingAtBank, detail: "The channel owes what it settled longer than it may. Ask it when it was paid, and take in the statement that shows it.", late: channelDays, quiet: true},
}

// CompareChannel holds a channel's settlements against the books (R4), and records the run.
//
// Errors: ErrSourceUnknown, ErrRunOvertaken if another run of the channel ended first.
func (s *Service) CompareChannel(ctx context.Context, t payouts.Turn, book ledger.Book, channel string) (Run, error) {
	began := s.now()
	source, err := s.Source(ctx, book, KindChannel, channel)
	if err != nil {
		return Run{}, err
	}
	in := inputs{Match: R4, CutOff: began, TimeZone: book.TimeZone, Source: sourceInput{source.ID, KindChannel, source.Name}, Settings: source.Version}
	if err := s.planInside(ctx, book, &in); err != nil {
		return Run{}, err
	}
	before, err := s.planChannel(ctx, book, &in)
	if err != nil {
		return Run{}, err
	}
	f := &facts{}
	if err := s.readChannel(ctx, book, &in, before, f); err != nil {
		return Run{}, err
	}
	if err := s.leaveEnded(ctx, book, &in, before, f, checksOfChannels); err != nil {
		return Run{}, err
	}
	if f.full {
		return Run{}, ErrRunLarge
	}
	in.Facts = f.list
	out, err := s.computeChannel(ctx, book, &in)
	if err != nil {
		return Run{}, err
	}
	t.Book = book
	return s.recordOther(ctx, t, in, out, began)
}

// fallsOn says on whom a difference of a settlement falls, by the role in which its file was imported: as the platform on the seller,
// who has what the settlement leaves, as the seller's bookkeeper on what the channel owes, and for a foreign channel's settlement of which
// the books keep facts alone, on no account.
func fallsOn(role, channel, seller string) string {
	switch role {
	case "platform":
		return "the seller " + seller + ", liabilities:seller:available:" + seller
	case "bookkeeper":
		return "what the channel owes the seller " + seller + ", assets:receivable:channel:" + channel
	}
	return "no account, since nothing of the seller " + seller + "'s settlement is posted"
}

// channelLine is what R4 sums up: the rows of the run's files that count, and the transactions of the channel that are new.
type channelLine struct {
	Currency money.Currency `json:"currency"`
	Posted   int64          `json:"posted"`
	Settled  Amount         `json:"settled"`
	Owed     Amount         `json:"owed"`
}

// computeChannel finds what the inputs come to. What the ledger says it reads, also when a run is made again.
func (s *Service) computeChannel(ctx context.Context, book ledger.Book, in *inputs) (*outcome, error) {
	if len(in.Files) > 0 {
		if err := s.filesAgain(ctx, book, in); err != nil {
			return nil, err
		}
	}
	f := &facts{}
	summary, err := s.readChannelBooks(ctx, book, *in, f)
	if err != nil {
		return nil, err
	}
	out, err := finishFacts(book, in, f, checksOfChannels, summary)
	if err != nil {
		return nil, err
	}
	for _, l := range summary {
		out.matched += l.Posted
	}
	return out, nil
}
