package reconcile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// A run is made again from what it rested on. If evidence, an entry, an item or the run itself was changed since, it does not come
// to the same bytes.

// ErrRunChanged means that a run does not come to the same when it is made again.
var ErrRunChanged = fault.New(fault.Conflict, "recon-run-changed", "The run does not come to the same when it is made again: its evidence, the ledger or the run itself was changed since. Compare both documents and find out who did it.")

// ReplayResult says what a run comes to when it is made again.
type ReplayResult struct {
	Run Run
	// Digest is what it comes to now, and Same whether that and everything else is as it was recorded.
	Digest []byte
	Same   bool
	// Receipts is how many takings of evidence the run rests on, whose bytes were hashed again.
	Receipts int64
	// Differs names what is not as it was recorded: evidence (the bytes as they were taken), receipts, inputs, summary, digest, sums
	// or counts.
	Differs []string
}

// Replay makes a run again and compares. A difference is no error of Replay; see Same.
//
// Errors: ErrRunUnknown, ErrBusy.
func (s *Service) Replay(ctx context.Context, book ledger.Book, id string) (ReplayResult, error) {
	result, _, err := s.inTurn(ctx, book, id)
	return result, err
}

// Document writes a run as canonical JSON, whose SHA-256 is the run's digest. It is made again for it, and written when that is over.
//
// Errors: ErrRunUnknown, ErrBusy, ErrRunChanged if it does not come to the same; then nothing is written.
func (s *Service) Document(ctx context.Context, book ledger.Book, id string, w io.Writer) error {
	gone, err := take(s.leaving)
	if err != nil {
		return err
	}
	defer gone()
	result, out, err := s.inTurn(ctx, book, id)
	if err != nil {
		return err
	}
	if !result.Same {
		return ErrRunChanged
	}
	return out.document(w)
}

// inTurn makes a run again when nobody else has one made.
func (s *Service) inTurn(ctx context.Context, book ledger.Book, id string) (ReplayResult, *outcome, error) {
	end, err := s.Begin()
	if err != nil {
		return ReplayResult{}, nil, err
	}
	defer end()
	return s.again(ctx, book, id)
}

func (s *Service) again(ctx context.Context, book ledger.Book, id string) (ReplayResult, *outcome, error) {
	run, err := s.Run(ctx, book, id)
	if err != nil {
		return ReplayResult{}, nil, err
	}
	result := ReplayResult{Run: run}
	var in inputs
	if err := json.Unmarshal(run.Inputs, &in); err != nil || in.Rules.Document == nil || !in.of(run) {
		result.Differs = []string{"inputs"}
		return result, nil, nil
	}
	evidence := true
	receipts, err := s.receiptsOf(ctx, book, in, func(r receiptInput) error {
		same, err := s.isContent(ctx, book, in.Source.ID, r)
		evidence = evidence && same
		result.Receipts++
		return err
	})
	if err != nil {
		return ReplayResult{}, nil, err
	}
	if !evidence {
		result.Differs = append(result.Differs, "evidence")
	}
	if receipts.SHA256 != in.Receipts.SHA256 {
		result.Differs = append(result.Differs, "receipts")
	}
	out, err := s.computeAgain(ctx, book, &in)
	if errors.Is(err, ErrRunUneven) {
		result.Differs = append(result.Differs, "sums")
		return result, nil, nil
	}
	if err != nil {
		return ReplayResult{}, nil, err
	}
	result.Digest = out.digest
	for _, part := range []struct {
		name string
		same bool
	}{
		{"inputs", bytes.Equal(out.inputsJSON, run.Inputs)},
		{"summary", bytes.Equal(out.summaryJSON, run.Summary)},
		{"digest", bytes.Equal(out.digest, run.Digest)},
		{"counts", out.matched == run.Matched && int64(len(out.open)) == run.OpenItems && int64(len(out.findings)) == run.Found},
	} {
		if !part.same {
			result.Differs = append(result.Differs, part.name)
		}
	}
	result.Same = len(result.Differs) == 0
	return result, out, nil
}

// computeAgain makes a run again from its inputs, by its match.
func (s *Service) computeAgain(ctx context.Context, book ledger.Book, in *inputs) (*outcome, error) {
	in.again = true
	switch in.Match {
	case R3:
		return s.computeInside(ctx, book, in, nil)
	case R4:
		return s.computeChannel(ctx, book, in)
	}
	return s.compute(ctx, book, in, nil, sliceLines)
}

// of reports whether inputs are those of the run that they stand in.
func (in inputs) of(r Run) bool {
	return in.Match == r.Match && in.Source.ID == r.Source && in.Number == r.Number && in.CutOff.Equal(r.CutOff) &&
		in.Lines == span{r.FromLine, r.ToLine} && in.Entries == span{r.FromSequence, r.ToSequence} && in.Settings == r.Settings && in.Rules.Version == r.Rules
}
