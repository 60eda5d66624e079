package payouts

import (
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/payouts/processor"
)

// TestNoticesOfNobodyAreTold: of each notice that concerns nothing here people are told once, and how many there were. Of buyers'
// payments and of accounts that are no longer paid to they are told nothing.
func TestNoticesOfNobodyAreTold(t *testing.T) {
	t.Parallel()
	h, deliver := noticed(t)
	h.charge(20000)
	if err := h.drain(10000); err != nil { // money leaves that nobody here has sent
		t.Fatal(err)
	}
	h.account("sel_x", "acct_x", "manual")
	h.account("sel_x", "acct_y", "manual")
	h.announced("evt_retired", "account.external_account.updated", "ba_1", "bank_account", "acct_x")
	deliver()
	r, err := h.ReadNotices(t.Context(), h.turn())
	nobodys := h.outcomes()[noticeNobodys]
	if err != nil || nobodys == 0 || !strings.Contains(r.Text, "concern nobody") {
		t.Fatalf("%q, %v: %v", r.Text, err, h.outcomes())
	}
	if r, err = h.ReadNotices(t.Context(), h.turn()); err != nil || strings.Contains(r.Text, "concern nobody") {
		t.Errorf("%q, %v", r.Text, err)
	}
	said := h.logged.String()
	if n := strings.Count(said, "concerns nothing that is known here"); n != nobodys || !strings.Contains(said, "type=transfer.created") || h.outcomes()[noticeBuyers] != 1 ||
		strings.Contains(said, "type=charge") || strings.Contains(said, "type=account.external_account.updated") {
		t.Errorf("told %d times of %d:\n%s", n, nobodys, said)
	}
}

// TestNoticesWaitForWhoCanAsk: a process that pays by bank files only cannot find out whose a processor's notice is, and leaves it.
func TestNoticesWaitForWhoCanAsk(t *testing.T) {
	t.Parallel()
	h, deliver := noticed(t)
	h.charge(20000)
	if err := h.drain(10000); err != nil {
		t.Fatal(err)
	}
	deliver()
	before := h.outcomes()[""]
	o := h.option
	driver := h.rails["connected"].Driver
	o.Rails = []Rail{{Name: RailBank, Processor: "bank", Bank: "main", Of: func(ledger.Book) processor.Driver { return driver }}}
	if r, err := New(o).ReadNotices(t.Context(), h.turn()); err != nil || r.Items != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if after := h.outcomes()[""]; after != before || before == 0 {
		t.Errorf("%d notices of %d wait", after, before)
	}
}
