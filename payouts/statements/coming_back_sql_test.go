package statements

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger/commerce"
)

// own posts steps of Mizan's own, as the payouts do.
func (h *house) own(steps ...commerce.OwnEvent) {
	h.Helper()
	for _, d := range steps {
		h.ok(h.events.Post(h.Context(), h.book, commerce.Own(d, time.Time{})).Err)
	}
}

// TestComingBack tells what comes back as the payout that did not arrive, and the fee as the fee.
func TestComingBack(t *testing.T) {
	t.Parallel()
	plain := commerce.PayoutTerms{Payout: "p", Kind: "creator", Payee: "amy", Currency: "GBP", Amount: "50.00", Fee: "1.00", FeeTax: "0.20", FeeTaxIn: "GB", Source: commerce.SourceAvailable}
	blocked := plain
	blocked.Source, blocked.Receiver = commerce.SourceBlocked, "court"
	created := func(x commerce.PayoutTerms) commerce.OwnEvent { return &commerce.PayoutCreated{PayoutTerms: x} }
	submitted := func(x commerce.PayoutTerms) commerce.OwnEvent {
		return &commerce.PayoutSubmitted{PayoutTerms: x, Processor: "main", Entry: "e1"}
	}
	paid := func(x commerce.PayoutTerms) commerce.OwnEvent {
		return &commerce.PayoutPaid{PayoutTerms: x, Processor: "main"}
	}
	returned := func(x commerce.PayoutTerms) commerce.OwnEvent {
		return &commerce.PayoutReturned{PayoutTerms: x, Processor: "main", Entry: "e2", FeeReturned: true}
	}
	failed := func(x commerce.PayoutTerms) commerce.OwnEvent {
		return &commerce.PayoutFailed{PayoutTerms: x, Processor: "main", Entry: "e2"}
	}
	cancelled := func(x commerce.PayoutTerms) commerce.OwnEvent { return &commerce.PayoutCancelled{PayoutTerms: x} }
	for name, x := range map[string]struct {
		steps []commerce.OwnEvent
		payee string
		// want are the codes with what they come to, and paid the headline.
		want map[string]string
		paid string
	}{
		"paid":     {[]commerce.OwnEvent{created(plain), submitted(plain), paid(plain)}, "amy", map[string]string{CodePayout: "-50.00", CodePayoutFee: "-1.20"}, "50.00"},
		"returned": {[]commerce.OwnEvent{created(plain), submitted(plain), paid(plain), returned(plain)}, "amy", map[string]string{CodePayout: "0.00", CodePayoutFee: "0.00"}, "0.00"},
		"returned, the fee kept": {[]commerce.OwnEvent{created(plain), submitted(plain), paid(plain), &commerce.PayoutReturned{PayoutTerms: plain, Processor: "main", Entry: "e2"}}, "amy",
			map[string]string{CodePayout: "0.00", CodePayoutFee: "-1.20"}, "0.00"},
		"pulled back": {[]commerce.OwnEvent{created(plain), submitted(plain), &commerce.PayoutPulledBack{PayoutTerms: plain, Processor: "main", Entry: "e2", Pulled: "20.00", FeeReturned: true}}, "amy",
			map[string]string{CodePayoutFee: "0.00"}, "0.00"},
		"failed":              {[]commerce.OwnEvent{created(plain), submitted(plain), failed(plain)}, "amy", map[string]string{CodePayoutFee: "0.00"}, "0.00"},
		"cancelled":           {[]commerce.OwnEvent{created(plain), cancelled(plain)}, "amy", map[string]string{CodePayoutFee: "0.00"}, "0.00"},
		"to a court":          {[]commerce.OwnEvent{created(blocked), submitted(blocked), paid(blocked)}, "amy", map[string]string{"hold": "-50.00", CodePayoutFee: "-1.20"}, "0.00"},
		"to a court, failed":  {[]commerce.OwnEvent{created(blocked), submitted(blocked), failed(blocked)}, "amy", map[string]string{"hold": "0.00", CodePayoutFee: "0.00"}, "0.00"},
		"to a court, stopped": {[]commerce.OwnEvent{created(blocked), cancelled(blocked)}, "amy", map[string]string{"hold": "0.00", CodePayoutFee: "0.00"}, "0.00"},
		"the court":           {[]commerce.OwnEvent{created(blocked), submitted(blocked), paid(blocked)}, "court", map[string]string{"hold": "50.00", CodePayout: "-50.00"}, "50.00"},
		"the court, failed":   {[]commerce.OwnEvent{created(blocked), submitted(blocked), failed(blocked)}, "court", map[string]string{"hold": "0.00"}, "0.00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, "UK", "Europe/London", "GBP")
			h.raw("test.earned", "GBP", "assets:processor:available:main", 200_00, "liabilities:creator:available:amy", -100_00, "liabilities:creator:blocked:amy", -100_00)
			h.own(x.steps...)
			h.set(2026, 12, 2)
			st, err := h.Issue(t.Context(), h.book, x.payee, "GBP")
			h.ok(err)
			got := map[string]string{}
			for _, l := range h.lines(st, 100) {
				if l.Type != "test.earned" && l.Code != CodeMove {
					got[l.Code] = sum(h.lines(st, 100), func(of *Line) bool { return of.Code == l.Code && of.Type != "test.earned" }).Format("GBP")
				}
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := st.Headlines().Paid.Format("GBP"); got != x.paid {
				t.Errorf("paid %s, want %s", got, x.paid)
			}
		})
	}
}
