package main

// The Go client and the real service understand each other, also when the network between them fails.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger/money"

	"github.com/google/go-cmp/cmp"
)

// newSale is a sale of amount, a decimal string.
func newSale(reference, amount string) client.NewTransaction {
	return client.NewTransaction{Reference: reference, Event: "order.captured", Subject: "order:1", Metadata: map[string]string{"cart": "c1"},
		OccurredAt: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), Entries: []client.Line{
			client.Debit("assets:processor:pending:main", amount, "GBP"), client.Credit("revenue:referral_fee", amount, "GBP")}}
}

func createBook(t *testing.T, remote *client.Client, code string) {
	t.Helper()
	if _, err := remote.CreateBook(t.Context(), client.NewBook{Code: code, Name: "A book", Currencies: []money.Currency{"GBP"}, TimeZone: "Europe/London"}); err != nil {
		t.Fatal(err)
	}
}

// must fails the test if a call did.
func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func TestClientAgainstTheService(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	_, remote := testService(t)
	createBook(t, remote, "uk")
	createBook(t, remote, "uk")
	transaction, transactions := must[client.Transaction](t), must[[]client.Transaction](t)

	forecast := transaction(remote.DryRun(ctx, "uk", newSale("o1", "50.00")))
	if found := transactions(remote.ByReference(ctx, "uk", "o1")); len(found) != 0 || len(forecast.Entries) != 2 {
		t.Errorf("a dry run left %v; forecast %+v", found, forecast)
	}
	posted := transaction(remote.Post(ctx, "uk", newSale("o1", "50.00")))
	if posted.ID != "uk-1" || posted.Replayed || posted.Entries[0].BalanceAfter != "50.00" || posted.Period != "2026-11" || len(posted.ContentHash) != 64 {
		t.Errorf("posted %+v", posted)
	}
	again := transaction(remote.Post(ctx, "uk", newSale("o1", "50.00")))
	if !again.Replayed {
		t.Error("the second posting is not marked as a replay")
	}
	again.Replayed = false
	if diff := cmp.Diff(posted, again); diff != "" {
		t.Errorf("the replay differs:\n%s", diff)
	}
	if diff := cmp.Diff([]client.Transaction{posted}, transactions(remote.ByReference(ctx, "uk", "o1"))); diff != "" {
		t.Errorf("by reference:\n%s", diff)
	}
	if diff := cmp.Diff(posted, transaction(remote.Transaction(ctx, "uk", "uk-1"))); diff != "" {
		t.Errorf("by id:\n%s", diff)
	}
	reversal := transaction(remote.Reverse(ctx, "uk", "uk-1", client.Correction{Reference: "o1-undo", Memo: "entered twice"}))
	repost := transaction(remote.Repost(ctx, "uk", "uk-1", client.Correction{Reference: "o1-redo"}))
	if reversal.Reverses != "uk-1" || repost.Reposts != "uk-1" {
		t.Errorf("reversal %+v, repost %+v", reversal, repost)
	}
	testClientBatches(t, remote)
	testClientReads(t, remote)
	testClientProblems(t, remote)
}

func testClientBatches(t *testing.T, remote *client.Client) {
	ctx := t.Context()
	bad := newSale("o3", "1.00")
	bad.Entries[0].Amount = "2.00"
	results := must[[]client.Result](t)(remote.PostBatch(ctx, "uk", []client.NewTransaction{newSale("o1", "50.00"), newSale("o2", "0.01"), bad}))
	if !results[0].Transaction.Replayed || results[1].Transaction.Replayed || results[1].Transaction.ID != "uk-4" || !errors.Is(results[2].Problem, client.ErrUnbalanced) {
		t.Errorf("results %+v", results)
	}
	_, err := remote.PostAtomic(ctx, "uk", []client.NewTransaction{newSale("o5", "1.00"), bad})
	var p *client.Problem
	if !errors.As(err, &p) || p.Index == nil || *p.Index != 1 || p.Status != 422 {
		t.Errorf("an atomic batch with a bad item: %+v", err)
	}
	if results, err := remote.PostAtomic(ctx, "uk", []client.NewTransaction{newSale("o5", "1.00"), newSale("o6", "1.00")}); err != nil || len(results) != 2 {
		t.Errorf("an atomic batch: %v, %v", results, err)
	}
}

