package reconcile

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"mizan/ledger/commerce/intake"
	"mizan/ledger/money"
)

const channelHead = "transaction_id,statement_id,order_id,currency,subtotal_before_discount,platform_commission,moon_fee,settlement_amount,statement_time\n"

// channelHouse is a house with settlements of a channel.
type channelHouse struct {
	*breakHouse
	files   *intake.Service
	options intake.ImportOptions
}

func newChannelHouse(t *testing.T, options intake.ImportOptions) *channelHouse {
	t.Helper()
	h := &channelHouse{breakHouse: newBreakHouse(t), options: options}
	h.clock.advance(30 * 24 * time.Hour)
	h.files = intake.New(h.db.Pool, h.books, h.record, intake.Options{Now: h.clock.now})
	_, err := h.SetSource(t.Context(), breaksAnn, h.book, KindChannel, options.Channel, Settings{})
	h.ok(err)
	return h
}

// settle sends a file and has it applied.
func (h *channelHouse) settle(text string) int64 {
	h.Helper()
	i, _, err := h.files.Import(h.Context(), h.book, h.options, strings.NewReader(text))
	h.ok(err)
	h.apply()
	return i.ID
}

func (h *channelHouse) apply() {
	h.Helper()
	for {
		n, err := h.files.WorkImports(h.Context())
		h.ok(err)
		if n == 0 {
			return
		}
	}
}

// expect runs R4, replays it, and compares the breaks that are open: by check, with class and amount.
func (h *channelHouse) expect(want map[string]string) Run {
	h.Helper()
	run, err := h.CompareChannel(h.Context(), breaksTurn, h.book, h.options.Channel)
	h.ok(err)
	again, err := h.Replay(h.Context(), h.book, run.ID)
	h.ok(err)
	if !again.Same {
		h.Fatalf("run %d of R4 is not the same again: %v", run.Number, again.Differs)
	}
	have := map[string]string{}
	for id, b := range h.breaksOf(R4) {
		have[id] = fmt.Sprintf("%s %s", b.Class, b.Amount.Format(b.Currency))
	}
	if !maps.Equal(have, want) {
		h.Fatalf("differences %v\ninstead of %v", have, want)
	}
	return run
}

func tiktokRows(from, to int) string {
	var b strings.Builder
	b.WriteString(channelHead)
	for n := from; n <= to; n++ {
		fmt.Fprintf(&b, "T-%d,ST-1,%d,USD,100.00,-6.00,,94.00,2026-11-01\n", n, 1000+n)
	}
	return b.String()
}

// Settlements that are in the books have no differences, whoever's book it is; a file twice and a row twice are none either.
func TestChannelInOrder(t *testing.T) {
	t.Parallel()
	for _, o := range []intake.ImportOptions{
		{Format: intake.TikTok, Role: "bookkeeper", Seller: "s1", Channel: "tiktok"},
		{Format: intake.TikTok, Role: "platform", Seller: "s1", Channel: "tiktok", Processor: "main"},
		{Format: intake.TikTok, Role: "attribution", Seller: "s1", Channel: "tiktok"},
		{Format: intake.CSV, Role: "bookkeeper", Seller: "s1", Channel: "own"},
		{Format: intake.AmazonV2, Role: "bookkeeper", Seller: "s1", Channel: "amazon-v2"},
	} {
		t.Run(string(o.Format)+" "+o.Role, func(t *testing.T) {
			t.Parallel()
			h := newChannelHouse(t, o)
			h.expect(map[string]string{})
			one, two := tiktokRows(1, 30), tiktokRows(20, 40)
			if o.Format == intake.AmazonV2 {
				one, two = amazonRows(1, 3), amazonRows(2, 3)
			}
			id := h.settle(one)
			if n := h.count(`SELECT count(*) FROM import_rows WHERE book_id = $1 AND import_id = $2 AND state = 'applied'`, h.book.ID, id); n == 0 {
				i, err := h.files.ImportByID(t.Context(), h.book, id)
				t.Fatalf("nothing of the file was applied: %+v %v", i, err)
			}
			h.expect(map[string]string{})
			h.settle(two)
			h.settle(one)
			h.expect(map[string]string{})
		})
	}
}

