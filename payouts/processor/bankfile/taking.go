package bankfile

import (
	"bytes"
	"fmt"
	"slices"

	"mizan/ledger/fault"
)

// Taking a report is deciding, for each payment it speaks of, whether it moves forward, stays, or whether the bank contradicts
// what is known, which only a person can settle.

// The outcomes of an item.
const (
	outcomeAccepted  = "accepted"
	outcomeSettled   = "settled"
	outcomeFailed    = "failed"
	outcomeUnchanged = "unchanged"
	outcomeStrange   = "strange"
)

// CodeRejected stands where the bank gives no reason.
const CodeRejected = "rejected"

// verdict is what an item of a report makes of a payment.
type verdict struct {
	outcome string
	// move is where the payment goes; nothing if its state is empty.
	move movement
}

// judgeItem decides what the bank's word means for a payment in the state and with the code it has.
func judgeItem(p Payment, said Status, code string, correction bool) verdict {
	open := p.State == PaymentFiled || p.State == PaymentAccepted
	to := func(outcome, state, code string) verdict { return verdict{outcome, movement{p.ID, state, code}} }
	switch {
	case correction && open:
		return to(outcomeSettled, PaymentSettled, code)
	case correction && p.State == PaymentSettled && p.Code != code:
		return to(outcomeUnchanged, PaymentSettled, code)
	case correction && p.State == PaymentSettled:
		return verdict{outcome: outcomeUnchanged}
	case correction:
		return verdict{outcome: outcomeStrange}
	}
	switch said {
	case Accepted:
		switch {
		case p.State == PaymentFiled:
			return to(outcomeAccepted, PaymentAccepted, "")
		case ended(p.State) && p.Code == CodeVoid:
			return verdict{outcome: outcomeStrange} // the bank carries out what two people have said it would not
		}
	case Settled:
		switch {
		case open:
			return to(outcomeSettled, PaymentSettled, "")
		case ended(p.State):
			return verdict{outcome: outcomeStrange}
		}
	case Rejected, Returned:
		switch {
		case said == Returned && p.Code == CodeVoid:
			return verdict{outcome: outcomeStrange} // nothing comes back that was not carried out
		case !ended(p.State):
			if code == "" {
				code = CodeRejected
			}
			if Permanent(code) {
				return to(outcomeFailed, PaymentFailed, code)
			}
			return to(outcomeFailed, PaymentCancelled, code)
		}
	case Other:
		return verdict{outcome: outcomeStrange}
	}
	return verdict{outcome: outcomeUnchanged}
}

// judgeFile decides what the bank's word of a whole file means for a payment of which it says nothing else. Why a file is rejected
// lies at the file or at our own account, and at no receiver's.
func judgeFile(p Payment, said Status, code string) verdict {
	v := judgeItem(p, said, code, false)
	if v.move.state == PaymentFailed {
		v.move.state = PaymentCancelled
	}
	return v
}

// takesUp reports whether a bank that says so carries out at least a part of the file: of what it only rejects, nothing was paid.
func takesUp(said Status) bool { return said != "" && said != Rejected }

// count adds an outcome to a report's record.
func (r *ReportRecord) count(outcome string) {
	switch outcome {
	case outcomeAccepted:
		r.Accepted++
	case outcomeSettled:
		r.Settled++
	case outcomeFailed:
		r.Failed++
	case outcomeStrange:
		r.Strange++
	default:
		r.Unchanged++
	}
}

// itemFault names an item by its number, counted from 1, and never by what stands in it.
func itemFault(i int, code, message string) fault.Field {
	return fault.Field{Pointer: fmt.Sprintf("/items/%d", i+1), Code: code, Message: message}
}

// maxItemFaults bounds the items that an error names.
const maxItemFaults = 20

// fitting checks that each item speaks of one payment as we know it. It returns ErrReportItem.
func fitting(r Report, of []*Payment) error {
	var wrong []fault.Field
	seen := map[string]bool{}
	for i, item := range r.Items {
		p := of[i]
		switch {
		case p == nil:
			wrong = append(wrong, itemFault(i, "payment-unknown", "This is no payment of the file."))
			continue
		// Several corrections of one entry, or a return after them, are different things; pain.002 has one word of a payment.
		case seen[p.ID] && r.Original != "":
			wrong = append(wrong, itemFault(i, "payment-twice", "The report speaks of this payment twice."))
		case item.Trace != "" && item.Trace != p.Trace:
			wrong = append(wrong, itemFault(i, "trace", "The trace is another payment's."))
		case item.Currency != "" && (item.Currency != p.Currency || item.Amount != p.Amount):
			wrong = append(wrong, itemFault(i, "amount", "The amount is not the payment's."))
		}
		seen[p.ID] = true
	}
	if wrong == nil {
		return nil
	}
	return ErrReportItem.WithFields(wrong[:min(len(wrong), maxItemFaults)]...)
}

// foreign names the first item that is about another company's payment, which ours tells by the company it names.
func foreign(r Report, ours func(i int, company string) bool) error {
	for i, item := range r.Items {
		if item.Company != "" && !ours(i, item.Company) {
			return ErrReportFile.WithFields(itemFault(i, "company", "This is about another company's payment."))
		}
	}
	return nil
}

// readAs reads a report in the format that it looks like, if files of the account ever were of it: an account that changed its
// bank is answered by both for a while. What looks like nothing known is read in the first format, which says what is wrong.
func readAs(content []byte, forms []form) (Report, Format, error) {
	looks := NACHA
	if text := bytes.TrimLeft(bytes.TrimPrefix(content, []byte("\ufeff")), " \t\r\n"); len(text) > 0 && text[0] == '<' {
		looks = Pain001
	}
	format := forms[0].format
	if slices.ContainsFunc(forms, func(f form) bool { return f.format == looks }) {
		format = looks
	}
	r, err := ReadReport(bytes.NewReader(content), format)
	return r, format, err
}
