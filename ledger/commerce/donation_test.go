package commerce

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// refugeeCampaign plays scenario S7 from its worked example; check is called after each step.
func refugeeCampaign(t *testing.T, w *workbench, check func(step int)) {
	t.Helper()
	lives := loadLives(t)
	i := slices.IndexFunc(lives, func(l life) bool { return l.Key == "donation-campaign" })
	w.raw(t, "opening.balance", "opening", "GBP", "assets:bank:operating:main", 150_00, "equity:opening", -150_00)
	for n, s := range lives[i].Steps {
		if s.Refused != "" {
			continue
		}
		reference := fmt.Sprintf("S7-%d", n)
		var r Result
		if s.Act != "" {
			r = lifeActs[s.Act](t, w, reference, s.Data)
		} else {
			r = w.Post(t.Context(), w.book, event(t, s.Type, reference, string(s.Data)))
		}
		if r.Err != nil {
			t.Fatalf("step %d: %v", n, r.Err)
		}
		check(n)
	}
}

// TestRefugeeCampaign holds the receipt, the charity's statement and the campaign page of S7 to the numbers of the
// specification, and coverage after every step.
func TestRefugeeCampaign(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	refugeeCampaign(t, w, func(step int) {
		t.Helper()
		report, err := w.Safeguarding(t.Context(), w.book)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range report {
			for _, name := range []string{"4a", "12", "15", "19", "bank"} {
				if slices.Contains(x.Broken, name) {
					t.Errorf("after step %d: %s is broken: %+v", step, name, x)
				}
			}
		}
	})
	c, err := w.Campaign(t.Context(), w.book, "winter24")
	if err != nil {
		t.Fatal(err)
	}
	want := CampaignTotals{Donations: 3, Given: "156.00", CardFees: "1.68", Covered: "0.91", PlatformFee: "0.00", Tips: "5.00", Matched: "130.00", Promised: "0.00",
		Surplus: "0.00", Borne: "0.00", FromSales: "0.00", ToBeneficiaries: "284.32", Disbursed: "241.67", Held: "42.65", Refunds: 1, Refunded: "20.00"}
	if c.Totals != want {
		t.Errorf("totals\n got %+v\nwant %+v", c.Totals, want)
	}
	a, err := w.CampaignBeneficiary(t.Context(), w.book, "winter24", "ngo_a")
	if err != nil {
		t.Fatal(err)
	}
	statement := CampaignShare{Payee: "ngo_a", Percentage: "60.00", Opening: "0.00", Donated: "104.30", Matched: "90.00", Surplus: "0.00", BackDonated: "11.71", BackMatched: "12.00",
		PlatformFee: "0.00", AgencyFee: "0.00", RedirectedIn: "0.00", RedirectOut: "0.00", FromSales: "0.00", Disbursed: "170.59", Sending: "0.00", Pending: "0.00", Available: "0.00",
		Closing: "0.00", CardFees: "1.30", BackCardFees: "0.29"}
	if *a != statement {
		t.Errorf("statement\n got %+v\nwant %+v", *a, statement)
	}
	d, err := w.Donation(t.Context(), w.book, "D3")
	if err != nil {
		t.Fatal(err)
	}
	layers := []DonationLayer{{"beneficiaries", "104.32", "98.42"}, {"card_processing", "1.68", "1.58"}, {"platform", "0.00", "0.00"}, {"creator_agency", "0.00", "0.00"}, {"total", "106.00", "100.00"}}
	if !slices.Equal(d.Layers, layers) {
		t.Errorf("layers\n got %v\nwant %v", d.Layers, layers)
	}
	if d.Given != "106.00" || d.Tip != "5.00" || d.TipCardFee != "0.07" || d.Charged != "111.00" || d.Match == nil || d.Match.Matched != "80.00" || d.Match.Bound != "campaign_cap" {
		t.Errorf("receipt %+v %+v", d, d.Match)
	}
	states := ""
	for _, s := range d.Shares {
		states += s.Payee + " " + s.Percentage + " " + s.Amount + " " + s.State + " " + s.Reason + "; "
	}
	if states != "ngo_a 60.00 62.59 disbursed ; ngo_b 25.00 26.08 disbursed ; local_c 15.00 15.65 held sanctions_check; " {
		t.Errorf("shares %s", states)
	}
	if back, err := w.Donation(t.Context(), w.book, "D2"); err != nil || back.Returned == nil || back.Returned.Amount != "20.00" {
		t.Errorf("refunded receipt %+v %v", back, err)
	} else if last := c.LastSequence; back.Sequence != last {
		t.Errorf("the refunded receipt rests on %d, and the campaign is at %d", back.Sequence, last)
	} else {
		for _, s := range back.Shares {
			if s.State != "returned" || s.ReleasedAt != nil || s.PaidAt != nil || s.Reason != "" {
				t.Errorf("a part of a refunded gift: %+v", s)
			}
		}
	}
	report, err := w.Safeguarding(t.Context(), w.book)
	if err != nil || len(report) != 1 || report[0].Safeguarded != "62.65" || report[0].Processor != "4.45" || report[0].Shortfall != "0.00" || len(report[0].Broken) != 0 {
		t.Errorf("safeguarding %+v %v", report, err)
	}
}

