package guard

// Query shows tests the statement of a filter.
func (f Filter) Query(book Book, after, before int64, limit int) (string, []any) {
	return f.query(book, after, before, limit)
}

// Sum lets tests forge rows.
func (r *Row) Sum() [32]byte { return r.sum() }
