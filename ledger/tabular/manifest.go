package tabular

// The manifest: what was in a file when it was written. It travels beside the file, and whoever holds both can see that the
// file is whole.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"

	"mizan/ledger/money"
)

// manifestVersion is the version of the manifest's own form.
const manifestVersion = 1

// maxManifest bounds what is read as a manifest, in bytes.
const maxManifest = 4 << 20

// Document is the format of one JSON document with the rows of a table in it. Its owner writes it; here it has a manifest only.
const Document = Format("json")

// Total is what a column comes to in one currency.
type Total struct {
	Column   string         `json:"column"`
	Currency money.Currency `json:"currency"`
	// Amount is a decimal with the digits of the currency and may be larger than any single amount.
	Amount string `json:"amount"`
}

// Manifest is what can be said of a whole file.
type Manifest struct {
	// Version is that of the manifest's form.
	Version int    `json:"mizan_manifest"`
	Report  string `json:"report"`
	Schema  int    `json:"schema"`
	Format  Format `json:"format"`
	Book    string `json:"book"`
	Title   string `json:"title"`
	// Columns and Parameters are those of the header.
	Columns    []Column    `json:"columns"`
	Parameters []Parameter `json:"parameters"`
	// CSV is the dialect of a file in CSV, otherwise nil.
	CSV *Dialect `json:"csv,omitempty"`
	// Rows is the number of rows, without heading and trailer.
	Rows int64 `json:"rows"`
	// Totals are in the order of the columns, then of the currencies. A currency without an amount has none.
	Totals []Total `json:"totals"`
	// Bytes and SHA256, in hexadecimal, are of the whole file.
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// JSON returns the manifest as a file: the same manifest gives the same bytes.
func (m Manifest) JSON() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		panic(err) // texts and numbers always marshal
	}
	return b.Bytes()
}

// ReadManifest reads what JSON writes. It returns ErrManifest for anything else.
func ReadManifest(r io.Reader) (Manifest, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return Manifest{}, err
	}
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil || len(text) > maxManifest || m.Version != manifestVersion || m.Format != Document && !slices.Contains(Formats(), m.Format) ||
		m.Bytes < 1 || m.Rows < 0 || len(m.SHA256) != 2*sha256.Size || !bytes.Equal(bytes.TrimSpace(m.JSON()), bytes.TrimSpace(text)) {
		return Manifest{}, ErrManifest
	}
	return m, nil
}

// Check reports whether the file is, byte for byte, the one of the manifest. It reads no more than one byte beyond the size it
// expects.
//
// Errors: ErrCut if bytes are missing at the end, ErrChanged if there are more or others, or the error of the reader.
func Check(file io.Reader, m Manifest) error {
	digest := sha256.New()
	n, err := io.Copy(digest, io.LimitReader(file, m.Bytes+1))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case n < m.Bytes:
		return ErrCut.Withf("The file has %d bytes and was exported with %d: its end is missing. Do not use it: fetch or export it again.", n, m.Bytes)
	case n > m.Bytes:
		return ErrChanged.Withf("The file has more than the %d bytes that were exported. Do not use it: fetch or export it again.", m.Bytes)
	case hexOf(digest.Sum(nil)) != strings.ToLower(m.SHA256):
		return ErrChanged
	}
	return nil
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// tally counts rows and adds up amounts while they pass.
type tally struct {
	plan *plan
	rows int64
	sums map[sumKey]*big.Int
	unit big.Int
}

type sumKey struct {
	column   int
	currency string
}

func newTally(p *plan) *tally { return &tally{plan: p, sums: map[sumKey]*big.Int{}} }

func (t *tally) add(r Row) {
	t.rows++
	for i := range r {
		if r[i].kind != KindAmount || !t.plan.Columns[i].Sum {
			continue
		}
		key := sumKey{i, r[i].s}
		sum := t.sums[key]
		if sum == nil {
			sum = new(big.Int)
			t.sums[key] = sum
		}
		sum.Add(sum, t.unit.SetInt64(r[i].n))
	}
}

// totals returns the sums in order; never nil, so that it is a list in JSON.
func (t *tally) totals() []Total {
	keys := make([]sumKey, 0, len(t.sums))
	for key := range t.sums {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b sumKey) int {
		if a.column != b.column {
			return a.column - b.column
		}
		return strings.Compare(a.currency, b.currency)
	})
	totals := make([]Total, 0, len(keys))
	for _, key := range keys {
		c := money.Currency(key.currency)
		totals = append(totals, Total{t.plan.Columns[key.column].Name, c, formatUnits(t.sums[key], c)})
	}
	return totals
}

// formatUnits writes minor units, however many, as a decimal with the digits of the currency.
func formatUnits(units *big.Int, c money.Currency) string {
	digits, sign := units.String(), ""
	if units.Sign() < 0 {
		digits, sign = digits[1:], "-"
	}
	scale := c.Digits()
	if scale == 0 {
		return sign + digits
	}
	for len(digits) <= scale {
		digits = "0" + digits
	}
	return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}

// manifest sums up a file of so many bytes.
func (t *tally) manifest(f Format, size int64, digest []byte) Manifest {
	p := t.plan
	m := Manifest{Version: manifestVersion, Report: p.Report, Schema: p.Schema, Format: f, Book: p.Book, Title: p.Title,
		Columns: slices.Clone(p.Columns), Parameters: append([]Parameter{}, p.Parameters...), Rows: t.rows, Totals: t.totals(),
		Bytes: size, SHA256: hexOf(digest)}
	if f == CSV {
		dialect := p.CSV
		m.CSV = &dialect
	}
	return m
}

// ManifestOf is the manifest of a document that has the rows of the header's table in it.
func (h Header) ManifestOf(rows int64, totals []Total, size int64, digest []byte) Manifest {
	return Manifest{Version: manifestVersion, Report: h.Report, Schema: h.Schema, Format: Document, Book: h.Book, Title: h.Title,
		Columns: slices.Clone(h.Columns), Parameters: append([]Parameter{}, h.Parameters...), Rows: rows, Totals: append([]Total{}, totals...), Bytes: size, SHA256: hexOf(digest)}
}
