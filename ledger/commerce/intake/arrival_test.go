package intake

import (
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"mizan/ledger/fault"
)

// Arrival: in whatever order messages come, however often and however late, the books end the same.

var (
	arrivals    = flag.Int("arrivals", 40, "how many random arrivals are played")
	arrivalSeed = flag.Uint64("arrival-seed", 0, "play the random arrivals of this seed; 0 draws one")
)

// TestS4 plays the scenario from messages.
func TestS4(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	want := func(name, state string) {
		t.Helper()
		if got := b.state(); got != state {
			t.Errorf("%s:\n got %s\nwant %s", name, got, state)
		}
	}
	if err := b.receive(refund(7, 1001, "success")); err != nil {
		t.Fatal(err)
	}
	b.work(b.Service)
	want("a refund before its order", `[{"assets:processor:available:main":"-4.00","liabilities:seller:available:sel_shopify":"4.00"},{"refunds/create parked predecessor-missing shopify.1001":1}]`)
	if err := b.receive(paid(1001, false)); err != nil {
		t.Fatal(err)
	}
	b.work(b.Service)
	end := `[{"assets:processor:available:main":"-4.00","liabilities:creator:pending:cre_jo":"2.52","liabilities:seller:available:sel_shopify":"0.85","revenue:referral_fee":"0.63"},` +
		`{"orders/paid applied  shopify.1001":1,"refunds/create applied  shopify.1001":1}]`
	want("the order woke its refund", end)
	if id, fresh, err := b.Receive(t.Context(), b.book, paid(1001, false)); err != nil || fresh || id != 0 {
		t.Errorf("the same message again: %d, %t, %v", id, fresh, err)
	}
	other := paid(1002, false)
	other.MessageID = "paid-1001"
	if err := b.receive(other); fault.CodeOf(err) != ErrMessageConflict.Code {
		t.Errorf("another body under the same id: %v", err)
	}
	list, err := b.Messages(t.Context(), b.book, Query{Limit: 10})
	if err != nil || len(list) != 2 || list[1].Conflicts != 1 {
		t.Errorf("the conflict is not counted: %+v, %v", list, err)
	}
	b.work(b.Service)
	want("nothing changed", end)
	if r := b.events.ReleaseImported(t.Context(), b.book, "shopify.1001", "", time.Time{}); r.Err != nil {
		t.Fatal(r.Err)
	}
	want("released", `[{"assets:processor:available:main":"-4.00","liabilities:creator:available:cre_jo":"2.52","liabilities:seller:available:sel_shopify":"0.85","revenue:referral_fee":"0.63"},`+
		`{"orders/paid applied  shopify.1001":1,"refunds/create applied  shopify.1001":1}]`)
}

