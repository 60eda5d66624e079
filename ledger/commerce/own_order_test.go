package commerce

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger"
)

const s2Return = `{"order":"UK-1","refund":"RF-1","full":false,"lines":[{"line":1,"quantity":1}],"shipping":"keep","fault":"seller","to":"original","payment_refund_id":"re_1","shipped":true}`

// told writes a share's moves in short: what each line changed the share by.
func (s *OwnOrder) told() (list []string) {
	for _, m := range s.Moves {
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s", m.Event, m.Net.Format(s.Currency))
		if m.Freed != 0 {
			fmt.Fprintf(&b, ", freed %s", m.Freed.Format(s.Currency))
		}
		if m.Reserved != 0 {
			fmt.Fprintf(&b, ", reserved %s", m.Reserved.Format(s.Currency))
		}
		rest := m.Net
		for _, l := range m.Lines {
			rest -= l.Amount
			fmt.Fprintf(&b, "; %s %s", l.Key, l.Amount.Format(s.Currency))
		}
		if rest != 0 {
			fmt.Fprintf(&b, "; the lines lack %s", rest.Format(s.Currency))
		}
		list = append(list, b.String())
	}
	sum := signedAmount("0", s.Currency)
	for _, side := range s.Sides {
		sum += side.Amount
	}
	if sum != 0 {
		list = append(list, "the sides do not sum to zero")
	}
	return list
}

// TestOwnOrder follows the sale of domain 5.1 as each of its payees sees it: the lines are those of the statement.
func TestOwnOrder(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.post(t, "order.captured", "UK-1-c1", s2Sale)
	w.post(t, "processor.fee_recorded", "f", `{"processor":"main","kind":"fee","payment_id":"pi_1","amount":"0.87","currency":"GBP"}`)
	amy := PayeeRef{"creator", "cre_amy"}
	before, err := w.Order(t.Context(), w.book, "UK-1")
	if err != nil {
		t.Fatal(err)
	}
	what, posts, err := w.OwnOrderAfter(t.Context(), w.book, amy, RefundMade{Order: "UK-1", Lines: []RefundedLine{{1, 1}}})
	if err != nil || len(posts) != 1 {
		t.Fatalf("what a refund would do: %v, %d transactions", err, len(posts))
	}
	if diff := cmp.Diff([]string{"order.captured 4.41; commission 6.30; agency -1.89", "refund.partial -2.20; commission -3.15; agency 0.95"}, what.told()); diff != "" {
		t.Errorf("what a refund would do (-want +got):\n%s", diff)
	}
	if after, err := w.Order(t.Context(), w.book, "UK-1"); err != nil || cmp.Diff(before, after) != "" {
		t.Errorf("the question left something behind: %v", cmp.Diff(before, after))
	}
	if r := w.Settle(t.Context(), w.book, "UK-1", Settlement{}); r.Err != nil {
		t.Fatal(r.Err)
	}
	w.post(t, "refund.made", "RF-1", s2Return)
	w.post(t, "charge.recorded", "L", `{"kind":"return.shipping_charged","party":"sel_uk","order":"UK-1","currency":"GBP","amount":"3.20","counterparty":"evri"}`)
	for _, x := range []struct {
		who   PayeeRef
		net   string
		moves []string
		sides string
	}{
		{amy, "2.21", []string{"order.captured 4.41; commission 6.30; agency -1.89", "order.settled 0.00, freed 4.41",
			"refund.partial -2.20; commission -3.15; agency 0.95"},
			"[{buyer -2398} {you 221} {agency 94} {rest 2083}]"},
		{PayeeRef{"agency", "mcn_ldn"}, "0.94", []string{"order.captured 1.89; agency 1.89", "order.settled 0.00, freed 1.89", "refund.partial -0.95; agency -0.95"},
			"[{buyer -2398} {you 94} {rest 2304}]"},
		{PayeeRef{"seller", "sel_uk"}, "16.97", []string{"order.captured 37.62; sale 44.97; platform_discount 3.00; fee -4.05; commission -6.30", "order.settled 0.00, freed 37.62",
			"refund.partial -17.45; sale -20.99; platform_discount -1.50; fee 1.89; commission 3.15", "return.shipping_charged -3.20; other -3.20"},
			"[{buyer -2398} {platform_in -150} {you 1697} {creators 221} {agencies 94} {fees 180} {tax 36} {shipping 320}]"},
	} {
		s, err := w.OwnOrder(t.Context(), w.book, x.who, "UK-1")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(x.moves, s.told()); diff != "" || s.Net.Format("GBP") != x.net || fmt.Sprint(s.Sides) != x.sides || s.Stands != StandsSettled {
			t.Errorf("%v: %s, %s, %v (-want +got):\n%s", x.who, s.Net.Format("GBP"), s.Stands, s.Sides, diff)
		}
		told := fmt.Sprintf("%+v", s)
		for _, other := range []string{"sel_uk", "cre_amy", "mcn_ldn", "pi_1", "re_1", "evri", "0.87", ":main"} {
			if strings.Contains(told, other) {
				t.Errorf("%v is told %s: %s", x.who, other, told)
			}
		}
	}
	for _, nobody := range []PayeeRef{{"creator", "sel_uk"}, {"seller", "sel_us"}, {"creator", ""}, {"platform", "x"}} {
		if _, err := w.OwnOrder(t.Context(), w.book, nobody, "UK-1"); !errors.Is(err, ErrOrderUnknown) {
			t.Errorf("%v: %v", nobody, err)
		}
		if _, _, err := w.OwnOrderAfter(t.Context(), w.book, nobody, RefundMade{Order: "UK-1", Full: true}); !errors.Is(err, ErrOrderUnknown) {
			t.Errorf("%v asks what if: %v", nobody, err)
		}
	}
}

