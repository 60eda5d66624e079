package payouts

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/vault"
	"mizan/payouts/processor"
)

// Changing where a payee's money goes. The account is read at the rail while the approval is written, and again when it is
// decided; what was found is part of what is agreed to, so that an account which changed meanwhile is looked at again.

// ActDestination is the act by which a payee is given a destination.
const ActDestination = "payout.destination"

// destinationPayload is what is asked for. Found is ours: what a caller writes there is replaced.
type destinationPayload struct {
	Payee string `json:"payee"`
	Rail  string `json:"rail"`
	// Account is the processor's id of the account; empty for the bank data in the vault.
	Account    string           `json:"account"`
	Currencies []money.Currency `json:"currencies"`
	// Mode is automatic or manual; empty for what the processor does.
	Mode string `json:"mode"`
	// HolderConfirmed says that the document named shows that the account is the payee's, whatever the names are.
	HolderConfirmed bool  `json:"holder_confirmed,omitempty"`
	Found           found `json:"found"`
}

// nameMatch is what is kept of the comparison of names.
func (p *destinationPayload) nameMatch() string {
	if p.HolderConfirmed {
		return NameMatches
	}
	return p.Found.NameMatch
}

// judge checks what does not depend on anything but the book, and brings it into the form that is kept.
func (p *destinationPayload) judge(book ledger.Book) error {
	var fields []fault.Field
	want := func(ok bool, pointer, code, message string) {
		if !ok {
			fields = append(fields, fault.Field{Pointer: pointer, Code: code, Message: message})
		}
	}
	want(slices.Contains([]string{RailConnected, RailBank}, p.Rail), "/rail", "enum", "The rail is connected or bank.")
	want(slices.Contains([]string{"", ModeAutomatic, ModeManual}, p.Mode), "/mode", "enum", "The mode is automatic or manual, or is left out.")
	switch p.Rail {
	case RailConnected:
		want(connectedAccount.MatchString(p.Account), "/account", "pattern", "A connected account is acct_ and letters and digits, as the processor names it. Bank data belong in the vault.")
	case RailBank:
		want(p.Account == "" || p.Account == payeeSubject(p.Payee), "/account", "unexpected", "The bank data are those in the vault. Leave the account out.")
		want(p.Mode != ModeAutomatic, "/mode", "enum", "Nobody but us pays to a bank. The mode is manual.")
		p.Account, p.Mode = payeeSubject(p.Payee), ModeManual
	}
	want(len(p.Currencies) > 0 && len(p.Currencies) <= 50, "/currencies", "required", "Name the currencies that are paid there, at most 50.")
	slices.Sort(p.Currencies)
	p.Currencies = slices.Compact(p.Currencies)
	for _, c := range p.Currencies {
		want(book.Uses(c), "/currencies", "currency-not-enabled", "The book does not post in one of these currencies. Use the book's currencies.")
	}
	if fields != nil {
		return ErrDestinationInvalid.WithFields(fields...)
	}
	return nil
}

// payeeSubject is the payee as the vault names it.
func payeeSubject(payee string) string { return "payee:" + payee }