// TestCampaignIsOfOneMoment: at each place in the book its rows add up and are what they were there, whatever was posted later.
func TestCampaignIsOfOneMoment(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	var then []*Campaign
	var places []bookPlace
	refugeeCampaign(t, w, func(int) {
		t.Helper()
		c, err := w.Campaign(t.Context(), w.book, "winter24")
		if err != nil {
			t.Fatal(err)
		}
		head, err := w.ledger.Head(t.Context(), w.book)
		if err != nil {
			t.Fatal(err)
		}
		then, places = append(then, c), append(places, bookPlace{at: head.LastSequence})
	})
	for i, want := range then {
		got, err := w.campaignAt(t.Context(), w.book, "winter24", want.Versions, places[i])
		if err != nil || !reflect.DeepEqual(got, want) || got.Totals.FromSales != "0.00" {
			t.Errorf("after step %d, %v\n got %+v\nwant %+v", i, err, got, want)
		}
	}
}

// campaignOf publishes a campaign with beneficiaries a and b.
func (w *workbench) campaignOf(t *testing.T, more string) {
	t.Helper()
	var c CampaignPublished
	data := `{"id":"c1","kind":"humanitarian","currency":"GBP","beneficiaries":[{"payee":"a","weight":"2"},{"payee":"b","weight":"1"}],"fee_quote":{"rate":"0.014","flat":"0.20"},"refund_window_days":0` + more + `}`
	if err := json.Unmarshal([]byte(data), &c); err != nil {
		t.Fatal(err)
	}
	if r := w.Publish(t.Context(), w.book, c); r.Err != nil {
		t.Fatal(r.Err)
	}
}

// donationOf is a donation of an amount to campaign c1.
func donationOf(id string, amount money.Minor, more string) string {
	a := amount.Format("GBP")
	return fmt.Sprintf(`{"donation":%q,"campaign":"c1","currency":"GBP","amount":%q,"payments":[{"processor":"main","payment_id":"pi_%s","amount":%q}]%s}`, id, a, id, a, more)
}

// TestSafeguardingBecomesDue: what was given is late once its days are over, also in a book in which nothing happened since; and it
// is nothing before it was given.
func TestSafeguardingBecomesDue(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.campaignOf(t, "")
	r := w.Post(t.Context(), w.book, event(t, "donation.received", "D1", donationOf("D1", 5000, "")))
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	before, given := r.Transactions[0].Sequence-1, r.Transactions[len(r.Transactions)-1]
	for _, c := range []struct {
		sequence int64
		days     int
		want     string
	}{{0, 0, ""}, {before, 60, "[] 0.00"}, {given.Sequence, 0, "[] 0.00"}, {given.Sequence, 60, "[4b] 49.10"}} {
		list, err := w.SafeguardingDue(t.Context(), w.book, c.sequence, given.RecordedAt.AddDate(0, 0, c.days))
		got := ""
		for _, one := range list {
			got += fmt.Sprint(one.Broken, " ", one.ToMove)
		}
		if err != nil || got != c.want {
			t.Errorf("after %d and %d days: %q, want %q, %v", c.sequence, c.days, got, c.want, err)
		}
	}
}

