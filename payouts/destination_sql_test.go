package payouts

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/vault"
	"mizan/payouts/processor/simulator"
)

// N06: nothing is paid to a destination before its cooling-off is over, the first one included.
func TestADestinationTakesTwoPeopleAndCoolsOff(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	h.named("sel_a", "Ann Bee")
	asked, err := h.ask(ann, ActDestination, to("sel_a", h.account("acct_a", "Ann Bee")))
	h.ok(err)
	if e := mustJSON(asked.Effect); !strings.Contains(e, "The first destination") || !strings.Contains(e, "72 hours") || !strings.Contains(e, "name on record: match") || strings.Contains(e, "Bee") {
		t.Errorf("the effect: %s", e)
	}
	if list, err := h.Destinations(t.Context(), h.book, "sel_a"); err != nil || len(list) != 0 {
		t.Errorf("before anybody agreed: %v %v", list, err)
	}
	_, err = h.approve(ann, asked) // J14, and J17 of the same person
	h.wants(err, guard.ErrSelfApproval, "")
	_, err = h.approve(guard.Actor{Kind: guard.Person, ID: "per_other_account", Person: "per_ann"}, asked)
	h.wants(err, guard.ErrSelfApproval, "")
	done, err := h.approve(ben, asked)
	h.ok(err)
	first := h.standing("sel_a", RailConnected)
	if first.State != DestinationActive || first.NameMatch != NameMatches || !first.CoolingUntil.Equal(houseStart.Add(72*time.Hour)) || first.Approval != done.ID || first.Mode != ModeManual {
		t.Errorf("the first: %+v", first)
	}
	h.clock.Advance(100 * time.Hour)
	second := h.agreed(ActDestination, to("sel_a", h.account("acct_b", "Bob Cat")))
	if e := mustJSON(second.Effect); !strings.Contains(e, "Another destination") || !strings.Contains(e, "stood since 2026-03-02") || !strings.Contains(e, "mismatch") {
		t.Errorf("the second's effect: %s", e)
	}
	list, err := h.Destinations(t.Context(), h.book, "sel_a")
	h.ok(err)
	if len(list) != 2 || list[0].Account != "acct_b" || list[1].ID != first.ID || list[1].State != DestinationRetired || !list[0].CoolingUntil.Equal(h.clock.Now().Add(72*time.Hour)) || list[0].NameMatch != NameMismatch {
		t.Errorf("now %+v", list)
	}
	// What was under way to the old one may still arrive there.
	h.tx(func(tx pgx.Tx) error { return h.paidToTx(t.Context(), tx, h.book, first.ID) })
	if d, err := h.Destination(t.Context(), h.book, first.ID); err != nil || d.FirstPaidAt.IsZero() || d.State != DestinationRetired {
		t.Errorf("paid to the old one: %+v %v", d, err)
	}
}

// J15: what was edited after somebody looked at it, or found otherwise since, is not what was agreed to.
func TestADestinationThatChangedIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	asked, err := h.ask(ann, ActDestination, to("sel_a", h.account("acct_a", "Ann Bee")))
	h.ok(err)
	edited, err := h.desk.Edit(t.Context(), ann, guardBook(h.book), asked.ID, asked.Version, guard.Request{Act: ActDestination, Payload: json.RawMessage(mustJSON(to("sel_a", h.account("acct_b", "Ann Bee")))), Reason: "Because.", Document: "doc-2"})
	h.ok(err)
	_, err = h.approve(ben, asked)
	h.wants(err, guard.ErrApprovalChanged, "")
	h.ok(h.sim.ChangeAccount("acct_b", func(a *simulator.Account) { a.Banks[0].Fingerprint = "fp_thief" }))
	_, err = h.approve(ben, edited)
	h.wants(err, guard.ErrApprovalChanged, "")
	again, err := h.desk.Approval(t.Context(), guardBook(h.book), asked.ID)
	h.ok(err)
	_, err = h.approve(ben, again)
	h.ok(err)
	if d := h.standing("sel_a", RailConnected); d.Account != "acct_b" {
		t.Errorf("now %+v", d)
	}
}

