package journal

// The journal for beancount: every account opened, every transaction, and at the end of the last day a balance directive
// for every account, so that beancount adds up the books again by itself.

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/ledger/money"
)

// beancount renders. Accounts come once per currency; what is known of the address so far is held back until the next.
type beancount struct {
	address  string
	holdings []holding
	held     []*subtree
}

// holding is what an account holds in one currency.
type holding struct {
	currency money.Currency
	balance  *big.Int
}

// subtree is an account with all that lie below its address, which is what a balance directive is about.
type subtree struct {
	address  string
	holdings []holding
}

func (k *beancount) head(b []byte, h *Head) []byte {
	b = appendAbout(b, h)
	b = append(b, "\n; Dates are those of recording, in UTC. Debits are positive. The last line is the trailer.\n\n"...)
	b = appendOption(b, "title", h.Book+": "+h.Name)
	b = appendOption(b, "name_income", "Revenue")
	if h.Functional != "" {
		b = appendOption(b, "operating_currency", string(h.Functional))
	}
	// Half a cent of tolerance, which is what beancount grants by itself, is half a cent too much.
	b = appendOption(b, "inferred_tolerance_multiplier", "0")
	return append(b, '\n')
}

// account gathers what an address holds in each currency, and opens the address before it. Currencies are not declared with
// an account: beancount would refuse those of the accounts below it, which belong to its balance.
func (k *beancount) account(b []byte, h *Head, a *Account) []byte {
	if a.Address != k.address {
		b = k.finish(b, h)
		k.address = a.Address
	}
	k.holdings = append(k.holdings, holding{a.Currency, new(big.Int).Sub(a.Debits, a.Credits)})
	return b
}

// opened opens the last address and closes all subtrees.
func (k *beancount) opened(b []byte, h *Head) []byte {
	b = k.finish(b, h)
	return k.release(b, h, "")
}

// finish opens the address that was gathered and holds its balance back: accounts below it may follow.
func (k *beancount) finish(b []byte, h *Head) []byte {
	if k.address == "" {
		return b
	}
	b = k.release(b, h, k.address)
	b = append(append(append(b, openedOn...), " open "...), AccountName(k.address)...)
	b = appendMeta(append(b, '\n'), "  ", "address", k.address)
	k.held = append(k.held, &subtree{address: k.address})
	for _, s := range k.held {
		if k.address == s.address || strings.HasPrefix(k.address, s.address+":") {
			s.add(k.holdings)
		}
	}
	k.address, k.holdings = "", nil
	return b
}

// openedOn is the day on which every account is opened: before anything can have been recorded.
const openedOn = "1970-01-01"

// add adds the holdings to those of the subtree.
func (s *subtree) add(holdings []holding) {
	for _, x := range holdings {
		i := slices.IndexFunc(s.holdings, func(y holding) bool { return y.currency == x.currency })
		if i < 0 {
			s.holdings = append(s.holdings, holding{x.currency, new(big.Int).Set(x.balance)})
			continue
		}
		s.holdings[i].balance.Add(s.holdings[i].balance, x.balance)
	}
}

// release writes the balances of all subtrees to which next and what follows it cannot belong; "" is the end. Addresses
// come in byte order, in which everything below an address stands before the address followed by a semicolon, the
// character after the colon.
func (k *beancount) release(b []byte, h *Head, next string) []byte {
	k.held = slices.DeleteFunc(k.held, func(s *subtree) bool {
		if next != "" && next < s.address+";" {
			return false
		}
		for _, x := range s.holdings {
			// A balance directive holds at the beginning of its day.
			b = append(append(append(b, day(h.LastRecordedAt.UTC().Add(24*time.Hour))...), " balance "...), AccountName(s.address)...)
			b = append(append(append(b, ' '), formatUnits(x.balance, x.currency)...), " ~ 0 "...)
			b = append(append(b, x.currency...), '\n')
		}
		return true
	})
	return b
}

func (k *beancount) transaction(b []byte, t *Transaction) []byte {
	b = append(append(append(b, '\n'), day(t.RecordedAt)...), " * "...)
	b = append(append(appendQuoted(b, t.title()), " ^"...), t.ID...)
	for _, other := range []string{t.Reverses, t.Reposts} {
		if other != "" {
			b = append(append(b, " ^"...), other...)
		}
	}
	b = append(b, "\n  seq: "...)
	b = append(strconv.AppendInt(b, t.Sequence, 10), '\n')
	for _, n := range t.notes() {
		b = appendMeta(b, "  ", n.name, n.value)
	}
	for _, n := range t.metadata() {
		b = appendMeta(b, "  ", metaName(n.name), n.value)
	}
	for i := range t.Entries {
		e := &t.Entries[i]
		b = append(append(append(b, "  "...), AccountName(e.Account)...), "  "...)
		b = append(append(e.Amount.AppendFormat(b, e.Currency), ' '), e.Currency...)
		b = append(b, '\n')
		b = appendMeta(b, "    ", "balance_after", e.BalanceAfter.Format(e.Currency))
		if e.ExternalRef != "" {
			b = appendMeta(b, "    ", "external_ref", e.ExternalRef)
		}
	}
	return b
}

func (k *beancount) trailer(b []byte, text string) []byte {
	return append(append(append(b, "; "...), text...), '\n')
}

func appendOption(b []byte, name, value string) []byte {
	b = append(appendQuoted(append(b, "option "...), name), ' ')
	return append(appendQuoted(b, value), '\n')
}

func appendMeta(b []byte, indent, name, value string) []byte {
	b = append(append(append(b, indent...), name...), ": "...)
	return append(appendQuoted(b, value), '\n')
}

// appendQuoted writes a string of beancount, in which a backslash keeps quotes, backslashes and ends of lines.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range clean(s) {
		switch r {
		case '"', '\\':
			b = append(b, '\\', byte(r))
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// clean replaces what no text file can hold. The ledger takes none of it.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}
