package commerce

import (
	"fmt"
	"slices"
	"testing"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// TestDonationHistories plays random histories of a campaign: gifts, fees before and after, matches, refunds, releases,
// movements and disbursements in any order. After each step the cash covers what is owed, once the platform has funded what
// it bears, and the campaign's numbers agree with its accounts. A failure prints the seed.
func TestDonationHistories(t *testing.T) {
	t.Parallel()
	start := freshSeed()
	for n := range uint64(max(3, *lifeCount/1500)) {
		t.Run(fmt.Sprint(start+n), func(t *testing.T) {
			t.Parallel()
			w := newWorkbench(t, "UK", "Europe/London", "GBP")
			w.campaignOf(t, `,"alternates":["alt"]`)
			w.post(t, "match.cash_moved", "cash", `{"campaign":"c1","amount":"60.00"}`)
			w.post(t, "match.funded", "fund", `{"campaign":"c1","funder":"platform","amount":"60.00"}`)
			h := &donationHistory{workbench: w, d: newDice(start + n), t: t}
			for h.step = range 45 {
				h.play()
				h.check()
			}
			w.verify(t)
		})
	}
}

type donationHistory struct {
	*workbench
	t     *testing.T
	d     *dice
	step  int
	gifts []string
	feed  map[string]bool
	moves []string
	sent  []string
}

// allowed are refusals that a random history may lawfully meet.
var allowed = []string{ErrRepeated.Code, ErrCampaignMoney.Code, ErrPromise.Code, ErrOrderState.Code}

func (h *donationHistory) try(kind, data string) bool {
	r := h.Post(h.t.Context(), h.book, event(h.t, kind, fmt.Sprintf("r-%d", h.step), data))
	if r.Err != nil && !slices.Contains(allowed, fault.CodeOf(r.Err)) {
		h.t.Fatalf("step %d %s %s: %v", h.step, kind, data, r.Err)
	}
	if r.Err == nil {
		h.checkExplanation(h.t, kind, r)
		checkStepsTell(h.t, fmt.Sprintf("step %d %s", h.step, kind), r)
	}
	return r.Err == nil
}

func (h *donationHistory) fee(id string) {
	if h.feed == nil {
		h.feed = map[string]bool{}
	}
	if !h.feed[id] {
		h.feed[id] = true
		h.try("processor.fee_recorded", fmt.Sprintf(`{"processor":"main","payment_id":"pi_%s","amount":%q,"currency":"GBP"}`, id, (1+h.d.units(90)).Format("GBP")))
	}
}

func (h *donationHistory) play() {
	id := fmt.Sprintf("D%d", h.step)
	switch h.d.IntN(11) {
	case 0, 1, 2, 3:
		if h.d.chance(20) {
			h.fee(id)
			h.step += 1000
		}
		if h.try(eventReceived, donationOf(id, 1+h.d.units(4000), "")) {
			h.gifts = append(h.gifts, id)
		}
		h.step %= 1000
	case 4, 5:
		if len(h.gifts) > 0 {
			h.fee(pick(h.d, h.gifts...))
		}
	case 6:
		if len(h.gifts) > 0 {
			of := pick(h.d, h.gifts...)
			if h.d.chance(30) {
				h.try("donation.disputed", fmt.Sprintf(`{"donation":%q,"dispute":"dp_%d","fee":"15.00"}`, of, h.step))
			} else {
				h.try("donation.refunded", fmt.Sprintf(`{"donation":%q}`, of))
			}
		}
	case 7:
		through := ""
		if len(h.gifts) > 0 && h.d.chance(60) {
			through = fmt.Sprintf(`,"through":%q`, pick(h.d, h.gifts...))
		}
		h.try("donation.released", `{"campaign":"c1"`+through+`}`)
	case 8:
		m := fmt.Sprintf("SG%d", h.step)
		if h.try("donation.safeguarded", fmt.Sprintf(`{"movement":%q,"campaign":"c1","amount":%q}`, m, (1+h.d.units(5000)).Format("GBP"))) {
			h.moves = append(h.moves, m)
		}
	case 9:
		if len(h.moves) > 0 {
			h.try("donation.safeguard_landed", fmt.Sprintf(`{"movement":%q,"failed":%t}`, pick(h.d, h.moves...), h.d.chance(20)))
		}
	case 10:
		if h.d.chance(50) || len(h.sent) == 0 {
			db := fmt.Sprintf("DB%d", h.step)
			if h.try("donation.disbursed", fmt.Sprintf(`{"disbursement":%q,"campaign":"c1","beneficiary":%q}`, db, pick(h.d, "a", "b"))) {
				h.sent = append(h.sent, db)
			}
			return
		}
		db := pick(h.d, h.sent...)
		kind := pick(h.d, "submitted", "paid", "failed", "returned")
		reason := ""
		if kind == "failed" || kind == "returned" {
			reason = `,"reason":"bank"`
		}
		h.try("donation.disbursement_"+kind, fmt.Sprintf(`{"disbursement":%q%s}`, db, reason))
	}
}

// check funds what the platform bears, and then finds donations covered and the numbers agreeing with the accounts.
func (h *donationHistory) check() {
	t := h.t
	report, err := h.Safeguarding(t.Context(), h.book)
	if err != nil {
		t.Fatal(err)
	}
	if short := report[0].Shortfall; short != "0.00" {
		h.post(t, "donation.fee_funded", fmt.Sprintf("fund-%d", h.step), fmt.Sprintf(`{"funding":"F%d","campaign":"c1","amount":%q,"to":"main"}`, h.step, short))
		if report, err = h.Safeguarding(t.Context(), h.book); err != nil {
			t.Fatal(err)
		}
	}
	x := report[0]
	for _, name := range []string{"4a", "12", "15", "19", "bank"} {
		if slices.Contains(x.Broken, name) {
			t.Fatalf("step %d: %s is broken: %+v", h.step, name, x)
		}
	}
	if x.FromSales != "0.00" || x.DonationFee != "0.00" {
		t.Fatalf("step %d: the numbers disagree with the accounts: %+v", h.step, x)
	}
	c, err := h.Campaign(t.Context(), h.book, "c1")
	if err != nil {
		t.Fatal(err)
	}
	m := func(s string) money.Minor { return signedMinor(t, s, "GBP") }
	if to := m(c.Totals.Given) - m(c.Totals.CardFees) + m(c.Totals.Matched) + m(c.Totals.Surplus) + m(c.Totals.Borne) + m(c.Totals.FromSales); to != m(c.Totals.ToBeneficiaries) {
		t.Fatalf("step %d: given, less fees, plus match is %s: %+v", h.step, to.Format("GBP"), c.Totals)
	}
	if fund := 60_00 - m(c.Totals.Matched); fund != m(c.Match.Fund) {
		t.Fatalf("step %d: the fund holds %s, and %s should be left", h.step, c.Match.Fund, fund.Format("GBP"))
	}
}
