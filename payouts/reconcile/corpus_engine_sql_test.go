package reconcile

// The corpus on the real engine: its lines are taken as evidence, its entries are posted, and runs compare them in a database. All
// at once and day by day the same must be found, and nothing else.

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts"
)

// played is a world in a database: numbers and sequences there are not those of the world.
type played struct {
	*testing.T
	*Service
	world  *world
	db     *pgtest.DB
	books  *ledger.Ledger
	book   ledger.Book
	source Source
	at     time.Time
	// lines and entries lead back from the database to the world; sequences lead there.
	lines     map[int64]int64
	entries   map[int64]int64
	sequences map[int64]int64
}

// playedCurrencies are those of the world.
var playedCurrencies = append([]money.Currency{"CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON"}, corpusCurrencies...)

func play(t *testing.T, w *world) *played {
	t.Helper()
	p := &played{T: t, world: w, db: pgtest.New(t), at: w.x.CutOff.Add(2 * time.Hour), lines: map[int64]int64{}, entries: map[int64]int64{}, sequences: map[int64]int64{}}
	now := func() time.Time { return p.at }
	p.books = ledger.New(p.db.Pool, ledger.Options{Now: now})
	t.Cleanup(func() { p.books.Close(context.Background()) })
	var err error
	if p.book, _, err = p.books.CreateBook(t.Context(), ledger.NewBook{Code: "corpus", Name: "Corpus", Currencies: playedCurrencies, TimeZone: w.x.Zone.String()}); err != nil {
		t.Fatal(err)
	}
	p.Service = New(Options{Pool: p.db.Pool, Ledger: p.books, Trail: guard.NewTrail(p.db.Pool, now), Now: now})
	settings := `{}`
	if w.x.bank() {
		settings = `{"accounts":["assets:bank:operating:main"]}`
	}
	for sql, args := range map[string][]any{
		`WITH source AS (INSERT INTO evidence_sources (book_id, id, kind, name, recorded_at) VALUES ($1, 1, $2, 'main', $3) RETURNING book_id)
		 INSERT INTO evidence_settings (book_id, source_id, version, document, recorded_at) SELECT book_id, 1, 1, $4, $3 FROM source`: {p.book.ID, string(w.x.Kind), p.at, settings},
	} {
		if _, err := p.db.Pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.db.Pool.Exec(t.Context(), `INSERT INTO evidence_heads (book_id, source_id) VALUES ($1, 1) ON CONFLICT DO NOTHING`, p.book.ID); err != nil {
		t.Fatal(err)
	}
	if p.source, err = p.Source(t.Context(), p.book, w.x.Kind, "main"); err != nil {
		t.Fatal(err)
	}
	return p
}

// take takes lines of the world as one receipt.
func (p *played) take(lines []External) {
	p.Helper()
	for page := range slices.Chunk(lines, 50_000) {
		list := make([]*taken, 0, len(page))
		for _, l := range page {
			list = append(list, &taken{id: l.ID, key: l.Key, currency: l.Currency, gross: l.Gross, fee: l.Fee, net: l.Net, category: l.Category, kind: l.Type,
				sourceRef: l.SourceRef, batch: l.Batch, trace: l.Trace, note: l.Note, rate: l.Rate, movedAt: l.MovedAt, status: "available"})
		}
		err := p.db.Pool.Tx(p.Context(), func(tx pgx.Tx) error {
			k, err := p.takeTx(p.Context(), tx, p.book, p.source)
			if err != nil {
				return err
			}
			for i, l := range page {
				p.lines[k.line+1+int64(i)] = l.Number
			}
			if err := k.keep(p.Context(), &Receipt{Kind: ReceiptPull, Format: formatJSONL, By: "corpus"}, []byte("{}\n"), list, nil); err != nil {
				return err
			}
			return k.move(p.Context(), time.Time{})
		})
		if err != nil {
			p.Fatal(err)
		}
	}
}

// transactions are the entries of the world by their transactions, in order.
func (w *world) transactions() (all [][]Entry) {
	for _, e := range w.entries {
		if n := len(all); n > 0 && all[n-1][0].Sequence == e.Sequence {
			all[n-1] = append(all[n-1], e)
		} else {
			all = append(all, []Entry{e})
		}
	}
	return all
}

// draft is a transaction of the world, whose other side is a revenue.
func (p *played) draft(entries []Entry) ledger.Submission {
	first := entries[0]
	d := ledger.Draft{Event: first.Event, Subject: first.Subject, OccurredAt: first.OccurredAt, Reverses: p.sequences[first.Reverses]}
	sums := map[money.Currency]money.Minor{}
	for _, e := range entries {
		d.Lines = append(d.Lines, ledger.Line{Account: e.Account, Amount: e.Amount, Currency: e.Currency, ExternalRef: e.ExternalRef})
		sums[e.Currency] += e.Amount
	}
	for _, c := range playedCurrencies {
		if sums[c] != 0 {
			d.Lines = append(d.Lines, ledger.Line{Account: "revenue:transaction_fee", Amount: -sums[c], Currency: c})
		}
	}
	return ledger.Submission{Reference: fmt.Sprintf("ref-%d", first.Sequence), Drafts: []ledger.Draft{d}}
}

// post posts transactions of the world: first all that reverse nothing, since what is reversed must be there.
func (p *played) post(all [][]Entry) {
	p.Helper()
	for _, reversing := range []bool{false, true} {
		var list []ledger.Submission
		var of []int64
		flush := func() {
			for i, o := range p.books.PostBatch(p.Context(), p.book, list) {
				if o.Err != nil {
					p.Fatalf("%s: %v", list[i].Reference, o.Err)
				}
				sequence := o.Transactions[0].Sequence
				p.sequences[of[i]], p.entries[sequence] = sequence, of[i]
			}
			list, of = nil, nil
		}
		for _, entries := range all {
			if (entries[0].Reverses > 0) != reversing {
				continue
			}
			if list, of = append(list, p.draft(entries)), append(of, entries[0].Sequence); len(list) == ledger.MaxBatch {
				flush()
			}
		}
		if len(list) > 0 {
			flush()
		}
	}
}

// run compares as of the world's cut-off.
func (p *played) run() Run { return p.runAt(p.world.x.CutOff) }

// earliest is when the first thing of the world moved.
func (p *played) earliest() time.Time {
	at := p.world.x.CutOff
	for _, l := range p.world.external {
		if l.MovedAt.Before(at) {
			at = l.MovedAt
		}
	}
	for _, e := range p.world.entries {
		if e.OccurredAt.Before(at) {
			at = e.OccurredAt
		}
	}
	return at
}

func (p *played) runAt(cutOff time.Time) Run {
	p.Helper()
	run, err := p.Compare(p.Context(), payouts.Turn{Book: p.book}, Asked{Match: p.world.x.Match, Source: p.source.ID, CutOff: cutOff})
	if err != nil {
		p.Fatal(err)
	}
	return run
}

func (p *played) replays(run Run) {
	p.Helper()
	if again, err := p.Replay(p.Context(), p.book, run.ID); err != nil || !again.Same {
		p.Errorf("run %d is not the same again: %v %v", run.Number, again.Differs, err)
	}
}

// found reads the open breaks and the pairings back, in the numbers of the world.
func (p *played) found() (r result) {
	p.Helper()
	q := BreakQuery{Open: true, Limit: MaxBreaks}
	for {
		page, err := p.Breaks(p.Context(), p.book, q)
		if err != nil {
			p.Fatal(err)
		}
		for _, b := range page {
			f := Finding{Class: b.Class, Identity: b.Identity, Currency: b.Currency, Amount: b.Amount, Detail: b.Detail}
			f.External, f.Entries = p.back(b.External, b.Entries)
			r.findings = append(r.findings, f)
		}
		if len(page) < MaxBreaks {
			break
		}
		q.AfterSeen, q.AfterID = page[len(page)-1].FirstSeen, page[len(page)-1].ID
	}
	rows, err := p.db.Pool.Query(p.Context(), `SELECT state, members FROM recon_pairings WHERE book_id = $1 AND state IN ('suggested', 'made')`, p.book.ID)
	if err != nil {
		p.Fatal(err)
	}
	var state, members string
	_, err = pgx.ForEachRow(rows, []any{&state, &members}, func() error {
		var m pairingMembers
		if err := json.Unmarshal([]byte(members), &m); err != nil {
			return err
		}
		pairing := Pairing{Certain: state == "made"}
		pairing.External, pairing.Entries = p.back(m.External, m.Entries)
		if state == "made" {
			r.made = append(r.made, pairing)
		} else {
			r.suggested = append(r.suggested, pairing)
		}
		return nil
	})
	if err != nil {
		p.Fatal(err)
	}
	return r
}

// back turns numbers of the database into those of the world.
func (p *played) back(lines []int64, entries []EntryID) (external []int64, books []EntryID) {
	for _, n := range lines {
		external = append(external, p.lines[n])
	}
	for _, e := range entries {
		books = append(books, EntryID{p.entries[e.Sequence], e.Line})
	}
	slices.Sort(external)
	slices.SortFunc(books, compareIDs)
	return external, books
}

func compareIDs(a, b EntryID) int {
	return compareEntries(Entry{Sequence: a.Sequence, Line: a.Line}, Entry{Sequence: b.Sequence, Line: b.Line})
}

// inEngine is what the engine must find of a world: at a processor an equal amount is never certain, so that what only an amount holds
// together is missing on both sides, and suggested.
func (w *world) inEngine() *world {
	if w.x.bank() {
		return w
	}
	for _, a := range w.alike {
		w.want("equal amounts", MissingInLedger, a.currency, a.amount, a.external, nil, false)
		w.want("equal amounts", MissingAtProcessor, a.currency, -a.amount, nil, a.entries, false)
		w.made--
	}
	return w
}

// cutsWithinSlices says that the engine looks at the months of what ties within a slice.
const cutsWithinSlices = true

// inOneRun plays everything and compares once.
func (p *played) inOneRun() {
	p.Helper()
	began := time.Now()
	p.take(p.world.external)
	p.post(p.world.transactions())
	put := time.Since(began)
	run := p.run()
	ran := time.Since(began) - put
	var known int64
	if err := p.db.Pool.QueryRow(p.Context(), sqlLooked).Scan(&known); err != nil || known < int64(len(p.world.external))/2 {
		p.Errorf("the database knows of %d lines when they are compared: %v", known, err)
	}
	p.replays(run)
	if !cutsWithinSlices {
		p.world.wants = slices.DeleteFunc(p.world.wants, func(x wanted) bool { return x.class == PeriodCut })
	}
	if err := p.world.check(p.found()); err != nil {
		p.Error(err)
	}
	p.Logf("%s: %d lines and %d entries put in within %s, compared in %s: %d matched, %d open, %d found of %d planted", p.world.x.Kind, len(p.world.external), len(p.world.entries),
		put.Round(time.Millisecond), ran.Round(time.Millisecond), run.Matched, run.OpenItems, run.Found, len(p.world.wants))
}

// dayByDay has each side learn of things on days of its own, compares each day, and wants of the last day what one run finds.
func (p *played) dayByDay(days int) {
	p.Helper()
	// What comes in later still comes within its window: only the last day is late enough for it to be over.
	first := p.earliest()
	p.inRuns(days, func(int) time.Time { return first }, func(time.Time) int { return p.world.rng.IntN(days) })
}

// asItComes has each side learn of things when they happen or up to two days later, compares as of each of so many days, and wants of the last
// day what one run finds: what was paired for certain on the way is what one run pairs.
func (p *played) asItComes(days int) {
	p.Helper()
	first := p.earliest()
	step := p.world.x.CutOff.Sub(first) / time.Duration(days)
	early := p.inRuns(days, func(day int) time.Time { return first.Add(time.Duration(day+1) * step) }, func(at time.Time) int {
		known := at.Add(time.Duration(p.world.rng.Int64N(int64(48 * time.Hour))))
		return min(max(int((known.Sub(first)-1)/step), 0), days-1)
	})
	if p.world.x.bank() && early < p.world.made/2 {
		p.Errorf("only %d of %d pairings were made before the last day", early, p.world.made)
	}
}

// inRuns compares on so many days as of a cut-off of each, but as of the world's on the last one. On each day it knows what is known by then of
// what moved at a time.
// It returns how many pairings were made before the last day.
func (p *played) inRuns(days int, cutOff func(day int) time.Time, knownOn func(moved time.Time) int) (early int) {
	p.Helper()
	want := reconcileWorld(p.world.external, p.world.entries, p.world.x).made
	lines, transactions := make([][]External, days), make([][][]Entry, days)
	// Of two copies the one that is known first is the right one, so that the order within a key is kept.
	last := map[string]int{}
	for _, l := range p.world.external {
		day := max(knownOn(l.MovedAt), last[l.Key])
		last[l.Key] = day
		lines[day] = append(lines[day], l)
	}
	on := map[int64]int{}
	clear(last)
	for _, entries := range p.world.transactions() {
		key := entries[0].ExternalRef
		day := max(knownOn(entries[0].OccurredAt), on[entries[0].Reverses], last[key])
		if on[entries[0].Sequence] = day; key != "" {
			last[key] = day
		}
		transactions[day] = append(transactions[day], entries)
	}
	for day := range days {
		p.take(lines[day])
		p.post(transactions[day])
		at := p.world.x.CutOff
		if day < days-1 {
			at = cutOff(day)
		}
		p.replays(p.runAt(at))
		if day == days-2 {
			early = len(p.found().made)
		}
	}
	p.world.wants = slices.DeleteFunc(p.world.wants, func(x wanted) bool { return x.class == PeriodCut }) // it is told by the run that matches, and by no later one
	r := p.found()
	r.findings = slices.DeleteFunc(r.findings, func(f Finding) bool { return f.Class == PeriodCut })
	if err := p.world.check(r); err != nil {
		p.Errorf("in %d runs: %v", days, err)
	}
	for _, made := range r.made {
		if !slices.ContainsFunc(want, func(x Pairing) bool {
			return slices.Equal(x.External, made.External) && slices.Equal(x.Entries, made.Entries)
		}) {
			p.Errorf("paired for certain on the way, and not by one run: lines %v, entries %v", made.External, made.Entries)
		}
	}
	return early
}

// TestCorpusInEngine plants forty faults among two thousand lines, in worlds of a processor and of a bank.
func TestCorpusInEngine(t *testing.T) {
	t.Parallel()
	first := rand.Uint64()
	if *corpusSeed != 0 {
		first = *corpusSeed
	}
	for _, kind := range []Kind{KindProcessor, KindBank} {
		for _, way := range []string{"one run", "days", "as it comes"} {
			t.Run(string(kind)+" "+way, func(t *testing.T) {
				t.Parallel()
				t.Logf("replay with -run TestCorpusInEngine -corpus.seed=%d", first)
				p := play(t, build(first, kind, 1_750, 23).inEngine())
				switch way {
				case "one run":
					p.inOneRun()
				case "days":
					p.dayByDay(4)
				default:
					p.asItComes(8)
				}
			})
		}
	}
}
