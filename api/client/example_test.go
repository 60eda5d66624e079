package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"mizan/api/client"
)

// A checkout posts a captured order. It names the posting after the order, so that it may send it as often as it likes.
func Example() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id":"uk-42","book":"uk","sequence":42,"reference":"order-1001-captured"}`)
	}))
	defer service.Close()

	c, err := client.New(service.URL, "mk_example", client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseIdleConnections()
	posted, err := c.Post(context.Background(), "uk", client.NewTransaction{
		Reference: "order-1001-captured",
		Event:     "order.captured",
		Subject:   "order:1001",
		Entries: []client.Line{
			client.Debit("assets:processor:pending:main", "50.00", "GBP"),
			client.Credit("liabilities:seller:pending:sel_anna", "47.50", "GBP"),
			client.Credit("revenue:referral_fee", "2.50", "GBP"),
		},
	})
	switch {
	case errors.Is(err, client.ErrReferenceReused):
		fmt.Println("this order was posted with other amounts")
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println(posted.ID, posted.Sequence)
	}
	// Output: uk-42 42
}