// TestMatchFundRace lets two services give at once until the fund is exhausted: it ends at exactly zero, no gift is matched
// twice, and numbers have no gaps.
func TestMatchFundRace(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	other := w.replica(t)
	w.campaignOf(t, "")
	w.post(t, "match.cash_moved", "cash", `{"campaign":"c1","amount":"55.00"}`)
	w.post(t, "match.funded", "fund", `{"campaign":"c1","funder":"platform","amount":"55.00","cap_per_donor":"12.00"}`)
	const n = 12
	together(n, func(i int) {
		on := []*workbench{w, other}[i%2]
		id := fmt.Sprintf("D%d", i)
		r := on.Post(t.Context(), on.book, event(t, eventReceived, id, donationOf(id, 10_00, fmt.Sprintf(`,"donor":"don_%d"`, i/2))))
		if r.Err != nil {
			t.Error(r.Err)
		}
	})
	c, err := w.Campaign(t.Context(), w.book, "c1")
	if err != nil {
		t.Fatal(err)
	}
	if c.Totals.Donations != n || c.Totals.Matched != "55.00" || c.Match.Fund != "0.00" || c.Match.Left != "0.00" {
		t.Errorf("%+v %+v", c.Totals, c.Match)
	}
	donors := map[string]money.Minor{}
	numbers := map[int64]bool{}
	for i := range n {
		d, err := other.Donation(t.Context(), w.book, fmt.Sprintf("D%d", i))
		if err != nil {
			t.Fatal(err)
		}
		numbers[d.Number] = true
		if d.Match != nil {
			donors[fmt.Sprint(i/2)] += signedMinor(t, d.Match.Matched, "GBP")
		}
	}
	for donor, sum := range donors {
		if sum > 12_00 {
			t.Errorf("donor %s was matched with %s, more than the cap", donor, sum.Format("GBP"))
		}
	}
	if len(numbers) != n {
		t.Errorf("%d numbers for %d donations", len(numbers), n)
	}
	w.verify(t)
}

// TestRefundDonationRace refunds one donation from two services at once: exactly one does.
func TestRefundDonationRace(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	other := w.replica(t)
	w.campaignOf(t, "")
	w.post(t, eventReceived, "D1", donationOf("D1", 20_00, ""))
	done := make([]bool, 10)
	together(len(done), func(i int) {
		on := []*workbench{w, other}[i%2]
		kind, data := "donation.refunded", `{"donation":"D1"}`
		if i%3 == 0 {
			kind, data = "donation.disputed", `{"donation":"D1","dispute":"dp_1"}`
		}
		done[i] = on.Post(t.Context(), on.book, event(t, kind, fmt.Sprintf("back-%d", i), data)).Err == nil
	})
	count := 0
	for _, ok := range done {
		if ok {
			count++
		}
	}
	if count != 1 {
		t.Errorf("%d ways back of one donation", count)
	}
	if got := w.balances(t)["assets:processor:available:main GBP"]; got != "-20.00" {
		t.Errorf("the processor paid back %s", got)
	}
}

// TestDonationsInAGroup gives several gifts at once, all or nothing, as a dry run and one by one: they come to the same.
func TestDonationsInAGroup(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.campaignOf(t, "")
	w.post(t, "match.cash_moved", "cash", `{"campaign":"c1","amount":"25.00"}`)
	w.post(t, "match.funded", "fund", `{"campaign":"c1","funder":"platform","amount":"25.00"}`)
	events := func(prefix string) []Event {
		return []Event{
			event(t, eventReceived, prefix+"1", donationOf("D1", 10_00, "")),
			event(t, "processor.fee_recorded", prefix+"2", `{"processor":"main","payment_id":"pi_D1","amount":"0.30","currency":"GBP"}`),
			event(t, eventReceived, prefix+"3", donationOf("D2", 20_00, "")),
			event(t, "donation.refunded", prefix+"4", `{"donation":"D1"}`),
			event(t, "donation.released", prefix+"5", `{"campaign":"c1"}`),
		}
	}
	dry, err := w.DryRun(t.Context(), w.book, events("g"), true)
	if err != nil {
		t.Fatal(err)
	}
	atomic := w.PostAtomic(t.Context(), w.book, events("g"))
	for i := range atomic {
		if atomic[i].Err != nil || dry[i].Err != nil {
			t.Fatalf("event %d: %v, dry %v", i, atomic[i].Err, dry[i].Err)
		}
		if a, b := entriesOf(atomic[i].Transactions), entriesOf(dry[i].Transactions); a != b {
			t.Errorf("event %d:\natomic %s\ndry %s", i, a, b)
		}
	}
	alone := newWorkbench(t, "UK", "Europe/London", "GBP")
	alone.campaignOf(t, "")
	alone.post(t, "match.cash_moved", "cash", `{"campaign":"c1","amount":"25.00"}`)
	alone.post(t, "match.funded", "fund", `{"campaign":"c1","funder":"platform","amount":"25.00"}`)
	for i, e := range events("g") {
		r := alone.Post(t.Context(), alone.book, e)
		if r.Err != nil {
			t.Fatalf("event %d: %v", i, r.Err)
		}
		if a, b := entriesOf(atomic[i].Transactions), entriesOf(r.Transactions); a != b {
			t.Errorf("event %d:\natomic %s\nalone %s", i, a, b)
		}
	}
	again := w.Post(t.Context(), w.book, events("g")[3])
	if again.Err != nil || !again.Replayed {
		t.Errorf("a refund sent again: %v", again.Err)
	}
}

