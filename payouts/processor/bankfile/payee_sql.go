package bankfile

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/vault"
)

// The bank data of payees stand in the vault, and are read when a file is made or handed out. They are in no error, no log and
// no table of this package.

// The codes under which a payment ends that cannot be put into a file.
const (
	// CodeBankMissing: the vault has no bank data of the payee, or they were erased.
	CodeBankMissing = "bank_data_missing"
	// CodeBankInvalid: the bank data cannot be paid to from this account.
	CodeBankInvalid = "bank_data_invalid"
	// CodeKept: its payee may not be paid any more, as because of a hold.
	CodeKept = "kept_back"
	// CodeLineInvalid: the payment does not fit the format, as when its amount is beyond the field.
	CodeLineInvalid = "bank_line_invalid"
)

// subjectsAtOnce bounds how many payees are read in one transaction, which may last two seconds.
const subjectsAtOnce = 100

var bankFields = []string{"name", "bank_account", "bank_holder", "bank_code"}

// receiver is where a payee's money goes, or why it cannot go there: a code, or what the vault says of data that do not open.
type receiver struct {
	Creditor
	code   string
	unread error
}

// receivers reads where the money of payees goes, outside of every transaction. An error means that the vault cannot be read,
// which is no payee's fault. Nor is it that the data of one do not open: it waits, and nobody else waits for it.
func (s *Service) receivers(ctx context.Context, book ledger.Book, d Debtor, subjects []string) (map[string]receiver, error) {
	subjects = slices.Compact(slices.Sorted(slices.Values(subjects)))
	all := make(map[string]receiver, len(subjects))
	for page := range slices.Chunk(subjects, subjectsAtOnce) {
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			for _, subject := range page {
				fields, err := s.vault.GetTx(ctx, tx, vault.Owner{Book: int32(book.ID), Region: book.Region}, subject, bankFields)
				switch fault.CodeOf(err) {
				case vault.ErrBroken.Code, vault.ErrMaster.Code:
					all[subject] = receiver{unread: err}
					continue
				case vault.ErrErased.Code:
				default:
					if err != nil {
						return err
					}
				}
				all[subject] = receiverOf(d, fields)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func receiverOf(d Debtor, fields map[string]string) receiver {
	bare := func(s string) string { return strings.ToUpper(strings.ReplaceAll(s, " ", "")) }
	c := Creditor{Name: fields["bank_holder"], Account: bare(fields["bank_account"]), Bank: bare(fields["bank_code"]), Country: d.Country}
	if c.Name == "" {
		c.Name = fields["name"]
	}
	switch {
	case c.Account == "":
		return receiver{code: CodeBankMissing}
	case looksIBAN(c.Account):
		c.Country = c.Account[:2]
	case bic(c.Bank):
		c.Country = c.Bank[4:6]
	}
	if d.CheckCreditor(c) != nil {
		return receiver{code: CodeBankInvalid}
	}
	return receiver{Creditor: c}
}
