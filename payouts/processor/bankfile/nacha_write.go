// A file for the American clearing house: records of 94 characters, credits only, a batch for people (PPD) and one for
// companies (CCD). Each entry's identification number is the file's number and the line's, and comes back with a return.

package bankfile

import (
	"bytes"
	"fmt"
	"strings"

	"mizan/ledger/money"
)

const (
	nachaRecord = 94
	nachaBlock  = 10
	// nachaMost is the largest amount of one entry, 99,999,999.99 dollars.
	nachaMost money.Minor = 9_999_999_999
	// nachaMostSum is the largest sum of a batch and of a file.
	nachaMostSum money.Minor = 999_999_999_999
	// nachaHash is what the sum of routing numbers is cut to: its ten last digits.
	nachaHash = 10_000_000_000
	// nachaName is how many characters of a receiver's name an entry has.
	nachaName = 22
	// nachaNumber is the largest file number an identification number has room for.
	nachaNumber = 999_999_999
)

// Codes of the records we write.
const (
	nachaCredits  = "220"
	nachaChecking = "22"
	nachaSavings  = "32"
	modifiers     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)

func (d Debtor) checkNACHA(wrong *faults) {
	name, ok := d.text(d.Name)
	wrong.need(ok && len(name) <= 16, "/name", "name", "Give the company's name in at most 16 Latin letters, as the bank has it.")
	wrong.need(d.Currency == "USD", "/currency", "currency-usd", "NACHA files pay US dollars only.")
	wrong.need(d.Country == "US", "/country", "country-us", "NACHA files pay from the United States only.")
	wrong.need(routing(d.Bank), "/bank", "bank", "Give the nine digits of the bank's routing number.")
	wrong.need(len(d.Originator) == 10 && every(d.Originator, func(c byte) bool { return digit(c) || upper(c) }),
		"/originator", "originator", "Give the company's id with the bank: ten digits or capital letters.")
	bank, ok := d.text(d.BankName)
	wrong.need(ok && len(bank) <= 23, "/bank_name", "bank-name", "Give the bank's name in at most 23 Latin letters.")
	wrong.need(d.Account == "" || len(d.Account) <= 17 && every(d.Account, alnum), "/account", "account", "Give the number of the account.")
	wrong.need(!d.Urgent, "/urgent", "urgent", "NACHA files have no urgency. Choose an earlier day.")
}

func checkNACHACreditor(wrong *faults, c Creditor) {
	_, ok := Debtor{Format: NACHA}.text(c.Name)
	wrong.need(ok, "/name", "name", "Write the name in Latin letters, as the receiver's bank has it.")
	wrong.need(c.Country == "US", "/country", "country-us", "NACHA files pay accounts in the United States only.")
	wrong.need(c.Account != "" && len(c.Account) <= 17 && every(c.Account, func(b byte) bool { return alnum(b) || b == '-' }) && alnum(c.Account[0]),
		"/account", "account", "Give the receiver's account: at most 17 letters, digits and hyphens.")
	wrong.need(routing(c.Bank), "/bank", "bank", "Give the nine digits of the receiver's routing number.")
}

// identification returns an entry's identification number: nine digits of the file's number and five of the line's.
func identification(number int64, line int) string { return fmt.Sprintf("%09d-%05d", number, line) }

// nachaTrace returns an entry's trace number: eight digits of our bank, three of the file's number, and four of the line.
func (d Debtor) nachaTrace(number int64, line int) string {
	return fmt.Sprintf("%s%03d%04d", d.Bank[:8], number%1000, line)
}

// nachaBatch adds up what stands in a control record.
type nachaBatch struct {
	records int
	hash    int64
	sum     money.Minor
}

func (b *nachaBatch) add(c nachaBatch) {
	b.records += c.records
	b.hash = (b.hash + c.hash) % nachaHash
	b.sum += c.sum
}

// writeNACHA writes a checked file.
func (d Debtor) writeNACHA(out *bytes.Buffer, f File, totals *Totals) error {
	var wrong faults
	wrong.need(f.Number <= nachaNumber, "/number", "number", "The file's number is beyond its field.")
	wrong.need(totals.Sum <= nachaMostSum, "/lines", "sum", "The file's sum is beyond its field. Make two files.")
	if len(wrong) > 0 {
		return wrong.as(ErrFile)
	}
	name, bank := d.nachaText(d.Name), d.nachaText(d.BankName)
	made := f.MadeAt.UTC()
	record := func(format string, args ...any) {
		fmt.Fprintf(out, format+"\n", args...)
	}
	record("101 %9s%-10s%s%s%c094101%-23s%-23s%8s", d.Bank, d.Originator, made.Format("060102"), made.Format("1504"),
		modifiers[f.Number%int64(len(modifiers))], bank, name, "")
	day := BankingDay(f.ExecuteOn).Format("060102")
	var all nachaBatch
	batches, lines := 0, 4
	for _, class := range []string{"PPD", "CCD"} {
		entries, batch := d.nachaEntries(f, class)
		if batch.records == 0 {
			continue
		}
		batches++
		record("5%s%-16s%20s%s%s%-10s%s%s%3s1%s%07d", nachaCredits, name, "", d.Originator, class, "PAYOUT", day, day, "", d.Bank[:8], batches)
		out.Write(entries)
		record("8%s%06d%010d%012d%012d%s%19s%6s%s%07d", nachaCredits, batch.records, batch.hash, 0, batch.sum, d.Originator, "", "", d.Bank[:8], batches)
		all.add(batch)
	}
	lines = 2 + 2*batches + all.records
	blocks := (lines + nachaBlock - 1) / nachaBlock
	record("9%06d%06d%08d%010d%012d%012d%39s", batches, blocks, all.records, all.hash, 0, all.sum, "")
	for range blocks*nachaBlock - lines {
		record("%s", strings.Repeat("9", nachaRecord))
	}
	totals.EntryHash = all.hash
	for i := range f.Lines {
		totals.Traces = append(totals.Traces, d.nachaTrace(f.Number, i+1))
	}
	return nil
}

// nachaEntries writes the entries of one class with their addenda, which carry the references.
func (d Debtor) nachaEntries(f File, class string) ([]byte, nachaBatch) {
	var out bytes.Buffer
	var batch nachaBatch
	for i, line := range f.Lines {
		c := line.Creditor
		if c.Company != (class == "CCD") {
			continue
		}
		code, addenda, trace := nachaChecking, 0, d.nachaTrace(f.Number, i+1)
		if c.Savings {
			code = nachaSavings
		}
		if line.Reference != "" {
			addenda = 1
		}
		name := d.nachaText(c.Name)
		name = strings.TrimRight(name[:min(len(name), nachaName)], " ")
		fmt.Fprintf(&out, "6%s%s%-17s%010d%-15s%-22s%2s%d%s\n", code, c.Bank, c.Account, int64(line.Amount),
			identification(f.Number, i+1), name, "", addenda, trace)
		if addenda == 1 {
			fmt.Fprintf(&out, "705%-80s0001%s\n", d.nachaText(line.Reference), trace[8:])
		}
		var prefix int64
		for _, digit := range c.Bank[:8] {
			prefix = prefix*10 + int64(digit-'0')
		}
		batch.add(nachaBatch{records: 1 + addenda, hash: prefix, sum: line.Amount})
	}
	return out.Bytes(), batch
}

// nachaText is a checked text in the capitals that every bank's printer has.
func (d Debtor) nachaText(s string) string {
	s, _ = d.text(s)
	return strings.ToUpper(s)
}
