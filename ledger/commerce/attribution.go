package commerce

import "slices"

// attribution.moved: the commission of an order belongs to other creators than it was recorded for (row 280, M-19). The
// order's rates stay frozen; each creator's agency is that of the creator's own contract when the order was placed. What
// was posted for the others is taken from where it is, even if that was paid, and later refunds follow the move.

// AttributionMoved says whose the commission of an order is.
type AttributionMoved struct {
	Order    string    `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Move     string    `json:"move" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The move's own id, unique in the order" example:"MV-1"`
	Creators []Creator `json:"creators" nullable:"false" minItems:"1" maxItems:"50" doc:"All creators that the order has from now on, with their weights and agencies"`
	Reason   string    `json:"reason" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words; it is shown to both sides" example:"wrong_link"`
}

func (d *AttributionMoved) subject() string { return "order:" + d.Order }
func (d *AttributionMoved) computes() bool  { return true }

func (d *AttributionMoved) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/move", d.Move, true)
	p.id("/reason", d.Reason, true)
	if len(d.Creators) == 0 || len(d.Creators) > 50 {
		p.bad("/creators", "count", "An order has 1 to 50 creators after a move.")
	}
	readCreators(p, d.Creators)
}

// apply puts the creators in the place of those before. Bonuses stay with whom they were promised.
func (d *AttributionMoved) apply(o *order, p *preparation) error {
	if err := o.changeable(); err != nil {
		return err
	}
	if slices.Contains(o.moves, d.Move) {
		return ErrRepeated.With("This move was recorded before. Give a new one an id of its own.")
	}
	if len(o.creators) == 0 {
		return ErrOrderState.With("The order has no creator whose commission could move. Record a bonus, or post an adjustment.")
	}
	terms := readCreators(p, d.Creators)
	if p.err() != nil {
		return nil
	}
	if err := o.allowAgencies(terms); err != nil {
		return err
	}
	o.moves = append(o.moves, d.Move)
	o.creators = creatorsOf(terms)
	return nil
}

func (d *AttributionMoved) plan(p *planner) error {
	return p.recompute(d, "attribution.moved", d.Reason)
}
