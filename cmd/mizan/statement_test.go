package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"mizan/api/client"
	"mizan/ledger/tabular"
)

// TestStatementIsItsManifests: a file is done only if it is the one that its manifest is of.
func TestStatementIsItsManifests(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("the file"))
	text := tabular.Manifest{Version: 1, Format: tabular.CSV, Bytes: 8, SHA256: hex.EncodeToString(sum[:])}.JSON()
	for content, want := range map[string]error{"the file": nil, "another": errStatementBytes} {
		var b bytes.Buffer
		err := writeAsManifest(&b, string(text), func(to io.Writer) error { _, err := io.WriteString(to, content); return err })
		if !errors.Is(err, want) || b.String() != content {
			t.Errorf("%s: %v, want %v", content, err, want)
		}
	}
}

// TestStatementFigures prints all figures of a statement, also what is on its way.
func TestStatementFigures(t *testing.T) {
	t.Parallel()
	paid := "7.00"
	var b bytes.Buffer
	st := client.PayeeStatement{ID: "st_1", Currency: "GBP", Headlines: client.StatementHeadlines{Estimated: "1.00", Settled: "2.00", OnHold: "3.00", InTransit: "4.00", Paid: &paid}}
	if err := writeStatement(&b, st, nil, false); err != nil {
		t.Fatal(err)
	}
	for _, figure := range []string{"estimated", "1.00 GBP", "settled", "2.00 GBP", "on hold", "3.00 GBP", "in transit", "4.00 GBP", "paid", "7.00 GBP"} {
		if !strings.Contains(b.String(), figure) {
			t.Errorf("%s is missing in\n%s", figure, b.String())
		}
	}
}