// amazonRows is a settlement report of Amazon, with its total in the first row.
func amazonRows(from, to int) string {
	head := []string{"settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date", "total-amount", "currency", "transaction-type", "order-id",
		"merchant-order-id", "adjustment-id", "shipment-id", "marketplace-name", "amount-type", "amount-description", "amount", "fulfillment-id", "posted-date",
		"posted-date-time", "order-item-code", "merchant-order-item-id", "merchant-adjustment-item-id", "sku", "quantity-purchased", "promotion-id"}
	var b strings.Builder
	b.WriteString(strings.Join(head, "\t") + "\n")
	row := func(values map[string]string) {
		fields := make([]string, len(head))
		for i, name := range head {
			fields[i] = values[name]
		}
		b.WriteString(strings.Join(fields, "\t") + "\n")
	}
	id := fmt.Sprintf("1%d%d", from, to)
	row(map[string]string{"settlement-id": id, "settlement-start-date": "2026-11-01 00:00:00 UTC", "settlement-end-date": "2026-11-14 00:00:00 UTC",
		"deposit-date": "2026-11-16 00:00:00 UTC", "total-amount": fmt.Sprintf("%d.00", (to-from+1)*17), "currency": "USD"})
	for n := from; n <= to; n++ {
		base := map[string]string{"settlement-id": id, "transaction-type": "Order", "order-id": fmt.Sprintf("112-000000%d-0000000", n), "marketplace-name": "Amazon.com",
			"fulfillment-id": "AFN", "posted-date": "2026-11-03", "posted-date-time": "2026-11-03 10:00:00 UTC", "order-item-code": fmt.Sprint("9", n), "sku": "sku", "quantity-purchased": "1"}
		for _, part := range [][3]string{{"ItemPrice", "Principal", "20.00"}, {"ItemFees", "Commission", "-3.00"}} {
			values := maps.Clone(base)
			values["amount-type"], values["amount-description"], values["amount"] = part[0], part[1], part[2]
			row(values)
		}
	}
	return b.String()
}

// Each thing that is not in order is found by its row, in its class, with its amount, and is gone when it is mended.
func TestChannelFaults(t *testing.T) {
	t.Parallel()
	o := intake.ImportOptions{Format: intake.TikTok, Role: "bookkeeper", Seller: "s1", Channel: "tiktok"}
	h := newChannelHouse(t, o)
	id := h.settle(tiktokRows(1, 10))
	h.expect(map[string]string{})

	mixed := h.settle(channelHead + "T-1,ST-1,1001,USD,100.00,-7.00,,93.00,2026-11-01\nT-300,ST-1,1,USD,10.00,-0.60,-0.40,9.00,\n" +
		"T-301,ST-1,1,USD,10.00,-0.60,,9.00,\nT-304,ST-1,1,USD,10.00,-0.60,,9.40,\n")
	found := map[string]string{
		fmt.Sprintf("row_changed:%d:2:T-1:USD", mixed):         "amount_differs -1.00",
		fmt.Sprintf("row_unknown_field:%d:3:T-300:USD", mixed): "unknown_field 9.00",
		fmt.Sprintf("row_parked:%d:4:T-301:USD", mixed):        "missing_in_ledger 9.00",
	}
	h.expect(found)
	h.expect(found) // a run looks again at what was open

	// What is in the books and in no file: somebody posted it, or the file is late.
	h.booked("import.settlement_line", "settled:tiktok.T-50", "USD", "assets:receivable:channel:tiktok", 94_00, "liabilities:seller:available:s1", -94_00)
	h.booked("import.settlement_line", "settled:elsewhere.T-51", "USD", "assets:receivable:channel:elsewhere", 1_00, "liabilities:seller:available:s1", -1_00)
	found["not_in_settlement:settled:tiktok.T-50:USD"] = "timing -94.00"
	h.expect(found)
	h.clock.advance(32 * 24 * time.Hour)
	found["not_in_settlement:settled:tiktok.T-50:USD"] = "missing_at_processor -94.00"
	found["channel_unpaid:assets:receivable:channel:tiktok:USD"] = "missing_at_bank -1043.40"
	h.expect(found)

	// The channel pays all but one cent: what is left is of the newest.
	h.booked("test.paid", "", "USD", "assets:bank:operating:main PAID", 1043_39, "assets:receivable:channel:tiktok", -1043_39)
	found["channel_unpaid:assets:receivable:channel:tiktok:USD"] = "missing_at_bank -0.01"
	h.expect(found)

	// A row that counts as applied and has no transaction, or one of another amount.
	h.behind(`UPDATE import_rows SET amount = amount + 5 WHERE book_id = $1 AND import_id = $2 AND identity = 'T-2'`, h.book.ID, id)
	h.behind(`UPDATE import_rows SET reference = 'gone' WHERE book_id = $1 AND import_id = $2 AND identity = 'T-3'`, h.book.ID, id)
	in := inputs{Match: R4, CutOff: h.now(), Source: sourceInput{ID: 3, Name: "tiktok"}}
	source, err := h.Source(t.Context(), h.book, KindChannel, "tiktok")
	h.ok(err)
	in.Source.ID, in.Lines.To = source.ID, id
	h.ok(h.placeOf(t.Context(), h.book, &in))
	in.Entries.From = in.Entries.To
	f := &facts{}
	h.ok(h.readChannel(t.Context(), h.book, &in, inputs{}, f))
	list, err := bounded(f.list, nil)
	h.ok(err)
	got, err := judge(list, checksOfChannels, situation{Match: R4, Kind: KindChannel, Rules: Shipped(), CutOff: h.now(), Zone: h.book.Location()})
	h.ok(err)
	var told []string
	for _, y := range got {
		told = append(told, fmt.Sprintf("%s %s %s", y.Identity, y.Class, y.Amount.Format(y.Currency)))
	}
	want := []string{fmt.Sprintf("row_amount:%d:3:T-2:USD amount_differs 0.05", id), fmt.Sprintf("row_not_posted:%d:4:T-3:USD missing_in_ledger 94.00", id)}
	if fmt.Sprint(told) != fmt.Sprint(want) {
		t.Fatalf("%v instead of %v", told, want)
	}
}

