package processor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mizan/ledger/money"
	"mizan/payouts/processor"
)

func TestNoKeyWithoutInstructionAndAttempt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		instruction string
		attempt     int
		ok          bool
	}{
		"a key":            {"po-2026_03", 1, true},
		"longest":          {strings.Repeat("i", processor.MaxInstruction), processor.MaxAttempt, true},
		"no instruction":   {"", 1, false},
		"too long":         {strings.Repeat("i", processor.MaxInstruction+1), 1, false},
		"a slash":          {"a/b", 1, false},
		"a line":           {"a\n", 1, false},
		"a letter of many": {"é", 1, false},
		"no attempt":       {"i", 0, false},
		"a negative one":   {"i", -1, false},
		"too many":         {"i", processor.MaxAttempt + 1, false},
	} {
		k, err := processor.Name(c.instruction, c.attempt)
		if (err == nil) != c.ok || !c.ok && !errors.Is(err, processor.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
		if c.ok && (k.Instruction() != c.instruction || k.Attempt() != c.attempt) {
			t.Errorf("%s: %+v", name, k)
		}
	}
}

// TestNothingIsSentThatWasNotKept: an order of an attempt that is only named has the digest of the one that is sent later, and
// no driver sends it; neither does one whose sending could not be stored, or whose caller went away meanwhile.
func TestNothingIsSentThatWasNotKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	transfer := r.loaded(10_000)
	payout := done(t, r.driver.CreatePayout(t.Context(), r.payout("p", 1, 100, processor.Standard)))
	r.requests()
	named := must(processor.Name("i", 1))(t)
	for name, o := range map[string]struct {
		refused      bool
		code, digest string
	}{
		"transfer": sentWith(t, must(processor.NewTransfer(named, payee, 100, "USD", nil))(t), r.driver.SendTransfer),
		"reversal": sentWith(t, must(processor.NewReversal(named, transfer.ID, 100, "USD", nil))(t), r.driver.ReverseTransfer),
		"payout":   sentWith(t, must(processor.NewPayout(named, payee, processor.Standard, 100, "USD", nil))(t), r.driver.CreatePayout),
		"cancel":   sentWith(t, must(processor.NewCancel(named, payee, payout.ID))(t), r.driver.CancelPayout),
	} {
		if !o.refused || o.code != processor.ReasonInvalidOrder || o.digest == "" {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if sent := r.requests(); len(sent) != 0 {
		t.Errorf("%d requests were sent: %+v", len(sent), sent)
	}
	before := must(processor.NewTransfer(named, payee, 100, "USD", nil))(t)
	after := must(processor.NewTransfer(r.key("i", 1), payee, 100, "USD", nil))(t)
	if before.Valid() || !after.Valid() || before.Digest() != after.Digest() {
		t.Errorf("valid %t and %t, digests %s and %s", before.Valid(), after.Valid(), before.Digest(), after.Digest())
	}
}

// sentWith sends an order that was never kept.
func sentWith[O interface{ Digest() string }, T any](t *testing.T, o O, send func(context.Context, O) processor.Outcome[T]) (got struct {
	refused      bool
	code, digest string
}) {
	t.Helper()
	out := send(t.Context(), o)
	got.refused, got.code, got.digest = out.Verdict == processor.Refused, out.Code, o.Digest()
	return got
}

func TestNoKeyWithoutKeeping(t *testing.T) {
	t.Parallel()
	named := must(processor.Name("i", 1))(t)
	kept, stored := 0, func(context.Context) error { return nil }
	counted := func(context.Context) error { kept++; return nil }
	full := errors.New("the disk is full")
	gone, leave := context.WithCancel(t.Context())
	for name, c := range map[string]struct {
		key     processor.Key
		ctx     context.Context
		first   time.Time
		sending int
		keep    func(context.Context) error
		want    error
	}{
		"no name":           {processor.Key{}, t.Context(), start, 1, counted, processor.ErrKey},
		"no time":           {named, t.Context(), time.Time{}, 1, counted, processor.ErrKey},
		"no sending":        {named, t.Context(), start, 0, counted, processor.ErrKey},
		"a negative one":    {named, t.Context(), start, -1, counted, processor.ErrKey},
		"no keeper":         {named, t.Context(), start, 1, nil, processor.ErrKey},
		"kept before":       {must(named.Keep(t.Context(), start, 1, stored))(t), t.Context(), start, 2, counted, processor.ErrKey},
		"it was not stored": {named, t.Context(), start, 1, func(context.Context) error { return full }, full},
		"the caller left":   {named, gone, start, 1, func(context.Context) error { leave(); return nil }, context.Canceled},
	} {
		k, err := c.key.Keep(c.ctx, c.first, c.sending, c.keep)
		if !errors.Is(err, c.want) || k != (processor.Key{}) {
			t.Errorf("%s: %+v, %v", name, k, err)
		}
	}
	if kept != 0 {
		t.Errorf("%d sendings were stored that have no key", kept)
	}
	first, second := must(named.Keep(t.Context(), start, 1, counted))(t), must(named.Keep(t.Context(), start, 2, counted))(t)
	if kept != 2 || first.Again() || !second.Again() {
		t.Errorf("kept %d times, %+v, %+v", kept, first, second)
	}
	if at := start.Add(processor.KeyLifetime); !first.Expired(at) || first.Expired(at.Add(-time.Second)) || !first.Expired(start.Add(-2*time.Minute)) {
		t.Error("the key's life does not begin with its first sending")
	}
}

func TestKeysAreKnownByTheirForm(t *testing.T) {
	t.Parallel()
	o := must(processor.NewTransfer(must(processor.Name("po-1_a", processor.MaxAttempt))(t), payee, 1, "USD", nil))(t)
	for text, want := range map[string]bool{
		o.IdempotencyKey(): true, "reversal/i/1": true, "payout/i/2": true, "cancel/i/3": true,
		"": false, "transfer/i/0": false, "transfer/i/01": false, "transfer/i/+1": false, "transfer/i/1001": false, "transfer//1": false,
		"transfer/i": false, "transfer/i/1/1": false, "refund/i/1": false, "3f2b8a52-7c1f-4e7c-9d43-2a1d3f4b5c6d": false, "transfer/i i/1": false,
	} {
		if processor.IsIdempotencyKey(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}

func TestNoOrderWithoutKey(t *testing.T) {
	t.Parallel()
	var none processor.Key
	_, err := processor.NewTransfer(none, payee, 1, "USD", nil)
	wantKey(t, err)
	_, err = processor.NewReversal(none, "tr_1", 1, "USD", nil)
	wantKey(t, err)
	_, err = processor.NewPayout(none, payee, processor.Standard, 1, "USD", nil)
	wantKey(t, err)
	_, err = processor.NewCancel(none, payee, "po_1")
	wantKey(t, err)
}

func wantKey(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, processor.ErrKey) {
		t.Errorf("%v", err)
	}
}

func TestOrdersRefuse(t *testing.T) {
	t.Parallel()
	k := must(processor.Name("i", 1))(t)
	many := map[string]string{}
	for i := range processor.MaxMetadata + 1 {
		many[fmt.Sprint(i)] = "x"
	}
	transfer := func(account string, metadata map[string]string) error {
		_, err := processor.NewTransfer(k, account, 1, "USD", metadata)
		return err
	}
	for name, err := range map[string]error{
		"no account":         transfer("", nil),
		"a path":             transfer("acct_1/../x", nil),
		"a header":           transfer("acct_1\r\nx: y", nil),
		"dots alone":         transfer("..", nil),
		"too much metadata":  transfer(payee, many),
		"our own name":       transfer(payee, map[string]string{processor.MetadataInstruction: "other"}),
		"a bracket":          transfer(payee, map[string]string{"a]": "x"}),
		"no name":            transfer(payee, map[string]string{"": "x"}),
		"a long value":       transfer(payee, map[string]string{"a": strings.Repeat("x", 501)}),
		"a method of nobody": second(processor.NewPayout(k, payee, "slow", 1, "USD", nil)),
		"no payout":          second(processor.NewCancel(k, payee, "tr_1")),
		"no transfer":        second(processor.NewReversal(k, "po_1", 1, "USD", nil)),
	} {
		if !errors.Is(err, processor.ErrOrder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"zero":     second(processor.NewTransfer(k, payee, 0, "USD", nil)),
		"negative": second(processor.NewPayout(k, payee, processor.Standard, -100, "USD", nil)),
	} {
		if !errors.Is(err, processor.ErrAmount) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := second(processor.NewTransfer(k, payee, 1, "ZZZ", nil)); !errors.Is(err, money.ErrCurrency) {
		t.Errorf("an unknown currency: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestADigestIsOfAllThatIsSent changes one thing at a time.
func TestADigestIsOfAllThatIsSent(t *testing.T) {
	t.Parallel()
	k := must(processor.Name("i", 1))(t)
	made := func(k processor.Key, account, method string, m money.Minor, c money.Currency, metadata map[string]string) string {
		return must(processor.NewPayout(k, account, method, m, c, metadata))(t).Digest()
	}
	all := map[string]string{}
	for name, digest := range map[string]string{
		"first":        made(k, payee, processor.Standard, 100, "USD", nil),
		"instruction":  made(must(processor.Name("j", 1))(t), payee, processor.Standard, 100, "USD", nil),
		"attempt":      made(must(processor.Name("i", 2))(t), payee, processor.Standard, 100, "USD", nil),
		"account":      made(k, "acct_2", processor.Standard, 100, "USD", nil),
		"method":       made(k, payee, processor.Instant, 100, "USD", nil),
		"amount":       made(k, payee, processor.Standard, 101, "USD", nil),
		"currency":     made(k, payee, processor.Standard, 100, "EUR", nil),
		"metadata":     made(k, payee, processor.Standard, 100, "USD", map[string]string{"a": "bc"}),
		"other split":  made(k, payee, processor.Standard, 100, "USD", map[string]string{"ab": "c"}),
		"another act":  must(processor.NewTransfer(k, payee, 100, "USD", nil))(t).Digest(),
		"another kind": must(processor.NewCancel(k, payee, "po_1"))(t).Digest(),
	} {
		if other, twice := all[digest]; twice {
			t.Errorf("%s and %s have one digest", name, other)
		}
		all[digest] = name
	}
	if later := new(keeper).key(t, "i", 1, start.Add(time.Hour), 2); all[made(later, payee, processor.Standard, 100, "USD", nil)] != "first" {
		t.Error("the time of the first sending is not sent, and changes the digest")
	}
}

// TestAnOrderDoesNotChange: what is handed in and out is copied.
func TestAnOrderDoesNotChange(t *testing.T) {
	t.Parallel()
	k := must(processor.Name("i", 1))(t)
	metadata := map[string]string{"a": "b"}
	o := must(processor.NewTransfer(k, payee, 1, "USD", metadata))(t)
	before := o.Digest()
	metadata["a"] = "c"
	o.Metadata()["a"] = "d"
	if o.Digest() != before || o.Metadata()["a"] != "b" || o.Metadata()[processor.MetadataInstruction] != "i" {
		t.Error("the order has changed")
	}
}

// TestStepsOfCurrencies holds the processor's special rules.
func TestStepsOfCurrencies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		act           processor.Act
		currency      money.Currency
		amount        money.Minor
		payable, dust money.Minor
		wire          int64
	}{
		{processor.ActTransfer, "USD", 1234, 1234, 0, 1234},
		{processor.ActPayout, "USD", 1234, 1234, 0, 1234},
		{processor.ActTransfer, "JPY", 500, 500, 0, 500},
		{processor.ActTransfer, "ISK", 5, 5, 0, 500},
		{processor.ActPayout, "ISK", 101, 101, 0, 10100},
		{processor.ActTransfer, "UGX", 7, 7, 0, 700},
		{processor.ActTransfer, "MGA", 12345, 12300, 45, 123},
		{processor.ActPayout, "MGA", 99, 0, 99, 0},
		{processor.ActTransfer, "KWD", 5124, 5120, 4, 5120},
		{processor.ActPayout, "BHD", 9, 0, 9, 0},
		{processor.ActTransfer, "TND", 10, 10, 0, 10},
		{processor.ActTransfer, "HUF", 1045, 1045, 0, 1045},
		{processor.ActPayout, "HUF", 1045, 1000, 45, 1000},
		{processor.ActTransfer, "TWD", 80045, 80045, 0, 80045},
		{processor.ActPayout, "TWD", 80045, 80000, 45, 80000},
		{processor.ActReversal, "KWD", 15, 10, 5, 10},
		{processor.ActPayout, "USD", -1, 0, -1, 0},
	} {
		payable, dust, err := processor.Payable(c.act, c.amount, c.currency)
		if err != nil || payable != c.payable || dust != c.dust {
			t.Errorf("%s %d %s: %d and dust %d, %v; want %d and %d", c.act, c.amount, c.currency, payable, dust, err, c.payable, c.dust)
		}
		n, err := processor.Wire(c.act, c.payable, c.currency)
		if n != c.wire || (err == nil) != (c.payable > 0) {
			t.Errorf("%s %d %s is sent as %d, %v; want %d", c.act, c.payable, c.currency, n, err, c.wire)
		}
		if _, err := processor.Wire(c.act, c.amount, c.currency); c.dust > 0 && !errors.Is(err, processor.ErrDust) {
			t.Errorf("%s %d %s with dust: %v", c.act, c.amount, c.currency, err)
		}
	}
}

// TestWhatIsPayableCanBeSent: for every currency and act, the payable part has a wire amount that comes back as itself, and the
// dust is less than a step.
func TestWhatIsPayableCanBeSent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(money.Currencies()).Draw(t, "currency")
		act := rapid.SampledFrom([]processor.Act{processor.ActTransfer, processor.ActReversal, processor.ActPayout}).Draw(t, "act")
		m := money.Minor(rapid.Int64Range(0, int64(c.Max())).Draw(t, "amount"))
		payable, dust, err := processor.Payable(act, m, c)
		if err != nil || payable+dust != m || dust < 0 || dust >= processor.Step(act, c) {
			t.Fatalf("%d %s: %d and %d, %v", m, c, payable, dust, err)
		}
		if payable == 0 {
			return
		}
		n, err := processor.Wire(act, payable, c)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := money.FromProcessor(n, c); err != nil || back != payable {
			t.Fatalf("%d %s was sent as %d and read as %d, %v", payable, c, n, back, err)
		}
	})
}
