package client

// Feed: everything a book recorded, in its order and without gaps.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// FeedItem is a transaction as the feed told it.
type FeedItem struct {
	Transaction
	// JSON is the transaction in the very bytes of the answer.
	JSON json.RawMessage `json:"-"`
}

// UnmarshalJSON reads a transaction and keeps its bytes.
func (f *FeedItem) UnmarshalJSON(data []byte) error {
	f.JSON = bytes.Clone(data)
	return json.Unmarshal(data, &f.Transaction)
}

// FeedQuery says which part of a book is wanted. The zero value is all of it, up to where it ends while it is read.
type FeedQuery struct {
	// After is the sequence after which to begin; 0 begins with the first transaction.
	After int64
	// UpTo is the sequence of the last transaction wanted; 0 goes on until the book ends.
	UpTo int64
	// PageSize is how many are asked for at once, at most 1000; 500 if zero.
	PageSize int
}

// feedPage is one answer of the feed.
type feedPage struct {
	Data []FeedItem `json:"data"`
	More bool       `json:"more"`
}

const (
	feedPageSize = 500
	maxPageSize  = 1000
)

// ErrFeedBroken means that the feed left out a transaction, or ended before the sequence asked for. What was read before is
// good; nothing after it may be relied on.
var ErrFeedBroken = &Problem{Status: http.StatusOK, Code: "feed-broken", Title: "The feed has a gap",
	Detail: "The service left out a transaction or ended too early. Ask again, and if it happens twice tell the operator."}

// Feed walks the transactions that the query selects, in order. It holds one page in memory, and asks for smaller pages
// where transactions are so large that a page is. The sequence ends with the first error, which comes with an empty item:
// ErrFeedBroken, or what a call returns.
func (c *Client) Feed(ctx context.Context, book string, q FeedQuery) iter.Seq2[FeedItem, error] {
	return func(yield func(FeedItem, error) bool) {
		size := feedPageSize
		if q.PageSize > 0 {
			size = min(q.PageSize, maxPageSize)
		}
		for last := q.After; q.UpTo == 0 || last < q.UpTo; {
			limit := size
			if q.UpTo > 0 {
				limit = int(min(int64(size), q.UpTo-last))
			}
			p, err := c.feedPage(ctx, book, last, limit)
			if errors.Is(err, errTooLarge) && limit > 1 {
				size = limit / 2
				continue
			}
			if err != nil {
				yield(FeedItem{}, err)
				return
			}
			for _, item := range p.Data {
				if item.Sequence != last+1 {
					yield(FeedItem{}, ErrFeedBroken)
					return
				}
				last = item.Sequence
				if !yield(item, nil) {
					return
				}
			}
			if ended := !p.More && q.UpTo == 0; ended {
				return
			}
			if short := len(p.Data) == 0 || !p.More && last < q.UpTo; short {
				yield(FeedItem{}, ErrFeedBroken)
				return
			}
		}
	}
}

func (c *Client) feedPage(ctx context.Context, book string, after int64, limit int) (p feedPage, err error) {
	query := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(limit)}}
	err = c.get(ctx, place("v1", "books", book, "feed"), query, &p)
	return p, err
}