// A total that is not that of the rows is found, until a whole file of the same settlement comes; one of another settlement is none.
func TestChannelTotal(t *testing.T) {
	t.Parallel()
	h := newChannelHouse(t, intake.ImportOptions{Format: intake.AmazonV2, Role: "bookkeeper", Seller: "s1", Channel: "amazon-v2"})
	bad := h.settle(withoutLast(amazonRows(1, 3)))
	open := map[string]string{fmt.Sprintf("file_total:%d:USD", bad): "amount_differs -3.00"}
	h.expect(open)
	h.settle(amazonRows(4, 5))
	h.expect(open)
	h.expect(open)
	h.settle(amazonRows(1, 3))
	h.expect(map[string]string{})
	// A file that somebody changes shows when a run is made again.
	h.settle(amazonRows(6, 7))
	run := h.expect(map[string]string{})
	h.behind(`UPDATE imports SET sha256 = decode(repeat('ab', 32), 'hex') WHERE book_id = $1 AND id = (SELECT max(id) FROM imports)`, h.book.ID)
	again, err := h.Replay(t.Context(), h.book, run.ID)
	h.ok(err)
	if again.Same {
		t.Fatal("a changed file does not show")
	}
}

// A settlement that was cut off between two rows reads as a whole one: another that comes to the same rows and says less makes up for
// none of what it does not have.
func TestChannelTotalOfLess(t *testing.T) {
	t.Parallel()
	h := newChannelHouse(t, intake.ImportOptions{Format: intake.AmazonV2, Role: "bookkeeper", Seller: "s1", Channel: "amazon-v2"})
	cut := h.settle(withoutLast(withoutLast(amazonRows(1, 3))))
	open := map[string]string{fmt.Sprintf("file_total:%d:USD", cut): "amount_differs 17.00"}
	h.expect(open)
	h.settle(strings.ReplaceAll(amazonRows(1, 2), "\n112\t", "\n113\t"))
	if n := h.count(`SELECT count(*) FROM import_identities WHERE book_id = $1`, h.book.ID); n != 2 {
		t.Fatalf("%d transactions came in", n)
	}
	h.expect(open)
}

// withoutLast is a file that is cut off before its last row.
func withoutLast(text string) string {
	return text[:strings.LastIndexByte(strings.TrimSuffix(text, "\n"), '\n')+1]
}

// readingFile is a file that is read slowly: when its first line was read, something happens.
type readingFile struct {
	*strings.Reader
	first string
	then  func()
}

func (r *readingFile) Read(b []byte) (int, error) {
	if r.first != "" {
		n := copy(b, r.first)
		r.first = r.first[n:]
		return n, nil
	}
	if r.then != nil {
		r.then()
		r.then = nil
	}
	return r.Reader.Read(b)
}

