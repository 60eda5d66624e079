package evidence_test

import (
	"reflect"
	"testing"

	"mizan/payouts/reconcile/evidence"
)

// fuzz reads whatever comes, twice: it is refused with a code or is sound, and always the same.
func fuzz(f *testing.F, format evidence.Format, p *evidence.Profile, seeds ...[]byte) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := evidence.Read(format, p, content)
		sound(t, got, err)
		again, other := evidence.Read(format, p, content)
		if !reflect.DeepEqual(got, again) || (err == nil) != (other == nil) || err != nil && err.Error() != other.Error() {
			t.Fatal("the second reading differs from the first")
		}
		if err != nil || format == evidence.CSV {
			return
		}
		// What was read can be written as an ISO statement that says the same amounts.
		content, err = evidence.Render(evidence.CAMT053, got)
		if err != nil {
			t.Fatal(err)
		}
		if again, err = evidence.Read(evidence.CAMT053, nil, content); err != nil {
			return // ids and numbers of pages are freer in other formats
		}
		for i := range got {
			if got[i].Opening != again[i].Opening || got[i].Closing != again[i].Closing || len(got[i].Lines) != len(again[i].Lines) {
				t.Fatal("what was read and written again says something else")
			}
		}
	})
}

func FuzzReadCamt(f *testing.F) {
	fuzz(f, evidence.CAMT053, nil, sample(f, "sepa-02.xml"), sample(f, "pages-08.xml"))
}

func FuzzReadMT940(f *testing.F) {
	fuzz(f, evidence.MT940, nil, sample(f, "german.sta"), sample(f, "slashes.sta"))
}

func FuzzReadBAI2(f *testing.F) {
	fuzz(f, evidence.BAI2, nil, sample(f, "usd.bai"))
}

func FuzzReadCSV(f *testing.F) {
	fuzz(f, evidence.CSV, profile(f, germanProfile), sample(f, "german.csv"))
}

// FuzzReadCSVLoose reads with a profile under which nearly everything is a row.
func FuzzReadCSVLoose(f *testing.F) {
	p := small()
	p.NoHeader, p.Currency, p.Account = true, "", ""
	p.Columns = evidence.Columns{Booked: "1", Amount: "2", Currency: "3", Account: "4", Text: []string{"5"}, ID: "5"}
	fuzz(f, evidence.CSV, p, []byte("2026-11-20,1.00,EUR,A,x\n2026-11-20,-1.00,USD,A,x\n"))
}

func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(germanProfile), sample(f, "german.csv"))
	f.Add([]byte(americanProfile), sample(f, "american.csv"))
	f.Fuzz(func(t *testing.T, document, content []byte) {
		p, err := evidence.ParseProfile(document)
		if (p == nil) == (err == nil) {
			t.Fatal("neither a profile nor an error, or both")
		}
		if err == nil {
			got, err := evidence.Read(evidence.CSV, p, content)
			sound(t, got, err)
		}
	})
}
