package main

// Openings at the command line and through the Go client, against a real service.

import (
	"errors"
	"strings"
	"testing"

	"mizan/api/client"
)

const signedOpening = `{"batch":"MIG-1","signed_by":["u_17","u_23"],"document":"DOC-88","as_of":"2026-11-20T00:00:00Z","totals":[{"currency":"GBP","debits":"40.00","credits":"37.00"}],
	"balances":[{"account":"assets:processor:available:main","direction":"debit","amount":"40.00","currency":"GBP"}],
	"orders":[{"terms":{"order":"UK-900","currency":"GBP","placed_at":"2026-11-18T10:00:00Z","seller":"sel_uk","lines":[{"line":1,"sku":"SKU-9","quantity":1,"unit_price":"40.00"}],
		"creators":[{"creator":"cre_amy"}],"commission_rate":"0.10","payments":[{"processor":"main","payment_id":"pi_900","amount":"40.00"}]},
	"posted":[{"account":"liabilities:seller:pending:sel_uk","direction":"credit","amount":"32.40"},{"account":"liabilities:creator:pending:cre_amy","direction":"credit","amount":"4.00"},
		{"account":"revenue:referral_fee","direction":"credit","amount":"3.00"},{"account":"liabilities:tax:vat:UK:on-fees","direction":"credit","amount":"0.60"}]}]}`

func TestOpeningSession(t *testing.T) {
	t.Parallel()
	env, remote := market(t)
	mizan(t, env, signedOpening, "opening", "-", "--book", "uk", "--dry-run").want(t, exitDone, "MIG-1  would be posted  open orders: 1", "order:UK-900", "32.40", "equity:opening")
	mizan(t, env, strings.Replace(signedOpening, `"37.00"`, `"38.00"`, 1), "opening", "-", "--book", "uk").want(t, exitRefused, "opening-totals", "a difference of -1.00")
	mizan(t, env, strings.Replace(signedOpening, `"32.40"`, `"32.00"`, 1), "opening", "-", "--book", "uk").want(t, exitRefused, "opening-difference", "the rules give 32.40")
	mizan(t, env, signedOpening, "opening", "-", "--book", "uk").want(t, exitDone, "MIG-1  posted  open orders: 1", "opening:MIG-1", "order:UK-900")
	mizan(t, env, signedOpening, "opening", "-", "--book", "uk", "--json").want(t, exitDone, `"batch": "MIG-1"`)
	mizan(t, env, "", "opening", "-", "--book", "uk").want(t, exitUsage, "nothing to post")

	again, err := remote.OpenBook(t.Context(), "uk", []byte(signedOpening), false)
	if err != nil || !again.Replayed || again.Orders != 1 || len(again.Transactions) != 2 {
		t.Errorf("%+v %v", again, err)
	}
	if _, err := remote.OpenBook(t.Context(), "uk", []byte(strings.Replace(signedOpening, "DOC-88", "DOC-89", 1)), false); !errors.Is(err, client.ErrReferenceReused) {
		t.Errorf("other content: %v", err)
	}
	order, err := remote.Order(t.Context(), "uk", "UK-900")
	if err != nil || order.Refundable != "40.00" || order.State != "captured" {
		t.Errorf("%+v %v", order, err)
	}
}