func testClientReads(t *testing.T, remote *client.Client) {
	ctx := t.Context()
	book := must[client.Book](t)(remote.Book(ctx, "uk"))
	books := must[[]client.Book](t)(client.Collect(remote.Books(ctx), 10))
	if book.LastSequence != 6 || len(books) != 1 || books[0].Code != "uk" || books[0].FunctionalCurrency != "GBP" {
		t.Errorf("book %+v, books %+v", book, books)
	}
	newest := must[[]client.Transaction](t)(client.Collect(remote.Transactions(ctx, "uk", client.TransactionQuery{Event: "order.captured", Descending: true}), 2))
	if len(newest) != 2 || newest[0].ID != "uk-6" {
		t.Errorf("newest %+v", newest)
	}
	balances := must[[]client.Balance](t)(client.Collect(remote.Balances(ctx, "uk", client.BalanceQuery{Prefix: "revenue:", AtSequence: 4}), 10))
	want := []client.Balance{{Account: "revenue:referral_fee", Currency: "GBP", Debits: "50.00", Credits: "100.01", NormalSide: "credit", Balance: "50.01"}}
	if diff := cmp.Diff(want, balances); diff != "" {
		t.Errorf("balances (-want +got):\n%s", diff)
	}
	if got := must[[]client.Balance](t)(client.Collect(remote.Balances(ctx, "uk", client.BalanceQuery{AsOf: book.LastRecordedAt}), 10)); len(got) != 2 {
		t.Errorf("as of the last recording: %+v", got)
	}
	tb := must[client.TrialBalance](t)(remote.TrialBalance(ctx, "uk", "2026-11"))
	if len(tb.Rows) != 2 || len(tb.Totals) != 1 || !tb.Totals[0].Balanced() || tb.AtSequence != 6 {
		t.Errorf("trial balance %+v", tb)
	}
	rows := must[[]client.TrialRow](t)(client.Collect(remote.TrialBalanceByAccount(ctx, "uk", ""), 10))
	if len(rows) != 2 || rows[1].Account != "revenue:referral_fee" || rows[1].CreditBalance != "52.01" {
		t.Errorf("by account %+v", rows)
	}
	entries := must[[]client.AccountEntry](t)(client.Collect(remote.Entries(ctx, "uk", "revenue:referral_fee", client.EntryQuery{Descending: true}), 10))
	if len(entries) != 6 || entries[0].TransactionID != "uk-6" || entries[5].Reference != "o1" || entries[4].Direction != "debit" {
		t.Errorf("entries %+v", entries)
	}
}

func testClientProblems(t *testing.T, remote *client.Client) {
	ctx := t.Context()
	_, err := remote.Post(ctx, "uk", newSale("o1", "51.00"))
	if !errors.Is(err, client.ErrReferenceReused) {
		t.Errorf("a reference with other content: %v", err)
	}
	if _, err = remote.Book(ctx, "nowhere"); !errors.Is(err, client.ErrBookUnknown) {
		t.Errorf("an unknown book: %v", err)
	}
	_, err = remote.Post(ctx, "uk", client.NewTransaction{Reference: "o9", Event: "order.captured"})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 422 || len(p.Fields) == 0 || p.RequestID == "" {
		t.Errorf("a transaction without lines: %+v", err)
	}
	drained := client.NewTransaction{Reference: "o10", Event: "charge", Entries: []client.Line{
		client.Debit("liabilities:campaign:available:winter", "1.00", "GBP"), client.Credit("revenue:referral_fee", "1.00", "GBP")}}
	if _, err = remote.Post(ctx, "uk", drained); err == nil {
		t.Error("a transaction to an unknown account or below its floor was posted")
	}
}

// What the service sends and the client does not know would be lost on every caller, so that the types must keep up.
func TestClientKnowsEveryField(t *testing.T) {
	t.Parallel()
	address, remote := testService(t)
	createBook(t, remote, "uk")
	full := newSale("o1", "50.00")
	full.LiveSession, full.Channel, full.Campaign, full.Memo, full.Entries[0].ExternalRef = "ls_7", "app", "winter24", "a memo", "txn_1"
	must[client.Transaction](t)(remote.Post(t.Context(), "uk", full))
	must[client.Transaction](t)(remote.Reverse(t.Context(), "uk", "uk-1", client.Correction{Reference: "undo"}))
	type list[T any] struct {
		Data       []T     `json:"data"`
		NextCursor *string `json:"next_cursor"`
		AtSequence int64   `json:"at_sequence"`
	}
	type trial struct {
		client.TrialBalance
		NextCursor *string `json:"next_cursor"`
	}
	for path, into := range map[string]any{
		"/v1/books":                                          &list[client.Book]{},
		"/v1/books/uk":                                       &client.Book{},
		"/v1/books/uk/transactions":                          &list[client.Transaction]{},
		"/v1/books/uk/transactions/uk-2":                     &client.Transaction{},
		"/v1/books/uk/balances":                              &list[client.Balance]{},
		"/v1/books/uk/trial-balance":                         &trial{},
		"/v1/books/uk/trial-balance?period=2026-11":          &trial{},
		"/v1/books/uk/coverage":                              &client.Coverage{},
		"/v1/books/uk/accounts/revenue:referral_fee/entries": &list[client.AccountEntry]{},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+testKey)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %v\n%s", path, res.Status, err, body)
		}
		decoder := json.NewDecoder(strings.NewReader(string(body)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(into); err != nil {
			t.Errorf("%s: %v\n%s", path, err, body)
		}
	}
}

// A network that loses the first two answers to every sale, after the service has recorded it: each counts once.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	address, direct := testService(t)
	createBook(t, direct, "uk")
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	var seen sync.Map // from a body to how often it came
	var lost atomic.Int32
	network := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		times, _ := seen.LoadOrStore(string(body), new(atomic.Int32))
		if times.(*atomic.Int32).Add(1) > 2 {
			forward.ServeHTTP(w, r)
			return
		}
		forward.ServeHTTP(httptest.NewRecorder(), r)
		lost.Add(1)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(network.Close)
	remote, err := client.New(network.URL, testKey, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remote.CloseIdleConnections)

	const sales = 40
	var wait sync.WaitGroup
	for i := range sales {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if _, err := remote.Post(ctx, "uk", newSale(fmt.Sprint("order-", i), "1.00")); err != nil {
				t.Errorf("order-%d: %v", i, err)
			}
		})
	}
	wait.Wait()
	book := must[client.Book](t)(direct.Book(t.Context(), "uk"))
	if book.LastSequence != sales || lost.Load() != 2*sales {
		t.Errorf("%d transactions for %d sales, after %d lost answers", book.LastSequence, sales, lost.Load())
	}
}
