package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

const settlementHead = "transaction_id,statement_id,order_id,currency,subtotal_before_discount,platform_commission,moon_fee,settlement_amount,statement_time\n"

var asBookkeeper = ImportOptions{Format: TikTok, Role: "bookkeeper", Seller: "sel_us"}

// settlement is a file of so many transactions of 100.00 less 6.00.
func settlement(from, to int) string {
	var b strings.Builder
	b.WriteString(settlementHead)
	for n := from; n <= to; n++ {
		fmt.Fprintf(&b, "T-%d,ST-1,%d,USD,100.00,-6.00,,94.00,2026-11-01\n", n, 1000+n)
	}
	return b.String()
}

// put stores a file.
func (b *bench) put(o ImportOptions, text string) Import {
	b.t.Helper()
	i, _, err := b.Import(b.t.Context(), b.book, o, strings.NewReader(text))
	if err != nil {
		b.t.Fatal(err)
	}
	return i
}

// applyFiles works until no file is due.
func (b *bench) applyFiles(s *Service) {
	b.t.Helper()
	for {
		n, err := s.WorkImports(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// brief is an import's state, its counts in the order of RowStates, what its rows come to and what is booked.
func (b *bench) brief(id int64) string {
	b.t.Helper()
	i, err := b.ImportByID(b.t.Context(), b.book, id)
	if err != nil {
		b.t.Fatal(err)
	}
	text := string(i.State) + i.Reason
	for _, s := range RowStates {
		text += fmt.Sprintf(" %d", i.Counts[s])
	}
	return fmt.Sprintf("%s %d %d", text, i.Ours, i.Booked)
}

// wantImport compares an import with its brief.
func (b *bench) wantImport(id int64, want string) {
	b.t.Helper()
	if got := b.brief(id); got != want {
		b.t.Errorf("import %d is %q, want %q", id, got, want)
	}
}

// breaks are the rows of a state.
func (b *bench) breaks(id int64, state RowState) []ImportRow {
	b.t.Helper()
	rows, err := b.ImportRows(b.t.Context(), b.book, id, state, 0, 100)
	if err != nil {
		b.t.Fatal(err)
	}
	return rows
}

// TestImports sends a file, the same again, a longer one, one with changed rows and one with rows that cannot be applied.
func TestImports(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one := b.put(asBookkeeper, settlement(1, 250))
	if one.State != ImportReceived || b.state() == "" {
		t.Fatalf("%+v", one)
	}
	b.applyFiles(b.Service)
	b.wantImport(one.ID, "done 250 0 0 0 0 2350000 2350000")
	held := b.state()
	if again, fresh, err := b.Import(t.Context(), b.book, asBookkeeper, strings.NewReader(settlement(1, 250))); err != nil || fresh || again.ID != one.ID {
		t.Errorf("the same file: %+v %t %v", again, fresh, err)
	}
	b.applyFiles(b.Service)
	if got := b.state(); got != held {
		t.Errorf("the same file changed %s to %s", held, got)
	}
	b.forward(time.Hour)
	longer := b.put(asBookkeeper, settlement(200, 260))
	b.applyFiles(b.Service)
	b.wantImport(longer.ID, "done 10 51 0 0 0 573400 573400")

	mixed := b.put(asBookkeeper, settlementHead+"T-1,ST-1,1001,USD,100.00,-7.00,,93.00,2026-11-01\nT-300,ST-1,1,USD,10.00,-0.60,-0.40,9.00,\n"+
		"T-301,ST-1,1,USD,10.00,-0.60,,9.00,\nT-302,ST-1,1,USD,10.00,-0.60,,9.40,2031-11-01\nT-303,ST-1,1,USD,,,,0.00,\nT-304,ST-1,1,USD,10.00,-0.60,,9.40,\nT-2,ST-1,1002,USD,100.00,-6.00,,94.00,2026-11-01\n")
	b.applyFiles(b.Service)
	b.wantImport(mixed.ID, "done 1 1 1 3 1 22380 10340")
	parked := b.breaks(mixed.ID, RowParked)
	for n, want := range []string{"3 T-300 unknown-field", "4 T-301 statement-sum", "5 T-302 date-impossible"} {
		if r := parked[n]; fmt.Sprint(r.Row, " ", r.Identity, " ", r.Reason) != want || !strings.HasPrefix(r.Detail, fmt.Sprintf("Line %d: ", r.Row)) {
			t.Errorf("%+v, want %s", r, want)
		}
	}
	if changed := b.breaks(mixed.ID, RowChanged); changed[0].Row != 2 || changed[0].Reason != ReasonChanged || !strings.Contains(changed[0].Detail, fmt.Sprintf("import %d, line 2", one.ID)) {
		t.Errorf("%+v", changed)
	}
	held = b.state()
	if _, err := b.RetryImportBy(t.Context(), tester, b.book, mixed.ID, "corrected"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.RetryImportBy(t.Context(), tester, b.book, mixed.ID, "corrected"); fault.CodeOf(err) != ErrNothingParked.Code {
		t.Errorf("a second retry: %v", err)
	}
	b.applyFiles(b.Service)
	b.wantImport(mixed.ID, "done 1 1 1 3 1 22380 10340")
	if got := b.state(); got != held {
		t.Errorf("the retry changed %s to %s", held, got)
	}
	// A file with three parked rows waits once, and one that was applied since, however many there are, neither adds to it nor hides it.
	b.put(asBookkeeper, settlement(900, 905))
	b.applyFiles(b.Service)
	if n, since, err := b.ImportsParked(t.Context(), b.book); err != nil || n != 1 || !since.Equal(mixed.RecordedAt) {
		t.Errorf("%d imports are parked since %s, %v", n, since, err)
	}
	other := asBookkeeper
	other.Seller = "sel_other"
	b.wantImport(b.putApplied(other, settlement(1, 3)), "done 0 0 0 0 3 28200 0")
}

func (b *bench) putApplied(o ImportOptions, text string) int64 {
	b.t.Helper()
	i := b.put(o, text)
	b.applyFiles(b.Service)
	return i.ID
}

// TestRetriedRows applies a parked row once its date has come, and notes as repeated or changed what another file has
// applied in the meantime.
func TestRetriedRows(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const row = ",ST-1,1,USD,10.00,-0.60,,9.40,"
	id := b.putApplied(asBookkeeper, settlementHead+"T-1"+row+"2026-12-01\nT-2"+row+"2026-12-01\nT-3"+row+"2026-12-01\n")
	b.wantImport(id, "done 0 0 0 3 0 2820 0")
	b.putApplied(asBookkeeper, settlementHead+"T-2"+row+"2026-11-01\nT-3,ST-1,1,USD,10.00,-0.50,,9.50,\n")
	b.forward(30 * 24 * time.Hour)
	if _, err := b.RetryImportBy(t.Context(), tester, b.book, id, "corrected"); err != nil {
		t.Fatal(err)
	}
	b.applyFiles(b.Service)
	b.wantImport(id, "done 1 1 0 0 1 2820 1880")
}

// TestRandomFiles cuts one history into overlapping files with bad rows among them: whatever the order, each good row is in
// the book once, and a dry run has said before what would become of each file. The seed is printed.
func TestRandomFiles(t *testing.T) {
	t.Parallel()
	seed := *arrivalSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-arrival-seed=%d", seed)
	dice := rand.New(rand.NewPCG(seed, 9))
	b := newBench(t)
	for range 3 {
		b.newBook()
		const rows = 150
		lines, good := make([]string, rows), make([]bool, rows)
		for n := range lines {
			note := []string{"2026-11-01", "1999-01-01", ",-"}[max(0, dice.IntN(12)-9)]
			if good[n] = note == "2026-11-01"; note == ",-" {
				lines[n] = fmt.Sprintf("T-%d,ST-1,,USD,10.00,-1.00,-0.50,8.50,\n", n)
				continue
			}
			lines[n] = fmt.Sprintf("T-%d,ST-1,,USD,10.00,-1.00,,9.00,%s\n", n, note)
		}
		seen := map[int]bool{}
		for range 6 {
			from := dice.IntN(rows)
			to := from + 1 + dice.IntN(rows-from)
			want := map[RowState]int{}
			pick := dice.Perm(to - from)
			text := settlementHead
			for _, n := range pick {
				n += from
				switch text += lines[n]; {
				case !good[n]:
					want[RowParked]++
				case seen[n]:
					want[RowRepeated]++
				default:
					want[RowApplied]++
					seen[n] = true
				}
			}
			dry, _, err := b.DryRunImport(t.Context(), b.book, asBookkeeper, strings.NewReader(text))
			if err != nil || !maps.Equal(dry.Counts, want) {
				t.Fatalf("seed %d, dry run: %v, want %v, %v", seed, dry.Counts, want, err)
			}
			i, err := b.ImportByID(t.Context(), b.book, b.putApplied(asBookkeeper, text))
			if err != nil || i.State != ImportDone || !maps.Equal(i.Counts, want) || i.Booked != dry.Booked || i.Ours != dry.Ours || i.SHA256 != dry.SHA256 || i.Bytes != dry.Bytes {
				t.Fatalf("seed %d: %+v, want %v, %v", seed, i, want, err)
			}
			b.forward(time.Minute)
		}
		if want := fmt.Sprintf(`"assets:receivable:channel:tiktok":"-%d.00"`, 9*len(seen)); !strings.Contains(b.state(), want) {
			t.Errorf("seed %d: %s, want %s", seed, b.state(), want)
		}
	}
}

// TestSameFileAtOnce sends one file over several connections at the same time: it is one import.
func TestSameFileAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	ids, fresh := map[int64]bool{}, 0
	for range 6 {
		group.Go(func() {
			i, isFresh, err := b.Import(t.Context(), b.book, asBookkeeper, strings.NewReader(settlement(1, 20)))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[i.ID] = true
			if isFresh {
				fresh++
			}
		})
	}
	group.Wait()
	list, err := b.Imports(t.Context(), b.book, 0, 10)
	if err != nil || len(ids) != 1 || fresh != 1 || len(list) != 1 {
		t.Errorf("%d imports, %d of them new, %d are kept, %v", len(ids), fresh, len(list), err)
	}
}

// TestImportedBefore imports what the book knows from events that were sent one by one, under the same references.
func TestImportedBefore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := commerce.ImportedSettlement{Statement: "ST-1", Transaction: "T-1", Role: "bookkeeper", Channel: "tiktok", Seller: "sel_us", Currency: "USD", Order: "1001",
		Settlement: "94.00", Amounts: []commerce.SettledAmount{{Field: "subtotal_before_discount", Amount: "100.00"}, {Field: "platform_commission", Amount: "-6.00"}}}
	if r := b.events.Post(t.Context(), b.book, commerce.Event{Type: "import.settlement_line", Reference: "import:tiktok:T-1", Data: &e}); r.Err != nil {
		t.Fatal(r.Err)
	}
	b.forward(time.Hour)
	b.wantImport(b.putApplied(asBookkeeper, settlement(1, 2)), "done 1 1 0 0 0 18800 18800")
	b.wantImport(b.putApplied(asBookkeeper, settlementHead+"T-1,ST-1,1001,USD,100.00,-7.00,,93.00,\n"), "done 0 0 0 0 1 9300 0")
}

// TestRefusedFiles refuses files as a whole and applies nothing of them.
func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	held := b.state()
	amazon := ImportOptions{Format: AmazonV2, Role: "bookkeeper", Seller: "sel_us"}
	short := amazonHeader + "99\t\t2.00\tUSD\t\t\t\t\t\t\t\t\t\n99\t\t\t\tOrder\t1\t\t\tItemPrice\tPrincipal\t1.00\t\t\n"
	for _, c := range []struct {
		o                  ImportOptions
		text, reason, says string
	}{
		{amazon, short, ReasonTotal, "a difference of 1.00"},
		{asBookkeeper, settlement(1, 300) + "T-301,ST-1,1,USD,\"1,00\",,,1.00,\n", ReasonFile, "Line 302: the amount in subtotal_before_discount"},
		{asBookkeeper, settlement(1, 2) + "T-2,ST-1,1,USD,10.00,-0.60,,9.40,\n", ReasonFile, "Line 4: the transaction stands in the file twice"},
		{asBookkeeper, "nonsense", ReasonFile, "the column transaction_id is missing"},
	} {
		id := b.putApplied(c.o, c.text)
		i, err := b.ImportByID(t.Context(), b.book, id)
		if err != nil || i.State != ImportRefused || i.Reason != c.reason || !strings.Contains(i.Detail, c.says) || len(i.Counts) != 0 {
			t.Errorf("%+v, %v, want %s", i, err, c.says)
		}
		if _, fresh, err := b.Import(t.Context(), b.book, c.o, strings.NewReader(c.text)); err != nil || !fresh {
			t.Errorf("a refused file is not looked at again: %v", err)
		}
		b.applyFiles(b.Service)
		if dry, _, err := b.DryRunImport(t.Context(), b.book, c.o, strings.NewReader(c.text)); err != nil || dry.State != ImportRefused || dry.Reason != c.reason || dry.Detail != i.Detail {
			t.Errorf("dry run: %+v, %v", dry, err)
		}
	}
	if got := b.state(); got != held {
		t.Errorf("a refused file changed %s to %s", held, got)
	}
	for _, o := range []ImportOptions{{}, {Format: "xls", Role: "platform", Seller: "s"}, {Format: CSV, Role: "owner", Seller: "s"}, {Format: CSV, Role: "platform"}, {Format: CSV, Role: "platform", Seller: "s", Agency: "a:b"}} {
		if _, _, err := b.Import(t.Context(), b.book, o, strings.NewReader("x")); fault.CodeOf(err) != ErrImportOptions.Code {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for name, from := range map[string]*brokenReader{"empty": {}, "broken off": {bytes: 3 << 20, err: context.Canceled}, "too long": {bytes: 65 << 20}} {
		if _, _, err := b.Import(t.Context(), b.book, asBookkeeper, from); err == nil || from.err != nil && err != from.err {
			t.Errorf("%s: %v", name, err)
		}
	}
	var left int
	if err := b.db.Pool.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM imports WHERE state = 'receiving') + (SELECT count(*) FROM import_parts WHERE octet_length(content) = 1048576)").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d remains of uploads that broke off, %v", left, err)
	}
}