// judgeDestination reads what a destination needs to be known of, and says what would change. It asks the rail, so it is
// never called in a transaction.
func (s *Service) judgeDestination(ctx context.Context, book ledger.Book, p *destinationPayload) (guard.Effect, error) {
	payee, err := s.registered(ctx, book, p.Payee)
	switch {
	case err != nil:
		return guard.Effect{}, err
	case payee.Minor:
		return guard.Effect{}, ErrDestinationMinor
	}
	if err := p.judge(book); err != nil {
		return guard.Effect{}, err
	}
	if p.Rail == RailConnected && s.rails[RailConnected].Own == p.Account {
		return guard.Effect{}, ErrDestinationOwn.At("/account", "destination-own", "This is the platform's own account.")
	}
	if p.Found, err = s.findAccount(ctx, book, p.Payee, p.Rail, p.Account, p.Currencies); err != nil {
		return guard.Effect{}, err
	}
	if p.Rail == RailConnected {
		does := ModeAutomatic
		if p.Found.manual {
			does = ModeManual
		}
		if p.Mode != "" && p.Mode != does {
			return guard.Effect{}, ErrDestinationInvalid.At("/mode", "destination-mode", "The processor does otherwise for this account. Change the account's payout schedule there, or give the other mode.")
		}
		p.Mode = does
	}
	if p.Rail == RailBank && p.Found.Code == CodeBankMissing {
		return guard.Effect{}, ErrDestinationInvalid.At("/payee", "destination-bank", "The vault has no bank data of this payee. Propose them there; once they are approved, they are the destination.")
	}
	old, err := destinationOf(s.pool.QueryRow(ctx, sqlStandingDestination, book.ID, p.Payee, p.Rail))
	if err != nil && fault.CodeOf(err) != ErrDestinationUnknown.Code {
		return guard.Effect{}, err
	}
	p.Found.Replaces = old.ID
	var taken, before, elsewhere bool
	if err := s.pool.QueryRow(ctx, sqlAccountTaken, book.ID, p.Rail, p.Account, p.Payee).Scan(&taken, &before, &elsewhere); err != nil {
		return guard.Effect{}, err
	}
	if taken {
		return guard.Effect{}, ErrDestinationTaken
	}
	effect, err := s.destinationEffect(ctx, book, p, old, payee.Country)
	if before {
		effect.Warnings = append(effect.Warnings, "The account was the destination of another payee of this book before.")
	}
	if elsewhere && p.Rail != RailBank {
		effect.Warnings = append(effect.Warnings, "The account is a destination in another book too.")
	}
	return effect, err
}

// destinationEffect tells a second person what changes.
func (s *Service) destinationEffect(ctx context.Context, book ledger.Book, p *destinationPayload, old Destination, country string) (guard.Effect, error) {
	e := guard.Effect{Count: 1, Summary: fmt.Sprintf("The first destination of the payee %s by this rail (%s).", p.Payee, p.Rail)}
	if old.ID != "" {
		e.Summary = fmt.Sprintf("Another destination for the payee %s by this rail (%s): what is under way still goes to the old one.", p.Payee, p.Rail)
		e.Difference = append(e.Difference, "The destination until now has stood since "+old.CreatedAt.Format("2006-01-02")+".")
		if old.Account == p.Account {
			e.Warnings = append(e.Warnings, "The account is the same as before; its cooling-off begins again.")
		}
	}
	now := s.now()
	until, err := s.coolingUntil(ctx, book, p.Payee, now)
	if err != nil {
		return e, err
	}
	e.Difference = append(e.Difference, fmt.Sprintf("Nothing is paid there for %d hours after it was approved.", int(until.Sub(now).Hours())),
		"Paid there: "+strings.Join(currencyCodes(p.Currencies), ", ")+". Mode: "+p.Mode+".", "The holder's name compared with the name on record: "+p.Found.NameMatch+".")
	if p.HolderConfirmed && p.Found.NameMatch != NameMatches {
		e.Warnings = append(e.Warnings, "The names are not the same. By agreeing you confirm that the document shows that the account is the payee's.")
	} else if p.Found.NameMatch != NameMatches {
		e.Warnings = append(e.Warnings, "The names are not known to be the same, so payouts may wait: see the policy's rule on names.")
	}
	if p.Found.Code != "" {
		e.Warnings = append(e.Warnings, "Nothing can be paid there yet ("+p.Found.Code+"). It becomes active once the processor says so.")
	}
	if p.Found.Country != "" && country != "" && !sameCountry(p.Found.Country, country) {
		e.Warnings = append(e.Warnings, "The account is in another country than the payee.")
	}
	if len(p.Found.unserved) > 0 {
		e.Warnings = append(e.Warnings, "The account has no bank for "+strings.Join(currencyCodes(p.Found.unserved), ", ")+".")
	}
	return e, nil
}

