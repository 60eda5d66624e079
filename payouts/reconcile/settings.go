package reconcile

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/reconcile/evidence"
)

// Settings are judged before they are kept, so that a file is never read in a way that cannot be right.

const (
	maxSettings       = 16 << 10
	maxIdentification = 64
	maxAccounts       = 8
)

// processorAccounts are the accounts of the ledger that mirror a processor's account.
func processorAccounts(name string) []ledger.Address {
	const path = "assets:processor:"
	return []ledger.Address{ledger.Address(path + "pending:" + name), ledger.Address(path + "available:" + name), ledger.Address(path + "reserved:" + name)}
}

// bankPaths are the accounts of the ledger that mirror an account at a bank, without its name.
var bankPaths = []string{"assets:bank:operating", "assets:bank:client", "assets:bank:safeguarded"}

// normalIdentification is an account's number without what only makes it readable.
func normalIdentification(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, text)
}

// wrongSetting names a setting that cannot be used.
func wrongSetting(field, code, message string) error {
	return ErrSourceInvalid.At("/"+field, code, message)
}

// judged returns settings in their one form. It returns ErrSourceInvalid.
func (x Settings) judged(book ledger.Book, kind Kind, name string) (Settings, error) {
	if len(name) > maxIdentification || !ledger.IsSegment(name) {
		return x, wrongSetting("name", "name", "The name is the last part of the accounts of the ledger: letters, digits, dots, dashes and underscores.")
	}
	x.Identification = normalIdentification(x.Identification)
	var err error
	switch kind {
	case KindProcessor:
		err = x.judgeProcessor(name)
		x.Accounts = nil
	case KindBank:
		x, err = x.judgeBank(book, name)
	case KindChannel:
		err = x.judgeChannel(book)
	default:
		err = wrongSetting("kind", "kind", "The kind is processor, bank or channel.")
	}
	return x, err
}

func (x Settings) judgeProcessor(name string) error {
	switch {
	case len(x.Accounts) > 0 && !slices.Equal(x.Accounts, processorAccounts(name)):
		return wrongSetting("accounts", "accounts", "The accounts of a processor are those of its name and need not be said.")
	case x.Currency != "":
		return wrongSetting("currency", "currency", "A processor has all its currencies.")
	case x.Format != "" || len(x.Profile) > 0 || x.Identification != "" || x.Batches:
		return wrongSetting("format", "format", "A processor is read through its interface; format, profile, identification and batches are a bank's.")
	}
	for c, text := range x.Opening {
		if _, err := money.ParseCurrency(string(c)); err != nil {
			return wrongSetting("opening", "opening", "What the account held before is an amount for each currency.")
		}
		if _, err := parseSigned(text, c); err != nil {
			return wrongSetting("opening", "opening", "What the account held before is an amount for each currency, with the currency's decimals.")
		}
	}
	return nil
}

// parseSigned reads an amount that may be below zero.
func parseSigned(text string, c money.Currency) (money.Minor, error) {
	rest, below := strings.CutPrefix(text, "-")
	m, err := money.ParseAmount(rest, c)
	if err == nil && below {
		return money.Neg(m)
	}
	return m, err
}

func (x Settings) judgeBank(book ledger.Book, name string) (Settings, error) {
	if len(x.Accounts) == 0 || len(x.Accounts) > maxAccounts {
		return x, wrongSetting("accounts", "accounts", "Name the accounts of the ledger that the bank's account is held against.")
	}
	x.Accounts = slices.Clone(x.Accounts)
	slices.Sort(x.Accounts)
	for i, a := range x.Accounts {
		switch {
		case i > 0 && a == x.Accounts[i-1]:
			return x, wrongSetting("accounts", "accounts", "An account is named twice.")
		case !slices.ContainsFunc(bankPaths, func(path string) bool { return string(a) == path+":"+name }):
			return x, wrongSetting("accounts", "accounts", "The accounts of a bank are assets:bank:operating, :client or :safeguarded, each with the source's name.")
		}
		if _, err := ledger.StandardChart().Resolve(a); err != nil {
			return x, wrongSetting("accounts", "accounts", "The chart of accounts has no such account.")
		}
	}
	switch {
	case !slices.Contains(book.Currencies, x.Currency):
		return x, wrongSetting("currency", "currency", "The currency of the account is one of the book's currencies.")
	case len(x.Identification) > maxIdentification || strings.ContainsFunc(x.Identification, func(r rune) bool {
		return r >= unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/.-", r)
	}):
		return x, wrongSetting("identification", "identification", "The account's number has at most 64 letters, digits, slashes, dots and dashes.")
	case x.Shared || len(x.Opening) > 0:
		return x, wrongSetting("shared", "shared", "A bank's statements say what was there before, and only the account at a processor can be shared by books.")
	}
	return x.judgeFormat()
}

// judgeFormat checks how a bank's files are read.
func (x Settings) judgeFormat() (Settings, error) {
	if !slices.Contains(evidence.Formats(), evidence.Format(x.Format)) {
		return x, wrongSetting("format", "format", "The format is camt.053, csv, bai2 or mt940.")
	}
	if bytes.Equal(bytes.TrimSpace(x.Profile), []byte("null")) {
		x.Profile = nil
	}
	if (len(x.Profile) > 0) != (x.Format == string(evidence.CSV)) {
		return x, wrongSetting("profile", "profile", "A CSV file needs a profile that says what its columns mean; the other formats take none.")
	}
	if _, err := x.profile(); err != nil {
		return x, err
	}
	if len(x.Profile) > 0 {
		var compact bytes.Buffer
		if err := json.Compact(&compact, x.Profile); err != nil {
			return x, wrongSetting("profile", "profile", "The profile is one JSON object.")
		}
		x.Profile = compact.Bytes()
	}
	return x, nil
}

func (x Settings) judgeChannel(book ledger.Book) error {
	switch {
	case len(x.Accounts) > maxAccounts:
		return wrongSetting("accounts", "accounts", "A channel has at most eight accounts.")
	case x.Currency != "" && !slices.Contains(book.Currencies, x.Currency):
		return wrongSetting("currency", "currency", "The currency of a channel is one of the book's currencies.")
	case x.Format != "" || len(x.Profile) > 0 || x.Identification != "" || x.Batches || x.Shared || len(x.Opening) > 0:
		return wrongSetting("format", "format", "The settlements of a channel come in through its imports; format, profile, identification and batches are a bank's.")
	}
	for _, a := range x.Accounts {
		if _, err := ledger.StandardChart().Resolve(a); err != nil {
			return wrongSetting("accounts", "accounts", "The chart of accounts has no such account.")
		}
	}
	return nil
}

// profile is how a CSV file is read; nil for the other formats.
func (x Settings) profile() (*evidence.Profile, error) {
	if len(x.Profile) == 0 {
		return nil, nil
	}
	return evidence.ParseProfile(x.Profile)
}

// document is the form in which settings are kept.
func (x Settings) document() (string, error) {
	text, err := json.Marshal(x)
	if err == nil && len(text) > maxSettings {
		err = wrongSetting("profile", "profile", "The settings have more than 16 KiB.")
	}
	return string(text), err
}
