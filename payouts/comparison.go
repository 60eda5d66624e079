package payouts

import (
	"math/big"
	"slices"
	"time"

	"mizan/ledger/money"
)

// A comparison puts a run beside the runs before it, and names the payouts of it that somebody should look at: what is unlike
// the usual is where mistakes and theft are found.

const (
	// usualRuns is how many earlier runs the usual is the median of, for a run and for a payee.
	usualRuns = 8
	// comparedMost bounds the payouts of a run that are looked at: the largest of each currency and those that need a person.
	comparedMost = 300
	// comparedPersons bounds those of them that need a person.
	comparedPersons = 100
	// payoutsBefore is how many earlier payouts of a payee that arrived, or may yet, are read to know what is usual for it, of the last
	// payoutsSeen that were made.
	payoutsBefore = 24
	payoutsSeen   = 200
	// outliersMost bounds the payouts that a comparison names.
	outliersMost = 50
	// largestNamed is how many payouts of each currency are named because no other is larger.
	largestNamed = 3
	// manyTenths is from how many tenths of a payee's own usual on a payout is named.
	manyTenths = 30
	// changedLately is for how long a destination counts as changed.
	changedLately = 30 * 24 * time.Hour
)

// Why a payout is named.
const (
	OutlierUnusual     = "unusual"     // at least three times the payee's own usual
	OutlierFirst       = "first"       // nothing left for the payee before and stayed away
	OutlierDestination = "destination" // the payee was paid before, and where it is paid changed in the 30 days before the run
	OutlierLargest     = "largest"     // one of the three largest in its currency
)

// RunFigures are the sums of a run in one currency: how many payouts, what arrives of all of them, of one on average rounded
// down, and of the largest.
type RunFigures struct {
	Payouts            int64
	Sum, Mean, Largest money.Minor
}

// ComparedRun is an earlier run with its figures.
type ComparedRun struct {
	ID      string
	Planned time.Time
	RunFigures
}

// ComparedTotal is a run in one currency beside the runs before it.
type ComparedTotal struct {
	Currency money.Currency
	RunFigures
	// Earlier are the last runs before it that paid the currency and were not refused, scheduled or begun by hand, the latest
	// first, at most 8. Usual has the median of each of their figures; it is zero without earlier runs.
	Earlier []ComparedRun
	Usual   RunFigures
	// Tenths is how many tenths of the usual sum this one is; 0 if there is nothing to compare with.
	Tenths int64
}

// Outlier is what a run pays to one payee, and why somebody should look at it.
type Outlier struct {
	Holder Holder
	// Amount is what arrives in all parts.
	Amount money.Minor
	// Usual is the median of what the last runs that paid the payee in the currency paid it, of the number of Runs, at most 8.
	Usual  money.Minor
	Runs   int
	Tenths int64
	// Why has at least one of the Outlier words.
	Why []string
	// InEffect is since when the destination is in effect as it is, its cooling-off over; zero unless that is why. Changed is when it was
	// changed, zero where only the end of the cooling-off is known.
	InEffect, Changed time.Time
	// created is since when the destination is there.
	created time.Time
}

// Comparison is a run beside the usual.
type Comparison struct {
	Totals []ComparedTotal
	// Outliers are the payouts to look at, those with most reasons first, then the largest; at most 50, and More says that
	// there are more. They are found among Looked payees: those of the largest payouts, and those whose payouts need a person.
	Outliers []Outlier
	Looked   int
	More     bool
}

// compares reports whether a run can be compared: one payout that was asked for is no run like others.
func (r Run) compares() bool { return r.Trigger == TriggerScheduled || r.Trigger == TriggerManual }

// usual sets what is usual, and how this run is beside it.
func (t *ComparedTotal) usual() {
	if len(t.Earlier) == 0 {
		return
	}
	figure := func(of func(RunFigures) int64) int64 {
		list := make([]int64, len(t.Earlier))
		for i, r := range t.Earlier {
			list[i] = of(r.RunFigures)
		}
		return median(list)
	}
	t.Usual = RunFigures{figure(func(f RunFigures) int64 { return f.Payouts }), money.Minor(figure(func(f RunFigures) int64 { return int64(f.Sum) })),
		money.Minor(figure(func(f RunFigures) int64 { return int64(f.Mean) })), money.Minor(figure(func(f RunFigures) int64 { return int64(f.Largest) }))}
	t.Tenths = tenthsOf(t.Sum, t.Usual.Sum)
}

// median is the middle of a list that is not empty, of two middles what lies between them, rounded down.
func median(list []int64) int64 {
	list = slices.Clone(list)
	slices.Sort(list)
	low, high := list[(len(list)-1)/2], list[len(list)/2]
	return low + (high-low)/2
}

// tenthsOf is how many tenths of the usual an amount is, rounded down; 0 without a usual.
func tenthsOf(amount, usual money.Minor) int64 {
	if usual <= 0 {
		return 0
	}
	tenths := new(big.Int).Mul(big.NewInt(int64(amount)), big.NewInt(10))
	return tenths.Quo(tenths, big.NewInt(int64(usual))).Int64()
}

// before is what is known of a payee's earlier payouts.
type before struct {
	// runs are what each earlier run paid in the currency, the latest first.
	runs []money.Minor
	// paid says that something was paid in any currency.
	paid bool
}

// judge says why a payout is named; rank is its place among the largest of its currency, from 0, or -1 if it is not among them.
func (o *Outlier) judge(b before, rank int, changed, since time.Time) {
	if n := min(len(b.runs), usualRuns); n > 0 {
		list := make([]int64, n)
		for i := range list {
			list[i] = int64(b.runs[i])
		}
		o.Usual, o.Runs = money.Minor(median(list)), n
		o.Tenths = tenthsOf(o.Amount, o.Usual)
	}
	if o.Tenths >= manyTenths {
		o.Why = append(o.Why, OutlierUnusual)
	}
	if !b.paid {
		o.Why = append(o.Why, OutlierFirst)
	} else if changed.After(since) {
		o.Why, o.InEffect = append(o.Why, OutlierDestination), changed
	}
	if rank >= 0 && rank < largestNamed {
		o.Why = append(o.Why, OutlierLargest)
	}
}