// sameCountry compares countries; the United Kingdom is written in two ways.
func sameCountry(a, b string) bool {
	usual := func(c string) string { return strings.Replace(c, "UK", "GB", 1) }
	return usual(a) == usual(b)
}

// findAccount reads the account at its rail: outside of transactions.
func (s *Service) findAccount(ctx context.Context, book ledger.Book, payee, rail, account string, currencies []money.Currency) (found, error) {
	name, holder, has, err := s.bankOf(ctx, book, payee)
	if err != nil {
		return found{}, err
	}
	if rail == RailBank {
		f := found{NameMatch: matchNames(holder, name), manual: true}
		if !has {
			f.Code = CodeBankMissing
		}
		return f, nil
	}
	driver := s.rails[rail].Driver
	if driver == nil {
		return found{}, ErrRail
	}
	read, err := driver.ReadAccount(ctx, account)
	if fault.CodeOf(err) == processor.ErrAbsent.Code {
		return found{}, ErrDestinationInvalid.At("/account", "destination-absent", "The processor has no such account, or it is not connected to us. Check the id.")
	}
	if err != nil {
		return found{}, err
	}
	return foundOf(read, name, currencies), nil
}

// ChangeDestination gives a payee a destination without a second person, which is for development on one machine.
func (s *Service) ChangeDestination(ctx context.Context, by guard.Actor, book ledger.Book, payload json.RawMessage, why string) (d Destination, err error) {
	var p destinationPayload
	if err := guard.ReadPayload(payload, &p); err != nil {
		return Destination{}, err
	}
	if _, err := s.judgeDestination(ctx, book, &p); err != nil {
		return Destination{}, err
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		d, err = s.setDestinationTx(ctx, tx, guard.Deed{Actor: by, Why: why}, book, p)
		return err
	})
	if err != nil {
		return Destination{}, err
	}
	return d, nil
}

// afterVault makes the act by which the vault's bank data change give the payee the destination they stand for, in the same
// transaction. Somebody who is not registered, or a minor, gets none.
func (s *Service) afterVault(ctx context.Context, tx pgx.Tx, book ledger.Book, a guard.Approval) error {
	var p struct {
		Subject string `json:"subject"`
	}
	if err := json.Unmarshal(a.Payload, &p); err != nil {
		return err
	}
	id, isPayee := strings.CutPrefix(p.Subject, "payee:")
	if !isPayee {
		return nil
	}
	payee, err := s.registered(ctx, book, id)
	if fault.CodeOf(err) == errPayeeUnknown || payee.Minor {
		return nil
	}
	if err != nil {
		return err
	}
	old, err := destinationOf(tx.QueryRow(ctx, sqlStandingDestination, book.ID, id, RailBank))
	if err != nil && fault.CodeOf(err) != ErrDestinationUnknown.Code {
		return err
	}
	next := destinationPayload{Payee: id, Rail: RailBank, Currencies: old.Currencies}
	if old.ID == "" {
		next.Currencies = []money.Currency{money.Currency(payee.Currency)}
	}
	if err := next.judge(book); err != nil {
		return err
	}
	if next.Found, err = s.findAccount(ctx, book, id, RailBank, next.Account, next.Currencies); err != nil {
		return err
	}
	next.Found.Replaces = old.ID
	_, err = s.setDestinationTx(ctx, tx, deedBy(a), book, next)
	return err
}

// AfterVault returns the acts with that of the vault completed: once new bank data of a payee are approved, they are its
// destination, and their cooling-off begins.
func (s *Service) AfterVault(acts []guard.Act) []guard.Act {
	acts = slices.Clone(acts)
	for i, act := range acts {
		if act.Name != vault.ActDestination {
			continue
		}
		acts[i].Run = func(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
			result, err := act.Run(ctx, tx, a)
			if err != nil {
				return nil, err
			}
			within := within(ctx, tx)
			book, err := s.bookOf(within, a.Book)
			if err != nil {
				return nil, err
			}
			return result, s.afterVault(within, tx, book, a)
		}
	}
	return acts
}
