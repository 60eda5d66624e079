package commerce

import (
	"context"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Payees are whoever is paid, with what the rules must know about them: what they are, and whether they are minors. Their
// personal data are elsewhere. A payee that nobody registered earns all the same.

const payeeGuardian = "guardian"

// defaultTrustRate is the part of a minor's gross earnings that is set aside (domain 6, minor.trust_pct).
const defaultTrustRate = "0.15"

// registeredKinds are what a payee can be registered as.
var registeredKinds = append(slices.Clone(payeeKinds), "charity", payeeGuardian)

var (
	// ErrPayeeUnknown means that the book has no such payee.
	ErrPayeeUnknown = fault.New(fault.NotFound, "payee-unknown", "The book has no payee of this id. Check the id, or register the payee first.")
	// ErrPayeeExists means that the id is registered with another content.
	ErrPayeeExists = fault.New(fault.Conflict, "payee-exists", "A payee of this id is registered with another content. Change that one, or give the new payee an id of its own.")
	// ErrPayeeVersion means that the payee was changed since the caller looked.
	ErrPayeeVersion = fault.New(fault.Conflict, "payee-version", "The payee was changed in the meantime. Read it again, and send the change with its present version.")
	// ErrGuardian means that a minor would be registered without an adult who answers.
	ErrGuardian = fault.New(fault.Invalid, "guardian-missing", "A minor needs a guardian: the id of a registered payee of kind guardian. Register the guardian first.")
)

// Payee is a payee as it is registered.
type Payee struct {
	ID             string `json:"id" example:"cre_minor"`
	Kind           string `json:"kind" enum:"seller,creator,agency,partner,charity,guardian" doc:"What the payee is, for ever"`
	Country        string `json:"country" example:"US"`
	Currency       string `json:"currency" doc:"The currency it is paid in" example:"USD"`
	SettlementTier string `json:"settlement_tier" doc:"The tier agreed with it; empty for the rule set's. Orders settle by their rule set." example:"standard"`
	Minor          bool   `json:"minor" doc:"Whether it is a child: gifts are refused, and a part of its earnings is set aside"`
	Guardian       string `json:"guardian" doc:"Who is paid for a minor; empty for anybody else" example:"gua_pat"`
	TrustRate      string `json:"trust_rate" doc:"The part of a minor's gross earnings that is set aside; empty for anybody else" example:"0.15"`
	// Version counts the changes; RecordedAt is when the payee was registered, ChangedAt when this version was.
	Version    int       `json:"version" minimum:"1" example:"1"`
	RecordedAt time.Time `json:"recorded_at"`
	ChangedAt  time.Time `json:"changed_at"`
}

// PayeeChange changes a payee. What is nil stays.
type PayeeChange struct {
	// Version is the version that the caller has seen.
	Version        int
	SettlementTier *string
	Minor          *bool
	Guardian       *string
	TrustRate      *string
}

// judgePayee checks a payee, and gives a minor the default rate.
func (s *Service) judgePayee(ctx context.Context, book ledger.Book, p *Payee) error {
	bad := func(pointer, code, message string) error { return ledger.ErrInvalid.At(pointer, code, message) }
	switch c, err := money.ParseCurrency(p.Currency); {
	case !ledger.IsSegment(p.ID):
		return bad("/id", "id", "An id is 1 to 64 of A-Z a-z 0-9 _ . -")
	case !slices.Contains(registeredKinds, p.Kind):
		return bad("/kind", "enum", "A payee is a seller, creator, agency, partner, charity or guardian.")
	case err != nil || !book.Uses(c):
		return bad("/currency", "currency-not-enabled", "The book does not post in this currency. Use one of the book's currencies.")
	case len(p.Country) != 2:
		return bad("/country", "pattern", "A country is its two capital letters.")
	case len(p.SettlementTier) > 32:
		return bad("/settlement_tier", "length", "A tier is a word of at most 32 characters.")
	case !p.Minor && p.Guardian != "":
		return bad("/guardian", "unexpected", "Only a minor has a guardian. Leave it out.")
	case !p.Minor && p.TrustRate != "":
		return bad("/trust_rate", "unexpected", "Only a minor's earnings are set aside. Leave it out.")
	case !p.Minor:
		return nil
	case p.Kind != "creator":
		return bad("/minor", "unexpected", "Only a creator can be a minor.")
	}
	if p.TrustRate == "" {
		p.TrustRate = defaultTrustRate
	}
	rate, err := money.ParseRate(p.TrustRate)
	if err != nil || rate.Compare(one) > 0 {
		return bad("/trust_rate", "rate-range", "The rate is 0 to 1, such as 0.15.")
	}
	p.TrustRate = rate.String()
	if !ledger.IsSegment(p.Guardian) {
		return ErrGuardian
	}
	guardian, err := s.payees.latest(ctx, book, p.Guardian)
	if fault.CodeOf(err) == ErrPayeeUnknown.Code || err == nil && guardian.Kind != payeeGuardian {
		return ErrGuardian
	}
	return err
}

// Payee returns a payee as it stands, or ErrPayeeUnknown.
func (s *Service) Payee(ctx context.Context, book ledger.Book, id string) (Payee, error) {
	if !ledger.IsSegment(id) {
		return Payee{}, ErrPayeeUnknown
	}
	return s.payees.latest(ctx, book, id)
}

// Payees returns up to limit payees after an id, in order of their ids, and whether there are more.
func (s *Service) Payees(ctx context.Context, book ledger.Book, after string, limit int) ([]Payee, bool, error) {
	list, err := s.payees.list(ctx, book, after, limit+1)
	if len(list) > limit {
		return list[:limit], true, err
	}
	return list, false, err
}

// NeedsSecondPerson reports whether the change concerns what protects a child: whether it is one, who answers for it, and
// what is set aside.
func (c PayeeChange) NeedsSecondPerson() bool {
	return c.Minor != nil || c.Guardian != nil || c.TrustRate != nil
}

// nextPayee is a payee as it stands and after a change. If the change was made before, both are as it stands.
func (s *Service) nextPayee(ctx context.Context, book ledger.Book, id string, ask PayeeChange) (now, next Payee, err error) {
	if now, err = s.Payee(ctx, book, id); err != nil {
		return Payee{}, Payee{}, err
	}
	before := now
	if now.Version == ask.Version+1 { // perhaps it is this change that was made
		if before, err = s.payees.version(ctx, book, id, ask.Version); err != nil {
			return Payee{}, Payee{}, err
		}
	} else if now.Version != ask.Version {
		return Payee{}, Payee{}, ErrPayeeVersion
	}
	next = before.changed(ask)
	if err := s.judgePayee(ctx, book, &next); err != nil {
		return Payee{}, Payee{}, err
	}
	next.Version, next.RecordedAt = ask.Version+1, now.RecordedAt
	if now.Version == next.Version {
		if next.ChangedAt = now.ChangedAt; next != now {
			return Payee{}, Payee{}, ErrPayeeVersion
		}
		return now, now, nil
	}
	next.ChangedAt = s.now().UTC().Truncate(time.Microsecond)
	return now, next, nil
}

// changed is the payee after a change. Whoever comes of age has neither guardian nor trust any more.
func (p Payee) changed(ask PayeeChange) Payee {
	if ask.SettlementTier != nil {
		p.SettlementTier = *ask.SettlementTier
	}
	if ask.Minor != nil {
		if p.Minor = *ask.Minor; !p.Minor {
			p.Guardian, p.TrustRate = "", ""
		}
	}
	if ask.Guardian != nil {
		p.Guardian = *ask.Guardian
	}
	if ask.TrustRate != nil {
		p.TrustRate = *ask.TrustRate
	}
	return p
}
