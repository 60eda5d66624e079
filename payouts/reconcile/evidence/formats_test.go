package evidence_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mizan/payouts/reconcile/evidence"
)

// germanProfile reads testdata/german.csv.
const germanProfile = `{"name": "hausbank", "account": "DE02 1203 0000 0000 2020 51", "encoding": "windows-1252", "delimiter": ";", "skip_first": 3,
	"currency": "EUR", "dates": "DD.MM.YYYY", "decimal": ",", "grouping": ".", "proof": "running", "newest_first": true,
	"columns": {"booked": "Buchungstag", "value": "Wertstellung", "amount": "Betrag", "balance": "Saldo", "currency": "Währung",
	"text": ["Verwendungszweck", "Auftraggeber/Empfänger"]}}`

// americanProfile reads testdata/american.csv.
const americanProfile = `{"name": "first-bank", "account": "0975312468", "currency": "USD", "dates": "MM/DD/YYYY", "grouping": ",", "proof": "none",
	"columns": {"booked": "Date", "debit": "Debit", "credit": "Credit", "id": "Reference", "text": ["Description"]}}`

// profile reads a profile that is known to be good.
func profile(t testing.TB, document string) *evidence.Profile {
	t.Helper()
	p, err := evidence.ParseProfile([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// derived stands for an id that is a digest.
const derived = "derived"

// underived replaces the digests, of which a reader of this test learns nothing.
func underived(statements []evidence.Statement) {
	for i := range statements {
		for j := range statements[i].Lines {
			if l := &statements[i].Lines[j]; len(l.ID) == 37 && l.ID[:5] == "line-" {
				l.ID = derived
			}
		}
	}
}

// Each sample is what a bank would send; what is expected was read by eye.
func TestSamples(t *testing.T) {
	t.Parallel()
	d := on
	for _, c := range []struct {
		file    string
		format  evidence.Format
		profile string
		want    []evidence.Statement
	}{
		{"sepa-02.xml", evidence.CAMT053, "", []evidence.Statement{{ID: "0352C5320261120000001", Sequence: "130", Account: "DE02120300000000202051",
			Currency: "EUR", From: d(2026, 11, 20), Until: d(2026, 11, 20), Opening: 100000, Closing: 128691, Proved: true, Lines: []evidence.Line{
				{Row: 1, ID: "2026112001234567", Amount: 80000, Booked: d(2026, 11, 20), Value: d(2026, 11, 21), EndToEnd: "STRIPE-PO-77",
					Code: "PMNT/RCDT/ESCT", Text: "Auszahlung für November Stripe Technology Europe"},
				{Row: 2, ID: "2026112007654321", Amount: -50000, Booked: d(2026, 11, 20), Value: d(2026, 11, 20), Batch: "MZ-42", Code: "NTRF+191",
					Text: "Sammelüberweisung", Parts: []evidence.Part{{EndToEnd: "P-1", Amount: -19999, Text: "Ana"}, {Amount: -30001}}},
				{Row: 3, ID: derived, Amount: 250, Booked: d(2026, 11, 20), Value: d(2026, 11, 20), Code: "808", Text: "Storno Entgelt", Reversal: true},
				{Row: 4, ID: derived, Amount: -1559, Booked: d(2026, 11, 20), Value: d(2026, 11, 20), Code: "808"},
			}}}},
		{"pages-08.xml", evidence.CAMT053, "", []evidence.Statement{
			{ID: "S9", Sequence: "9/1", Account: "003-9001234", Currency: "SGD", From: d(2026, 11, 20), Until: d(2026, 11, 20), Opening: -1050, Closing: 8750,
				Proved: true, Lines: []evidence.Line{{Row: 1, ID: "B77", Amount: 9800, Booked: d(2026, 11, 20), Value: d(2026, 11, 20), EndToEnd: "E2E9",
					Trace: "eb6305c9-1f7f-49de-aed0-16487c27b42d", Code: "PMNT/RCDT/XBCT", Text: "RF18539007547034 Acme Pte",
					Parts: []evidence.Part{{EndToEnd: "E2E9", Amount: 10000, Text: "RF18539007547034 Acme Pte"}, {Amount: -200, Text: "charges"}}}}},
			{ID: "S9", Sequence: "9/2", Account: "003-9001234", Currency: "SGD", From: d(2026, 11, 20), Until: d(2026, 11, 20), Opening: 8750, Closing: 8050,
				Proved: true, Lines: []evidence.Line{{Row: 1, ID: derived, Amount: -700, Booked: d(2026, 11, 20), Value: d(2026, 11, 20)}}}}},
		{"german.sta", evidence.MT940, "", []evidence.Statement{
			{ID: "STARTUMSE 00000/001 2026-01-02", Sequence: "00000/001", Account: "12030000/0000202051", Currency: "EUR", From: d(2025, 12, 30),
				Until: d(2026, 1, 2), Opening: 100000, Closing: 149000, Proved: true, Lines: []evidence.Line{
					{Row: 5, ID: "2025123100001", Trace: "2025123100001", Amount: 80000, Booked: d(2025, 12, 31), Value: d(2025, 12, 31), EndToEnd: "STRIPE-PO-77",
						Batch: "BATCH-9", Code: "N051/166", Text: "Auszahlung Dezember STRIPE TECHNOLOGY EUROPE"},
					{Row: 9, ID: derived, Trace: "9", Amount: -1250, Booked: d(2025, 12, 31), Value: d(2026, 1, 2), EndToEnd: "KD-4711", Mandate: "M-1",
						Code: "NMSC/808", Text: "Kontof?hrung Entgelt"},
					{Row: 12, ID: derived, Amount: 250, Booked: d(2026, 1, 2), Value: d(2026, 1, 2), Code: "NCHG", Text: "Storno eines Entgelts", Reversal: true},
					{Row: 14, ID: derived, Trace: "9", Amount: -30000, Booked: d(2026, 1, 2), Value: d(2026, 1, 2), Code: "NTRF", Reversal: true}}},
			{ID: "STARTUMSE 00000/001 2026-01-03", Sequence: "00000/001", Account: "12030000/0000202051", Currency: "EUR", From: d(2026, 1, 2),
				Until: d(2026, 1, 3), Opening: 149000, Closing: 149000, Proved: true}}},
		{"slashes.sta", evidence.MT940, "", []evidence.Statement{
			{ID: "P261120000000001 325/1 2026-11-20", Sequence: "325/1", Account: "NL69INGB0123456789EUR", Currency: "EUR", From: d(2026, 11, 19),
				Until: d(2026, 11, 20), Opening: -6020, Closing: -6176, Proved: true, Lines: []evidence.Line{{Row: 6, ID: "00000000001005", Trace: "00000000001005",
					Amount: -156, Booked: d(2026, 11, 20), Value: d(2026, 11, 20), EndToEnd: "EV12341REP1231456T1234", Code: "NTRF",
					Text: "EV10001REP1000000T1000 /TRCD/00100/"}}},
			{ID: "P261120000000001 325/2 2026-11-20", Sequence: "325/2", Account: "NL69INGB0123456789EUR", Currency: "EUR", From: d(2026, 11, 20),
				Until: d(2026, 11, 20), Opening: -6176, Closing: 93824, Proved: true, Lines: []evidence.Line{{Row: 16, ID: "00000000001006", Trace: "00000000001006",
					Amount: 100000, Booked: d(2026, 11, 20), Value: d(2026, 11, 20), Mandate: "M1", Code: "NTRF", Text: "a/b test J. Jansen"}}}}},
		{"usd.bai", evidence.BAI2, "", []evidence.Statement{{ID: "122099999 2026-11-19", Account: "0975312468", Currency: "USD", From: d(2026, 11, 19),
			Until: d(2026, 11, 19), Opening: 500000, Closing: 686650, Proved: true, Lines: []evidence.Line{
				{Row: 5, ID: "BR-1", Trace: "BR-1", EndToEnd: "CR-1", Amount: 200000, Booked: d(2026, 11, 19), Value: d(2026, 11, 19), Code: "165",
					Text: "DEALER PAYMENTS, NOVEMBER AND MORE"},
				{Row: 7, ID: derived, Trace: "BR-2", Amount: 6650, Booked: d(2026, 11, 19), Value: d(2026, 11, 20), Code: "142"},
				{Row: 8, ID: derived, Trace: "BR-2", EndToEnd: "1001", Amount: -20000, Booked: d(2026, 11, 19), Value: d(2026, 11, 19), Code: "475", Text: "CHECK"},
			}}}},
		{"german.csv", evidence.CSV, germanProfile, []evidence.Statement{{ID: "hausbank/2026-11-18/2026-11-20", Account: "DE02120300000000202051", Currency: "EUR",
			From: d(2026, 11, 18), Until: d(2026, 11, 20), Opening: 100000, Closing: 149000, Proved: true, Lines: []evidence.Line{
				{Row: 7, ID: derived, Amount: -70000, Booked: d(2026, 11, 18), Value: d(2026, 11, 18), Text: "P-1 Ana"},
				{Row: 6, ID: derived, Amount: 120000, Booked: d(2026, 11, 19), Value: d(2026, 11, 20), Text: `PO-77; November Stripe "Tech"`},
				{Row: 5, ID: derived, Amount: -1000, Booked: d(2026, 11, 20), Value: d(2026, 11, 20), Text: "Entgelt"}}}}},
		{"american.csv", evidence.CSV, americanProfile, []evidence.Statement{{ID: "first-bank/2026-11-18/2026-11-20", Account: "0975312468", Currency: "USD",
			From: d(2026, 11, 18), Until: d(2026, 11, 20), Lines: []evidence.Line{
				{Row: 2, ID: "ABC", Amount: 123450, Booked: d(2026, 11, 18), Value: d(2026, 11, 18), Text: "STRIPE TRANSFER"},
				{Row: 3, ID: derived, Amount: -20000, Booked: d(2026, 11, 19), Value: d(2026, 11, 19), Text: "CHECK 1001"},
				{Row: 4, ID: derived, Amount: -20000, Booked: d(2026, 11, 19), Value: d(2026, 11, 19), Text: "CHECK 1001"},
				{Row: 5, ID: derived, Amount: -50, Booked: d(2026, 11, 20), Value: d(2026, 11, 20), Text: "FEE"}}}}},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			var p *evidence.Profile
			if c.profile != "" {
				p = profile(t, c.profile)
			}
			got, err := evidence.Read(c.format, p, sample(t, c.file))
			if err != nil {
				t.Fatal(err)
			}
			sound(t, got, err)
			underived(got)
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("want (-) and got (+) differ:\n%s", diff)
			}
		})
	}
}

// TestEuroSign: a file in ISO 8859-15, as banks of the euro write, says what it says.
func TestEuroSign(t *testing.T) {
	t.Parallel()
	file := bytes.Replace(sample(t, "sepa-02.xml"), []byte("ISO-8859-1"), []byte("ISO-8859-15"), 1)
	file = bytes.Replace(file, []byte("Storno Entgelt"), []byte("Storno 2,50 \xa4 \xa6"), 1)
	got, err := evidence.Read(evidence.CAMT053, nil, file)
	if err != nil || got[0].Lines[2].Text != "Storno 2,50 € Š" {
		t.Errorf("%+v, %v", got, err)
	}
}
