package ledger_test

import (
	stdcmp "cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mizan/ledger"
	"mizan/ledger/money"
)

// mixedBook fills a book with transactions of a few subjects, events, accounts and currencies, many with an account on
// several lines, and returns them as they were recorded.
func mixedBook(t *testing.T, b *bundle, n int, seed uint64) (all []ledger.Transaction) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, seed))
	accounts := []string{"assets:processor:pending:a", "assets:processor:pending:a-b", "assets:processor:pending:ab", "assets:bank:operating:x", "liabilities:seller:pending:a"}
	for i := range n {
		d := ledger.Draft{Event: []string{"order.captured", "order.refunded"}[rng.IntN(2)], Subject: []string{"", "order:1", "order:10"}[rng.IntN(3)]}
		for range 1 + rng.IntN(3) {
			amount, currency := 1+rng.Int64N(999), []money.Currency{"GBP", "JPY"}[rng.IntN(2)]
			d.Lines = append(d.Lines, line(accounts[rng.IntN(len(accounts))], amount, currency), line(accounts[rng.IntN(len(accounts))], -amount, currency))
		}
		all = append(all, b.mustPost(t, ledger.Submission{Reference: ref("F", i), Drafts: []ledger.Draft{d}}))
	}
	return all
}

// TestFiltersAgainstBruteForce asks every combination of filters, orders and page sizes, and compares with picking the
// same out of everything by hand (peers 54).
func TestFiltersAgainstBruteForce(t *testing.T) {
	t.Parallel()
	const seed = 54
	b := setup(t)
	all := mixedBook(t, b, 70, seed)
	for _, subject := range []string{"", "order:1", "order:10", "order:none"} {
		for _, event := range []string{"", "order.captured", "order.refunded", "order.none"} {
			want := []int64{}
			for _, x := range all {
				if (subject == "" || x.Subject == subject) && (event == "" || x.Event == event) {
					want = append(want, x.Sequence)
				}
			}
			for _, down := range []bool{false, true} {
				for _, limit := range []int{1, 4, 1000} {
					q := ledger.TransactionQuery{Subject: subject, Event: event, Descending: down, Limit: limit}
					got := []int64{}
					for more := true; more; {
						page, err := b.Transactions(t.Context(), b.book, q)
						if err != nil || len(page.Transactions) > limit || len(got) > len(all) {
							t.Fatalf("%+v: %d transactions after %d, %v", q, len(page.Transactions), len(got), err)
						}
						for _, x := range page.Transactions {
							if diff := compare(all[x.Sequence-1], x); diff != "" {
								t.Fatalf("%+v: not as it was recorded: %s", q, diff)
							}
							got, q.After = append(got, x.Sequence), x.Sequence
						}
						more = page.More
					}
					if down {
						slices.Reverse(got)
					}
					if !slices.Equal(got, want) {
						t.Errorf("seed %d, subject %q, event %q, descending %v, limit %d: %v, want %v", seed, subject, event, down, limit, got, want)
					}
				}
			}
		}
	}
}

