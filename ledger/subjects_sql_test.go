package ledger_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// TestSubjectsAreBroughtUp has a service from before the table of subjects post: what drafts expect and what is found by
// subject stays right before, while and after the heads are brought up, and they come up by posting alone.
func TestSubjectsAreBroughtUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const old, step = 12_100, 5_000
	for base := 0; base < old; base += 1000 {
		batch := make([]ledger.Submission, min(1000, old-base))
		for i := range batch {
			batch[i] = sale(fmt.Sprintf("old-%d", base+i), fmt.Sprintf("s%d", (base+i)%700), 100)
		}
		for _, out := range b.PostBatch(t.Context(), b.book, batch) {
			if out.Err != nil {
				t.Fatal(out.Err)
			}
		}
	}
	super, err := pgx.Connect(t.Context(), b.db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = super.Close(t.Context()) }()
	// As a service that knows no heads leaves them: everything after the first hundred is unknown to them.
	_, err = super.Exec(t.Context(), `
		UPDATE books SET subjects_through = 100;
		DELETE FROM subjects WHERE first_sequence > 100;
		UPDATE subjects SET last_sequence = first_sequence`)
	if err != nil {
		t.Fatal(err)
	}
	through := func() (n int64) {
		t.Helper()
		if err := super.QueryRow(t.Context(), `SELECT subjects_through FROM books`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	head := int64(old)
	find := func(subject string) (sequences []int64) {
		t.Helper()
		page, err := b.Transactions(t.Context(), b.book, ledger.TransactionQuery{Subject: subject, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, transaction := range page.Transactions {
			sequences = append(sequences, transaction.Sequence)
		}
		return sequences
	}
	stories := func(subjects []string, upTo int64, most int) map[string][]ledger.Transaction {
		t.Helper()
		found, err := b.Stories(t.Context(), b.book, subjects, upTo, most)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	reached := []int64{100}
	for round := range 5 {
		if got := stories([]string{"order:s3"}, head, 50); (len(got) != 0) != (reached[round] >= old) {
			t.Errorf("round %d: with heads up to %d, %d stories are read", round, reached[round], len(got))
		}
		for _, n := range []int{3, 650, 699} {
			var want []int64
			for at := int64(n + 1); at <= old; at += 700 {
				want = append(want, at)
			}
			if got := find(fmt.Sprintf("order:s%d", n)); !slices.Equal(got, want) {
				t.Fatalf("round %d: order:s%d is in %v, want %v", round, n, got, want)
			}
			s := sale(fmt.Sprintf("stale-%d-%d", round, n), fmt.Sprintf("x%d", n), 100)
			s.Drafts[0].Expect = []ledger.Expectation{{Subject: fmt.Sprintf("order:s%d", n), LastSequence: want[len(want)-2]}}
			if out := b.Post(t.Context(), b.book, s); !errors.Is(out.Err, ledger.ErrStale) {
				t.Fatalf("round %d: an outdated expectation ended with %v", round, out.Err)
			}
		}
		s := sale(fmt.Sprintf("new-%d", round), fmt.Sprintf("fresh%d", round), 100)
		s.Drafts[0].Expect = []ledger.Expectation{{Subject: "order:s3", LastSequence: 4 + 17*700}}
		b.mustPost(t, s)
		head++
		reached = append(reached, through())
		if got := find(fmt.Sprintf("order:fresh%d", round)); len(got) != 1 || got[0] != head {
			t.Fatalf("round %d: the new subject is in %v", round, got)
		}
	}
	if want := []int64{100, 100 + step, 100 + 2*step, old + 3, old + 4, old + 5}; !slices.Equal(reached, want) {
		t.Errorf("the heads reached %v, want %v", reached, want)
	}
	// Stories are whole or left out: of the subjects asked for, up to the sequence, no longer than asked for, and no more than a page.
	told := func(story []ledger.Transaction) (sequences []int64) {
		for _, transaction := range story {
			if sequences = append(sequences, transaction.Sequence); len(transaction.Entries) != 3 {
				t.Errorf("%d has %d entries", transaction.Sequence, len(transaction.Entries))
			}
		}
		return sequences
	}
	got := stories([]string{"order:s699", "order:s3", "order:fresh0", "order:none"}, 4+2*700, 3)
	if want := []int64{4, 704, 1404}; len(got) != 2 || !slices.Equal(told(got["order:s3"]), want) || len(got["order:s699"]) != 2 {
		t.Errorf("stories %v", got)
	}
	// What is known comes back as it is, and only whole: the rest is read.
	known, err := b.BySequence(t.Context(), b.book, []int64{4, 704, 700})
	if err != nil {
		t.Fatal(err)
	}
	half := known[704]
	half.Entries = half.Entries[:1]
	again, err := b.Stories(t.Context(), b.book, []string{"order:s699", "order:s3"}, 4+2*700, 3, known[4], half, known[700])
	if err != nil || !reflect.DeepEqual(again["order:s3"], got["order:s3"]) || !reflect.DeepEqual(again["order:s699"], got["order:s699"]) || &again["order:s3"][0].Entries[0] == &got["order:s3"][0].Entries[0] || &again["order:s3"][0].Entries[0] != &known[4].Entries[0] {
		t.Errorf("with what is known %v, %v", again, err)
	}
	if got := stories([]string{"order:s3", "order:s699"}, head, 17); len(got) != 1 || len(got["order:s699"]) != 17 {
		t.Errorf("stories of seventeen: %d", len(got))
	}
	var all []string
	for n := range 700 {
		all = append(all, fmt.Sprintf("order:s%d", n))
	}
	got = stories(all, head, 50)
	if len(got) < 300 || len(got) >= len(all) {
		t.Errorf("a page has %d stories", len(got))
	}
	for n := 0; n < 700; n += 35 {
		if story := got[all[n]]; story != nil && !slices.Equal(told(story), find(all[n])) {
			t.Errorf("%s is told as %v", all[n], told(story))
		}
	}
	wantSound(t, verify(t, b, ledger.VerifyOptions{}))
}
