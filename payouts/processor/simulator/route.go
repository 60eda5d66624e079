// The endpoints that are imitated, with the parameters each of them knows.

package simulator

import "strings"

// route is one endpoint. A segment "*" of its pattern is an id.
type route struct {
	method, pattern   string
	allowed, required []string
	run               func(*Simulator, *request) (any, *refusal)
}

var paging = []string{"limit", "starting_after", "ending_before"}

func with(more ...string) []string { return append(append([]string{}, paging...), more...) }

var routes = []route{
	{"POST", "/v1/transfers", []string{"amount", "currency", "destination", "transfer_group", "metadata", "description"},
		[]string{"amount", "currency", "destination"}, (*Simulator).createTransfer},
	{"GET", "/v1/transfers", with("transfer_group", "destination", "created"), nil, (*Simulator).listTransfers},
	{"GET", "/v1/transfers/*", nil, nil, (*Simulator).getTransfer},
	{"POST", "/v1/transfers/*/reversals", []string{"amount", "metadata", "description"}, nil, (*Simulator).createReversal},
	{"GET", "/v1/transfers/*/reversals", paging, nil, (*Simulator).listReversals},
	{"POST", "/v1/payouts", []string{"amount", "currency", "method", "metadata", "destination", "description", "statement_descriptor"},
		[]string{"amount", "currency"}, (*Simulator).createPayout},
	{"GET", "/v1/payouts", with("created", "status", "destination"), nil, (*Simulator).listPayouts},
	{"GET", "/v1/payouts/*", nil, nil, (*Simulator).getPayout},
	{"POST", "/v1/payouts/*/cancel", nil, nil, (*Simulator).cancelPayout},
	{"POST", "/v1/topups", []string{"amount", "currency", "description", "metadata", "source", "statement_descriptor", "transfer_group"},
		[]string{"amount", "currency"}, (*Simulator).createTopup},
	{"GET", "/v1/topups", with("created", "status"), nil, (*Simulator).listTopups},
	{"GET", "/v1/topups/*", nil, nil, (*Simulator).getTopup},
	{"POST", "/v1/topups/*/cancel", nil, nil, (*Simulator).cancelTopup},
	{"GET", "/v1/accounts/*", nil, nil, (*Simulator).getAccount},
	{"GET", "/v1/balance", nil, nil, (*Simulator).getBalance},
	{"GET", "/v1/balance_transactions", with("created", "currency", "source", "type", "payout"), nil, (*Simulator).listEntries},
	{"GET", "/v1/balance_transactions/*", nil, nil, (*Simulator).getEntry},
	{"GET", "/v1/charges/*", nil, nil, (*Simulator).getCharge},
	{"GET", "/v1/refunds/*", nil, nil, (*Simulator).getRefund},
	{"GET", "/v1/disputes/*", nil, nil, (*Simulator).getDispute},
	{"GET", "/v1/events", with("created", "type"), nil, (*Simulator).listEvents},
	{"GET", "/v1/events/*", nil, nil, (*Simulator).getEvent},
}

// find returns the endpoint of a path and the ids in it.
func find(method, path string) (*route, []string) {
	for i := range routes {
		if routes[i].method != method {
			continue
		}
		if ids, ok := match(routes[i].pattern, path); ok {
			return &routes[i], ids
		}
	}
	return nil, nil
}

func match(pattern, path string) (ids []string, ok bool) {
	wanted, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(wanted) != len(got) {
		return nil, false
	}
	for i, segment := range wanted {
		switch {
		case segment == "*" && got[i] != "":
			ids = append(ids, got[i])
		case segment != got[i]:
			return nil, false
		}
	}
	return ids, true
}
