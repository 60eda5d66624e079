// Stripe's objects as they stand in its JSON. Amounts are read as integers, decimals as their text.

package stripe

import (
	"encoding/json"
	"strings"
	"time"

	"mizan/ledger/money"
	"mizan/payouts/processor"
)

// reference is an id, or an expanded object with an id, or nothing.
type reference string

// UnmarshalJSON implements json.Unmarshaler.
func (r *reference) UnmarshalJSON(raw []byte) error {
	var object struct {
		ID string `json:"id"`
	}
	if len(raw) > 0 && raw[0] == '{' {
		err := json.Unmarshal(raw, &object)
		*r = reference(object.ID)
		return err
	}
	var id *string
	err := json.Unmarshal(raw, &id)
	if id != nil {
		*r = reference(*id)
	}
	return err
}

// head is what every object about money has.
type head struct {
	ID       string `json:"id"`
	Object   string `json:"object"`
	Created  *int64 `json:"created"`
	Amount   *int64 `json:"amount"`
	Currency string `json:"currency"`
}

// attached is what we have left with an object that we had made.
type attached struct {
	Metadata map[string]string `json:"metadata"`
}

// open checks that the object is of its kind, and reads its amount.
func (h head) open(kind string) (money.Minor, money.Currency, time.Time, error) {
	if h.Object != kind || h.ID == "" || h.Created == nil || h.Amount == nil {
		return 0, "", time.Time{}, processor.ErrStrange
	}
	c := money.Currency(strings.ToUpper(h.Currency))
	m, err := scaled(*h.Amount, c)
	return m, c, time.Unix(*h.Created, 0).UTC(), err
}

// scaled reads an integer of the processor. A currency that is not known, or hundredths of a króna, is strange.
func scaled(n int64, c money.Currency) (money.Minor, error) {
	m, err := money.FromProcessor(n, c)
	if err != nil {
		return 0, processor.ErrStrange.Because(err)
	}
	return m, nil
}

func decode(raw json.RawMessage, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return processor.ErrStrange // the error's text would hold a part of the answer
	}
	return nil
}

func readTransfer(raw json.RawMessage) (processor.Transfer, error) {
	var w struct {
		head
		attached
		Reversed    int64     `json:"amount_reversed"`
		Entry       reference `json:"balance_transaction"`
		Destination reference `json:"destination"`
		Payment     reference `json:"destination_payment"`
		Group       string    `json:"transfer_group"`
	}
	if err := decode(raw, &w); err != nil {
		return processor.Transfer{}, err
	}
	m, c, created, err := w.open("transfer")
	if err != nil {
		return processor.Transfer{}, err
	}
	reversed, err := scaled(w.Reversed, c)
	return processor.Transfer{ID: w.ID, Instruction: w.Group, Account: string(w.Destination), Amount: m, Reversed: reversed, Currency: c,
		Created: created, Entry: string(w.Entry), Payment: string(w.Payment), Metadata: w.Metadata}, err
}

func readReversal(raw json.RawMessage) (processor.Reversal, error) {
	var w struct {
		head
		attached
		Entry    reference `json:"balance_transaction"`
		Transfer reference `json:"transfer"`
	}
	if err := decode(raw, &w); err != nil {
		return processor.Reversal{}, err
	}
	m, c, created, err := w.open("transfer_reversal")
	return processor.Reversal{ID: w.ID, Instruction: w.Metadata[processor.MetadataInstruction], Transfer: string(w.Transfer),
		Entry: string(w.Entry), Amount: m, Currency: c, Created: created}, err
}

func readPayout(raw json.RawMessage, account string) (processor.Payout, error) {
	var w struct {
		head
		attached
		State        string    `json:"status"`
		Method       string    `json:"method"`
		Automatic    bool      `json:"automatic"`
		Arrival      int64     `json:"arrival_date"`
		Destination  reference `json:"destination"`
		Entry        reference `json:"balance_transaction"`
		FailureEntry reference `json:"failure_balance_transaction"`
		FailureCode  string    `json:"failure_code"`
		Trace        *struct {
			Value string `json:"value"`
		} `json:"trace_id"`
	}
	if err := decode(raw, &w); err != nil {
		return processor.Payout{}, err
	}
	m, c, created, err := w.open("payout")
	if err == nil && w.State == "" {
		err = processor.ErrStrange
	}
	p := processor.Payout{ID: w.ID, Instruction: w.Metadata[processor.MetadataInstruction], Account: account, Amount: m, Currency: c,
		State: w.State, Method: w.Method, Automatic: w.Automatic, Created: created, Arrival: time.Unix(w.Arrival, 0).UTC(),
		Destination: string(w.Destination), Entry: string(w.Entry), FailureEntry: string(w.FailureEntry), FailureCode: w.FailureCode,
		Metadata: w.Metadata}
	if w.Trace != nil {
		p.Trace = w.Trace.Value
	}
	return p, err
}

