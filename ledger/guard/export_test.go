package guard

import "time"

// Query shows tests the statement of a filter.
func (f Filter) Query(book Book, after, before int64, limit int) (string, []any) {
	return f.query(book, after, before, limit)
}

// Sum lets tests forge rows.
func (r *Row) Sum() [32]byte { return r.sum() }

// SetMost changes how many approvals of a book may be open.
func (d *Desk) SetMost(n int) { d.maxOpen = n }

// LookThrough is the desk with another number of approvals that a page looks through.
func (d *Desk) LookThrough(n int) *Desk {
	other := *d
	other.looked = n
	return &other
}

// Statements shows tests how approvals are found: the page, and the last approval that it looked through.
func (s Search) Statements(now time.Time) (found, last string, given any) {
	found, last, given, err := s.statements(now)
	if err != nil {
		panic(err)
	}
	return found, last, given
}

// SQLWaiting shows tests how the open approvals are counted.
const SQLWaiting = sqlWaiting
