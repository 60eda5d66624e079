package payouts

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The handbook's table of what moves a payout is written from the model's. Run with -update after a change.

const (
	lifePage  = "../api/docs/payout-life.md"
	lifeTitle = "## What moves a payout\n"
	lifeNext  = "## What counts as evidence\n"
)

// modelTold says what moves a payout from one state to another.
var modelTold = map[[2]string]string{
	{Created, Sending}:     "a worker stores the order of a payout whose run is released, if no hold stands and the destination is active",
	{Created, Cancelled}:   "a person cancels it or refuses its run, or its destination is not active any more",
	{Sending, Unknown}:     "there was no answer, or one that proves nothing",
	{Sending, Refused}:     "the processor refuses it, or a hold came before it left",
	{Sending, Submitted}:   "the processor's entry shows the transfer",
	{Unknown, Sending}:     "",
	{Unknown, Refused}:     "it is sent again with the same key and refused, or two looks five minutes apart find nothing",
	{Unknown, Submitted}:   "the transfer is found, or the same key is answered; the entry shows it",
	{Refused, Sending}:     "the cause is over, and a new attempt is stored",
	{Refused, Cancelled}:   "a person cancels it, or the payee's account is the cause",
	{Submitted, AtAccount}: "the bank sends it back before anybody saw it there, or the account does not pay it out",
	{Submitted, Paid}:      "the processor's payout to the bank is paid",
	{Submitted, Failed}:    "",
	{AtAccount, Submitted}: "the processor has paid it out again by itself",
	{AtAccount, Paid}:      "",
	{AtAccount, Failed}:    "the last part is taken back, and the entry shows it",
}

const lifeIntro = `
The table holds every change of state that the database takes; it is compared with the database and with a model that is tried in every
order of calls, answers, deaths, holds, cancellations, failures and returns. What is named as not used is allowed, and no worker does it.

` + "```text" + `
the way out    created -> sending -> submitted -> paid
no answer                 sending -> unknown -> submitted, or refused
not taken                 sending -> refused -> sending, or cancelled
sent back                            submitted -> at_account -> failed, or submitted
never sent     created -> cancelled
` + "```" + `

| from | to | when |
|---|---|---|
`

func TestLifePage(t *testing.T) {
	t.Parallel()
	b := &strings.Builder{}
	b.WriteString(lifeTitle + lifeIntro)
	told := 0
	for _, from := range modelStates[1:] {
		for _, to := range modelForward[from] {
			when, known := modelTold[[2]string{from, to}]
			why, unused := modelUnused[[2]string{from, to}]
			if told++; !known || unused != (when == "") {
				t.Errorf("the page does not say when a payout goes from %s to %s", from, to)
			}
			if unused {
				when = "not used: " + why
			}
			fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", from, to, when)
		}
		if len(modelForward[from]) == 0 {
			fmt.Fprintf(b, "| `%s` | | nothing: it is over |\n", from)
		}
	}
	if told != len(modelTold) {
		t.Error("the page tells of changes that are none")
	}
	b.WriteString("\n")
	page, err := os.ReadFile(lifePage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, known := strings.Cut(string(page), lifeTitle)
	if !known {
		before, rest, _ = strings.Cut(string(page), lifeNext)
		rest = lifeNext + rest
	}
	_, after, found := strings.Cut(rest, lifeNext)
	if !found {
		t.Fatalf("%s has no section %q", lifePage, lifeNext)
	}
	want := before + b.String() + lifeNext + after
	if *update {
		if err := os.WriteFile(lifePage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(page) {
		t.Errorf("%s is not what the model says. Run: go test ./payouts -run TestLifePage -update", lifePage)
	}
}