// TestOwnOrderTellsNothingOfOthers: two orders differ in all that concerns another creator and the seller alone, and a creator is told the
// same of both, to the cent and with its own bonus and pledge.
func TestOwnOrderTellsNothingOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	both := func(agency, share string) string {
		return `"creators":[{"creator":"cre_amy","weight":"1","agency":{"id":"mcn_ldn","share":"0.30","paid_by":"creator"}},{"creator":"cre_bob","weight":"1","agency":{"id":"` + agency + `","share":"` + share + `","paid_by":"creator"}}]`
	}
	const alone = `"creators":[{"creator":"cre_amy","weight":"1","agency":{"id":"mcn_ldn","share":"0.30","paid_by":"creator"}}]`
	for order, creators := range map[string]string{"UK-1": both("mcn_ldn", "0.10"), "UK-2": both("mcn_ldn", "0.20")} {
		w.post(t, "order.captured", order, strings.NewReplacer("UK-1", order, "pi_1", "pi-"+order, alone, creators).Replace(s2Sale))
		w.post(t, "creator.bonus", "own-"+order, `{"order":"`+order+`","bonus":"own","creator":"cre_amy","funders":[{"funder":"platform","amount":"2.00"}]}`)
		w.post(t, "donation.from_sale", "gives-"+order, `{"order":"`+order+`","pledge":"own","creator":"cre_amy","beneficiary":"ngo","campaign":"k","rate":"0.10"}`)
	}
	w.post(t, "creator.bonus", "b", `{"order":"UK-1","bonus":"b","creator":"cre_bob","funders":[{"funder":"platform","amount":"5.00"}]}`)
	w.post(t, "donation.from_sale", "p", `{"order":"UK-1","pledge":"p","creator":"cre_bob","beneficiary":"ngo","campaign":"k","rate":"0.50"}`)
	w.post(t, "charge.recorded", "l", `{"kind":"return.shipping_charged","party":"sel_uk","order":"UK-1","currency":"GBP","amount":"3.20","counterparty":"evri"}`)
	told := map[string]string{}
	for _, order := range []string{"UK-1", "UK-2"} {
		if r := w.Settle(t.Context(), w.book, order, Settlement{}); r.Err != nil {
			t.Fatal(r.Err)
		}
		s, err := w.OwnOrder(t.Context(), w.book, PayeeRef{"creator", "cre_amy"}, order)
		if err != nil {
			t.Fatal(err)
		}
		var how []OwnStep
		for _, m := range s.Moves {
			for _, l := range m.Lines {
				how = append(how, l.How...)
			}
		}
		if len(how) == 0 || how[0].What != "split" || how[0].Rate != "0.075" || how[0].Total != "41.98" || how[0].Amount != "3.15" {
			t.Errorf("the part of the commission is told as %+v", how)
		}
		told[order] = fmt.Sprintf("%s\n%v\n%s\n%+v\n%v %v", strings.Join(s.told(), "\n"), s.Sides, s.Net.Format("GBP"), how, s.Held, s.Gates)
	}
	const want = "order.captured 2.21; commission 3.15; agency -0.94\ncreator.bonus 2.00; bonus 2.00\ndonation.from_sale 0.00\norder.settled -0.22, freed 3.99; pledge -0.22\n" +
		"[{buyer -4497} {you 399} {rest 4098}]\n3.99\n"
	if !strings.HasPrefix(told["UK-1"], want) || told["UK-1"] != told["UK-2"] {
		t.Errorf("with another's bonus, pledge and agency it is\n%s\nand without\n%s\nwant\n%s", told["UK-1"], told["UK-2"], want)
	}
}

