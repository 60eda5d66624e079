package payouts

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// The oracle keeps every lot of every account by hand: credits are lots, and a debit takes from the oldest lots that have
// something left. It adds up nothing that the program adds up.

type lot struct {
	sequence int64
	left     money.Minor
}

type lots struct {
	credits []lot
	// owed are debits that no credit has covered yet.
	owed money.Minor
	// used is what was taken of each lot since the last payout, and debits what was set off.
	used   map[int64]money.Minor
	debits map[int64]money.Minor
	// history are the balances by sequence, for the cut-off.
	balance money.Minor
	at      []lot
}

func newLots() *lots { return &lots{used: map[int64]money.Minor{}, debits: map[int64]money.Minor{}} }

func (l *lots) move(sequence int64, amount money.Minor, payout bool) {
	l.balance += amount
	l.at = append(l.at, lot{sequence, l.balance})
	if amount > 0 {
		covered := min(l.owed, amount)
		l.owed -= covered
		if covered > 0 {
			l.used[sequence] += covered
		}
		l.credits = append(l.credits, lot{sequence, amount - covered})
		return
	}
	left := -amount
	if !payout {
		l.debits[sequence] += amount
	}
	for i := range l.credits {
		if taken := min(l.credits[i].left, left); taken > 0 {
			l.credits[i].left -= taken
			l.used[l.credits[i].sequence] += taken
			left -= taken
		}
	}
	l.owed += left
}

// pay is the payout of so much: its lines by sequence.
func (l *lots) pay(sequence int64, gross money.Minor) map[int64]money.Minor {
	l.move(sequence, -gross, true)
	lines := l.used
	for s, amount := range l.debits {
		lines[s] += amount
	}
	l.used, l.debits = map[int64]money.Minor{}, map[int64]money.Minor{}
	return lines
}

// balanceAt is the balance after the last movement up to a sequence.
func (l *lots) balanceAt(sequence int64) (b money.Minor) {
	for _, x := range l.at {
		if x.sequence <= sequence {
			b = x.left
		}
	}
	return b
}

// life is a random history with its oracle.
type life struct {
	*runHouse
	r     *rand.Rand
	who   []Holder
	ready map[Holder]bool
	lots  map[Holder]*lots
	// posted are movements that can be reversed, lines what the oracle says of each payout, open payouts that can fail.
	posted []ledger.Transaction
	lines_ map[string]map[int64]money.Minor
	open   []Payout
	paid   map[Holder]money.Minor
}

func TestRandomHistories(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			newLife(t, seed).live(12)
		})
	}
}

func newLife(t *testing.T, seed uint64) *life {
	f := &life{runHouse: newRunHouse(t), r: rand.New(rand.NewPCG(seed, 7)), ready: map[Holder]bool{}, lots: map[Holder]*lots{}, lines_: map[string]map[int64]money.Minor{}, paid: map[Holder]money.Minor{}}
	for i, who := range []Holder{usd("seller", "s1"), usd("seller", "s2"), usd("seller", "s3"), usd("creator", "c1"), usd("creator", "c2"), usd("agency", "a1")} {
		f.who, f.lots[who] = append(f.who, who), newLots()
		if i != 2 {
			f.ready[who] = true
			f.runHouse.ready(who, true)
		}
	}
	return f
}

// live lives through days; each begins with the run.
func (f *life) live(days int) {
	day := runsStart
	for range days {
		f.runDay(day)
		for range 12 {
			f.set(f.clock().Add(time.Duration(1+f.r.IntN(60)) * time.Minute))
			f.act()
		}
		day = day.Add(24 * time.Hour)
		f.set(day.Add(-2 * time.Hour)) // 00:00 in New York, when the cut-off is
		f.act()
	}
	f.finish()
}

// act does one thing to somebody.
func (f *life) act() {
	who := f.who[f.r.IntN(len(f.who))]
	amount := money.Minor(1 + f.r.IntN(20_000))
	switch f.r.IntN(9) {
	case 0, 1, 2, 3:
		if f.r.IntN(40) == 0 {
			amount = 60_000_000 // three parts
		}
		f.shift(who, amount, f.r.IntN(3) == 0)
	case 4, 5: // a refund, also after the payout
		f.shift(who, -amount, f.r.IntN(3) == 0)
	case 6:
		f.reverse()
	case 7:
		f.comeBack()
	case 8:
		f.ask(who, amount)
	}
}