// TestReadings shows of each message that is not applied why.
func TestReadings(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	change := func(m Message, pairs ...string) Message {
		body := string(m.Body)
		for i := 0; i < len(pairs); i += 2 {
			next := replaceOnce(body, pairs[i], pairs[i+1])
			if next == body {
				t.Fatalf("%q is not in the message", pairs[i])
			}
			body = next
		}
		m.Body = []byte(body)
		return m
	}
	stripe := func(body string) Message {
		m, err := StripeMessage([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	topic := paid(1, false)
	topic.Topic = "products/update"
	shop := paid(2, false)
	shop.Origin = "other.example"
	cases := []struct {
		name   string
		m      Message
		state  State
		reason string
	}{
		{"unknown type", topic, Ignored, ReasonUnknownTopic},
		{"another shop", shop, Parked, ReasonOrigin},
		{"test order", paid(3, true), Ignored, ReasonTest},
		{"no creator", change(paid(4, false), "jo10", "nobody"), Ignored, ReasonNotAttributed},
		{"unknown money", change(paid(5, false), `"note_attributes"`, `"moon_fee_set":`+bag("0.01")+`,"note_attributes"`), Parked, ReasonUnknownField},
		{"unknown zero", change(paid(6, false), `"note_attributes"`, `"moon_fee_set":`+bag("0.00")+`,"note_attributes"`), Applied, ""},
		{"wrong subtotal", change(paid(7, false), `"63.00"`, `"63.01"`), Parked, ReasonAmounts},
		{"foreign line", change(paid(8, false), `"amount":"35.00","currency_code":"USD"`, `"amount":"35.00","currency_code":"EUR"`), Parked, ReasonCurrency},
		{"foreign shop", change(paid(9, false), `"currency":"USD"`, `"currency":"EUR"`), Parked, ReasonCurrency},
		{"cut", change(paid(10, false), `"line_items"`, `"line_items`), Parked, ReasonUnreadable},
		{"taxes", change(paid(11, false), `"taxes_included":false`, `"taxes_included":true`), Parked, ReasonAmounts},
		{"refund that failed", refund(12, 6, "failure"), Ignored, ReasonNoMoney},
		{"refund with a rest", change(refund(13, 6, "success"), `"order_adjustments":[]`, `"order_adjustments":[{"kind":"refund_discrepancy","amount_set":`+bag("-1.00")+`}]`), Parked, ReasonDiscrepancy},
		{"refund of more", change(refund(14, 6, "success"), `"31.50"`, `"63.01"`), Parked, "insufficient-funds"},
		{"refund of an ignored order", refund(15, 3, "success"), Ignored, ReasonOrderIgnored},
		{"stripe", stripe(`{"id":"evt_1","type":"payout.paid","livemode":true,"data":{"object":{}}}`), Parked, ReasonPayouts},
		{"stripe test mode", stripe(`{"id":"evt_2","type":"payout.paid","livemode":false}`), Ignored, ReasonTestMode},
		{"stripe other version", stripe(`{"id":"evt_3","type":"payout.paid","livemode":true,"api_version":"2019-01-01"}`), Parked, "other-version"},
		{"stripe unknown", stripe(`{"id":"evt_4","type":"moon.risen","livemode":true}`), Ignored, ReasonUnknownTopic},
	}
	for _, c := range cases {
		id, _, err := b.Receive(t.Context(), b.book, c.m)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		b.work(b.Service)
		m, err := b.Message(t.Context(), b.book, id)
		if err != nil || m.State != c.state || m.Reason != c.reason {
			t.Errorf("%s: %s %s %s, %v; want %s %s", c.name, m.State, m.Reason, m.Detail, err, c.state, c.reason)
		}
		if c.state == Parked && m.Detail == "" {
			t.Errorf("%s says nothing to people", c.name)
		}
	}
}

func replaceOnce(s, old, with string) string {
	for i := 0; i+len(old) <= len(s); i++ {
		if s[i:i+len(old)] == old {
			return s[:i] + with + s[i+len(old):]
		}
	}
	return s
}

// messages are two orders with a refund each, a duplicate, a test order and its refund.
func messages() []Message {
	return []Message{paid(1, false), refund(11, 1, "success"), paid(2, false), refund(12, 2, "success"), paid(1, false), paid(3, true), refund(13, 3, "success")}
}

// arrive plays an arrival in a book of its own and returns how it ended.
func (b *bench) arrive(list []Message, pause func()) string {
	b.t.Helper()
	b.newBook()
	for _, m := range list {
		if err := b.receive(m); err != nil {
			b.t.Fatal(err)
		}
		pause()
	}
	b.work(b.Service)
	return b.state()
}

// TestPermutations plays every order of five messages, applied at once or all at the end.
func TestPermutations(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	list := messages()[:5]
	want := b.arrive(list, func() { b.work(b.Service) })
	n := 0
	permute(len(list), func(at []int) {
		shuffled := make([]Message, len(list))
		for i, k := range at {
			shuffled[i] = list[k]
		}
		pause := func() {}
		if n++; n%2 == 0 {
			pause = func() { b.work(b.Service) }
		}
		if got := b.arrive(shuffled, pause); got != want {
			t.Errorf("%v:\n got %s\nwant %s", at, got, want)
		}
	})
	if n != 120 {
		t.Errorf("%d permutations", n)
	}
}

func permute(n int, visit func([]int)) {
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	var rec func(int)
	rec = func(k int) {
		if k == n {
			visit(at)
			return
		}
		for i := k; i < n; i++ {
			at[k], at[i] = at[i], at[k]
			rec(k + 1)
			at[k], at[i] = at[i], at[k]
		}
	}
	rec(0)
}

// TestArrivals plays random orders with duplicates and delays.
func TestArrivals(t *testing.T) {
	t.Parallel()
	seed := *arrivalSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-arrival-seed=%d", seed)
	dice := rand.New(rand.NewPCG(seed, 4))
	b := newBench(t)
	want := b.arrive(messages(), func() { b.work(b.Service) })
	for range *arrivals {
		list := messages()
		for range dice.IntN(4) {
			list = append(list, list[dice.IntN(len(list))])
		}
		dice.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		got := b.arrive(list, func() {
			switch dice.IntN(3) {
			case 0:
				b.work(b.Service)
			case 1:
				b.forward(time.Duration(dice.IntN(3000)) * time.Second)
			}
		})
		if got != want {
			t.Fatalf("seed %d, %v:\n got %s\nwant %s", seed, ids(list), got, want)
		}
	}
}

func ids(list []Message) (all []string) {
	for _, m := range list {
		all = append(all, m.MessageID)
	}
	return all
}

// TestReplicas lets two services apply the same messages at once.
func TestReplicas(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	want := b.arrive(messages(), func() {})
	for range 10 {
		b.newBook()
		var group sync.WaitGroup
		for _, m := range messages() {
			group.Go(func() {
				if err := b.receive(m); err != nil {
					t.Error(err)
				}
			})
		}
		for range 2 {
			other := b.replica()
			group.Go(func() {
				for range 10 {
					if _, err := other.Work(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		b.work(b.Service)
		b.forward(time.Hour)
		b.work(b.Service)
		if got := b.state(); got != want {
			t.Errorf("two replicas:\n got %s\nwant %s", got, want)
		}
	}
}

// TestLease shows that a message is taken up again by others when whoever claimed it ended before applying it, and when it
// ended after recording the event and before noting it.
func TestLease(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := b.receive(paid(1, false)); err != nil {
		t.Fatal(err)
	}
	claim := func() []claimed {
		list, err := b.store.claim(t.Context(), b.clock(), b.clock().Add(lease), 10)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if got := claim(); len(got) != 1 {
		t.Fatalf("%d were claimed", len(got))
	}
	b.work(b.replica())
	if list, err := b.Messages(t.Context(), b.book, Query{Limit: 10}); err != nil || list[0].State != Received {
		t.Errorf("a claimed message was taken up by another: %+v, %v", list, err)
	}
	b.forward(lease)
	list := claim()
	source, err := ParseSource([]byte(sourceDescription))
	if err != nil || len(list) != 1 {
		t.Fatal(len(list), err)
	}
	if r := b.events.Post(t.Context(), b.book, *readShopify(b.book, &list[0].Message, &source).event); r.Err != nil {
		t.Fatal(r.Err)
	}
	b.forward(lease)
	b.work(b.replica())
	want := `[{"assets:processor:available:main":"-4.00","liabilities:creator:pending:cre_jo":"5.04","liabilities:seller:available:sel_shopify":"-2.30","revenue:referral_fee":"1.26"},{"orders/paid applied  shopify.1":1}]`
	if got := b.state(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
