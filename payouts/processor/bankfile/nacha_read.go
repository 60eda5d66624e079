// Reading what the American clearing house sends back: returned entries, and notifications of change, which say that an
// entry was paid and its destination must be mended. Every record has 94 characters, and every total is checked.

package bankfile

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"mizan/ledger/money"
)

// nachaReader walks through the records.
type nachaReader struct {
	records [][]byte
	at      int
	report  Report
	date    time.Time
	all     nachaBatch
	batches int
	seen    map[string]bool
}

// wrong is ErrReport at the record that was read last.
func (n *nachaReader) wrong(what string) error { return unsound(max(n.at, 1), what) }

// nachaField is positions first to last of a record as the published layouts count them, from 1.
func nachaField(record []byte, first, last int) string { return string(record[first-1 : last]) }

// nachaInt reads a field of digits only; such fields have at most 12.
func nachaInt(record []byte, first, last int) (int64, bool) {
	s := nachaField(record, first, last)
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && digits(s)
}

// nachaBlank reports whether a field is empty.
func nachaBlank(record []byte, first, last int) bool {
	return strings.TrimSpace(nachaField(record, first, last)) == ""
}

// readNACHA reads a file of returns.
func readNACHA(data []byte) (Report, error) {
	records, line := nachaRecords(data)
	if line > 0 {
		return Report{}, unsound(line, "a record does not have 94 plain characters.")
	}
	n := &nachaReader{records: records, seen: map[string]bool{}}
	if err := n.header(); err != nil {
		return Report{}, err
	}
	for {
		record, ok := n.next()
		switch {
		case !ok:
			return Report{}, n.wrong("it ends too early.")
		case record[0] == '9':
			return n.end(record)
		case record[0] != '5':
			return Report{}, n.wrong("a record is not where it belongs.")
		}
		if err := n.batch(record); err != nil {
			return Report{}, err
		}
	}
}

// nachaRecords parts a file into records, with or without ends of lines, or returns the line that is wrong.
func nachaRecords(data []byte) (records [][]byte, wrong int) {
	if len(data) == 0 {
		return nil, 1
	}
	end := ""
	if bytes.Contains(data, []byte("\r\n")) {
		end = "\r\n"
	} else if bytes.IndexByte(data, '\n') >= 0 {
		end = "\n"
	}
	for len(data) > 0 {
		if len(data) < nachaRecord {
			return nil, len(records) + 1
		}
		record := data[:nachaRecord]
		for _, c := range record {
			if c < ' ' || c > '~' {
				return nil, len(records) + 1
			}
		}
		records, data = append(records, record), data[nachaRecord:]
		// The last record may lack its end.
		if len(data) > 0 && !bytes.HasPrefix(data, []byte(end)) {
			return nil, len(records)
		}
		data = data[min(len(end), len(data)):]
	}
	return records, 0
}

// next returns the next record.
func (n *nachaReader) next() ([]byte, bool) {
	if n.at == len(n.records) {
		return nil, false
	}
	n.at++
	return n.records[n.at-1], true
}

// header reads the file's first record.
func (n *nachaReader) header() error {
	record, ok := n.next()
	if !ok || nachaField(record, 1, 3) != "101" || nachaField(record, 35, 40) != "094101" {
		return n.wrong("it is not the header of a NACHA file.")
	}
	clock := nachaField(record, 30, 33)
	if nachaBlank(record, 30, 33) {
		clock = "0000"
	}
	at, err := time.Parse("0601021504", nachaField(record, 24, 29)+clock)
	modifier := record[33]
	if err != nil || at.Year() < 2000 || !upper(modifier) && !digit(modifier) {
		return n.wrong("the header has no date, time or modifier.")
	}
	n.date = date(at)
	destination, origin := strings.TrimSpace(nachaField(record, 4, 13)), strings.TrimSpace(nachaField(record, 14, 23))
	if destination == "" || origin == "" {
		return n.wrong("the header does not say who sends it to whom.")
	}
	n.report = Report{Format: "nacha-return", CreatedAt: at,
		MessageID: strings.Join([]string{origin, destination, at.Format("060102"), clock, string(modifier)}, "-")}
	return nil
}

// batch reads a batch from its header to its control.
func (n *nachaReader) batch(header []byte) error {
	class := nachaField(header, 51, 53)
	if class != "PPD" && class != "CCD" && class != "COR" {
		return n.wrong("a batch is of a class that we do not send.")
	}
	service := nachaField(header, 2, 4)
	if service != "200" && service != nachaCredits {
		return n.wrong("a batch is not of credits.")
	}
	company := strings.TrimSpace(nachaField(header, 41, 50))
	number, ok := nachaInt(header, 88, 94)
	if !ok || company == "" || !digits(nachaField(header, 80, 87)) {
		return n.wrong("a batch has no company, bank or number.")
	}
	var batch nachaBatch
	for {
		record, more := n.next()
		switch {
		case !more:
			return n.wrong("it ends too early.")
		case record[0] == '6':
			if err := n.entry(record, company, class == "COR", &batch); err != nil {
				return err
			}
			continue
		case record[0] != '8':
			return n.wrong("a record is not where it belongs.")
		}
		again, ok := nachaInt(record, 88, 94)
		if !ok || again != number || nachaField(record, 2, 4) != service || strings.TrimSpace(nachaField(record, 45, 54)) != company ||
			nachaField(record, 80, 87) != nachaField(header, 80, 87) {
			return n.wrong("a batch ends as another one.")
		}
		if batch.records == 0 || !batch.is(record, 5, 10, 11) {
			return n.wrong("the entries do not come to the totals of their batch.")
		}
		n.batches++
		n.all.add(batch)
		return nil
	}
}

