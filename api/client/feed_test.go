package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"mizan/api/client"

	"github.com/google/go-cmp/cmp"
)

// feed serves a book of so many transactions, and keeps the queries.
func feed(t *testing.T, length int64, spoil func(after, limit int64, w http.ResponseWriter) bool) (*client.Client, func() []string) {
	t.Helper()
	var mu sync.Mutex
	var queries []string
	c := serve(t, client.Options{Attempts: 2}, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		queries = append(queries, r.URL.RawQuery)
		after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
		limit, _ := strconv.ParseInt(r.URL.Query().Get("limit"), 10, 64)
		if spoil != nil && spoil(after, limit, w) {
			return
		}
		answer(w, after, min(length, after+limit), length)
	})
	return c, func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(queries) }
}

// answer writes the transactions after one sequence up to another.
func answer(w http.ResponseWriter, after, upTo, length int64) {
	var items []string
	for i := after + 1; i <= upTo; i++ {
		items = append(items, fmt.Sprintf(`{"id":"uk-%d","sequence":%d, "memo":"<&>"}`, i, i))
	}
	fmt.Fprintf(w, `{"data":[%s],"last_sequence":%d,"more":%t}`, strings.Join(items, ","), upTo, upTo < length)
}

func TestFeed(t *testing.T) {
	t.Parallel()
	cases := []struct {
		query   client.FeedQuery
		length  int64
		from    int64
		to      int64
		queries []string
	}{
		{client.FeedQuery{}, 0, 1, 0, []string{"after=0&limit=500"}},
		{client.FeedQuery{}, 3, 1, 3, []string{"after=0&limit=500"}},
		{client.FeedQuery{PageSize: 2}, 3, 1, 3, []string{"after=0&limit=2", "after=2&limit=2"}},
		{client.FeedQuery{PageSize: 5000}, 3, 1, 3, []string{"after=0&limit=1000"}},
		{client.FeedQuery{PageSize: 2, UpTo: 3}, 9, 1, 3, []string{"after=0&limit=2", "after=2&limit=1"}},
		{client.FeedQuery{After: 2, UpTo: 3}, 9, 3, 3, []string{"after=2&limit=1"}},
		{client.FeedQuery{After: 3, UpTo: 3}, 9, 4, 3, nil},
	}
	for _, c := range cases {
		remote, queries := feed(t, c.length, nil)
		next := c.from
		for item, err := range remote.Feed(t.Context(), "uk", c.query) {
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf(`{"id":"uk-%d","sequence":%d, "memo":"<&>"}`, next, next); item.Sequence != next || item.Memo != "<&>" || string(item.JSON) != want {
				t.Errorf("%+v: got %s, want %s", c.query, item.JSON, want)
			}
			next++
		}
		if next != c.to+1 {
			t.Errorf("%+v: it ends before %d, want after %d", c.query, next, c.to)
		}
		if diff := cmp.Diff(c.queries, queries()); diff != "" {
			t.Errorf("%+v: queries (-want +got):\n%s", c.query, diff)
		}
	}
}

// A feed that leaves something out, repeats itself or ends early is not taken for a book.
func TestFeedBroken(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(after, limit int64, w http.ResponseWriter) bool{
		"begins late": func(after, limit int64, w http.ResponseWriter) bool { answer(w, after+1, after+limit, 9); return true },
		"has a hole": func(after, limit int64, w http.ResponseWriter) bool {
			answer(w, max(after, after/2*3), after+limit, 9)
			return true
		},
		"repeats itself":   func(_, limit int64, w http.ResponseWriter) bool { answer(w, 0, limit, 9); return true },
		"says nothing":     func(after, _ int64, w http.ResponseWriter) bool { answer(w, after, after, 9); return true },
		"ends too early":   func(after, limit int64, w http.ResponseWriter) bool { answer(w, after, after+limit-1, 0); return true },
		"is no feed":       func(_, _ int64, w http.ResponseWriter) bool { fmt.Fprint(w, "[]"); return true },
		"is not permitted": func(_, _ int64, w http.ResponseWriter) bool { problem(w, 403, "forbidden"); return true },
	} {
		remote, queries := feed(t, 9, spoil)
		got, err := client.Collect(remote.Feed(t.Context(), "uk", client.FeedQuery{UpTo: 9, PageSize: 3}), 100)
		var p *client.Problem
		if !errors.As(err, &p) || !errors.Is(err, client.ErrFeedBroken) && p.Code != "answer-unreadable" && p.Code != "forbidden" {
			t.Errorf("%s: got %d transactions and %v", name, len(got), err)
		}
		if n := len(queries()); n > 4 {
			t.Errorf("%s: asked %d times", name, n)
		}
	}
}

// Where a page would be larger than what is read of an answer, smaller ones are asked for.
func TestFeedOfLargeTransactions(t *testing.T) {
	t.Parallel()
	blank := []byte(strings.Repeat(" ", 1<<20))
	remote, queries := feed(t, 3, func(_, limit int64, w http.ResponseWriter) bool {
		if limit <= 1 {
			return false
		}
		for range 65 {
			if _, err := w.Write(blank); err != nil {
				return true
			}
		}
		return true
	})
	got, err := client.Collect(remote.Feed(t.Context(), "uk", client.FeedQuery{PageSize: 4}), 100)
	if err != nil || len(got) != 3 {
		t.Fatalf("got %d transactions, %v", len(got), err)
	}
	want := []string{"after=0&limit=4", "after=0&limit=2", "after=0&limit=1", "after=1&limit=1", "after=2&limit=1"}
	if diff := cmp.Diff(want, queries()); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
}
