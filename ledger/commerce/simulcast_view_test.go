package commerce

import (
	"testing"

	"mizan/ledger/fault"
)

// TestSimulcastView reads a sale of which the brand paid a part.
func TestSimulcastView(t *testing.T) {
	t.Parallel()
	w := brandBench(t)
	w.post(t, "simulcast.reported", "r", `{"sale":"B","brand":"brand_big","currency":"USD","amount":"120.00","live_session":"LS-900","creators":[{"creator":"cre_drew"}],"partners":[{"partner":"livetech","role":"live_tech"}]}`)
	w.post(t, "simulcast.return_reported", "c", `{"sale":"B","amount":"40.00"}`)
	w.post(t, "brand.invoice_paid", "p", `{"brand":"brand_big","currency":"USD","amount":"10.00","bank_account":"main"}`)
	got, err := w.Simulcast(t.Context(), w.book, "B")
	if err != nil {
		t.Fatal(err)
	}
	if got.Reported != "120.00" || got.Returned != "40.00" || got.Due != "13.60" || got.Paid != "10.00" || got.Open != "3.60" || got.Fee != "1.60" || got.WrittenOff != "0.00" {
		t.Errorf("%+v", got)
	}
	want := []SimulcastPayee{{"creator:cre_drew", "9.60", "8.00", "1.60"}, {"partner:livetech", "2.40", "2.00", "0.40"}}
	if len(got.Payees) != 2 || got.Payees[0] != want[0] || got.Payees[1] != want[1] {
		t.Errorf("%+v", got.Payees)
	}
	if _, err := w.Simulcast(t.Context(), w.book, "nope"); fault.CodeOf(err) != "sale-unknown" {
		t.Error(err)
	}
}
