// Accounts are made by the people who use the simulator; its interface only shows them.

package simulator

import (
	"errors"
	"slices"
	"time"
)

// Account is a connected account, or the platform's own.
type Account struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	Country        string            `json:"country"`
	PayoutsEnabled bool              `json:"payouts_enabled"`
	Capabilities   map[string]string `json:"capabilities"`
	DisabledReason string            `json:"disabled_reason_of_simulator"`
	Due            []string          `json:"due_of_simulator"`
	// Interval is how often the processor pays out by itself: "manual" is never, and "daily" the other that is imitated.
	Interval string `json:"interval_of_simulator"`
	// Slow is how long transferred money waits before it is available, in seconds: 86400 for a recipient abroad.
	Slow int64 `json:"slow_of_simulator"`
	// PlatformPays says that the platform is billed for what instant payouts of the account cost, and not the account.
	PlatformPays bool `json:"platform_pays_of_simulator"`
	// NamesCosts says that such a bill names its payout, and that it is given back if the payout fails. Processors differ in
	// this; without it the bill names nothing and stays.
	NamesCosts bool `json:"names_costs_of_simulator,omitempty"`
	// Overdraws says that reversals take more than the account has, as they do where the platform covers what is missing.
	Overdraws bool    `json:"overdraws_of_simulator"`
	Banks     []*Bank `json:"banks_of_simulator"`
}

// Bank is an external account of a connected account.
type Bank struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Fingerprint string `json:"fingerprint"`
	// Holder is the name of the account's holder, or empty.
	Holder   string `json:"account_holder_name"`
	Currency string `json:"currency"`
	Status   string `json:"status"`
	Default  bool   `json:"default_for_currency"`
	// Fails is the code with which payouts to the bank fail, such as account_closed, or empty.
	Fails string `json:"fails_of_simulator,omitempty"`
	// FailsAfter is how many seconds after a payout was made it fails. A payout that was paid before turns to failed.
	FailsAfter int64 `json:"fails_after_of_simulator,omitempty"`
}

// AddAccount adds a connected account that can receive and pay out, with one bank account per currency ("usd").
func (s *Simulator) AddAccount(id, country string, currencies ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == "" || s.state.Accounts[id] != nil || len(s.state.Accounts) >= s.o.MaxObjects {
		return errors.New("simulator: the account exists, or has no id, or there are too many")
	}
	a := &Account{ID: id, Object: "account", Country: country, PayoutsEnabled: true, Interval: "manual",
		Capabilities: map[string]string{"transfers": "active"}, Due: []string{}}
	for _, currency := range currencies {
		if !spoken(currency) {
			return errSeed
		}
		bank, _ := s.next("ba_")
		a.Banks = append(a.Banks, &Bank{ID: bank, Object: "bank_account", Fingerprint: "fp_" + bank, Currency: currency,
			Status: "new", Default: true})
	}
	s.state.Accounts[id] = a
	return s.save()
}

// ChangeAccount lets f change an account, and announces it.
func (s *Simulator) ChangeAccount(id string, f func(*Account)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.state.Accounts[id]
	if a == nil {
		return errors.New("simulator: there is no such account")
	}
	f(a)
	s.announce(id, "account.updated", a.shown())
	return s.save()
}

// FailPayouts makes payouts of the account to its banks fail with a code after a while; an empty code mends the banks.
func (s *Simulator) FailPayouts(id, code string, after time.Duration) error {
	return s.ChangeAccount(id, func(a *Account) {
		for _, b := range a.Banks {
			b.Fails, b.FailsAfter = code, int64(after.Seconds())
			if code == "" {
				b.Status = "new"
			}
		}
	})
}

// ReplaceBank has payouts of an account in a currency go to a new bank from now on, as a payee changes it; nothing is known
// against the new one. It returns the new bank's id.
func (s *Simulator) ReplaceBank(id, currency string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.state.Accounts[id]
	if a == nil || !spoken(currency) || s.state.count() >= s.o.MaxObjects {
		return "", errSeed
	}
	s.tick()
	bank, _ := s.next("ba_")
	a.Banks = slices.DeleteFunc(a.Banks, func(b *Bank) bool { return b.Currency == currency && b.Default })
	b := &Bank{ID: bank, Object: "bank_account", Fingerprint: "fp_" + bank, Currency: currency, Status: "new", Default: true}
	a.Banks = append(a.Banks, b)
	s.announce(id, "account.external_account.created", b.shown(a))
	s.announce(id, "account.updated", a.shown())
	return bank, s.save()
}

// DisableAccount stops an account from receiving transfers and paying out, for a reason in the processor's words such as
// requirements.past_due; an empty reason lets it go on.
func (s *Simulator) DisableAccount(id, reason string) error {
	return s.ChangeAccount(id, func(a *Account) {
		a.PayoutsEnabled, a.DisabledReason, a.Due = reason == "", reason, []string{}
		a.Capabilities = map[string]string{"transfers": "active"}
		if reason != "" {
			a.Due = []string{"individual.verification.document"}
			a.Capabilities = map[string]string{"transfers": "inactive"}
		}
	})
}

// shown is the account as the interface shows it.
func (a *Account) shown() map[string]any {
	banks := []any{}
	for _, b := range a.Banks {
		banks = append(banks, b.shown(a))
	}
	var reason *string
	if a.DisabledReason != "" {
		reason = &a.DisabledReason
	}
	return map[string]any{"id": a.ID, "object": "account", "country": a.Country, "payouts_enabled": a.PayoutsEnabled, "charges_enabled": true,
		"capabilities":      a.Capabilities,
		"requirements":      map[string]any{"disabled_reason": reason, "currently_due": slices.Clone(a.Due), "past_due": []string{}},
		"settings":          a.settings(),
		"external_accounts": list{Object: "list", URL: "/v1/accounts/" + a.ID + "/external_accounts", Data: banks}}
}

// settings are those of the account, of which only the schedule of payouts is imitated.
func (a *Account) settings() map[string]any {
	return map[string]any{
		"payouts": map[string]any{"debit_negative_balances": false, "statement_descriptor": nil,
			"schedule": map[string]any{"interval": a.Interval, "delay_days": 2}},
		"branding": map[string]any{}, "card_payments": map[string]any{}, "dashboard": map[string]any{}, "payments": map[string]any{}}
}

// shown is the bank as the interface shows it.
func (b *Bank) shown(a *Account) map[string]any {
	var holder *string
	if b.Holder != "" {
		holder = &b.Holder
	}
	return map[string]any{"id": b.ID, "object": b.Object, "account": a.ID, "country": a.Country, "fingerprint": b.Fingerprint,
		"account_holder_name": holder, "currency": b.Currency, "status": b.Status, "default_for_currency": b.Default, "last4": "6789"}
}

func (s *Simulator) getAccount(q *request) (any, *refusal) {
	a := s.state.Accounts[q.ids[0]]
	if a == nil {
		return nil, &refusal{status: 403, kind: "invalid_request_error", code: "account_invalid", text: "No access to the account"}
	}
	return a.shown(), nil
}

// bank returns the bank account to which payouts of the currency go.
func (a *Account) bank(currency string) *Bank {
	for _, b := range a.Banks {
		if b.Currency == currency && b.Default {
			return b
		}
	}
	return nil
}