// TestOwnOrderOfSellerWithEveryRule: where many rules take part, what the lines say is still what was posted, without a rest.
func TestOwnOrderOfSellerWithEveryRule(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "VN", "Asia/Ho_Chi_Minh", "VND")
	w.post(t, "order.captured", "VN-1", `{"order":"VN-1","currency":"VND","placed_at":"2026-11-20T10:00:00Z","seller":"sel_vn","live_session":"LS-77","channel":"app",
	"lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"1000000","discounts":[{"funder":"seller","amount":"50000"},{"funder":"platform","amount":"30000"}]}],
	"shipping":{"amount":"20000"},"creators":[{"creator":"cre_linh","agency":{"id":"mcn_sg","share":"0.20"}},{"creator":"cre_mai"}],"commission_rate":"0.10",
	"payments":[{"processor":"main","payment_id":"pi_vn","amount":"940000"}]}`)
	for _, x := range []struct {
		who  PayeeRef
		want string
	}{
		{PayeeRef{"seller", "sel_vn"}, "order.captured 775750; sale 940000; platform_discount 30000; fee -38000; fee -47000; fee -3000; commission -92000; withheld -9500; withheld -4750"},
		{PayeeRef{"creator", "cre_linh"}, "order.captured 33120; commission 46000; agency -9200; withheld -3680"},
		{PayeeRef{"creator", "cre_mai"}, "order.captured 41400; commission 46000; withheld -4600"},
	} {
		s, err := w.OwnOrder(t.Context(), w.book, x.who, "VN-1")
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(s.told(), "|"); got != x.want || s.Stands != StandsEstimated {
			t.Errorf("%v, %s:\n got %s\nwant %s", x.who, s.Stands, got, x.want)
		}
	}
	w.post(t, "tip.sent", "tip", `{"tip":"T","creator":"cre_mai","currency":"VND","amount":"50000","processor":"main","payment_id":"pt"}`)
	w.post(t, "charge.recorded", "ads", `{"kind":"ads.charged","party":"sel_vn","currency":"VND","amount":"12000","document":"INV-1"}`)
	w.post(t, "refund.made", "RF", `{"order":"VN-1","refund":"RF","full":true}`)
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", w.checkEarned(t)))
	if got := fmt.Sprintf("%d %x", EarnedVersion, sum[:8]); got != goldenEarned {
		t.Errorf("payments and sales are told apart as %s, and were as %s: raise EarnedVersion, so that sums that are kept are made anew, and write both here", got, goldenEarned)
	}
}