// shift moves money of the holder; back-dated facts happened days ago.
func (f *life) shift(who Holder, amount money.Minor, backDated bool) {
	f.posts++
	d := ledger.Draft{Event: "test.moved", Subject: fmt.Sprintf("order:o%d", f.posts), Lines: []ledger.Line{
		{Account: who.available(), Amount: -amount, Currency: who.Currency}, {Account: "assets:processor:available:main", Amount: amount, Currency: who.Currency}}}
	if backDated {
		d.OccurredAt = f.clock().Add(-48 * time.Hour)
	}
	out := f.ledger.Post(f.t.Context(), f.book, ledger.Submission{Reference: fmt.Sprintf("move:%d", f.posts), Drafts: []ledger.Draft{d}})
	f.must(out.Err)
	f.posted = append(f.posted, out.Transactions[0])
	f.lots[who].move(out.Transactions[0].Sequence, amount, false)
}

// reverse takes a movement back.
func (f *life) reverse() {
	if len(f.posted) == 0 {
		return
	}
	i := f.r.IntN(len(f.posted))
	x := f.posted[i]
	f.posted = slices.Delete(f.posted, i, i+1)
	out := f.ledger.Reverse(f.t.Context(), f.book, x.Sequence, ledger.Correction{Reference: fmt.Sprintf("reverse:%d", x.Sequence)})
	f.must(out.Err)
	f.follow(out.Transactions)
}

// follow tells the oracle what transactions did to holders' available accounts.
func (f *life) follow(ts []ledger.Transaction) {
	for _, t := range ts {
		for _, e := range t.Entries {
			for _, who := range f.who {
				if e.Account == who.available() {
					f.lots[who].move(t.Sequence, -e.Amount, false)
				}
			}
		}
	}
}

