package main

import (
	"testing"

	"mizan/api/client"
)

func TestPayeesSession(t *testing.T) {
	t.Parallel()
	env, remote := market(t)
	if _, err := remote.RegisterPayee(t.Context(), "uk", client.Payee{ID: "sel_session", Kind: "seller", Country: "UK", Currency: "GBP"}); err != nil {
		t.Fatal(err)
	}
	mizan(t, env, "", "payees", "standing", "uk", "sel_session").want(t, exitDone, "unverified", "open")
	mizan(t, env, "", "payees", "change", "uk", "sel_session", "--verification", "verified", "--reason", "x").want(t, exitRefused, "payee-standing-invalid")
	mizan(t, env, "", "payees", "change", "uk", "sel_session", "--verification", "verified", "--document", "kyc-1", "--owner", "own_1", "--reason", "Checked.").want(t, exitDone, "verified", "own_1", "kyc-1")
	mizan(t, env, "", "payees", "change", "uk", "sel_session", "--version", "0", "--business", "closing", "--reason", "x").want(t, exitRefused, "payee-standing-version")
	mizan(t, env, "", "payees", "standings", "uk").want(t, exitDone, "sel_session", "verified")
	mizan(t, env, "", "payees", "standing", "uk", "nobody").want(t, exitRefused, "payee-unknown")
	mizan(t, env, "", "payees", "destinations", "uk", "sel_session").want(t, exitDone, "COOLS OFF UNTIL")
	mizan(t, env, "", "payees", "refresh", "uk", "dst_0123456789abcdef", "--reason", "x").want(t, exitRefused, "destination-unknown")
	mizan(t, env, "", "payees", "hold", "uk", "hold_1", "seller", "sel_session", "--effect", "pause", "--category", "review", "--case", "c-1", "--reason", "A look.").want(t, exitDone, "hold_1", "pause", "review")
	mizan(t, env, "", "payees", "hold", "uk", "hold_2", "seller", "sel_session", "--effect", "amount", "--category", "review", "--case", "c-1", "--currency", "GBP", "--amount", "1.00", "--reason", "x").want(t, exitRefused, "hold-invalid")
	mizan(t, env, "", "payees", "holds", "uk").want(t, exitDone, "hold_1", "c-1")
	mizan(t, env, "", "payees", "holds", "uk", "sel_session", "--json").want(t, exitDone, `"category": "review"`)
	mizan(t, env, "", "payees", "policies", "uk").want(t, exitDone, "uk-1", "shipped")
	mizan(t, env, "", "payees", "policy", "uk").want(t, exitDone, "cooling_off_hours")
	mizan(t, env, "", "payees", "policy", "uk", "uk-1", "--payee", "sel_session").want(t, exitUsage, "not both")
	mizan(t, env, "", "payees", "overrides", "uk", "sel_session").want(t, exitDone, "DOCUMENT")
}