// brokenReader gives so many bytes, and then its error or the end.
type brokenReader struct {
	bytes int
	err   error
}

// Read implements io.Reader.
func (r *brokenReader) Read(b []byte) (int, error) {
	if r.bytes <= 0 {
		if r.err != nil {
			return 0, r.err
		}
		return 0, io.EOF
	}
	n := min(len(b), r.bytes)
	r.bytes -= n
	return n, nil
}

// TestPlatformFiles parks a field that is not known in our own book too, and posts the other rows.
func TestPlatformFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	o := ImportOptions{Format: AmazonV2, Role: "platform", Seller: "sel_us", Processor: "main"}
	text := amazonHeader + "99\t\t90.00\tUSD\t\t\t\t\t\t\t\t\t\n99\t\t\t\tOrder\t1\t\t\tItemPrice\tPrincipal\t100.00\t2026-11-02\t\n" +
		"99\t\t\t\tOrder\t1\t\t\tItemFees\tCommission\t-15.00\t\t\n99\t\t\t\tOrder\t2\t\t\tItemFees\tMoonlight\t5.00\t\t\n99\t\t\t\tOrder\t3\t\t\tItemFees\tCommission\t0.00\t\t\n"
	dry, breaks, err := b.DryRunImport(t.Context(), b.book, o, strings.NewReader(text))
	if err != nil || len(breaks) != 1 || breaks[0].Reason != ReasonUnknownField || breaks[0].Row != 5 || dry.Counts[RowApplied] != 1 || dry.Booked != 8500 || dry.Stated != 9000 {
		t.Fatalf("%+v %+v %v", dry, breaks, err)
	}
	id := b.putApplied(o, text)
	b.wantImport(id, "done 1 0 1 1 0 9000 8500")
	for account, want := range map[string]string{"assets:processor:pending:main": "-100.00", "revenue:referral_fee": "15.00", "liabilities:seller:available:sel_us": "85.00"} {
		if !strings.Contains(b.state(), fmt.Sprintf("%q:%q", account, want)) {
			t.Errorf("%s is not %s: %s", account, want, b.state())
		}
	}
}

