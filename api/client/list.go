package client

// List: answers that come in pages, walked as one sequence.

import (
	"context"
	"errors"
	"iter"
	"net/url"
)

// page is one page of a list.
type page[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

// pageSize is how many items are asked for at once.
const pageSize = "500"

// walk asks page after page. The sequence ends with the first error, which comes with a zero item.
func walk[T any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		query := cloneQuery(query)
		if !query.Has("limit") {
			query.Set("limit", pageSize)
		}
		for last := ""; ; {
			var p page[T]
			if err := c.get(ctx, path, query, &p); err != nil {
				yield(none, err)
				return
			}
			for _, item := range p.Data {
				if !yield(item, nil) {
					return
				}
			}
			if p.NextCursor == nil || *p.NextCursor == "" {
				return
			}
			// A cursor that does not move would be walked for ever.
			if *p.NextCursor == last {
				yield(none, &Problem{Code: codeUnreadable, Title: "The list does not end", cause: errors.New("a cursor came twice")})
				return
			}
			last = *p.NextCursor
			query.Set("cursor", last)
		}
	}
}

func cloneQuery(query url.Values) url.Values {
	clone := url.Values{}
	for name, values := range query {
		clone[name] = values
	}
	return clone
}

// set adds a parameter unless its value is empty.
func set(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

// Collect gathers a sequence until its end, its first error, or limit items.
func Collect[T any](items iter.Seq2[T, error], limit int) ([]T, error) {
	var all []T
	for item, err := range items {
		if err != nil {
			return all, err
		}
		if len(all) == limit {
			break
		}
		all = append(all, item)
	}
	return all, nil
}

// walkWhole asks for a list that comes whole, and whose operation takes no parameters.
func walkWhole[T any](ctx context.Context, c *Client, path string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var p page[T]
		if err := c.get(ctx, path, nil, &p); err != nil {
			var none T
			yield(none, err)
			return
		}
		for _, item := range p.Data {
			if !yield(item, nil) {
				return
			}
		}
	}
}
