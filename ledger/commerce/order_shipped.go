package commerce

import (
	"slices"
	"time"
)

// order.shipped: a parcel left. It moves no money, but a parcel that nobody scans at the door counts as delivered some days
// after it was shipped, so that a missing scan keeps nobody from being paid.

// presumedDays are the days after which a shipped parcel without a scan counts as delivered.
const presumedDays = 21

// OrderShipped says that a parcel was shipped.
type OrderShipped struct {
	Order     string    `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	ShippedAt time.Time `json:"shipped_at" format:"date-time" doc:"When it left" example:"2026-11-20T16:00:00Z"`
	Parcel    int       `json:"parcel,omitempty" minimum:"1" maximum:"1000" default:"1" doc:"Which parcel, as its delivery names it"`
	Carrier   string    `json:"carrier,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who carries it" example:"evri"`
}

// parcel is one of an order.
type parcel struct {
	number  int
	shipped time.Time
	scanned bool
}

func (d *OrderShipped) subject() string { return "order:" + d.Order }

func (d *OrderShipped) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/carrier", d.Carrier, false)
	if d.Parcel < 0 || d.Parcel > 1000 {
		p.bad("/parcel", "range", "Parcels are numbered from 1 to 1000.")
	}
	if d.ShippedAt.Year() < 2000 || d.ShippedAt.Year() > 2999 {
		p.bad("/shipped_at", "date-range", "A shipment lies after 2000-01-01.")
	}
}

// apply remembers when the parcel left, as it was told last.
func (d *OrderShipped) apply(o *order, _ *preparation) error {
	o.parcel(d.Parcel).shipped = d.ShippedAt.UTC()
	return nil
}

func (d *OrderShipped) plan(p *planner) error { return p.planFact(d, "order.shipped") }

// parcel is the order's parcel of a number, the first if none is said.
func (o *order) parcel(number int) *parcel {
	number = max(number, 1)
	i := slices.IndexFunc(o.parcels, func(x parcel) bool { return x.number == number })
	if i < 0 {
		o.parcels = append(o.parcels, parcel{number: number})
		i = len(o.parcels) - 1
	}
	return &o.parcels[i]
}

// arrival is when the order's last parcel arrived: its scan or, if a shipped parcel has none, the day on which that counts as
// delivered, if this is later. ok is false while more is to come.
func (o *order) arrival() (at time.Time, ok bool) {
	if o.complete {
		return o.delivered, true
	}
	at = o.delivered
	for _, x := range o.parcels {
		if x.scanned || x.shipped.IsZero() {
			continue
		}
		ok = true
		if presumed := x.shipped.AddDate(0, 0, presumedDays); presumed.After(at) {
			at = presumed
		}
	}
	return at, ok
}