// A file that is being received, or is not applied yet, is a difference until it is: no run passes it over, also not one that ran meanwhile.
func TestChannelNotApplied(t *testing.T) {
	t.Parallel()
	h := newChannelHouse(t, intake.ImportOptions{Format: intake.TikTok, Role: "bookkeeper", Seller: "s1", Channel: "tiktok"})
	var waits map[string]string
	file := &readingFile{Reader: strings.NewReader(strings.TrimPrefix(tiktokRows(1, 3), channelHead) + "T-9,ST-1,9,USD,100.00,-6.00,,93.00,2026-11-01\n"), first: channelHead, then: func() {
		id := h.count(`SELECT max(id) FROM imports WHERE book_id = $1 AND state = 'receiving'`, h.book.ID)
		waits = map[string]string{fmt.Sprintf("file_not_applied:%d:EUR", id): "evidence_incomplete 0.00"}
		h.expect(waits)
	}}
	i, _, err := h.files.Import(t.Context(), h.book, h.options, file)
	h.ok(err)
	h.expect(waits)
	h.apply()
	h.expect(map[string]string{fmt.Sprintf("row_parked:%d:5:T-9:USD", i.ID): "missing_in_ledger 93.00"})

	// One that got its number before the run and was there after it.
	late := h.count(`SELECT max(id) + 1 FROM imports`)
	if _, _, err := h.files.Import(t.Context(), h.book, h.options, iotest.ErrReader(errTurnGone)); !errors.Is(err, errTurnGone) {
		t.Fatal(err)
	}
	h.settle(tiktokRows(10, 11))
	before := map[string]string{fmt.Sprintf("row_parked:%d:5:T-9:USD", i.ID): "missing_in_ledger 93.00"}
	h.expect(before)
	h.behind(`INSERT INTO imports (book_id, id, options, recorded_at, state, next_attempt) OVERRIDING SYSTEM VALUE
		SELECT book_id, $2, options, $3, 'receiving', $3 FROM imports WHERE book_id = $1 ORDER BY id LIMIT 1`, h.book.ID, late, h.now())
	before[fmt.Sprintf("file_not_applied:%d:EUR", late)] = "evidence_incomplete 0.00"
	h.expect(before)
}

// A file that cannot be read is a difference, whatever other file comes, until one brings everything that is in it, or two people say
// that it is dealt with; the same holds of a row of which the channel says something else.
func TestChannelRefused(t *testing.T) {
	t.Parallel()
	h := newChannelHouse(t, intake.ImportOptions{Format: intake.TikTok, Role: "platform", Seller: "s1", Channel: "tiktok", Processor: "main"})
	broken := strings.Replace(tiktokRows(1, 5), "T-4,ST-1,1004,USD,100.00", "T-4,ST-1,1004,USD,1oo.00", 1)
	bad := h.settle(broken)
	nothing := h.settle("transaction_id,what\nT-1,2\n")
	open := map[string]string{fmt.Sprintf("file_refused:%d:USD", bad): "evidence_incomplete 0.00", fmt.Sprintf("file_refused:%d:EUR", nothing): "evidence_incomplete 0.00"}
	h.expect(open)
	h.settle(tiktokRows(20, 22))
	h.expect(open)
	h.settle(tiktokRows(1, 3))
	h.expect(open) // what came before the row that cannot be read is not all
	h.settle(tiktokRows(1, 4))
	h.expect(open)
	h.settle(tiktokRows(5, 5))
	delete(open, fmt.Sprintf("file_refused:%d:USD", bad))
	h.expect(open)
	h.settle(channelHead + "T-1,ST-1,1001,USD,100.00,-7.00,,93.00,2026-11-01\n")
	changed := ""
	for id, b := range h.expectAlso(open, "amount_differs -1.00") {
		changed = id
		if !strings.Contains(b.Detail, "the seller s1, liabilities:seller:available:s1") || b.Right != "import:tiktok:T-1" {
			t.Errorf("on whom it falls: %+v", b)
		}
	}
	told := h.booked("test.told", "", "USD", "assets:bank:operating:main m", 1_00, "liabilities:seller:available:s1", -1_00)
	for id, b := range h.breaksOf(R4) {
		fix := fixPayload{Break: b.ID, NothingToPost: true}
		if id == changed {
			fix = fixPayload{Break: b.ID, Transaction: told.Transactions[0].ID()}
		}
		h.agreed(ActFix, fix)
	}
	h.expect(map[string]string{})
	h.expect(map[string]string{})
	if ended := h.count(`SELECT count(*) FROM recon_breaks WHERE book_id = $1 AND state = 'fixed'`, h.book.ID); ended != 2 || changed == "" {
		t.Errorf("%d are ended by people", ended)
	}
}

