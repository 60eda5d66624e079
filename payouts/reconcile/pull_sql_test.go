package reconcile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

var pullSeed = flag.Uint64("pull.seed", 0, "which misfortunes a pull has; 0 for others each time")

// journal is what the processor has booked, asked for when nothing goes wrong.
func (h *evidenceHouse) journal() map[string]processor.Entry {
	h.Helper()
	all := map[string]processor.Entry{}
	for at := evidenceStart.AddDate(0, -3, 0); at.Before(h.clock.Now().Add(time.Hour)); at = at.AddDate(0, 0, 7) {
		list, err := h.driver.ListEntries(h.Context(), "", processor.Window{From: at, Until: at.AddDate(0, 0, 7)})
		h.ok(err)
		for _, e := range list {
			all[e.ID] = e
		}
	}
	return all
}

// equalsJournal wants that the lines are the processor's entries: all of them, each once, and nothing else.
func (h *evidenceHouse) equalsJournal() {
	h.Helper()
	lines, entries := h.all(h.processorSource()), h.journal()
	for id, e := range entries {
		l, ok := lines[id]
		if !ok {
			h.Errorf("%s of %s is missing", e.Category, e.Created)
			continue
		}
		if l.Gross != e.Amount || l.Fee != e.Fee || l.Net != e.Net || l.Currency != e.Currency || l.Category != e.Category || l.Type != e.Type || l.SourceRef != e.Source ||
			!l.MovedAt.Equal(e.Created) || l.Status != e.State || !l.AvailableAt.Equal(e.AvailableOn) {
			h.Errorf("%s is %+v instead of %+v", id, l, e)
		}
	}
	if len(lines) != len(entries) {
		h.Errorf("%d lines of %d entries", len(lines), len(entries))
	}
	h.sound(h.processorSource())
}

// TestPullOnce: what is new is taken once, with the bytes that the processor wrote, and a pull without news adds only what the
// processor holds.
func TestPullOnce(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	ch := h.charge(3000, 65, 48*time.Hour)
	_, err := h.sim.AddEntry(simulator.Platform, "stripe_fee", "fee", "eur", -200, evidenceStart, "")
	h.ok(err)
	_, err = h.sim.AddEntry(simulator.Platform, "word_of_tomorrow", "category_of_tomorrow", "usd", 77, evidenceStart.AddDate(0, 0, -3), "1.25")
	h.ok(err)
	p := h.pull()
	if p.Lines != 3 || p.FirstLine != 2 || p.Number != 2 || len(p.Gaps) != 0 { // one of another window
		t.Fatalf("%+v", p)
	}
	h.equalsJournal()
	x := h.processorSource()
	list, err := h.Lines(t.Context(), h.book, x, LineQuery{})
	h.ok(err)
	if list[0].Category != "category_of_tomorrow" || list[0].Rate != "1.25" || list[0].Key != list[0].ID {
		t.Errorf("%+v", list[0])
	}
	byKey, err := h.Lines(t.Context(), h.book, x, LineQuery{Key: ch})
	h.ok(err)
	if len(byKey) != 1 || byKey[0].Net != 2935 {
		t.Fatalf("%+v", byKey)
	}
	d, err := h.Line(t.Context(), h.book, x, byKey[0].Number)
	h.ok(err)
	if !bytes.Contains(d.Raw, []byte(`"reporting_category":"charge"`)) || !bytes.Contains(d.Raw, []byte(ch)) || bytes.Contains(d.Raw, []byte("\n")) {
		t.Errorf("raw is %s", d.Raw)
	}
	var content bytes.Buffer
	h.ok(h.Content(t.Context(), h.book, x, d.Receipt, &content))
	if sum := sha256.Sum256(content.Bytes()); !bytes.Equal(sum[:], p.SHA256) {
		t.Error("the content is not what the receipt's hash says")
	}
	h.clock.Advance(time.Hour)
	if p := h.pull(); p.Lines != 0 || p.Changed != 0 || p.Receipts != 1 {
		t.Errorf("%+v", p)
	}
	h.clock.Advance(72 * time.Hour) // the charge's day is no longer read again, but its money should be there
	if p := h.pull(); p.Lines != 0 || p.Changed != 1 {
		t.Errorf("%+v", p)
	}
	if d, err = h.Line(t.Context(), h.book, x, byKey[0].Number); err != nil || d.Status != "available" || len(d.Changes) != 1 || d.Changes[0].Was != "pending" {
		t.Errorf("%+v, %v", d, err)
	}
	conflicts, err := h.Conflicts(t.Context(), h.book, x, Change{}, 10)
	if err != nil || len(conflicts) != 0 {
		t.Errorf("%v, %v", conflicts, err)
	}
	h.equalsJournal()
}

