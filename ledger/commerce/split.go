package commerce

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Splits: what a payee has available is divided between receivers by the payee's standing order. Each gets a rate of the
// whole, or of what those before it left, in the stored order; the payee keeps the remainder.

const eventSplit = "payout.split"

// ErrSplitAgency means that an agency would be paid twice for the same earnings, or out of what was given to people
// in need.
var ErrSplitAgency = fault.New(fault.Conflict, "split-agency",
	"This agency has a share of these earnings already, or they were given to people in need. Send the split without the agency.")

// ErrSplitSource means that more of a gift would be passed on than the payee has of it.
var ErrSplitSource = fault.New(fault.Conflict, "split-source", "The payee has less of this gift than is divided. Correct the amount, or send the split without the source.")

// SplitReceiver is one receiver of a split.
type SplitReceiver struct {
	Kind string `json:"kind" enum:"seller,creator,agency,partner" doc:"What the receiver is"`
	ID   string `json:"id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The receiver" example:"money_shop"`
	Base string `json:"base" enum:"gross,rest" doc:"gross: of the whole amount; rest: of what the receivers before left"`
	Rate string `json:"rate" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The rate of it, at most 1" example:"0.10"`
}

// Split is what a split is asked with, and how it is kept.
type Split struct {
	Split     string          `json:"split" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The split's own id" example:"SP-1"`
	Kind      string          `json:"kind" enum:"seller,creator,agency,partner" doc:"What the payee is"`
	Payee     string          `json:"payee" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payee whose money it is" example:"cre_camp"`
	Currency  string          `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount    string          `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"How much of what is available is split" example:"33.03"`
	Receivers []SplitReceiver `json:"receivers" nullable:"false" minItems:"1" maxItems:"20" doc:"Who gets what, in order"`
	Source    string          `json:"source,omitempty" maxLength:"128" doc:"The gift that the money comes from, as gift and its id; its agency cannot be paid once more" example:"gift:G-1"`
	Solicited bool            `json:"solicited,omitempty" doc:"Whether the money was given for people in need; no agency then takes a share"`
}

func (d *Split) subject() string { return "split:" + d.Split }

func (d *Split) prepare(p *preparation) {
	p.id("/split", d.Split, true)
	p.id("/payee", d.Payee, true)
	if !slices.Contains(payeeKinds, d.Kind) {
		p.bad("/kind", "enum", "A payee is a seller, creator, agency or partner.")
	}
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
	if n := len(d.Receivers); n == 0 || n > 20 {
		p.bad("/receivers", "count", "A split has 1 to 20 receivers.")
	}
	seen := map[string]bool{d.Kind + ":" + d.Payee: true}
	for i, r := range d.Receivers {
		pointer := at("/receivers", i)
		p.id(pointer+"/id", r.ID, true)
		if !slices.Contains(payeeKinds, r.Kind) {
			p.bad(pointer+"/kind", "enum", "A receiver is a seller, creator, agency or partner.")
		}
		if r.Base != "gross" && r.Base != "rest" {
			p.bad(pointer+"/base", "enum", "A rate is of gross or of the rest.")
		}
		p.needShare(pointer+"/rate", r.Rate)
		if who := r.Kind + ":" + r.ID; seen[who] {
			p.bad(pointer+"/id", "repeated", "Each receiver is named once, and the payee keeps the rest without being named.")
		} else {
			seen[who] = true
		}
	}
	if d.Source != "" && (len(d.Source) < 6 || d.Source[:5] != "gift:" || !ledger.IsSegment(d.Source[5:])) {
		p.bad("/source", "pattern", "A source is gift, a colon and the gift's id.")
	}
}

// splitPart is what one receiver gets and of what.
type splitPart struct{ base, amount money.Minor }

// parts computes the split.
func (d *Split) parts() (c money.Currency, parts []splitPart, rest money.Minor, err error) {
	if c, err = money.ParseCurrency(d.Currency); err != nil {
		return
	}
	whole, err := money.ParseAmount(d.Amount, c)
	if err != nil {
		return
	}
	rest = whole
	for i, r := range d.Receivers {
		base := rest
		if r.Base == "gross" {
			base = whole
		}
		rate, err := money.ParseRate(r.Rate)
		if err != nil {
			return c, nil, 0, err
		}
		amount, err := rate.Of(base, money.HalfEven, c.PostingUnit())
		if err != nil {
			return c, nil, 0, err
		}
		if rest -= amount; rest < 0 {
			return c, nil, 0, ledger.ErrInvalid.At("/receivers/"+strconv.Itoa(i)+"/rate", "rate-range", "The receivers would get more than the whole.")
		}
		parts = append(parts, splitPart{base, amount})
	}
	return c, parts, rest, nil
}

func (d *Split) tell() []Step {
	c, parts, rest, err := d.parts()
	if err != nil {
		return nil
	}
	t := &tale{currency: c}
	whole := rest
	for i, r := range d.Receivers {
		of := "the whole amount"
		if r.Base == "rest" {
			of = "what those before left"
		}
		rate, _ := money.ParseRate(r.Rate) // parts has read it
		t.rated("split", "Share of "+r.Kind+" "+r.ID, r.Kind+":"+r.ID, of, parts[i].base, rate, 0, money.HalfEven, parts[i].amount, d.Kind+":"+d.Payee)
		whole += parts[i].amount
	}
	t.plain("split_paid", "Given by the payee", d.Kind+":"+d.Payee, rest-whole, "who keeps "+rest.Format(c))
	return t.steps
}

func (d *Split) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("A split of this id was recorded before.")
	}
	c, parts, rest, err := d.parts()
	if err != nil {
		return err
	}
	whole := rest
	for i := range parts {
		whole += parts[i].amount
	}
	if err := d.allowed(p, c, whole); err != nil {
		return err
	}
	var list positions
	from := payeeAccount(d.Kind, bucketAvailable, d.Payee)
	for i, r := range d.Receivers {
		list.add(from, -parts[i].amount)
		list.add(payeeAccount(r.Kind, bucketAvailable, r.ID), parts[i].amount)
	}
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := p.draft(draftOf{event: eventSplit, lines: creditLines(c, list), data: data, told: d, decision: true}); err != nil || d.Source == "" {
		return err
	}
	note, err := json.Marshal(dividedBy{d.Split}) // so that the gift's story knows where it went
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: "order.fact_recorded", kind: eventSplit, part: 1, subject: d.Source, data: note})
}

// dividedBy is what a gift's story keeps of a split.
type dividedBy struct {
	Split string `json:"split"`
}

// allowed refuses to pay an agency twice for a gift, or at all out of what was given to people in need, and to pass more of a
// gift on than the payee has of it.
func (d *Split) allowed(p *planner, c money.Currency, whole money.Minor) error {
	solicited, paid := d.Solicited, ""
	if d.Source != "" {
		told, sent, err := p.gift(d.Source[5:])
		if err != nil {
			return err
		}
		solicited = solicited || sent.Solicited
		if sent.Agency != nil {
			paid = sent.Agency.ID
		}
		holders, err := p.holders(told, money.Currency(sent.Currency))
		if err != nil {
			return err
		}
		if has := holders.amount(d.Kind + ":" + d.Payee); string(c) != sent.Currency || whole > has {
			return ErrSplitSource.Withf("The payee has %s %s of this gift, less than is divided. Correct the amount, or send the split without the source.", max(has, 0).Format(money.Currency(sent.Currency)), sent.Currency)
		}
	}
	for _, r := range d.Receivers {
		if r.Kind == "agency" && (solicited || r.ID == paid) {
			return ErrSplitAgency
		}
	}
	return nil
}

// Split divides what a payee has available. It returns ErrSplitAgency, ErrSplitSource, ErrRepeated, and the ledger's refusal if less is
// available. The same reference again is answered as the first time; an empty one is "payout.split:<split>".
func (s *Service) Split(ctx context.Context, book ledger.Book, reference string, ask Split) Result {
	if reference == "" {
		reference = eventSplit + ":" + ask.Split
	}
	prepared, err := s.prepare(book, &Event{Type: eventSplit, Reference: reference, Data: &ask})
	if err != nil {
		return Result{Err: err}
	}
	return s.postAlone(ctx, book, prepared)
}