// A file that breaks off, that was damaged, or that was for another role or seller is made up for by none.
func TestChannelRefusedStays(t *testing.T) {
	t.Parallel()
	h := newChannelHouse(t, intake.ImportOptions{Format: intake.TikTok, Role: "attribution", Seller: "s1", Channel: "tiktok"})
	wrong := strings.Replace(tiktokRows(1, 3), "T-2,ST-1,1002,USD,100.00", "T-2,ST-1,1002,USD,1oo.00", 1)
	open := map[string]string{}
	refused := func(text string) {
		t.Helper()
		open[fmt.Sprintf("file_refused:%d:USD", h.settle(text))] = "evidence_incomplete 0.00"
	}
	refused(tiktokRows(1, 3) + "T-4,ST-1,4,USD,\"100.00\n" + strings.TrimPrefix(tiktokRows(5, 6), channelHead)) // a quote that takes in the rest
	refused(tiktokRows(1, 3) + "T-4,ST-1\n")
	refused(tiktokRows(1, 3) + "T 4,ST-1,1004,USD,100.00,-6.00,,94.00,2026-11-01\n")
	refused(tiktokRows(1, 3) + "T-1,ST-1,\"1\nT-4\",USD,100.00,-6.00,,94.00,2026-11-01\n")
	h.options.Role = "bookkeeper"
	refused(wrong)
	h.options.Seller = "s2"
	h.options.Role = "attribution"
	refused(wrong)
	h.options.Seller = "s1"
	refused(wrong)
	damaged := h.count(`SELECT max(id) FROM imports WHERE book_id = $1`, h.book.ID)
	h.behind(`UPDATE imports SET reason = 'damaged' WHERE book_id = $1 AND id = $2`, h.book.ID, damaged)
	h.expect(open)
	h.settle(tiktokRows(1, 3))
	h.expect(open)
	h.behind(`UPDATE imports SET reason = 'file-invalid' WHERE book_id = $1 AND id = $2`, h.book.ID, damaged)
	delete(open, fmt.Sprintf("file_refused:%d:USD", damaged))
	h.expect(open)
}

// Of a file that was read before, only what was open is read again: not the rows that were in order, however many a row beside them is
// open for. A row that was open and is applied since is held against its posting as any other.
func TestChannelReadsAgain(t *testing.T) {
	t.Parallel()
	for _, parked := range []int{1, 160} { // as many as a run lists, and more
		t.Run(fmt.Sprint(parked), func(t *testing.T) {
			t.Parallel()
			h := newChannelHouse(t, intake.ImportOptions{Format: intake.TikTok, Role: "bookkeeper", Seller: "s1", Channel: "tiktok"})
			text := tiktokRows(1, 5)
			for n := range parked {
				text += fmt.Sprintf("T-%d,ST-1,1,USD,10.00,-0.60,,9.00,\n", 300+n)
			}
			id := h.settle(text)
			all := func() map[string]Break {
				_, err := h.CompareChannel(t.Context(), breaksTurn, h.book, "tiktok")
				h.ok(err)
				return h.breaksOf(R4)
			}
			before := all()
			if len(before) != min(parked, mostFacts)+parked/(mostFacts+1) {
				t.Fatalf("%d differences", len(before))
			}
			h.behind(`UPDATE import_rows SET amount = amount + 5 WHERE book_id = $1 AND import_id = $2 AND identity = 'T-2'`, h.book.ID, id)
			if again := all(); !maps.EqualFunc(again, before, func(a, b Break) bool { return a.Amount == b.Amount && a.Class == b.Class }) {
				t.Errorf("rows that were in order are read again: %v", again)
			}
			// People have the rows tried again, and they count as applied: those that were listed, and those that were not.
			h.behind(`UPDATE imports SET tries = 2 WHERE book_id = $1 AND id = $2`, h.book.ID, id)
			h.behind(`UPDATE import_rows SET state = 'applied', reference = 'gone', tried = 2 WHERE book_id = $1 AND import_id = $2 AND state = 'parked'`, h.book.ID, id)
			again := all()
			if len(again) != len(before) {
				t.Errorf("%d differences", len(again))
			}
			var sum money.Minor
			for identity, b := range again {
				if sum += b.Amount; !strings.HasPrefix(identity, "row_not_posted:") {
					t.Errorf("%s is left", identity)
				}
			}
			if sum != money.Minor(parked)*900 {
				t.Errorf("they come to %d", sum)
			}
		})
	}
}