// TestPullThroughMisfortune: peers' bug 56. The list is newest first, rows come between its pages, late and with an earlier time,
// pages break, and the newest row is left out; after enough pulls the lines are exactly what was booked.
func TestPullThroughMisfortune(t *testing.T) {
	t.Parallel()
	seed := *pullSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: go test -run TestPullThroughMisfortune -pull.seed=%d", seed, seed)
	r := rand.New(rand.NewPCG(seed, 9))
	h := newEvidenceHouse(t)
	var mu sync.Mutex
	book := func() {
		mu.Lock()
		defer mu.Unlock()
		var err error
		switch at := h.clock.Now().Add(-time.Duration(r.IntN(40)) * time.Hour); r.IntN(4) {
		case 0:
			_, err = h.sim.AddEntry(simulator.Platform, "adjustment", "other_adjustment", "eur", int64(r.IntN(2000)-1000), at, "")
		case 1:
			_, err = h.sim.AddEntry(simulator.Platform, "stripe_fee", "fee", "usd", -int64(r.IntN(50)), at, "")
		default:
			_, err = h.sim.AddCharge(int64(r.IntN(10000)+1), int64(r.IntN(20)), "eur", time.Duration(r.IntN(4)*24)*time.Hour, nil)
		}
		if err != nil {
			t.Error(err)
		}
	}
	h.beforeEach(func(q *http.Request) {
		mu.Lock()
		comes := q.URL.Query().Get("starting_after") != "" && r.IntN(2) == 0 || r.IntN(8) == 0
		mu.Unlock()
		if comes {
			book()
		}
	})
	draw := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return r.IntN(n)
	}
	kinds := []simulator.Kind{simulator.LateRow, simulator.Truncate, simulator.HTML502, simulator.Empty200, simulator.Limit429, simulator.DropBefore}
	for range 12 {
		for range draw(120) {
			book()
		}
		for range draw(4) {
			h.sim.Script(simulator.Fault{Kind: kinds[draw(len(kinds))], Path: "/v1/balance", LaterPage: draw(2) == 0})
		}
		_, _ = h.Pull(t.Context(), h.turn(), "main") // what goes wrong now comes with a later one
		h.clock.Advance(time.Duration(draw(20)) * time.Hour)
	}
	h.beforeEach(nil)
	quiet := false
	for range 20 { // until nothing goes wrong any more
		h.clock.Advance(time.Hour)
		p, err := h.Pull(t.Context(), h.turn(), "main")
		if quiet = err == nil && len(p.Gaps) == 0; quiet {
			break
		}
	}
	if !quiet {
		t.Fatal("it never becomes complete")
	}
	h.clock.Advance(5 * 24 * time.Hour) // all money is there
	if p := h.pull(); len(p.Gaps) != 0 {
		t.Errorf("%+v", p.Gaps)
	}
	h.equalsJournal()
}

