package console

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/commerce/receipts"
	"mizan/ledger/locale"
)

// TestPublicDays: days are those of the book's zone, east of Greenwich and in its summer.
func TestPublicDays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone string
		at   time.Time
		want string
	}{
		{"Asia/Jakarta", time.Date(2026, 11, 20, 18, 30, 0, 0, time.UTC), "Nov 21, 2026"},
		{"Europe/London", time.Date(2026, 6, 30, 23, 30, 0, 0, time.UTC), "Jul 1, 2026"},
		{"UTC", time.Date(2026, 6, 30, 23, 30, 0, 0, time.UTC), "Jun 30, 2026"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		to := reader{locale.English}
		r := receiptWriter{to, &receipts.PublicReceipt{Kind: receipts.Donation, Currency: "GBP", Given: "1.00", Divided: "1.00", At: c.at, Zone: zone, Transactions: []receipts.ReceiptProof{{At: c.at}},
			Returned: &receipts.ReceiptReturn{How: "refunded", At: &c.at, Amount: "1.00"},
			Charity:  &receipts.ReceiptCharity{Tip: "0.00", Covered: "0.00", Charged: "1.00", Shares: []receipts.ReceiptShare{{Name: "A", Amount: "1.00", Matched: "0.00", State: "disbursed", PaidAt: &c.at}}}}, "GBP", nil}
		v := r.view()
		if r.err != nil || v.Facts[0] != c.want || v.Days[0] != c.want || !strings.Contains(v.Returned, c.want) || !strings.Contains(v.Shares[0].Text, c.want) {
			t.Errorf("%s: %v %v %s %s, want %s, %v", c.zone, v.Facts, v.Days, v.Returned, v.Shares[0].Text, c.want, r.err)
		}
		w := campaignWriter{to, &receipts.PublicCampaign{Currency: "GBP", LastMovement: &c.at, Zone: zone, Versions: []receipts.PublicPromise{{Version: 1, PublishedAt: c.at}}}, "GBP", nil}
		page := &campaignView{}
		w.promises(page)
		if !strings.Contains(page.Promises[0].Heading, c.want) {
			t.Errorf("%s: %s, want %s", c.zone, page.Promises[0].Heading, c.want)
		}
	}
}

// TestPublicReturns: what went back is told as a part or as all, and by whom.
func TestPublicReturns(t *testing.T) {
	t.Parallel()
	var got []string
	for _, how := range []string{"refunded", "disputed"} {
		for _, amount := range []string{"3.00", "10.00"} {
			w := receiptWriter{reader{locale.English}, &receipts.PublicReceipt{Kind: receipts.Gift, State: "held", Traced: true, Currency: "GBP", Given: "10.00", Divided: "7.00", Zone: time.UTC,
				Returned: &receipts.ReceiptReturn{How: how, Amount: amount}}, "GBP", nil}
			got = append(got, w.view().Returned)
		}
	}
	want := []string{"£3.00 of it was refunded.", "All of it, £10.00, was refunded.", "£3.00 of it went back to you through your bank.", "All of it, £10.00, went back to you through your bank."}
	for i := range got {
		if got[i] = strings.Map(func(r rune) rune {
			if r >= 0x2066 && r <= 0x2069 {
				return -1
			}
			return r
		}, got[i]); got[i] != want[i] {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
}

// TestPublicFailures: records that cannot be followed are told as such, and only what failed on our side is logged as an error.
func TestPublicFailures(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]struct {
		status int
		said   string
		logged bool
	}{
		commerce.ErrOrderEdited:  {409, "This cannot be shown", false},
		commerce.ErrStoryTooLong: {409, "This cannot be shown", false},
		receipts.ErrUnknown:      {404, "There is nothing here", false},
		receipts.ErrBusy:         {503, "Too many people", false},
		context.DeadlineExceeded: {500, "Something failed", true},
	} {
		var log strings.Builder
		c := &console{Config: Config{Log: slog.New(slog.NewTextHandler(&log, nil))}}
		w := httptest.NewRecorder()
		c.publicFailure(w, httptest.NewRequest("GET", "/r/x", nil), err)
		if w.Code != want.status || !strings.Contains(w.Body.String(), want.said) || (log.Len() > 0) != want.logged {
			t.Errorf("%v: %d, logged %q\n%s", err, w.Code, log.String(), w.Body)
		}
	}
}
