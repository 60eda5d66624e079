// BAI2 is the cash management format of banks in the United States: records of commas, each account with its totals, each
// level with a control total and a count of what it holds. Amounts are in minor units without a point.

package evidence

import (
	"fmt"
	"strings"
	"time"

	"mizan/ledger/money"
)

// maxFields is how many fields a record with its continuations may have.
const maxFields = 10_000

// baiRecord is a record with its continuations.
type baiRecord struct {
	code string
	row  int
	// fields are what stands between the commas, without the record's code.
	fields []string
	// cuts are the number of fields of each physical record, so that a text that goes on can be put together.
	cuts []int
	// physical is how many physical records it is.
	physical int
}

// baiTally is a control total and a count of a level.
type baiTally struct {
	sum      money.Minor
	children int
	records  int
}

// baiGroup is a group while it is read.
type baiGroup struct {
	originator string
	asOf       time.Time
	currency   string
}

// baiReader goes through the records of a file.
type baiReader struct {
	drafts  []draft
	level   int // 0 before the file, 1 in the file, 2 in a group, 3 in an account, 4 after the file
	file    baiTally
	group   baiTally
	account baiTally
	header  baiGroup
	current baiAccount
	lines   int
}

// readBAI2 reads all accounts of a file.
func readBAI2(content []byte) ([]draft, error) {
	file, err := decode(content, "")
	if err != nil {
		return nil, unreadable("The file", err.Error())
	}
	r := &baiReader{}
	var record baiRecord
	row := 0
	for raw := range strings.Lines(file) {
		row++
		line := strings.TrimRight(raw, " \r\n")
		if line == "" {
			continue
		}
		if strings.Count(line, ",") > maxFields {
			return nil, unreadable(rowName(row), "the record has too many fields")
		}
		code, rest, _ := strings.Cut(strings.TrimSuffix(line, "/"), ",")
		fields := strings.Split(rest, ",")
		if code != "88" {
			if err := r.take(&record); err != nil {
				return nil, err
			}
			record = baiRecord{code: code, row: row, fields: fields, cuts: []int{len(fields)}, physical: 1}
			continue
		}
		if record.code != "03" && record.code != "16" && record.code != "01" && record.code != "02" {
			return nil, unreadable(rowName(row), "a continuation stands behind a record that has none")
		}
		if len(record.fields)+len(fields) > maxFields {
			return nil, unreadable(rowName(row), "the record has too many fields")
		}
		record.fields = append(record.fields, fields...)
		record.cuts = append(record.cuts, len(fields))
		record.physical++
	}
	if err := r.take(&record); err != nil {
		return nil, err
	}
	if r.level != 4 {
		return nil, unreadable("The file", "it ends before its last record (99)")
	}
	return r.drafts, nil
}

// baiLevels says in which level each record may stand.
var baiLevels = map[string]int{"01": 0, "02": 1, "03": 2, "16": 3, "49": 3, "98": 2, "99": 1}

// take reads a record that is complete.
func (r *baiReader) take(record *baiRecord) error {
	if record.code == "" {
		return nil
	}
	level, known := baiLevels[record.code]
	if !known || level != r.level {
		return unreadable(rowName(record.row), "the record is not known, or stands at the wrong place")
	}
	switch record.code {
	case "01":
		r.level, r.file.records = 1, record.physical
		return nil
	case "02":
		r.level, r.group = 2, baiTally{records: record.physical}
		return r.openGroup(record)
	case "03":
		r.level, r.account = 3, baiTally{records: record.physical}
		return r.openAccount(record)
	case "16":
		r.account.records += record.physical
		return r.detail(record)
	case "49":
		r.account.records++
		return r.closeAccount(record)
	case "98":
		r.group.records++
		if err := r.group.compare(record, true); err != nil {
			return err
		}
		r.level = 1
		return r.file.include(r.group, record)
	default:
		r.file.records++
		r.level = 4
		return r.file.compare(record, true)
	}
}

// openGroup reads "02,receiver,originator,status,day,time,currency,modifier".
func (r *baiReader) openGroup(record *baiRecord) error {
	where := rowName(record.row)
	if len(record.fields) < 4 {
		return unreadable(where, "the group has too few fields")
	}
	if strings.TrimSpace(record.fields[2]) != "1" {
		return unreadable(where, "the group is a deletion, a correction or a test, which has to be settled with the bank")
	}
	asOf, err := shortDay(strings.TrimSpace(record.fields[3]))
	if err != nil {
		return unreadable(where, err.Error())
	}
	r.header = baiGroup{originator: oneLine(maxReference, record.fields[1]), asOf: asOf, currency: "USD"}
	if len(record.fields) > 5 && strings.TrimSpace(record.fields[5]) != "" {
		r.header.currency = strings.TrimSpace(record.fields[5])
	}
	if len(record.fields) > 6 {
		switch strings.TrimSpace(record.fields[6]) {
		case "", "2", "4":
		default:
			return unreadable(where, "the group is an interim report, and not of a day that has ended")
		}
	}
	return nil
}

// include adds a level to the one around it.
func (t *baiTally) include(inner baiTally, record *baiRecord) error {
	sum, err := money.Add(t.sum, inner.sum)
	if err != nil {
		return unreadable(rowName(record.row), errSum.Error())
	}
	t.sum = sum
	t.children++
	t.records += inner.records
	return nil
}

// compare compares a level with its trailer: control total, the number of what it holds if the trailer says it, and the
// number of records, the trailer's own counted.
func (t *baiTally) compare(record *baiRecord, children bool) error {
	where := rowName(record.row)
	fields := record.fields
	want := 2
	if children {
		want = 3
	}
	if len(fields) != want {
		return unreadable(where, "the trailer does not have its fields")
	}
	total, err := baiSigned(fields[0])
	if err != nil {
		return unreadable(where, err.Error())
	}
	difference, err := money.Sub(t.sum, total)
	if err != nil {
		return unreadable(where, errSum.Error())
	}
	if difference != 0 {
		return unbalanced(where, fmt.Sprintf("the control total and the amounts before it differ by %d in minor units", int64(max(difference, -difference))))
	}
	if children {
		if n, err := implied(fields[1], "JPY"); err != nil || n != money.Minor(t.children) {
			return unbalanced(where, "the trailer says another number of groups or accounts than there are")
		}
	}
	if n, err := implied(fields[want-1], "JPY"); err != nil || n != money.Minor(t.records) {
		return unbalanced(where, "the trailer says another number of records than there are")
	}
	return nil
}

// baiSigned reads an amount that may have a sign. The number of decimals does not matter to a sum of minor units.
func baiSigned(s string) (money.Minor, error) {
	s = strings.TrimSpace(s)
	digits, negative := strings.CutPrefix(s, "-")
	if !negative {
		digits = strings.TrimPrefix(s, "+")
	}
	amount, err := implied(digits, "KWD")
	if negative {
		amount = -amount
	}
	return amount, err
}
