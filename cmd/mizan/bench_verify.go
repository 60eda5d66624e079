package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"mizan/ledger"
)

// Verification of what the benchmark has posted: by both implementations together, as it is meant, and by each alone.

// verifyResult is one verification of the benchmark's book.
type verifyResult struct {
	Method    string  `json:"method"`
	Entries   int64   `json:"entries"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"entries_per_second"`
	// CPU is the processor time of this process, in seconds; the database's is not in it.
	CPU float64 `json:"cpu_seconds"`
}

// verify verifies the book and fails if it is not sound.
func (b *bench) verify(ctx context.Context) error {
	for _, m := range []struct {
		name   string
		method ledger.VerifyMethod
	}{{"both", ledger.VerifyTwice}, {"replay", ledger.VerifyReplay}, {"database", ledger.VerifySQL}} {
		fmt.Fprintf(b.progress, "verifying: %s …\n", m.name)
		cpu, began := processCPU(), time.Now()
		report, err := b.ledger.Verify(ctx, b.book, ledger.VerifyOptions{Method: m.method})
		if err != nil {
			return err
		}
		took := time.Since(began).Seconds()
		if !report.Sound() || !report.Complete {
			return fmt.Errorf("the book is not sound: %d findings, such as %+v", report.FindingCount, report.Findings)
		}
		b.verified = append(b.verified, verifyResult{m.name, report.Entries, took, float64(report.Entries) / took, (processCPU() - cpu).Seconds()})
	}
	return nil
}

func printVerified(out io.Writer, results []verifyResult) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nverification by\tentries\tseconds\tentries/s\tCPU s\t")
	for _, r := range results {
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.0f\t%.1f\t\n", r.Method, r.Entries, r.Seconds, r.PerSecond, r.CPU)
	}
	return w.Flush()
}