// goldenEarned is the version of the way in which transactions are told apart, and a hash of what it tells of one book.
const goldenEarned = "2 dab8373d81c57a26"

// TestOwnOrders walks the orders of a payee, each once, and says why some earn nothing.
func TestOwnOrders(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	amy := PayeeRef{"creator", "cre_amy"}
	for i := range 5 {
		w.post(t, "order.captured", fmt.Sprint("c", i), strings.NewReplacer("UK-1", fmt.Sprint("UK-", i), "pi_1", fmt.Sprint("pi_", i)).Replace(s2Sale))
	}
	w.post(t, "order.cancelled", "x1", `{"order":"UK-1"}`)
	w.post(t, "refund.made", "x2", `{"order":"UK-2","refund":"RF","full":true}`)
	if r := w.Settle(t.Context(), w.book, "UK-0", Settlement{}); r.Err != nil {
		t.Fatal(r.Err)
	}
	w.post(t, "after_sales.opened", "x3", `{"order":"UK-3","case":"RMA-7"}`)
	w.post(t, "order.captured", "s", `{"order":"UK-S","currency":"GBP","placed_at":"2026-11-20T10:00:00Z","seller":"sel_uk","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"0.00"}],
	"creators":[{"creator":"cre_amy"}],"commission_rate":"0.15","payments":[]}`)
	var got []string
	q := OwnOrderQuery{Payee: amy, Currency: "GBP", Limit: 2}
	for more := true; more; {
		page, err := w.OwnOrders(t.Context(), w.book, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Orders {
			got = append(got, strings.TrimSpace(s.Order+" "+s.Stands+" "+s.Net.Format("GBP")+" "+s.Unearned))
		}
		more, q.AfterSequence, q.AfterLine = page.More, page.AfterSequence, page.AfterLine
	}
	want := []string{"UK-4 estimated 4.41", "UK-3 held 4.41", "UK-2 unearned 0.00 refunded", "UK-1 unearned 0.00 cancelled", "UK-0 settled 4.41"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	page, err := w.OwnOrders(t.Context(), w.book, OwnOrderQuery{Payee: amy, Currency: "GBP", Limit: 50, Stands: StandsSettled})
	if err != nil || len(page.Orders) != 1 || page.Orders[0].Order != "UK-0" || page.Orders[0].Credits != 441 || page.More {
		t.Errorf("settled: %+v, %v", page, err)
	}
	if page, err := w.OwnOrders(t.Context(), w.book, OwnOrderQuery{Payee: PayeeRef{"creator", "nobody"}, Currency: "GBP", Limit: 50}); err != nil || len(page.Orders) != 0 {
		t.Errorf("of nobody: %+v, %v", page, err)
	}
	// An order that cannot be read is listed, and the others are told.
	hash := [32]byte{1}
	if out := w.ledger.Post(t.Context(), w.book, ledger.Submission{Reference: "damaged", Hash: hash, Drafts: []ledger.Draft{{Event: "order.fact_recorded", Subject: "order:UK-3",
		Explanation: explanationOf(hash, "refund.made", 0, []byte(`{"lines":5}`))}}}); out.Err != nil {
		t.Fatal(out.Err)
	}
	page, err = w.OwnOrders(t.Context(), w.book, OwnOrderQuery{Payee: amy, Currency: "GBP", Limit: 50})
	if err != nil || len(page.Orders) != 5 || page.Orders[0].Err != nil || page.Orders[1].Order != "UK-3" || page.Orders[1].Err == nil {
		t.Errorf("with one that cannot be read: %+v, %v", page, err)
	}
	if s, err := w.OwnOrder(t.Context(), w.book, amy, "UK-S"); err != nil || s.Unearned != UnearnedSample || s.Net != 0 {
		t.Errorf("a sample: %+v, %v", s, err)
	}
}
