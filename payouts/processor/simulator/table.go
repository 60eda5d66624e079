// A table keeps objects of one kind in the order of their creation, and lists them newest first.

package simulator

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
)

// row is what a table holds. Two objects of one second are told apart by the order in which they were added.
type row interface {
	identity() (id string, created, sequence int64)
	// shown is the object as the interface shows it.
	shown(s *Simulator) any
}

// table is a list with an index. A row whose time is in the past is put where it belongs.
type table[T row] struct {
	rows []T
	byID map[string]T
}

func order[T row](a, b T) int {
	_, createdA, sequenceA := a.identity()
	_, createdB, sequenceB := b.identity()
	return cmp.Or(cmp.Compare(createdA, createdB), cmp.Compare(sequenceA, sequenceB))
}

func (t *table[T]) add(r T) {
	if t.byID == nil {
		t.byID = map[string]T{}
	}
	id, _, _ := r.identity()
	t.byID[id] = r
	at, _ := slices.BinarySearchFunc(t.rows, r, order)
	t.rows = slices.Insert(t.rows, at, r)
}

func (t *table[T]) get(id string) (T, bool) {
	if t == nil {
		var none T
		return none, false
	}
	r, ok := t.byID[id]
	return r, ok
}

// dropBefore removes the rows created before the time.
func (t *table[T]) dropBefore(created int64) {
	n := 0
	for ; n < len(t.rows); n++ {
		if id, at, _ := t.rows[n].identity(); at >= created {
			break
		} else {
			delete(t.byID, id)
		}
	}
	t.rows = slices.Delete(t.rows, 0, n)
}

// MarshalJSON writes the rows; the index is made anew when they are read.
func (t *table[T]) MarshalJSON() ([]byte, error) { return json.Marshal(t.rows) }

// UnmarshalJSON reads the rows.
func (t *table[T]) UnmarshalJSON(text []byte) error {
	var rows []T
	if err := json.Unmarshal(text, &rows); err != nil {
		return err
	}
	*t = table[T]{}
	for _, r := range rows {
		t.add(r)
	}
	return nil
}

// list is one page.
type list struct {
	Object  string `json:"object"`
	URL     string `json:"url"`
	HasMore bool   `json:"has_more"`
	Data    []any  `json:"data"`
}

// page answers a list request: newest first, the rows that fit, after or before a cursor.
func page[T row](s *Simulator, t *table[T], q *request, fits func(T) bool) (any, *refusal) {
	limit := 10
	if text := q.form.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100 {
			return nil, invalid("parameter_invalid_integer", "limit", "Limit must be between 1 and 100")
		}
		limit = n
	}
	within, refused := q.period()
	if refused != nil {
		return nil, refused
	}
	all := list{Object: "list", URL: q.path, Data: []any{}}
	if t == nil {
		return all, nil
	}
	matching := func(r T) bool {
		_, created, _ := r.identity()
		return within(created) && fits(r)
	}
	after, before := q.form.Get("starting_after"), q.form.Get("ending_before")
	if after != "" && before != "" {
		return nil, invalid("", "ending_before", "Give one cursor only")
	}
	from, step := len(t.rows)-1, -1
	if cursor := after + before; cursor != "" {
		r, ok := t.get(cursor)
		if !ok {
			return nil, invalid("resource_missing", "starting_after", "No such object for the cursor")
		}
		at, _ := slices.BinarySearchFunc(t.rows, r, order)
		if from = at - 1; before != "" {
			from, step = at+1, 1
		}
	}
	for i := from; i >= 0 && i < len(t.rows); i += step {
		if !matching(t.rows[i]) {
			continue
		}
		if q.late {
			q.late = false
			continue
		}
		if len(all.Data) == limit {
			all.HasMore = true
			break
		}
		all.Data = append(all.Data, t.rows[i].shown(s))
	}
	if step > 0 {
		slices.Reverse(all.Data)
	}
	return all, nil
}

// period reads the filter on the time of creation.
func (q *request) period() (func(int64) bool, *refusal) {
	type bound struct {
		sign string
		at   int64
	}
	var bounds []bound
	for name, values := range q.form {
		sign, isBound := "", false
		switch name {
		case "created":
			sign, isBound = "eq", true
		case "created[gte]", "created[gt]", "created[lte]", "created[lt]":
			sign, isBound = name[len("created["):len(name)-1], true
		}
		if !isBound {
			if len(name) > 8 && name[:8] == "created[" {
				return nil, invalid("parameter_unknown", name, "Received unknown parameter")
			}
			continue
		}
		n, err := strconv.ParseInt(values[0], 10, 64)
		if err != nil {
			return nil, invalid("parameter_invalid_integer", name, "Invalid timestamp")
		}
		bounds = append(bounds, bound{sign, n})
	}
	return func(created int64) bool {
		for _, b := range bounds {
			ok := map[string]bool{"eq": created == b.at, "gte": created >= b.at, "gt": created > b.at, "lte": created <= b.at, "lt": created < b.at}
			if !ok[b.sign] {
				return false
			}
		}
		return true
	}, nil
}