// TestPublishAgain publishes a campaign twice: the same content is the same campaign, other content is refused.
func TestPublishAgain(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.campaignOf(t, "")
	c := CampaignPublished{ID: "c1", Kind: "general", Currency: "GBP", Beneficiaries: []CampaignBeneficiary{{Payee: "a", Weight: "1"}}, FeeQuote: CampaignQuote{Rate: "0"}}
	if r := w.Publish(t.Context(), w.book, c); r.Err != ErrCampaignExists {
		t.Errorf("other content: %v", r.Err)
	}
	if r := w.PublishVersion(t.Context(), w.book, c, 4); fault.CodeOf(r.Err) != ErrCampaignVersion.Code {
		t.Errorf("a version with a gap: %v", r.Err)
	}
	if r := w.PublishVersion(t.Context(), w.book, c, 2); fault.CodeOf(r.Err) != ErrPromise.Code {
		t.Errorf("a version that changes the kind: %v", r.Err)
	}

}

// TestRedirectedWindow releases up to the first of two donations after both were redirected: the second may still go back,
// so the alternate waits.
func TestRedirectedWindow(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.campaignOf(t, `,"alternates":["alt"]`)
	w.post(t, eventReceived, "D1", donationOf("D1", 30_00, ""))
	w.post(t, eventReceived, "D2", donationOf("D2", 60_00, ""))
	w.post(t, "donation.redirected", "RD", `{"redirection":"RD","campaign":"c1","from":"a","to":"alt","reason":"r","document":"d"}`)
	r := w.Post(t.Context(), w.book, event(t, "donation.released", "rel", `{"campaign":"c1","beneficiaries":["alt"],"through":"D1"}`))
	if fault.CodeOf(r.Err) != ErrPromise.Code {
		t.Fatalf("the share of a later donation was released: %v", r.Err)
	}
	w.post(t, "donation.released", "b", `{"campaign":"c1","beneficiaries":["b"],"through":"D1"}`)
	w.post(t, "donation.released", "all", `{"campaign":"c1"}`)
	for account, want := range map[string]string{"available:alt": "58.90", "available:b": "29.44"} {
		if got := w.balances(t)["liabilities:donation:"+account+":c1 GBP"]; got != want {
			t.Errorf("%s has %s, want %s", account, got, want)
		}
	}
	w.verify(t)
}

// TestMatchAfterClose refunds a matched donation after the matching was closed: its match goes back to the funders too, and
// pledges end once.
func TestMatchAfterClose(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.campaignOf(t, "")
	w.post(t, "match.pledged", "pledge", `{"campaign":"c1","funder":"acme","amount":"100.00"}`)
	w.post(t, "match.funded", "fund", `{"campaign":"c1","funder":"acme","amount":"60.00"}`)
	w.post(t, eventReceived, "D1", donationOf("D1", 20_00, ""))
	w.post(t, "match.closed", "close", `{"campaign":"c1"}`)
	if r := w.Post(t.Context(), w.book, event(t, "match.closed", "again", `{"campaign":"c1"}`)); fault.CodeOf(r.Err) != ErrOrderState.Code {
		t.Fatalf("closed twice: %v", r.Err)
	}
	w.post(t, "donation.refunded", "back", `{"donation":"D1"}`)
	r := w.post(t, "match.closed", "rest", `{"campaign":"c1"}`)
	wantEntriesIn(t, "the rest", "GBP", r, "Dr liabilities:match_fund:c1 20.00", "Cr assets:bank:safeguarded:main 20.00")
	for _, account := range []string{"liabilities:match_fund:c1", "assets:bank:safeguarded:main", "liabilities:match_pledge:acme", "assets:receivable:match_sponsor:acme"} {
		if got := w.balances(t)[account+" GBP"]; got != "" && got != "0.00" {
			t.Errorf("%s holds %s", account, got)
		}
	}
	w.verify(t)
}