func readEntry(raw json.RawMessage) (processor.Entry, error) {
	var w struct {
		head
		AvailableOn int64       `json:"available_on"`
		Fee         *int64      `json:"fee"`
		Net         *int64      `json:"net"`
		Category    string      `json:"reporting_category"`
		Type        string      `json:"type"`
		State       string      `json:"status"`
		Source      reference   `json:"source"`
		Rate        json.Number `json:"exchange_rate"`
		Part        string      `json:"balance_type"`
	}
	if err := decode(raw, &w); err != nil {
		return processor.Entry{}, err
	}
	m, c, created, err := w.open("balance_transaction")
	if err != nil {
		return processor.Entry{}, err
	}
	if w.Fee == nil || w.Net == nil || w.Type == "" || w.State == "" {
		return processor.Entry{}, processor.ErrStrange
	}
	fee, err := scaled(*w.Fee, c)
	if err != nil {
		return processor.Entry{}, err
	}
	net, err := scaled(*w.Net, c)
	if err != nil {
		return processor.Entry{}, err
	}
	if rest, err := money.Sub(m, fee); err != nil || rest != net {
		return processor.Entry{}, processor.ErrStrange
	}
	return processor.Entry{ID: w.ID, Category: w.Category, Type: w.Type, Amount: m, Fee: fee, Net: net, Currency: c, Created: created,
		AvailableOn: time.Unix(w.AvailableOn, 0).UTC(), State: w.State, Source: string(w.Source), Rate: w.Rate.String(), Part: w.Part,
		Raw: append([]byte(nil), raw...)}, nil
}

func readAccount(raw json.RawMessage) (processor.Account, error) {
	var w struct {
		ID             string            `json:"id"`
		Object         string            `json:"object"`
		Country        string            `json:"country"`
		PayoutsEnabled *bool             `json:"payouts_enabled"`
		Capabilities   map[string]string `json:"capabilities"`
		Requirements   struct {
			DisabledReason string   `json:"disabled_reason"`
			Due            []string `json:"currently_due"`
			PastDue        []string `json:"past_due"`
		} `json:"requirements"`
		External struct {
			HasMore bool `json:"has_more"`
			Data    []struct {
				ID          string `json:"id"`
				Fingerprint string `json:"fingerprint"`
				Holder      string `json:"account_holder_name"`
				Currency    string `json:"currency"`
				State       string `json:"status"`
				Default     bool   `json:"default_for_currency"`
			} `json:"data"`
		} `json:"external_accounts"`
		Settings struct {
			Payouts struct {
				Schedule struct {
					Interval string `json:"interval"`
				} `json:"schedule"`
			} `json:"payouts"`
		} `json:"settings"`
	}
	if err := decode(raw, &w); err != nil {
		return processor.Account{}, err
	}
	if w.Object != "account" || w.ID == "" || w.PayoutsEnabled == nil || w.External.HasMore {
		return processor.Account{}, processor.ErrStrange
	}
	a := processor.Account{ID: w.ID, Country: w.Country, PayoutsEnabled: *w.PayoutsEnabled, Capabilities: w.Capabilities,
		Manual: w.Settings.Payouts.Schedule.Interval == "manual", DisabledReason: w.Requirements.DisabledReason,
		Due: w.Requirements.Due, PastDue: w.Requirements.PastDue}
	for _, b := range w.External.Data {
		a.Banks = append(a.Banks, processor.Bank{ID: b.ID, Fingerprint: b.Fingerprint, Holder: b.Holder,
			Currency: money.Currency(strings.ToUpper(b.Currency)), State: b.State, Default: b.Default})
	}
	return a, nil
}

func readBalance(raw json.RawMessage) (map[money.Currency]processor.Balance, error) {
	type part struct {
		Amount   int64  `json:"amount"`
		Currency string `json:"currency"`
	}
	var w struct {
		Object    string `json:"object"`
		Available []part `json:"available"`
		Pending   []part `json:"pending"`
		Reserved  []part `json:"connect_reserved"`
	}
	if err := decode(raw, &w); err != nil {
		return nil, err
	}
	if w.Object != "balance" || w.Available == nil || w.Pending == nil {
		return nil, processor.ErrStrange
	}
	all := map[money.Currency]processor.Balance{}
	for i, list := range [][]part{w.Available, w.Pending, w.Reserved} {
		for _, p := range list {
			c := money.Currency(strings.ToUpper(p.Currency))
			m, err := scaled(p.Amount, c)
			if err != nil {
				return nil, err
			}
			b := all[c]
			sum := [...]*money.Minor{&b.Available, &b.Pending, &b.Reserved}[i]
			if *sum, err = money.Add(*sum, m); err != nil {
				return nil, processor.ErrStrange
			}
			all[c] = b
		}
	}
	return all, nil
}