// TestPullReplayed: peers' bug 21. Pages that were read at different times, kept again and again in any order, by two services at
// once, come to the same lines.
func TestPullReplayed(t *testing.T) {
	t.Parallel()
	seed := *pullSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 21))
	h := newEvidenceHouse(t)
	var pages []page
	for range 6 {
		for range 1 + r.IntN(30) {
			h.charge(int64(r.IntN(5000)+1), 0, time.Duration(r.IntN(3)*24)*time.Hour)
		}
		w := processor.Window{From: evidenceStart.AddDate(0, 0, -1), Until: h.clock.Now().Add(time.Minute)}
		list, err := h.driver.ListEntries(t.Context(), "", w)
		h.ok(err)
		pages = append(pages, page{entries: list, from: w.From, until: w.Until})
		h.clock.Advance(time.Duration(r.IntN(30)) * time.Hour)
	}
	list, err := h.driver.ListEntries(t.Context(), "", processor.Window{From: evidenceStart.AddDate(0, 0, -1), Until: h.clock.Now()})
	h.ok(err)
	pages = append(pages, page{entries: list, from: evidenceStart, until: h.clock.Now()})
	services := []*Service{h.Service, h.another(h.db.Pool)}
	source, err := h.pullSource(t.Context(), h.turn(), "main")
	h.ok(err)
	var order []page
	for range 3 {
		order = append(order, pages...)
	}
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	var group sync.WaitGroup
	for n, s := range services {
		group.Go(func() {
			for i := n; i < len(order); i += 2 {
				if _, _, err := s.keepPage(t.Context(), h.turn(), source, "test", order[i]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	h.equalsJournal()
}

// TestPullsAtOnce: 20 pulls of two services at once take each line once.
func TestPullsAtOnce(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	for i := range 150 {
		h.charge(int64(1000+i), 10, 0)
	}
	other := h.another(h.db.Pool)
	var group sync.WaitGroup
	for i := range 20 {
		s := h.Service
		if i%2 == 1 {
			s = other
		}
		group.Go(func() {
			if _, err := s.Pull(t.Context(), h.turn(), "main"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	h.equalsJournal()
	if n := h.count(`SELECT count(*) FROM evidence_sources WHERE book_id = $1`, h.book.ID); n != 1 {
		t.Errorf("%d sources", n)
	}
	if gaps, err := h.Completeness(t.Context(), h.book, h.processorSource()); err != nil || len(gaps) != 0 {
		t.Errorf("%v, %v", gaps, err)
	}
}

// TestPullIncomplete: a line that the processor does not show is known to be missing, is read for further back once, and found when it is
// shown.
func TestPullIncomplete(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	h.charge(3000, 0, 0)
	h.pull()
	h.clock.Advance(20 * 24 * time.Hour)
	h.pull()
	// It appears with a time that is read no more.
	_, err := h.sim.AddEntry(simulator.Platform, "adjustment", "other_adjustment", "eur", -700, evidenceStart.AddDate(0, 0, 5), "")
	h.ok(err)
	h.clock.Advance(time.Hour)
	if p := h.pull(); p.Lines != 1 || len(p.Gaps) != 0 {
		t.Errorf("%+v", p)
	}
	h.equalsJournal()
	// And one that was before everything that is ever read.
	_, err = h.sim.AddEntry(simulator.Platform, "adjustment", "other_adjustment", "eur", 1234, evidenceStart.AddDate(-1, 0, 0), "")
	h.ok(err)
	for range 2 {
		h.clock.Advance(time.Hour)
		if p := h.pull(); len(p.Gaps) != 1 || p.Gaps[0].Amount != 1234 || p.Gaps[0].Kind != GapBalance || p.Lines != 0 {
			t.Errorf("%+v", p)
		}
		h.sound(h.processorSource())
	}
	before := h.sim.Requests()
	h.pull()
	if n := h.sim.Requests() - before; n > 10 {
		t.Errorf("%d requests for what is known to be missing", n)
	}
	// Somebody says that the account had it before. That ends no difference: two people do, and the trail has both amounts.
	source := h.processorSource()
	h.ok(h.exec(`INSERT INTO recon_breaks (book_id, id, match, source_id, identity, class, state, currency, amount, detail, happened_at, first_run, last_run, first_seen, changed_at, step)
VALUES ($1, 'brk_0123456789abcdef', 3, 0, $2, 'evidence_incomplete', 'open', 'EUR', 1234, '{}', $3, 1, 1, $3, $3, 1)`, h.book.ID, balanceGapIdentity(source, "EUR"), evidenceStart))
	_, err = h.SetSource(t.Context(), evidenceAnn, h.book, KindProcessor, "main", Settings{Opening: map[money.Currency]string{"EUR": "12.33"}})
	h.ok(err)
	if b, err := h.Break(t.Context(), h.book, "brk_0123456789abcdef"); err != nil || b.Kept || b.Ended() {
		t.Errorf("a part is missing still: %+v, %v", b, err)
	}
	_, err = h.SetSource(t.Context(), evidenceAnn, h.book, KindProcessor, "main", Settings{Opening: map[money.Currency]string{"EUR": "12.34"}})
	h.ok(err)
	b, err := h.Break(t.Context(), h.book, "brk_0123456789abcdef")
	if err != nil || !b.Kept || b.Ended() || !b.Acceptable() || !strings.Contains(b.Note, "settings of the source were changed") {
		t.Errorf("%+v, %v", b, err)
	}
	if list, err := h.Steps(t.Context(), h.book, b.ID, 0, 10); err != nil || len(list) != 1 || list[0].Act != StepNoted || list[0].By != doneBy(evidenceAnn) {
		t.Errorf("%+v, %v", list, err)
	}
	if gone, err := follow(Run{Match: R3, Number: 2, CutOff: h.clock.Now()}, h.clock.Now(), Shipped(), []Break{b}, nil); err != nil || len(gone.changed) != 0 {
		t.Errorf("a run ends it: %+v, %v", gone, err)
	}
	if n := h.count(`SELECT count(*) FROM audit_rows x WHERE book_id = $1 AND act = 'evidence.source_set' AND x::text LIKE '%0.01%' AND x::text LIKE '%12.33%' AND x::text LIKE '%12.34%'`, h.book.ID); n != 2 {
		t.Errorf("%d rows of the trail say what was missing before and after", n)
	}
	if p := h.pull(); len(p.Gaps) != 0 {
		t.Errorf("%+v", p)
	}
}

// TestPullWhileMoneyMoves: what was booked between the balance and the list is no gap.
func TestPullWhileMoneyMoves(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	h.charge(3000, 0, 0)
	n := 0
	h.beforeEach(func(q *http.Request) {
		if q.URL.Path == "/v1/balance_transactions" {
			n++
			if _, err := h.sim.AddCharge(int64(100+n), 0, "eur", 0, nil); err != nil {
				t.Error(err)
			}
		}
	})
	for range 3 {
		h.clock.Advance(time.Hour)
		if p := h.pull(); len(p.Gaps) != 0 {
			t.Errorf("%+v", p)
		}
	}
	h.beforeEach(nil)
	h.pull()
	h.equalsJournal()
}

// TestPullDies: a pull that ends at any of its transactions, or at any answer of the processor, loses nothing and doubles nothing.
func TestPullDies(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	for i := range 30 {
		_, err := h.sim.AddEntry(simulator.Platform, "charge", "charge", "eur", int64(100+i), evidenceStart.AddDate(0, 0, -i), "")
		h.ok(err)
	}
	dead := errors.New("another process has the turn")
	for n := 1; ; n++ {
		calls := 0
		turn := h.turn()
		turn.Check = func(context.Context, pgx.Tx) error {
			if calls++; calls == n%7 {
				return dead
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		asked := 0
		h.beforeEach(func(*http.Request) {
			if asked++; asked == 3+n {
				cancel()
			}
		})
		_, err := h.Pull(ctx, turn, "main")
		cancel()
		h.beforeEach(nil)
		if err == nil {
			break
		}
		if n > 100 {
			t.Fatal("it never ends")
		}
		if n := h.count(`SELECT count(*) FROM evidence_sources WHERE book_id = $1`, h.book.ID); n > 0 {
			h.sound(h.processorSource())
		}
	}
	h.equalsJournal()
}

// TestPullChanged: an entry that says another amount later keeps what it said first, and people are told once.
func TestPullChanged(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	h.charge(3000, 100, 0)
	h.pull()
	x := h.processorSource()
	list, err := h.driver.ListEntries(t.Context(), "", processor.Window{From: evidenceStart.Add(-time.Hour)})
	h.ok(err)
	e := list[0]
	keep := func(e processor.Entry) Receipt {
		t.Helper()
		r, _, err := h.keepPage(t.Context(), h.turn(), x, "test", page{entries: []processor.Entry{e}, until: evidenceStart})
		h.ok(err)
		return r
	}
	first := e
	e.Amount, e.Net, e.Category, e.Source, e.Currency = 4000, 3900, "network_cost", "", "USD"
	if r := keep(e); r.Changes != 4 || len(r.Conflicts) != 4 || r.NewLines != 0 {
		t.Errorf("%+v", r)
	}
	if r := keep(e); r.Number != 0 {
		t.Errorf("it is told again: %+v", r)
	}
	if r := keep(first); r.Changes != 4 || r.Conflicts[0].Became != "30.00" || r.Conflicts[0].Was != "40.00" {
		t.Errorf("%+v", r)
	}
	if l := h.all(x)[e.ID]; l.Gross != 3000 || l.Category != "charge" || l.Currency != "EUR" {
		t.Errorf("%+v", l)
	}
	hostile := first
	hostile.ID, hostile.Category, hostile.Type, hostile.Source = "txn_hostile", strings.Repeat("ü", 100)+"\x00", "\xff", strings.Repeat("x", 300)
	hostile.Raw = []byte("{broken")
	keep(hostile)
	h.sound(x)
}

// TestOneAccountOneBook: two books do not take the same entries, unless both say that they share the account.
func TestOneAccountOneBook(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	h.charge(3000, 100, 0)
	h.pull()
	second := payouts.Turn{Book: h.newBook("fr")}
	_, err := h.Pull(t.Context(), second, "main")
	h.wantCode("a second book", err, ErrSourceShared)
	_, err = h.SetSource(t.Context(), evidenceAnn, second.Book, KindProcessor, "main", Settings{Shared: true})
	h.ok(err)
	p, err := h.Pull(t.Context(), second, "main")
	if err != nil || p.Lines != 0 || len(p.Gaps) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if p := h.pull(); p.Lines != 0 {
		t.Errorf("%+v", p)
	}
	if _, err := h.Pull(t.Context(), h.turn(), "other"); err == nil {
		t.Error("one account under two names")
	}
}

// TestPullGoesBack: entries that show up late, further back than one pull can read again, are found by the pulls after it, also by
// another process: what was begun is gone on with, though the same is missing as before.
func TestPullGoesBack(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	for range 30 {
		h.charge(1000, 30, 48*time.Hour)
		h.clock.Advance(24 * time.Hour)
	}
	h.pull()
	_, err := h.sim.AddEntry(simulator.Platform, "stripe_fee", "fee", "eur", -200, h.clock.Now().AddDate(0, 0, -8), "")
	h.ok(err)
	pulls := 0
	for more := true; more; pulls++ {
		s := h.another(h.db.Pool)
		s.pullLists = 8
		p, err := s.Pull(t.Context(), h.turn(), "main")
		h.ok(err)
		if more = p.More; pulls == 20 {
			t.Fatal("the pulls come to no end")
		}
	}
	gaps, err := h.Completeness(t.Context(), h.book, h.processorSource())
	if err != nil || len(gaps) != 0 || pulls < 2 {
		t.Errorf("after %d pulls: %+v, %v", pulls, gaps, err)
	}
	h.equalsJournal()
	if n := h.count(`SELECT count(*) FROM evidence_heads WHERE reread_from IS NOT NULL`); n != 0 {
		t.Error("it is to be read again")
	}
}

// TestWhatIsNewComesBeforeWhatChanges: days whose money should be available by now take no more than their share of a pull, so that what is
// new is read in the same one; and in the end all of them are read.
func TestWhatIsNewComesBeforeWhatChanges(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	for range 12 {
		h.charge(1000, 30, 20*24*time.Hour)
		h.clock.Advance(24 * time.Hour)
	}
	h.pull()
	h.clock.Advance(30 * 24 * time.Hour)
	h.charge(700, 20, 48*time.Hour)
	_, _, before, err := h.Known(t.Context(), h.book, h.processorSource())
	h.ok(err)
	h.pullLists = 8
	p, err := h.Pull(t.Context(), h.turn(), "main")
	h.ok(err)
	_, _, until, err := h.Known(t.Context(), h.book, h.processorSource())
	h.ok(err)
	if until.Sub(before) < 10*24*time.Hour || !p.More {
		t.Errorf("a pull of %d lists came from %s to %s, and is to go on %v", h.pullLists, before, until, p.More)
	}
	for range 20 {
		_, err := h.Pull(t.Context(), h.turn(), "main")
		h.ok(err)
	}
	h.equalsJournal()
	if n := h.count(`SELECT count(*) FROM evidence_lines WHERE status = 'pending' AND available_at <= $1`, h.clock.Now()); n != 0 {
		t.Errorf("%d lines should be available by now", n)
	}
}

// TestRipeDays: of the days whose money should be available by now one pull reads some again, and however many lines of a day stay
// pending for ever, and however many such days there are, what became due lately is among them.
func TestRipeDays(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	h.pull()
	x := h.processorSource()
	fill := func(first, lines int, start time.Time, every time.Duration) {
		t.Helper()
		h.ok(h.exec(`INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, moved_at, available_at, status)
		SELECT $1, $2, n, 1, 'txn_x' || n, 'ch_x' || n, 'EUR', 1, 0, 1, 'charge', m, m + interval '2 days', 'pending'
		  FROM generate_series($3::int, $3::int + $4::int - 1) n CROSS JOIN LATERAL (SELECT $5::timestamptz + (n - $3) * make_interval(secs => $6) AS m) m`,
			h.book.ID, x.ID, first, lines, start, every.Seconds()))
	}
	start := evidenceStart.AddDate(0, 0, -100).Truncate(24 * time.Hour)
	now := evidenceStart
	fill(1, 10_001, start, time.Second) // more of one day than anybody looks at one by one
	days, err := h.ripeDays(t.Context(), h.book, x, now, now)
	if err != nil || len(days) != 1 || !days[0].Equal(start) {
		t.Fatalf("%v, %v", days, err)
	}
	fill(20_001, 1, start.AddDate(0, 0, 3).Add(23*time.Hour), time.Second)
	days, err = h.ripeDays(t.Context(), h.book, x, now, now)
	if err != nil || len(days) != 2 || !days[1].Equal(start.AddDate(0, 0, 3)) {
		t.Fatalf("%v, %v", days, err)
	}
	fill(30_001, 95, start.AddDate(0, 0, 4), 24*time.Hour) // up to yesterday, whose money is not due
	days, err = h.ripeDays(t.Context(), h.book, x, now, now)
	if last := start.AddDate(0, 0, 98); err != nil || len(days) != pullRipe || !days[0].Equal(start) || !days[pullRipe-1].Equal(last) || !slices.IsSortedFunc(days, time.Time.Compare) {
		t.Fatalf("%v, %v", days, err)
	}
	days, err = h.ripeDays(t.Context(), h.book, x, now, start.AddDate(0, 0, 5))
	if err != nil || len(days) != 3 {
		t.Fatalf("%v, %v", days, err)
	}
}
