package commerce

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// The payloads of what waits for a second person, as they are asked for and kept.

// ErrPeriodClosed means that somebody would date an adjustment or a reversal back into a month that is closed. What happened then and is
// heard of late is recorded all the same, and counts in the oldest open month; a decision is made when it is made.
var ErrPeriodClosed = fault.New(fault.Invalid, "period-closed", "The month in which this should take effect is closed. Leave the time out, so that it takes effect when it is recorded, or have the month reopened first.")

// eventManual is the name that adjustments by raw entries have.
const eventManual = "manual.adjusted"

// manualPayload is a transaction as the API takes it.
type manualPayload struct {
	Reference   string            `json:"reference"`
	Event       string            `json:"event"`
	OccurredAt  *time.Time        `json:"occurred_at,omitempty"`
	Subject     string            `json:"subject,omitempty"`
	LiveSession string            `json:"live_session,omitempty"`
	Channel     string            `json:"channel,omitempty"`
	Campaign    string            `json:"campaign,omitempty"`
	Memo        string            `json:"memo,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Entries     []manualEntry     `json:"entries"`
}

type manualEntry struct {
	Account     string `json:"account"`
	Direction   string `json:"direction"`
	Amount      string `json:"amount"`
	Currency    string `json:"currency"`
	ExternalRef string `json:"external_ref,omitempty"`
}

type reversalPayload struct {
	Transaction string     `json:"transaction"`
	Reference   string     `json:"reference"`
	OccurredAt  *time.Time `json:"occurred_at,omitempty"`
	Reason      string     `json:"reason"`
}

type eventPayload struct {
	Type       string          `json:"type"`
	Reference  string          `json:"reference"`
	OccurredAt *time.Time      `json:"occurred_at,omitempty"`
	Data       json.RawMessage `json:"data"`
}

// rulesPayload holds the document of a rule set as text, because it is kept byte for byte.
type rulesPayload struct {
	Document string `json:"document"`
}

type payeePayload struct {
	Payee          string  `json:"payee"`
	Version        int     `json:"version"`
	SettlementTier *string `json:"settlement_tier,omitempty"`
	Minor          *bool   `json:"minor,omitempty"`
	Guardian       *string `json:"guardian,omitempty"`
	TrustRate      *string `json:"trust_rate,omitempty"`
}

func payloadWrong(pointer, code, message string) error {
	return guard.ErrApprovalInvalid.At("/payload"+pointer, code, message)
}

// payloadFaults are the errors of what a payload describes, with the pointers that it has there.
func payloadFaults(err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	fields := make([]fault.Field, len(e.Fields))
	for i, f := range e.Fields {
		f.Pointer = "/payload" + f.Pointer
		fields[i] = f
	}
	there := *e
	there.Fields = fields
	return &there
}

// decodePayload reads a payload strictly.
func decodePayload(payload []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.DisallowUnknownFields()
	if dec.Decode(into) != nil || dec.More() {
		return payloadWrong("", "payload", "The content is not a JSON object of the fields that the handbook lists for this act.")
	}
	return nil
}

// earliestEvent is the first business time that is accepted; the zero time would mean that it was left out.
var earliestEvent = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// moment is a business time of a payload, zero if it was left out.
func moment(t *time.Time) (time.Time, error) {
	switch {
	case t == nil:
		return time.Time{}, nil
	case t.Before(earliestEvent):
		return time.Time{}, payloadWrong("/occurred_at", "date-range", "A business time lies after 2000-01-01.")
	}
	return *t, nil
}

// submission is what the payload asks the ledger to record.
func (p *manualPayload) submission() (ledger.Submission, error) {
	if p.Event != eventManual {
		return ledger.Submission{}, payloadWrong("/event", "enum", "An adjustment by entries is named "+eventManual+". What has an event of its own is posted as that.")
	}
	if len(p.Entries) == 0 || len(p.Entries) > ledger.MaxLines {
		return ledger.Submission{}, payloadWrong("/entries", "count", "An adjustment has 2 to 500 entries.")
	}
	at, err := moment(p.OccurredAt)
	if err != nil {
		return ledger.Submission{}, err
	}
	d := ledger.Draft{Event: p.Event, OccurredAt: at, Subject: p.Subject, LiveSession: p.LiveSession, Channel: p.Channel, Campaign: p.Campaign,
		Memo: p.Memo, Metadata: p.Metadata}
	var fields []fault.Field
	for i, e := range p.Entries {
		wrong := func(field, code, message string) {
			if len(fields) < maxFields {
				fields = append(fields, fault.Field{Pointer: "/payload/entries/" + strconv.Itoa(i) + "/" + field, Code: code, Message: message})
			}
		}
		l := ledger.Line{Account: ledger.Address(e.Account), ExternalRef: e.ExternalRef}
		if l.Currency, err = money.ParseCurrency(e.Currency); err != nil {
			wrong("currency", money.ErrCurrency.Code, money.ErrCurrency.Message)
		} else if l.Amount, err = money.ParsePositive(e.Amount, l.Currency); err != nil {
			wrong("amount", money.ErrAmountFormat.Code, "The amount is a decimal string of more than zero, with at most the decimals of its currency.")
		}
		switch e.Direction {
		case "debit":
		case "credit":
			l.Amount = -l.Amount
		default:
			wrong("direction", "direction", "The direction is debit or credit.")
		}
		d.Lines = append(d.Lines, l)
	}
	if len(fields) > 0 {
		return ledger.Submission{}, guard.ErrApprovalInvalid.WithFields(fields...)
	}
	return ledger.Submission{Reference: p.Reference, Drafts: []ledger.Draft{d}}, nil
}

// event is the event of the payload, with its data in the shape of its type. Kept is the payload with the data as they were
// understood.
func (p *eventPayload) event() (e Event, err error) {
	kind, err := TypeOf(p.Type)
	if err != nil {
		return Event{}, err
	}
	at, err := moment(p.OccurredAt)
	if err != nil {
		return Event{}, err
	}
	e = Event{Type: p.Type, Reference: p.Reference, OccurredAt: at, Data: kind.New()}
	if len(p.Data) == 0 || p.Data[0] != '{' {
		return Event{}, payloadWrong("/data", "required", "An event has its data, a JSON object.")
	}
	if err := decodePayload(p.Data, e.Data); err != nil {
		return Event{}, payloadWrong("/data", "payload", "The data are not of the shape of this type of event.")
	}
	p.Data, err = json.Marshal(e.Data) // before anything else touches them
	return e, err
}

// change is what the payload changes of a payee.
func (p *payeePayload) change() (PayeeChange, error) {
	c := PayeeChange{Version: p.Version, SettlementTier: p.SettlementTier, Minor: p.Minor, Guardian: p.Guardian, TrustRate: p.TrustRate}
	switch {
	case !ledger.IsSegment(p.Payee):
		return c, payloadWrong("/payee", "id", "An id is 1 to 64 of A-Z a-z 0-9 _ . -")
	case p.Version < 1 || p.Version > 999_999:
		return c, payloadWrong("/version", "range", "Say which version of the payee you have read.")
	case !c.NeedsSecondPerson() && p.SettlementTier == nil:
		return c, payloadWrong("", "required", "Say what changes.")
	}
	return c, nil
}