func TestOfTwoDestinationsAskedForAtOnceOneIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	var asked []guard.Approval
	for i := range 8 {
		a, err := h.ask(ann, ActDestination, to("sel_a", h.account(fmt.Sprint("acct_", i), "Ann Bee")))
		h.ok(err)
		asked = append(asked, a)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for i, a := range asked {
		wg.Go(func() {
			_, err := h.approve([]guard.Actor{ben, cyd}[i%2], a)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				done++
			case fault.CodeOf(err) != guard.ErrApprovalChanged.Code:
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	list, err := h.Destinations(t.Context(), h.book, "sel_a")
	h.ok(err)
	if done != 1 || len(list) != 1 {
		t.Errorf("%d of eight were made, %d stand", done, len(list))
	}
}

func TestWhatCannotBeADestination(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	h.payee("sel_b", "seller")
	h.minor("cre_kid", "gua_pat")
	h.account("acct_a", "Ann Bee")
	h.agreed(ActDestination, to("sel_b", h.account("acct_taken", "Bob Cat")))
	with := func(change wanted) wanted {
		out := to("sel_a", "acct_a")
		for k, v := range change {
			out[k] = v
		}
		return out
	}
	const canary = "DE89370400440532013000"
	for _, x := range []struct {
		name    string
		payload wanted
		want    *fault.Error
		pointer string
	}{
		{"the platform's own (N08)", to("sel_a", ownAcct), ErrDestinationOwn, "/account"},
		{"another payee's", to("sel_a", "acct_taken"), ErrDestinationTaken, ""},
		{"a minor's", to("cre_kid", "acct_a"), ErrDestinationMinor, ""},
		{"nobody's", to("sel_x", "acct_a"), commerce.ErrPayeeUnknown, ""},
		{"a hostile id", to("sel_a'; DROP TABLE books --", "acct_a"), commerce.ErrPayeeUnknown, ""},
		{"an account that is not there", to("sel_a", "acct_absent"), ErrDestinationInvalid, "/account"},
		{"a bank number", to("sel_a", canary), ErrDestinationInvalid, "/account"},
		{"a path", to("sel_a", "acct_a/../acct_b"), ErrDestinationInvalid, "/account"},
		{"no rail", with(wanted{"rail": "pigeon"}), ErrDestinationInvalid, "/rail"},
		{"no currency", with(wanted{"currencies": []string{}}), ErrDestinationInvalid, "/currencies"},
		{"a currency the book has not", with(wanted{"currencies": []string{"KWD"}}), ErrDestinationInvalid, "/currencies"},
		{"a mode the processor has not", with(wanted{"mode": ModeAutomatic}), ErrDestinationInvalid, "/mode"},
		{"an unknown mode", with(wanted{"mode": "sometimes"}), ErrDestinationInvalid, "/mode"},
		{"a bank that is not in the vault", wanted{"payee": "sel_a", "rail": RailBank, "currencies": []string{"USD"}, "account": "", "mode": ""}, ErrDestinationInvalid, "/payee"},
		{"a bank number for the vault", wanted{"payee": "sel_a", "rail": RailBank, "currencies": []string{"USD"}, "account": canary, "mode": ""}, ErrDestinationInvalid, "/account"},
		{"a member too many (J12)", with(wanted{"state": "active"}), guard.ErrApprovalInvalid, "/payload"},
	} {
		_, err := h.ask(ann, ActDestination, x.payload)
		if fault.CodeOf(err) != x.want.Code {
			t.Errorf("%s: %v, want %s", x.name, err, x.want.Code)
			continue
		}
		h.wants(err, x.want, x.pointer)
		var known *fault.Error
		if errors.As(err, &known); strings.Contains(err.Error()+mustJSON(known.Fields), canary) {
			t.Errorf("%s: the answer repeats the number", x.name)
		}
	}
	// What a caller says was found is not believed.
	h.ok(h.sim.ChangeAccount("acct_a", func(a *simulator.Account) { a.PayoutsEnabled = false }))
	h.agreed(ActDestination, with(wanted{"found": wanted{"name_match": NameMatches, "banks": strings.Repeat("0", 64)}}))
	if d := h.standing("sel_a", RailConnected); d.State != DestinationPending || d.NameMatch != NameUnknown || !d.ActiveSince.IsZero() {
		t.Errorf("not ready: %+v", d)
	}
}

func TestARefreshTakesOverWhatTheProcessorSays(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	h.named("sel_a", "Ann Bee")
	h.account("acct_a", "Ann Bee")
	change := func(f func(*simulator.Account)) { h.Helper(); h.ok(h.sim.ChangeAccount("acct_a", f)) }
	change(func(a *simulator.Account) { a.PayoutsEnabled = false })
	h.agreed(ActDestination, to("sel_a", "acct_a"))
	d := h.standing("sel_a", RailConnected)
	cooling := d.CoolingUntil
	want := func(step, state, code string, until time.Time) Destination {
		h.Helper()
		h.clock.Advance(time.Hour)
		got, err := h.Refresh(t.Context(), h.book, d.ID)
		h.ok(err)
		if got.State != state || got.DisabledCode != code || !got.CoolingUntil.Equal(until) {
			t.Errorf("%s: %+v, want %s %s until %v", step, got, state, code, until)
		}
		return got
	}
	want("not ready yet", DestinationPending, "", cooling)
	change(func(a *simulator.Account) { a.PayoutsEnabled = true })
	ready := want("ready", DestinationActive, "", cooling)
	if !ready.ActiveSince.Equal(h.clock.Now()) || ready.NameMatch != NameMatches {
		t.Errorf("ready: %+v", ready)
	}
	rows := len(h.told("payout_destination."))
	want("nothing new", DestinationActive, "", cooling)
	if now := len(h.told("payout_destination.")); now != rows {
		t.Errorf("the trail is told of nothing: %d rows, then %d", rows, now)
	}
	change(func(a *simulator.Account) { a.Capabilities["transfers"] = "inactive" })
	want("restricted", DestinationDisabled, CodeAccountNoMoney, cooling)
	change(func(a *simulator.Account) { a.Capabilities["transfers"] = "active"; a.PayoutsEnabled = false })
	want("restricted otherwise", DestinationDisabled, CodePayoutsOff, cooling)
	change(func(a *simulator.Account) { a.PayoutsEnabled = true; a.Interval = "daily" })
	want("it pays out by itself now", DestinationDisabled, CodeModeChanged, cooling)
	change(func(a *simulator.Account) { a.Interval = "manual" })
	want("as before", DestinationActive, "", cooling)

	// A bank that failed stays failed until another one is behind the account.
	h.tx(func(tx pgx.Tx) error {
		return h.disableTx(t.Context(), tx, guard.Deed{Actor: ann}, h.book, d.ID, "account_closed")
	})
	want("the bank failed", DestinationDisabled, "account_closed", cooling)
	h.clock.Advance(200 * time.Hour)
	change(func(a *simulator.Account) { a.Banks[0].Fingerprint = "fp_new"; a.Banks[0].Holder = "Bob Cat" })
	again := h.clock.Now().Add(73 * time.Hour)
	if got := want("another bank", DestinationActive, "", again); got.NameMatch != NameMismatch || !got.ActiveSince.Equal(ready.ActiveSince) {
		t.Errorf("another bank: %+v", got)
	}
	// An active one whose bank is exchanged at the processor cools off too.
	h.clock.Advance(100 * time.Hour)
	change(func(a *simulator.Account) { a.Banks[0].Fingerprint = "fp_third"; a.Banks[0].Holder = "Ann Bee" })
	want("a third bank", DestinationActive, "", h.clock.Now().Add(73*time.Hour))
	change(func(a *simulator.Account) { a.Banks[0].Status = "errored" })
	want("errored", DestinationDisabled, CodeBankErrored, h.standing("sel_a", RailConnected).CoolingUntil)

	h.agreed(ActDestination, to("sel_a", h.account("acct_b", "Ann Bee")))
	if got, err := h.Refresh(t.Context(), h.book, d.ID); err != nil || got.State != DestinationRetired {
		t.Errorf("a retired one: %+v %v", got, err)
	}
	rows = len(h.told("payout_destination."))
	if got, err := h.RefreshBy(t.Context(), ann, h.book, d.ID, "The payee asked."); err != nil || got.State != DestinationRetired || len(h.told("payout_destination.")) != rows+1 {
		t.Errorf("a person's look at a retired one: %+v %v, %d rows told", got, err, len(h.told("payout_destination."))-rows)
	}
	h.tx(func(tx pgx.Tx) error { return h.disableTx(t.Context(), tx, guard.Deed{Actor: ann}, h.book, d.ID, "x") })
	if got, err := h.Destination(t.Context(), h.book, d.ID); err != nil || got.State != DestinationRetired {
		t.Errorf("a retired one disabled: %+v %v", got, err)
	}
	_, err := h.Refresh(t.Context(), h.book, "dst_aaaaaaaaaaaaaaaa")
	h.wants(err, ErrDestinationUnknown, "")
}

// The vault's bank data are the destination once their own act has run, in its transaction.
func TestTheBankInTheVaultIsTheDestinationOnceApproved(t *testing.T) {
	t.Parallel()
	const iban = "GB29NWBK60161331926819"
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	h.named("sel_a", "Ann Bee")
	owner := vault.Owner{Book: int32(h.book.ID)}
	stage := func(subject, holder string) guard.Approval {
		h.Helper()
		digest, err := h.vault.Stage(t.Context(), ann, owner, guardBook(h.book), subject, map[string]string{"bank_account": iban, "bank_holder": holder}, "Told by the payee.")
		h.ok(err)
		return h.agreed(vault.ActDestination, wanted{"subject": subject, "digest": fmt.Sprintf("%x", digest)})
	}
	done := stage("payee:sel_a", "Ann Bee")
	first := h.standing("sel_a", RailBank)
	if first.Account != "payee:sel_a" || first.State != DestinationActive || first.NameMatch != NameMatches || first.Mode != ModeManual || first.Approval != done.ID ||
		fmt.Sprint(first.Currencies) != "[USD]" || !first.CoolingUntil.Equal(houseStart.Add(72*time.Hour)) {
		t.Errorf("the first: %+v", first)
	}
	h.agreed(ActDestination, wanted{"payee": "sel_a", "rail": RailBank, "currencies": []string{"USD", "EUR", "USD"}, "account": "", "mode": ""})
	h.clock.Advance(80 * time.Hour)
	stage("payee:sel_a", "Bob Cat")
	third := h.standing("sel_a", RailBank)
	if third.ID == first.ID || third.NameMatch != NameMismatch || fmt.Sprint(third.Currencies) != "[EUR USD]" || !third.CoolingUntil.Equal(h.clock.Now().Add(72*time.Hour)) {
		t.Errorf("the third: %+v", third)
	}
	stage("payee:sel_stranger", "Ann Bee") // not registered: kept, and no destination
	h.minor("cre_kid", "gua_pat")
	stage("payee:cre_kid", "Ann Bee")
	for _, id := range []string{"sel_stranger", "cre_kid"} {
		if list, err := h.Destinations(t.Context(), h.book, id); err != nil || len(list) != 0 {
			t.Errorf("%s has %v %v", id, list, err)
		}
	}
	if got, err := h.Refresh(t.Context(), h.book, third.ID); err != nil || got.State != DestinationActive {
		t.Errorf("refreshed: %+v %v", got, err)
	}
	h.nowhere(iban, "Ann Bee", "Bob Cat")
}

// nowhere fails if one of the texts stands in what payouts or the trail keep.
func (h *payeeHouse) nowhere(texts ...string) {
	h.Helper()
	for _, table := range []string{"payout_destinations", "payout_standings", "payout_holds", "payout_policies", "payout_overrides", "audit_rows", "approvals", "approval_versions"} {
		var all string
		h.ok(h.db.Pool.QueryRow(h.Context(), `SELECT coalesce(string_agg(x::text, ' '), '') FROM `+table+` x WHERE x.book_id >= 0`).Scan(&all))
		for _, text := range texts {
			if strings.Contains(all, text) {
				h.Errorf("%s keeps %q", table, text)
			}
		}
	}
}

// Hours are real hours: a cooling-off across a change of clocks is not an hour shorter or longer.
func TestACoolingOffAcrossAChangeOfClocks(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range []time.Time{time.Date(2026, 3, 7, 1, 30, 0, 0, zone), time.Date(2026, 10, 31, 1, 30, 0, 0, zone)} {
		h := newPayeeHouse(t)
		h.clock.Advance(day.Sub(h.clock.Now()))
		h.payee("sel_a", "seller")
		h.agreed(ActDestination, to("sel_a", h.account("acct_a", "Ann Bee")))
		d := h.standing("sel_a", RailConnected)
		if got := d.CoolingUntil.Sub(day); got != 72*time.Hour {
			t.Errorf("%v: %v", day, got)
		}
		if shown := d.CoolingUntil.In(zone).Format("15:04"); shown == "01:30" {
			t.Errorf("%v: the clocks show %s, though they were changed", day, shown)
		}
	}
}

func TestADocumentCanConfirmTheHolder(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	h.named("sel_a", "Bee Trading")
	payload := to("sel_a", h.account("acct_a", "Ann Bee"))
	payload["holder_confirmed"] = true
	done := h.agreed(ActDestination, payload)
	if e := mustJSON(done.Effect.Warnings); !strings.Contains(e, "confirm that the document") {
		t.Errorf("the warnings: %s", e)
	}
	d := h.standing("sel_a", RailConnected)
	if got, err := h.Refresh(t.Context(), h.book, d.ID); err != nil || got.NameMatch != NameMatches {
		t.Errorf("confirmed: %+v %v", got, err)
	}
	h.ok(h.sim.ChangeAccount("acct_a", func(a *simulator.Account) { a.Banks[0].Fingerprint = "fp_new" }))
	if got, err := h.Refresh(t.Context(), h.book, d.ID); err != nil || got.NameMatch != NameMismatch {
		t.Errorf("another bank was not confirmed: %+v %v", got, err)
	}
}

// While the processor does not answer, nothing is decided.
func TestAProcessorThatDoesNotAnswerDecidesNothing(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	h.agreed(ActDestination, to("sel_a", h.account("acct_a", "Ann Bee")))
	d := h.standing("sel_a", RailConnected)
	h.sim.Script(simulator.Fault{Kind: simulator.DropBefore, Path: "/v1/accounts/acct_a"})
	if _, err := h.Refresh(t.Context(), h.book, d.ID); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("the answer is %v", err)
	}
	if now := h.standing("sel_a", RailConnected); now.State != DestinationActive {
		t.Errorf("now %+v", now)
	}
}