// TestKilledImports ends workers at random places and lets others read on. The seed is printed.
func TestKilledImports(t *testing.T) {
	t.Parallel()
	seed := *arrivalSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-arrival-seed=%d", seed)
	dice := rand.New(rand.NewPCG(seed, 8))
	b := newBench(t)
	for range 4 {
		b.newBook()
		id := b.put(asBookkeeper, settlement(1, 450)).ID // and the service that took it ends here
		for range 6 {
			ctx, kill := context.WithCancel(t.Context())
			after := dice.IntN(12)
			s := New(b.db.Pool, b.ledger, b.events, Options{Now: func() time.Time {
				if after--; after == 0 {
					kill()
				}
				return b.clock()
			}})
			_, _ = s.WorkImports(ctx) // whatever it comes to, it is dead
			kill()
			b.forward(lease)
		}
		b.applyFiles(b.replica())
		b.wantImport(id, "done 450 0 0 0 0 4230000 4230000")
		if !strings.Contains(b.state(), `"assets:receivable:channel:tiktok":"-42300.00"`) {
			t.Errorf("seed %d: %s", seed, b.state())
		}
	}
}

// TestTwoWorkers lets two services apply overlapping files at once, and one take over what another still holds.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.put(asBookkeeper, settlement(1, 300)).ID, b.put(asBookkeeper, settlement(150, 400)).ID
	var group sync.WaitGroup
	for range 2 {
		s := b.replica()
		group.Go(func() {
			for range 4 {
				if _, err := s.WorkImports(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	applied := 0
	for _, id := range []int64{one, two} {
		i, err := b.ImportByID(t.Context(), b.book, id)
		if err != nil || i.State != ImportDone || i.Booked != i.Ours || i.Counts[RowApplied]+i.Counts[RowRepeated] != i.Rows {
			t.Errorf("%+v, %v", i, err)
		}
		applied += i.Counts[RowApplied]
	}
	if applied != 400 || !strings.Contains(b.state(), `"assets:receivable:channel:tiktok":"-37600.00"`) {
		t.Errorf("%d rows were applied: %s", applied, b.state())
	}

	three := b.put(asBookkeeper, settlement(401, 410))
	slow := b.claimFile()
	if n, err := b.WorkImports(t.Context()); n != 0 || err != nil {
		t.Errorf("a claimed file was taken up: %d, %v", n, err)
	}
	b.forward(lease)
	b.applyFiles(b.replica())
	if err := slow.check(t.Context()); err != errTaken {
		t.Errorf("who lost the file notes something: %v", err)
	}
	b.wantImport(three.ID, "done 10 0 0 0 0 94000 94000")
}

// claimFile takes up the import that is due, as a worker does.
func (b *bench) claimFile() *importWork {
	b.t.Helper()
	_, i, err := b.store.claimImport(b.t.Context(), b.clock(), b.clock().Add(lease))
	if err != nil || i == nil {
		b.t.Fatal(i, err)
	}
	return &importWork{Service: b.Service, book: b.book, i: i, until: b.clock().Add(lease)}
}

// TestLateWorkers lets a worker end after it has recorded rows and before it could note them, and another come back late:
// the rows are this import's, and the late one notes nothing.
func TestLateWorkers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.put(asBookkeeper, settlement(1, 3)).ID
	b.forward(time.Second)
	late := b.claimFile()
	if err := late.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	var list []Settled
	if _, err := scan(strings.NewReader(settlement(1, 3)), late.i.Options.file(b.clock()), func(s *Settled) error {
		list = append(list, *s)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for n := range list[:2] {
		if r := b.events.Post(t.Context(), b.book, commerce.Event{Type: "import.settlement_line", Reference: list[n].Reference(), Data: &list[n].Event}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	b.forward(lease)
	other := b.claimFile()
	if err := late.applyBatch(t.Context(), list); !errors.Is(err, errTaken) {
		t.Errorf("who lost the file notes rows: %v", err)
	}
	b.wantImport(id, "applying 0 0 0 0 0 28200 0")
	if err := other.apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantImport(id, "done 3 0 0 0 0 28200 28200")
	if err := late.apply(t.Context()); err != errTaken {
		t.Errorf("who lost the file ends it: %v", err)
	}
}

// TestRowsOfTwoFiles lets two files post the same transaction before either has noted it: it is the first one's.
func TestRowsOfTwoFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var work []*importWork
	var rows [][]ImportRow
	for n := range 2 {
		b.put(asBookkeeper, settlement(1, 1+n))
		w := b.claimFile()
		if err := w.check(t.Context()); err != nil {
			t.Fatal(err)
		}
		var list []Settled
		if _, err := scan(strings.NewReader(settlement(1, 1+n)), w.i.Options.file(b.clock()), func(s *Settled) error {
			list = append(list, *s)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		judged, err := b.judgeRows(t.Context(), b.book, w.i, list, func(events []commerce.Event) ([]commerce.Result, error) {
			return b.events.PostBatch(t.Context(), b.book, events), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		work, rows = append(work, w), append(rows, judged)
	}
	for n, w := range work {
		if err := b.store.noteRows(t.Context(), b.book.ID, w.i, rows[n], b.clock().Add(lease)); err != nil {
			t.Fatal(err)
		}
	}
	b.wantImport(work[0].i.ID, "applying 1 0 0 0 0 9400 9400")
	b.wantImport(work[1].i.ID, "applying 1 1 0 0 0 18800 18800")
}

// TestClaims has many workers take up many files at once: each file goes to one of them.
func TestClaims(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const files = 30
	for n := range files {
		b.put(asBookkeeper, settlement(n, n))
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	claims := map[int64]int{}
	for range 6 {
		group.Go(func() {
			for range 2 * files { // a worker that finds all that is due held by others finds none
				_, i, err := b.store.claimImport(t.Context(), b.clock(), b.clock().Add(lease))
				if err != nil {
					t.Error(err)
				}
				if i == nil {
					continue
				}
				mu.Lock()
				claims[i.ID]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for id, n := range claims {
		if n != 1 {
			t.Errorf("import %d was taken up %d times", id, n)
		}
	}
	if len(claims) != files {
		t.Errorf("%d of %d files were taken up", len(claims), files)
	}
}

// TestDamagedFile refuses a file whose stored parts are not what was received.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.put(asBookkeeper, settlement(1, 2)).ID
	owner, err := pgx.Connect(t.Context(), b.db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(t.Context())
	if _, err := owner.Exec(t.Context(), "ALTER TABLE import_parts DISABLE TRIGGER kept; UPDATE import_parts SET content = convert_to(replace(convert_from(content, 'UTF8'), 'T-2', 'T-9'), 'UTF8')"); err != nil {
		t.Fatal(err)
	}
	b.applyFiles(b.Service)
	b.wantImport(id, "refuseddamaged 0 0 0 0 0 18800 0")
}

// TestImportsAreKept shows that the application cannot change a file that was received.
func TestImportsAreKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.putApplied(asBookkeeper, settlement(1, 1))
	for _, sql := range []string{
		"DELETE FROM imports", "DELETE FROM import_parts", "UPDATE import_parts SET content = 'x'", "DELETE FROM import_rows", "UPDATE import_rows SET amount = 1",
		"UPDATE import_identities SET row = 9", "DELETE FROM import_identities", "UPDATE imports SET options = '{}'",
		"UPDATE imports SET state = 'receiving', next_attempt = now()", "UPDATE imports SET sha256 = sha256('x')", "UPDATE imports SET bytes = 1",
		"INSERT INTO import_parts (book_id, import_id, part, content) SELECT book_id, id, 2, 'x' FROM imports",
	} {
		if _, err := b.db.Pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s was possible", sql)
		}
	}
}

// TestLargeDryRun shows that a dry run holds no more transactions than it may read.
func TestLargeDryRun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var text strings.Builder
	text.WriteString(amazonHeader + "99\t\t1.00\tUSD\t\t\t\t\t\t\t\t\t\n")
	for n := range 2 * maxDryRows {
		fmt.Fprintf(&text, "99\t\t\t\tOrder\t%d\t\t\tItemPrice\tPrincipal\t1.00\t\t\n", n)
	}
	o := asBookkeeper
	o.Format = AmazonV2
	dry, _, err := b.DryRunImport(t.Context(), b.book, o, strings.NewReader(text.String()))
	if err != nil || dry.State != ImportRefused || !strings.Contains(dry.Detail, "at most 20000") || dry.Bytes > int64(text.Len())*2/3 {
		t.Errorf("%s %s, %d of %d bytes read, %v", dry.State, dry.Detail, dry.Bytes, text.Len(), err)
	}
}
