package intake

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// tester is who acts in tests.
var tester = guard.Actor{Kind: guard.Person, ID: "tester", Person: "tester"}

// TestToldToTheTrail: who described a source and who read a message stand in the trail, and nothing of what they wrote or
// read; what is rolled back leaves neither.
func TestToldToTheTrail(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	canary := strings.Replace(sourceDescription, "JO10", "CANARY10", 1)
	source, err := ParseSource([]byte(canary))
	if err != nil {
		t.Fatal(err)
	}
	version, err := b.Describe(t.Context(), tester, b.book, SourceShopify, source)
	if err != nil || version != 2 {
		t.Fatalf("version %d, %v", version, err)
	}
	if again, err := b.Describe(t.Context(), tester, b.book, SourceShopify, source); err != nil || again != 2 {
		t.Errorf("the same description again: version %d, %v", again, err)
	}
	id, _, err := b.Receive(t.Context(), b.book, Message{Source: SourceShopify, MessageID: "m", Topic: "orders/paid", Body: []byte(`{"email":"canary@example.org"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := b.Read(t.Context(), tester, b.book, id); err != nil || !strings.Contains(string(m.Body), "canary") {
		t.Errorf("read %q, %v", m.Body, err)
	}
	if _, err := b.Read(t.Context(), tester, b.book, id+1); fault.CodeOf(err) != ErrMessageUnknown.Code {
		t.Errorf("a message that is not there: %v", err)
	}
	if _, err := b.Read(t.Context(), guard.Actor{}, b.book, id); fault.CodeOf(err) != guard.ErrDeedInvalid.Code {
		t.Errorf("nobody has read: %v", err)
	}
	errMine := errors.New("mine")
	err = b.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		source.Seller = "sel_other"
		if _, err := b.DescribeTx(t.Context(), tx, guard.Deed{Actor: tester}, b.book, SourceShopify, source); err != nil {
			return err
		}
		return errMine
	})
	if !errors.Is(err, errMine) {
		t.Fatal(err)
	}
	if got, version, err := b.Source(t.Context(), b.book, SourceShopify); err != nil || version != 2 || got.Seller == "sel_other" {
		t.Errorf("what was rolled back stands: version %d, %v", version, err)
	}
	b.wantTold(t, "source.described source:shopify", "source.described source:shopify", "inbound.read inbound:1")
}

// wantTold compares the trail of the book, and looks for what must never stand there.
func (b *bench) wantTold(t *testing.T, want ...string) {
	t.Helper()
	rows, err := guard.NewTrail(b.db.Pool, b.clock).Rows(context.Background(), guard.Book{ID: int32(b.book.ID), Code: b.book.Code}, guard.Filter{}, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, r.Act+" "+r.Object)
		if text := strings.ToLower(string(r.Before) + string(r.After) + r.Object); strings.Contains(text, "canary") || strings.Contains(text, "@") {
			t.Errorf("the trail holds what was read or described: %s", text)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the trail tells:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
