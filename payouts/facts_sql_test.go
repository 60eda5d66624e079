package payouts

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// oneByOne is facts read with the reads of single things.
func (h *payeeHouse) oneByOne(ctx context.Context, k PayeeKey, at time.Time) (f facts) {
	h.Helper()
	paid := k.ID
	p, err := h.events.Payee(ctx, h.book, k.ID)
	if fault.CodeOf(err) != commerce.ErrPayeeUnknown.Code {
		h.ok(err)
		f.Registered, f.Country, f.Currency, f.Minor, f.Guardian = true, p.Country, p.Currency, p.Minor, p.Guardian
	}
	f.Standing, err = h.Standing(ctx, h.book, k.ID)
	h.ok(err)
	if f.Minor {
		paid = f.Guardian
		f.GuardianStanding, err = h.Standing(ctx, h.book, paid)
		h.ok(err)
	}
	list, err := h.Destinations(ctx, h.book, paid)
	h.ok(err)
	for _, active := range []bool{true, false} {
		for _, d := range list {
			if d.State != DestinationRetired && (d.State == DestinationActive) == active {
				f.Destinations = append(f.Destinations, d)
			}
		}
	}
	if len(f.Destinations) > 0 {
		f.Destination = f.Destinations[0]
	}
	holds, _, err := h.HoldsOf(ctx, h.book, k.ID, HoldPlace{}, 100)
	h.ok(err)
	slices.SortFunc(holds, func(a, b Hold) int {
		return strings.Compare(a.Effect+" "+a.Category+" "+string(a.Currency), b.Effect+" "+b.Category+" "+string(b.Currency))
	})
	for _, x := range holds {
		hold := standingHold{x.Effect, x.Category, string(x.Currency)}
		holding, err := h.Holding(ctx, h.book, x)
		h.ok(err)
		if x.Kind == k.Kind && x.Wanted > holding && !slices.Contains(f.Short, hold) {
			f.Short = append(f.Short, hold)
		}
		if x.Kind != k.Kind || slices.Contains(f.Holds, hold) {
			continue
		}
		f.Holds = append(f.Holds, hold)
		f.Frozen = f.Frozen || x.Effect == EffectEverything
		if x.Effect == EffectPause && !slices.Contains(f.Pauses, x.Category) {
			f.Pauses = append(f.Pauses, x.Category)
		}
	}
	o, err := h.OverrideAt(ctx, h.book, k.ID, at)
	h.ok(err)
	if !o.ends() {
		f.Override, f.OverrideVersion = o.Document, o.Version
	}
	return f
}

// happen lets something happen to a payee; what the house refuses does not.
func (h *payeeHouse) happen(dice *rand.Rand, k PayeeKey) {
	h.Helper()
	ctx, n := h.Context(), dice.IntN(1_000_000)
	now, err := h.Standing(ctx, h.book, k.ID)
	h.ok(err)
	switch dice.IntN(5) {
	case 0:
		_, err = h.ChangeStanding(ctx, ann, h.book, k.ID, StandingChange{Version: now.Version, Verification: ptr([]string{IdentityVerified, IdentityPending}[dice.IntN(2)]), Document: fmt.Sprint("doc-", n)})
		h.refused(err)
	case 1:
		_, err = h.ChangeDestination(ctx, ann, h.book, []byte(mustJSON(to(k.ID, h.account(fmt.Sprint("acct_", n), "Ann Bee")))), "")
		h.refused(err)
	case 2:
		hold := h.hold(fmt.Sprint("hold_", n), k.ID, []string{EffectPause, EffectEverything, EffectAmount}[dice.IntN(3)], []string{CategoryKYC, CategoryFraud}[dice.IntN(2)], 0)
		hold.Kind = k.Kind
		if hold.Effect == EffectAmount {
			hold.Wanted = 500
		}
		_, err = h.PlaceHold(ctx, ann, h.book, hold, "")
		h.refused(err)
	case 3:
		list, _, err := h.HoldsOf(ctx, h.book, k.ID, HoldPlace{}, 100)
		h.ok(err)
		if len(list) > 0 {
			_, err = h.ReleaseHold(ctx, ann, h.book, []byte(mustJSON(wanted{"hold": list[0].ID})), "doc", "")
			h.ok(err)
		}
	case 4:
		list, err := h.Overrides(ctx, h.book, k.ID)
		h.ok(err)
		document := noOverride
		if dice.IntN(3) > 0 {
			document = fmt.Sprintf(`{"id":"%s-%d","kind":"%s","cooling_off_hours":%d}`, k.ID, n+1, k.Kind, 80+dice.IntN(50))
		}
		_, err = h.SetOverride(ctx, ann, h.book, []byte(mustJSON(wanted{"payee": k.ID, "after": len(list), "valid_from": h.clock.Now().Add(time.Duration(1+dice.IntN(90)) * time.Hour), "document": document})), "")
		h.refused(err)
	}
}

// refused fails for what is neither done nor refused for a reason that such a payee can have.
func (h *payeeHouse) refused(err error) {
	h.Helper()
	if err == nil || slices.Contains([]string{commerce.ErrPayeeUnknown.Code, ErrDestinationMinor.Code, ErrHoldExists.Code, ErrHoldInvalid.Code}, fault.CodeOf(err)) {
		return
	}
	h.Error(err)
}

// At any size, a page of payees is looked up by the keys of indexes, and never by reading a table.
func TestFactsAreLookedUpByIndexes(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	for name, x := range map[string]struct {
		sql  string
		args []any
		want string
	}{
		"standings":    {sqlFactStandings, []any{h.book.ID, []string{"a"}}, "payout_standings_pkey"},
		"destinations": {sqlFactDestinations, []any{h.book.ID, []string{"a"}}, "payout_destinations_"},
		"holds":        {sqlFactHolds, []any{h.book.ID, []string{"seller"}, []string{"a"}}, "payout_holds_standing"},
		"short":        {sqlFactShort, []any{h.book.ID, []string{"seller"}, []string{"a"}}, "payout_holds_standing"},
		"transfer":     {sqlFindNamed, []any{h.book.ID, "a", 20}, "payouts_transfer"},
		"outgoing":     {sqlFindNamed, []any{h.book.ID, "a", 20}, "payouts_outgoing"},
		"arrived":      {sqlFindNamed, []any{h.book.ID, "a", 20}, "payouts_arrived_as"},
		"trace":        {sqlFindNamed, []any{h.book.ID, "a", 20}, "payouts_trace"},
		"under way":    {sqlUnderWay, []any{h.book.ID, underWayMost, "2026-11-20"}, "payouts_state"},
		"overrides":    {sqlFactOverrides, []any{h.book.ID, []string{"a"}, houseStart}, "payout_overrides_pkey"},
	} {
		rows, err := h.db.Pool.Query(t.Context(), "EXPLAIN "+x.sql, x.args...)
		h.ok(err)
		plan := ""
		for rows.Next() {
			var line string
			h.ok(rows.Scan(&line))
			plan += line + "\n"
		}
		h.ok(rows.Err())
		if !strings.Contains(plan, x.want) || strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "Limit") {
			t.Errorf("%s:\n%s", name, plan)
		}
	}
}