// is reports whether a control record has the totals: a count at the given positions, then the hash, and sums of debits and
// credits of 12 digits each.
func (b nachaBatch) is(record []byte, first, last, hash int) bool {
	count, ok1 := nachaInt(record, first, last)
	sum, ok2 := nachaInt(record, hash, hash+9)
	debits, ok3 := nachaInt(record, hash+10, hash+21)
	credits, ok4 := nachaInt(record, hash+22, hash+33)
	return ok1 && ok2 && ok3 && ok4 && count == int64(b.records) && sum == b.hash && debits == 0 && money.Minor(credits) == b.sum
}

// entry reads an entry and its addenda.
func (n *nachaReader) entry(record []byte, company string, change bool, batch *nachaBatch) error {
	if len(n.report.Items) == ReportItems {
		return ErrReportSize
	}
	if code := nachaField(record, 2, 3); code != "21" && code != "31" {
		return n.wrong("an entry is not a returned credit.")
	}
	bank, ok1 := nachaInt(record, 4, 11)
	amount, ok2 := nachaInt(record, 30, 39)
	trace := nachaField(record, 80, 94)
	if !ok1 || !ok2 || !routing(nachaField(record, 4, 12)) || !digits(trace) || record[78] != '1' || change != (amount == 0) {
		return n.wrong("an entry has a bank, an amount or a trace that cannot be.")
	}
	addenda, ok := n.next()
	if !ok || addenda[0] != '7' {
		return n.wrong("an entry lacks the record that says why it came back.")
	}
	item := Item{Status: Returned, Amount: money.Minor(amount), Currency: "USD", On: n.date, Company: company,
		Code: nachaField(addenda, 4, 6), Trace: nachaField(addenda, 7, 21), Correction: change}
	kind := map[bool]string{false: "799R", true: "798C"}[change]
	if nachaField(addenda, 1, 4) != kind || !digits(item.Code[1:]) || !digits(item.Trace) || nachaField(addenda, 80, 94) != trace ||
		!digits(nachaField(addenda, 28, 35)) || change && nachaBlank(addenda, 36, 64) || item.Trace == strings.Repeat("0", 15) {
		return n.wrong("the record that says why an entry came back is damaged.")
	}
	if change {
		item.Status, item.Amount, item.Currency = Settled, 0, ""
	} else if !nachaReturns(item.Code) {
		item.Status = Other
	}
	item.File, item.Line = identified(nachaField(record, 40, 54))
	// An entry comes back once. A refusal of that return, and corrections of several fields, are other things said of it.
	key := company + item.Trace + nachaField(record, 40, 54) + string(item.Status)
	if item.Status != Returned {
		key += item.Code
	}
	if n.seen[key] {
		return n.wrong("an entry came back twice.")
	}
	n.seen[key] = true
	n.report.Items = append(n.report.Items, item)
	batch.add(nachaBatch{records: 2, hash: bank, sum: money.Minor(amount)})
	return nil
}

// nachaReturns reports whether a code is one with which money comes back. R61 to R70 dishonour a return, and R71 to R77
// contest that: whose the money is, a person must find out. Codes that are not published are not trusted either.
func nachaReturns(code string) bool {
	return ReasonWord(code) != "" && (code < "R61" || code > "R77")
}

// identified reads the identification number that we gave an entry, or returns zeros for any other.
func identified(s string) (file int64, line int) {
	number, place, ok := strings.Cut(s, "-")
	if !ok || len(number) != 9 || len(place) != 5 || !digits(number) || !digits(place) {
		return 0, 0
	}
	file, _ = strconv.ParseInt(number, 10, 64)
	line, _ = strconv.Atoi(place)
	if file == 0 || line == 0 || line > MaxLines {
		return 0, 0
	}
	return file, line
}

// end reads the file's control record and what fills its last block.
func (n *nachaReader) end(record []byte) (Report, error) {
	batches, ok1 := nachaInt(record, 2, 7)
	blocks, ok2 := nachaInt(record, 8, 13)
	if !ok1 || !ok2 || int(batches) != n.batches || n.batches == 0 || !n.all.is(record, 14, 21, 22) || !nachaBlank(record, 56, 94) {
		return Report{}, n.wrong("the batches do not come to the totals of the file.")
	}
	if int(blocks)*nachaBlock != len(n.records) || len(n.records)-n.at >= nachaBlock {
		return Report{}, n.wrong("it does not have the blocks it says it has.")
	}
	for fill, ok := n.next(); ok; fill, ok = n.next() {
		if string(fill) != strings.Repeat("9", nachaRecord) {
			return Report{}, n.wrong("there is more after its end.")
		}
	}
	return n.report, nil
}