// comeBack cancels a payout, lets it fail, or has it returned after it was paid.
func (f *life) comeBack() {
	if len(f.open) == 0 {
		return
	}
	i := f.r.IntN(len(f.open))
	p := f.open[i]
	f.open = slices.Delete(f.open, i, i+1)
	var results []commerce.Result
	f.must(f.db.Pool.Tx(f.t.Context(), func(tx pgx.Tx) (err error) {
		ctx := f.t.Context()
		if f.r.IntN(2) == 0 {
			_, err := f.CancelTx(ctx, tx, deed{Actor: finance}, f.book, p.ID, "not wanted")
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE payout_runs SET state = 'released' WHERE book_id = $1 AND id = $2 AND state = 'waiting'`, f.book.ID, p.Run); err != nil {
			return err
		}
		for _, state := range []string{Sending, Submitted} {
			if _, err := tx.Exec(ctx, `UPDATE payouts SET state = $3, released_at = coalesce(released_at, now()) WHERE book_id = $1 AND id = $2`, f.book.ID, p.ID, state); err != nil {
				return err
			}
		}
		events := []commerce.Event{commerce.Own(&commerce.PayoutSubmitted{PayoutTerms: p.terms(), Processor: "main", Entry: "txn_" + p.ID}, time.Time{})}
		if f.r.IntN(2) == 0 {
			events = append(events, commerce.Own(&commerce.PayoutFailed{PayoutTerms: p.terms(), Processor: "main", Entry: "txf_" + p.ID}, time.Time{}))
			_, err = tx.Exec(ctx, `UPDATE payouts SET state = 'failed', ended_at = $3 WHERE book_id = $1 AND id = $2`, f.book.ID, p.ID, f.clock())
		} else {
			events = append(events, commerce.Own(&commerce.PayoutPaid{PayoutTerms: p.terms(), Processor: "main"}, time.Time{}),
				commerce.Own(&commerce.PayoutReturned{PayoutTerms: p.terms(), Processor: "main", Entry: "txr_" + p.ID}, time.Time{}))
			_, err = tx.Exec(ctx, `UPDATE payouts SET state = 'paid', paid_at = $3, returned_at = $3 WHERE book_id = $1 AND id = $2`, f.book.ID, p.ID, f.clock())
		}
		if err != nil {
			return err
		}
		results, err = f.events.PostTx(ctx, tx, f.book, events)
		return err
	}))
	if results == nil {
		page, err := f.ledger.ByReference(f.t.Context(), f.book, "payout.cancelled:"+p.ID)
		f.must(err)
		f.follow(page)
	}
	for _, r := range results {
		f.follow(r.Transactions)
	}
}

// ask asks for a payout now.
func (f *life) ask(who Holder, amount money.Minor) {
	if f.r.IntN(3) == 0 {
		amount = 0
	}
	f.posts++
	method, free := MethodStandard, f.lots[who].balance
	d, list, err := f.RequestPayout(f.t.Context(), finance, f.book, Request{Reference: fmt.Sprintf("ask:%d", f.posts), Holder: who, Amount: amount, Method: method})
	least := money.Minor(100)
	if who.Kind == "creator" {
		least = 200
	}
	may := f.ready[who] && who.Kind != "agency"
	wanted := amount
	if wanted == 0 {
		wanted = free
	}
	switch {
	case err != nil:
		if amount <= max(free, 0) {
			f.t.Fatalf("%s has %d and asks for %d: %v", who.place(), free, amount, err)
		}
	case may && free > 0 && wanted <= free && wanted >= least:
		if d.Verdict != VerdictPay || d.Amount != wanted {
			f.t.Fatalf("%s has %d and asks for %d: %s %d for %v", who.place(), free, amount, d.Verdict, d.Amount, d.Reasons)
		}
	case d.Verdict == VerdictPay:
		f.t.Fatalf("%s has %d and asks for %d: paid %d", who.place(), free, amount, d.Amount)
	}
	f.take(list)
}

// take tells the oracle about payouts and keeps what it says of their lines.
func (f *life) take(list []Payout) {
	slices.SortFunc(list, func(a, b Payout) int { return a.Number - b.Number })
	for _, p := range list {
		l := f.lots[p.Holder]
		if l.balance < p.Gross() {
			f.t.Fatalf("%s has %d and is paid %d", p.Holder.place(), l.balance, p.Gross())
		}
		f.lines_[p.ID] = l.pay(p.CreatedSequence, p.Gross())
		if p.LeftAfter != l.balance {
			f.t.Fatalf("%s: %d left, the oracle says %d", p.ID, p.LeftAfter, l.balance)
		}
		f.open = append(f.open, p)
		f.agrees(p)
	}
}

// agrees compares the lines of a payout with the oracle's.
func (f *life) agrees(p Payout) {
	f.t.Helper()
	got, sum := map[int64]money.Minor{}, money.Minor(0)
	for _, l := range f.lines(p.ID) {
		got[l.Sequence] += l.Amount
		sum += l.Amount
		if (l.Settles != "") != (l.Event == "payout.cancelled" || l.Event == "payout.failed" || l.Event == "payout.returned") {
			f.t.Fatalf("%s settles %q with %s", p.ID, l.Settles, l.Event)
		}
	}
	for s, amount := range f.lines_[p.ID] {
		if got[s] != amount {
			f.t.Fatalf("%s number %d: the line of %d is %d, the oracle says %d", p.ID, p.Number, s, got[s], amount)
		}
		delete(got, s)
	}
	for s, amount := range got {
		if amount != 0 {
			f.t.Fatalf("%s number %d: a line of %d with %d that the oracle has not", p.ID, p.Number, s, amount)
		}
	}
	if sum != p.Gross() {
		f.t.Fatalf("%s is %d, its lines are %d", p.ID, p.Gross(), sum)
	}
}

// runDay runs the day, and compares its decisions with the oracle's.
func (f *life) runDay(day time.Time) {
	want, before := f.holders(), map[Holder][2]money.Minor{}
	run := f.runOn(day)
	for _, who := range f.who {
		before[who] = [2]money.Minor{f.lots[who].balanceAt(run.AtSequence), f.lots[who].balance}
	}
	f.take(f.payouts(run.ID))
	decided := f.decisions(run.ID)
	for place := range want {
		d, has := decided[place]
		if !has {
			f.t.Fatalf("%s: nobody decided about %s", run.ID, place)
		}
		who := placeOf(place)
		basis := min(before[who][0], before[who][1])
		least, due := money.Minor(100), f.ready[who]
		switch who.Kind {
		case "creator":
			least, due = 200, due && day.Weekday() == time.Monday
		case "agency":
			due = due && day.Day() == 1
		}
		if pays := due && before[who][1] > 0 && basis >= least; pays != (d.Verdict == VerdictPay) || pays && d.Amount != basis {
			f.t.Fatalf("%s on %s with %v: %s %d for %v", place, day.Format(time.DateOnly), before[who], d.Verdict, d.Amount, d.Reasons)
		}
	}
	if int(run.Decided) != len(decided) || run.Decided != run.Paid+run.Skipped {
		f.t.Fatalf("%s counts %d, %d decisions", run.ID, run.Decided, len(decided))
	}
	f.replays(run.ID)
}

// finish compares everything once more, after all that has happened since.
func (f *life) finish() {
	f.sound()
	list, err := f.Payouts(f.t.Context(), f.book, PayoutQuery{Limit: 1000})
	f.must(err)
	if len(list) != len(f.lines_) || len(list) < 10 {
		f.t.Fatalf("%d payouts, the oracle knows %d", len(list), len(f.lines_))
	}
	for _, p := range list {
		f.agrees(p)
	}
}
