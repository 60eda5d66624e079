package guard

// Query shows tests the statement of a filter.
func (f Filter) Query(book Book, after, before int64, limit int) (string, []any) {
	return f.query(book, after, before, limit)
}

// Sum lets tests forge rows.
func (r *Row) Sum() [32]byte { return r.sum() }

// SetMost changes how many approvals of a book may be open.
func (d *Desk) SetMost(n int) { d.maxOpen = n }

// Lists are the statements that list approvals.
var Lists = []string{sqlApprovals, sqlApprovalsOfState, sqlApprovalsOpen, sqlApprovalsExpired}