// A row whose difference people ended is held against its posting when it was tried again after all, though nothing of the file was open,
// and only then is the file read again.
func TestEndedRowsTriedAgain(t *testing.T) {
	t.Parallel()
	h := newChannelHouse(t, intake.ImportOptions{Format: intake.TikTok, Role: "bookkeeper", Seller: "s1", Channel: "tiktok"})
	id := h.settle(tiktokRows(1, 5) + "T-300,ST-1,1,USD,10.00,-0.60,,9.00,\n")
	h.expect(map[string]string{fmt.Sprintf("row_parked:%d:7:T-300:USD", id): "missing_in_ledger 9.00"})
	for _, b := range h.breaksOf(R4) {
		h.agreed(ActFix, fixPayload{Break: b.ID, NothingToPost: true})
	}
	for range 4 {
		h.clock.advance(lateFilesTime + time.Minute)
		h.expect(map[string]string{})
	}
	read := `SELECT count(*) FROM recon_runs r WHERE book_id = $1 AND match = $2 AND r.inputs::jsonb -> 'files' IS NOT NULL`
	files := h.count(read, h.book.ID, R4)
	h.expect(map[string]string{})
	if now := h.count(read, h.book.ID, R4); now != files {
		t.Error("the file is read for nothing")
	}
	h.behind(`UPDATE imports SET tries = 2 WHERE book_id = $1 AND id = $2`, h.book.ID, id)
	h.behind(`UPDATE import_rows SET state = 'applied', reference = 'gone', tried = 2 WHERE book_id = $1 AND import_id = $2 AND state = 'parked'`, h.book.ID, id)
	h.expect(map[string]string{fmt.Sprintf("row_not_posted:%d:7:T-300:USD", id): "missing_in_ledger 9.00"})
}

// expectAlso runs R4 and returns the breaks that are open beside those that are known, all of which are as told.
func (h *channelHouse) expectAlso(known map[string]string, told string) map[string]Break {
	h.Helper()
	_, err := h.CompareChannel(h.Context(), breaksTurn, h.book, h.options.Channel)
	h.ok(err)
	all := h.breaksOf(R4)
	maps.DeleteFunc(all, func(id string, _ Break) bool { return known[id] != "" })
	for id, b := range all {
		if is := fmt.Sprintf("%s %s", b.Class, b.Amount.Format(b.Currency)); is != told {
			h.Errorf("%s is %s and not %s", id, is, told)
		}
	}
	if len(all) == 0 {
		h.Error("nothing else is open")
	}
	return all
}

// A channel whose settlements are imported is reconciled though nobody set its source up.
func TestChannelSetUpByItself(t *testing.T) {
	t.Parallel()
	h := newChannelHouse(t, intake.ImportOptions{Format: intake.TikTok, Role: "bookkeeper", Seller: "s1", Channel: "tiktok"})
	h.options.Channel = "other"
	id := h.settle(channelHead + "T-301,ST-1,1,USD,10.00,-0.60,,9.00,\n")
	turn := h.turnHere()
	report, err := h.RoundChannels(t.Context(), turn)
	h.ok(err)
	h.expect(map[string]string{fmt.Sprintf("row_parked:%d:2:T-301:USD", id): "missing_in_ledger 9.00"})
	if !strings.Contains(report.Text, "other: ") || !strings.Contains(report.Text, "1 differences") {
		t.Errorf("the round: %s", report.Text)
	}
	sources, err := h.Sources(t.Context(), h.book)
	h.ok(err)
	_, err = h.RoundChannels(t.Context(), turn)
	h.ok(err)
	if again, err := h.Sources(t.Context(), h.book); err != nil || len(again) != len(sources) {
		t.Errorf("%d sources and then %d: %v", len(sources), len(again), err)
	}
}
