package questions

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/payouts"
	"mizan/payouts/statements"
)

// What a question is about is looked up as the payee is told it, so that nobody asks about what is somebody else's, and the amount is
// the one that stood there.

// About returns what a question of the payee would be about, with its amount. It returns ErrAbout for what the payee is not told.
func (s *Service) About(ctx context.Context, book ledger.Book, payee payouts.PayeeKey, a About) (About, error) {
	if !ledger.IsSegment(a.ID) || len(a.Line) > 64 {
		return a, ErrAbout
	}
	switch a.Kind {
	case AboutOrder:
		return s.aboutOrder(ctx, book, payee, a)
	case AboutPayout:
		return s.aboutPayout(ctx, book, payee, a)
	case AboutStatement:
		return s.aboutStatement(ctx, book, payee, a)
	}
	return a, ErrAbout
}

func (s *Service) aboutOrder(ctx context.Context, book ledger.Book, payee payouts.PayeeKey, a About) (About, error) {
	share, err := s.payouts.Share(ctx, book, payee, a.ID)
	if errors.Is(err, commerce.ErrOrderUnknown) {
		return a, ErrAbout
	}
	if err != nil {
		return a, err
	}
	if a.Code, a.Currency, a.Amount = "", share.Currency, share.Net; a.Line == "" {
		return a, nil
	}
	sequence, parts, err := lineOf(book, a.Line, 1)
	if err != nil {
		return a, err
	}
	for i := range share.Moves {
		if m := &share.Moves[i]; m.Sequence == sequence && parts[0] <= len(m.Lines) {
			a.Code, a.Amount = m.Lines[parts[0]-1].Key, m.Lines[parts[0]-1].Amount
			return a, nil
		}
	}
	return a, ErrAbout
}

func (s *Service) aboutPayout(ctx context.Context, book ledger.Book, payee payouts.PayeeKey, a About) (About, error) {
	p, err := s.payouts.Payout(ctx, book, a.ID)
	if fault.KindOf(err) == fault.NotFound || err == nil && (p.Holder.PayeeKey != payee || a.Line != "") {
		return a, ErrAbout
	}
	a.Code, a.Currency, a.Amount = "", p.Holder.Currency, p.Amount
	return a, err
}

func (s *Service) aboutStatement(ctx context.Context, book ledger.Book, payee payouts.PayeeKey, a About) (About, error) {
	if s.statements == nil {
		return a, ErrAbout
	}
	st, err := s.statements.Statement(ctx, book, payee.ID, a.ID)
	if errors.Is(err, statements.ErrUnknown) {
		return a, ErrAbout
	}
	if err != nil {
		return a, err
	}
	if a.Code, a.Currency, a.Amount = "", st.Currency, st.Closing(); a.Line == "" {
		return a, nil
	}
	sequence, parts, err := lineOf(book, a.Line, 2)
	if err != nil {
		return a, err
	}
	lines, err := s.statements.TransactionLines(ctx, st, sequence)
	if err != nil {
		return a, err
	}
	entry, n := a.Line[:strings.LastIndexByte(a.Line, '/')], 0
	for i := range lines {
		if lines[i].Entry != entry {
			continue
		}
		if n++; n == parts[1] {
			a.Code, a.Amount = lines[i].Code, lines[i].Amount
			return a, nil
		}
	}
	return a, ErrAbout
}

// lineOf reads the name of a line: a transaction, and numbers from 1 that say which line of it.
func lineOf(book ledger.Book, line string, numbers int) (sequence int64, parts []int, err error) {
	texts := strings.Split(line, "/")
	if len(texts) != numbers+1 {
		return 0, nil, ErrAbout
	}
	if sequence, err = ledger.ParseTransactionID(book.Code, texts[0]); err != nil {
		return 0, nil, ErrAbout
	}
	for _, text := range texts[1:] {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 10_000 || strconv.Itoa(n) != text {
			return 0, nil, ErrAbout
		}
		parts = append(parts, n)
	}
	return sequence, parts, nil
}
