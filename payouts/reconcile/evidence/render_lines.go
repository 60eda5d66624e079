package evidence

import (
	"fmt"
	"strings"

	"mizan/ledger/money"
)

// The two formats of lines of text, as a bank would write them.

// renderMT940 writes one message for each statement.
func renderMT940(statements []Statement) []byte {
	var b strings.Builder
	for i := range statements {
		s := &statements[i]
		own := strings.TrimSuffix(s.ID, " "+oneLine(maxID, s.Sequence, isoDate(s.Until)))
		fmt.Fprintf(&b, "{1:F01MIZAXXXXAXXX0000000000}{2:I940MIZAXXXXXXXXN}{4:\r\n:20:%s\r\n:25:%s\r\n", own, s.Account)
		if s.Sequence != "" {
			fmt.Fprintf(&b, ":28C:%s\r\n", s.Sequence)
		}
		fmt.Fprintf(&b, ":60F:%s%s%s%s\r\n", swiftSide(s.Opening), s.From.Format("060102"), s.Currency, swiftWritten(s.Opening, s.Currency))
		for j := range s.Lines {
			renderMovement(&b, &s.Lines[j], s.Currency)
		}
		fmt.Fprintf(&b, ":62F:%s%s%s%s\r\n-}\r\n", swiftSide(s.Closing), s.Until.Format("060102"), s.Currency, swiftWritten(s.Closing, s.Currency))
	}
	return []byte(b.String())
}

// swiftSide is C for what the bank owes us.
func swiftSide(m money.Minor) string {
	if m < 0 {
		return "D"
	}
	return "C"
}

// swiftWritten writes an amount with the comma that it always has.
func swiftWritten(m money.Minor, c money.Currency) string {
	whole, fraction, _ := strings.Cut(magnitude(m, c), ".")
	return whole + "," + fraction
}

// renderMovement writes a :61: and its :86:.
func renderMovement(b *strings.Builder, l *Line, c money.Currency) {
	mark := swiftSide(l.Amount)
	if l.Reversal {
		mark = "R" + swiftSide(-l.Amount)
	}
	code := l.Code
	if len(code) != 4 {
		code = "NMSC"
	}
	fmt.Fprintf(b, ":61:%s%s%s%s%sNONREF", l.Value.Format("060102"), l.Booked.Format("0102"), mark, swiftWritten(l.Amount, c), code)
	if l.ID != "" {
		b.WriteString("//" + l.ID)
	}
	b.WriteString("\r\n")
	var info strings.Builder
	for _, part := range [][2]string{{"EREF", l.EndToEnd}, {"MARF", l.Mandate}, {"PREF", l.Batch}, {"REMI", l.Text}} {
		if part[1] != "" {
			info.WriteString("/" + part[0] + "/" + part[1])
		}
	}
	if info.Len() == 0 {
		return
	}
	b.WriteString(":86:")
	rest := []rune(info.String())
	for len(rest) > 65 {
		cut := 65
		for cut > 1 && strings.ContainsRune("-:{ ", rest[cut]) {
			cut-- // no line starts with what would be a field, an end or a space
		}
		b.WriteString(string(rest[:cut]) + "\r\n")
		rest = rest[cut:]
	}
	b.WriteString(string(rest) + "\r\n")
}

// baiWriter writes records and keeps the tallies of their levels.
type baiWriter struct {
	strings.Builder
	sum     money.Minor
	records int
}

// record writes one record.
func (w *baiWriter) record(fields ...string) {
	w.WriteString(strings.Join(fields, ",") + "/\n")
	w.records++
}

// baiWritten writes an amount in minor units.
func baiWritten(m money.Minor) string { return fmt.Sprintf("%d", int64(m)) }

// renderBAI2 writes one group for each statement.
func renderBAI2(statements []Statement) ([]byte, error) {
	w := &baiWriter{}
	day := statements[0].Until.Format("060102")
	w.record("01", "MIZANBANK", "MIZAN", day, "2359", "1", "", "", "2")
	var total money.Minor
	for i := range statements {
		before := w.records
		if err := w.group(&statements[i]); err != nil {
			return nil, err
		}
		var err error
		if total, err = money.Add(total, w.sum); err != nil {
			return nil, err
		}
		w.record("98", baiWritten(w.sum), "1", fmt.Sprint(w.records-before+1))
	}
	w.record("99", baiWritten(total), fmt.Sprint(len(statements)), fmt.Sprint(w.records+1))
	return []byte(w.String()), nil
}

// group writes a group with its one account, but not its trailer, and leaves its control total in sum.
func (w *baiWriter) group(s *Statement) error {
	own := strings.TrimSuffix(s.ID, " "+isoDate(s.Until))
	w.record("02", "MIZAN", own, "1", s.Until.Format("060102"), "2359", string(s.Currency), "2")
	start := w.records
	w.record("03", s.Account, string(s.Currency), baiOpening, baiWritten(s.Opening), "", "", baiClosing, baiWritten(s.Closing), "", "")
	amounts := []money.Minor{s.Opening, s.Closing}
	for i := range s.Lines {
		l := &s.Lines[i]
		amount := max(l.Amount, -l.Amount)
		amounts = append(amounts, amount)
		fields := []string{"16", l.Code, baiWritten(amount)}
		if l.Value.Equal(l.Booked) {
			fields = append(fields, "0")
		} else {
			fields = append(fields, "V", l.Value.Format("060102"), "")
		}
		w.record(append(fields, l.ID, l.EndToEnd, l.Text)...)
	}
	var err error
	if w.sum, err = money.Sum(amounts...); err != nil {
		return err
	}
	w.record("49", baiWritten(w.sum), fmt.Sprint(w.records-start+1))
	return nil
}