// TestHistoryAgainstBruteForce pages through the entries of each account, also where a page ends inside a transaction.
func TestHistoryAgainstBruteForce(t *testing.T) {
	t.Parallel()
	const seed = 36
	b := setup(t)
	want, balance, debits := map[accountName][]string{}, map[accountName]money.Minor{}, map[accountName]money.Minor{}
	for _, x := range mixedBook(t, b, 60, seed) {
		for _, e := range x.Entries {
			key := accountName{e.Account, e.Currency}
			balance[key], debits[key] = balance[key]+e.Amount, debits[key]+max(0, e.Amount)
			want[key] = append(want[key], fmt.Sprint(x.Sequence, e.Line, e.Amount, len(want[key])+1, balance[key], debits[key], x.Event))
		}
	}
	for key, entries := range want {
		for _, down := range []bool{false, true} {
			for _, limit := range []int{1, 2, 5, 1000} {
				q := ledger.HistoryQuery{Account: key.address, Currency: key.currency, Descending: down, Limit: limit}
				var got []string
				for more := true; more; {
					page, err := b.History(t.Context(), b.book, q)
					if err != nil || len(got) > len(entries) {
						t.Fatalf("%+v: after %d entries: %v", q, len(got), err)
					}
					q.Bare = true
					bare, err := b.History(t.Context(), b.book, q)
					if q.Bare = false; err != nil || len(bare.Lines) != len(page.Lines) || bare.More != page.More {
						t.Fatalf("%+v: bare %d lines, %v", q, len(bare.Lines), err)
					}
					for i, e := range page.Lines {
						if x := bare.Lines[i]; x.Entry != e.Entry || x.Sequence != e.Sequence || x.Event != "" {
							t.Errorf("bare %+v of %+v", x, e)
						}
						got = append(got, fmt.Sprint(e.Sequence, e.Line, e.Amount, e.Version, e.BalanceAfter, e.DebitsAfter, e.Event))
						q.AfterSequence, q.AfterLine = e.Sequence, e.Line
					}
					more = page.More
				}
				if down {
					slices.Reverse(got)
				}
				if diff := cmp.Diff(entries, got); diff != "" {
					t.Errorf("seed %d, %+v, descending %v, limit %d (-want +got):\n%s", seed, key, down, limit, diff)
				}
			}
		}
	}
}

type accountName struct {
	address  ledger.Address
	currency money.Currency
}

// TestBalancesAgainstBruteForce asks for balances by every prefix, currency, moment and page size at once.
func TestBalancesAgainstBruteForce(t *testing.T) {
	t.Parallel()
	const seed = 12
	b := setup(t)
	all := mixedBook(t, b, 40, seed)
	for _, prefix := range []string{"", "assets:", "assets:processor:pending:a", "assets:processor:pending:a-", "assets:processor:pending:ab", "liabilities:seller:pending:a", "revenue:"} {
		for _, currency := range []money.Currency{"", "GBP", "JPY", "KWD"} {
			for _, sequence := range []int64{0, 1, 7, 39, 40} {
				want := map[string][2]int64{}
				for _, x := range all[:stdcmp.Or(sequence, 40)] {
					for _, e := range x.Entries {
						if !strings.HasPrefix(string(e.Account), prefix) || currency != "" && e.Currency != currency {
							continue
						}
						sums := want[fmt.Sprint(e.Account, e.Currency)]
						want[fmt.Sprint(e.Account, e.Currency)] = [2]int64{sums[0] + max(0, int64(e.Amount)), sums[1] + max(0, -int64(e.Amount))}
					}
				}
				for _, limit := range []int{1, 3, 1000} {
					got, order := balancesBy(t, b, ledger.BalanceQuery{Prefix: prefix, Currency: currency, AtSequence: sequence, Limit: limit})
					if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || !slices.IsSorted(order) || len(order) != len(got) {
						t.Errorf("seed %d, prefix %q, currency %q, at %d, limit %d, in order %v (-want +got):\n%s", seed, prefix, currency, sequence, limit, order, diff)
					}
				}
			}
		}
	}
}

// balancesBy pages through balances and returns the debits and credits by account, and the accounts as they came.
func balancesBy(t *testing.T, b *bundle, q ledger.BalanceQuery) (got map[string][2]int64, order []string) {
	t.Helper()
	got = map[string][2]int64{}
	for more := true; more; {
		page, err := b.Balances(t.Context(), b.book, q)
		if err != nil || len(order) > 1000 {
			t.Fatalf("%+v: after %d balances: %v", q, len(order), err)
		}
		for _, x := range page.Balances {
			got[fmt.Sprint(x.Account, x.Currency)] = [2]int64{x.Debits, x.Credits}
			order = append(order, string(x.Account)+"\x00"+string(x.Currency))
		}
		more, q.AfterAccount, q.AfterCurrency = page.More, page.LastAccount, page.LastCurrency
	}
	return got, order
}
