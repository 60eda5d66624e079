package api

import (
	"encoding/hex"
	"net/http"
	"reflect"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
)

// Verification: the book recomputed from its rows, a bounded part with each request.

const (
	// verifyTransactions and verifyTime bound the part that one request verifies.
	verifyTransactions = 20_000
	verifyTime         = 3 * time.Second
)

type verificationQuery struct {
	FromSequence int64  `json:"from_sequence,omitempty" minimum:"1" default:"1" doc:"The transaction to begin with; what lies before it is trusted"`
	Digest       string `json:"digest,omitempty" pattern:"^[0-9a-f]{64}$" doc:"The digest of the checkpoint right before from_sequence: the answer's checkpoint then continues it"`
}

type findingJSON struct {
	Invariant string `json:"invariant" doc:"The rule that is broken" example:"I3"`
	Sequence  *int64 `json:"sequence" doc:"The transaction it was found at; null if it is not about one" example:"42"`
	Account   string `json:"account,omitempty" example:"liabilities:seller:available:sel_uk"`
	Currency  string `json:"currency,omitempty" example:"GBP"`
	What      string `json:"what" doc:"What was found, for people" example:"The stored balance is not the sum of the account's entries."`
}

type checkpointJSON struct {
	Sequence int64  `json:"sequence" example:"42"`
	Digest   string `json:"digest" doc:"SHA-256 over everything recorded up to the transaction, in hexadecimal" example:"0c9a5f0b1dd0f1ea6cbd1b2ab0e0a9a6b8f7d50d3b4b0e6e4c1ad8f6d5f3a2b1"`
}

type verificationJSON struct {
	Book            string          `json:"book" example:"uk"`
	Sound           bool            `json:"sound" doc:"Whether nothing was found"`
	FirstBad        *int64          `json:"first_bad_sequence" doc:"The first transaction that something was found at" example:"42"`
	FromSequence    int64           `json:"from_sequence" example:"1"`
	ThroughSequence int64           `json:"through_sequence" doc:"The last transaction verified; one less than from_sequence if there was none" example:"42"`
	NextSequence    *int64          `json:"next_sequence" doc:"Send it as from_sequence to go on, with the checkpoint's digest; null once the book's head was reached"`
	Complete        bool            `json:"complete" doc:"Whether balances, totals and rows that belong to no transaction were verified too: only with the book's head, and in books of at most 20,000 transactions and accounts. mizan verify has no such bound."`
	Transactions    int64           `json:"transactions"`
	Entries         int64           `json:"entries"`
	Accounts        int64           `json:"accounts"`
	References      int64           `json:"references"`
	FindingCount    int64           `json:"finding_count"`
	Findings        []findingJSON   `json:"findings" nullable:"false" maxItems:"100" doc:"At most 100, those of the lowest sequences first"`
	Checkpoint      *checkpointJSON `json:"checkpoint,omitempty" nullable:"false" doc:"Keep it outside of the database: a later verification that does not come to it shows that history was rewritten. Absent if it began in the middle without a digest."`
}

func verificationOperations() []Operation {
	return []Operation{{
		Method: http.MethodGet, Path: "/v1/books/{book}/verification", ID: "verify-book", Group: "Balances", Summary: "Verify a book",
		Description: "Recomputes the book from its rows, by a replay and by the database, and compares. A request verifies at most 20,000 transactions and says where to go on.",
		Scope:       access.TransactionsRead, Query: reflect.TypeFor[verificationQuery](),
		Answers: []Answer{{Status: 200, Meaning: "What was found; a book that is not sound is a finding and no error.", Body: reflect.TypeFor[verificationJSON]()}},
		Errors:  []*fault.Error{ledger.ErrInvalid, ledger.ErrSequenceAhead, ledger.ErrVerifyBehind, ErrOverloaded}, handle: getVerification,
	}}
}

func getVerification(c *call) (reply, error) {
	options := ledger.VerifyOptions{MaxTransactions: verifyTransactions, MaxDuration: verifyTime}
	options.After.Sequence = c.query.integer("from_sequence", 1, 1<<62, 1) - 1
	digest := c.query.hash("digest")
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	copy(options.After.Digest[:], digest)
	select {
	case c.service.verifying <- struct{}{}:
		defer func() { <-c.service.verifying }()
	default:
		return reply{}, ErrOverloaded.With("Another verification is under way. Ask again in a moment.")
	}
	r, err := c.service.ledger.Verify(c.ctx, c.book, options)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, verificationOf(r))
}

func verificationOf(r ledger.VerifyReport) verificationJSON {
	known := func(n int64) *int64 {
		if n == 0 {
			return nil
		}
		return &n
	}
	out := verificationJSON{
		Book: r.Book, Sound: r.Sound(), FirstBad: known(r.FirstBad()), FromSequence: r.From, ThroughSequence: r.Through, NextSequence: known(r.Next),
		Complete: r.Complete, Transactions: r.Transactions, Entries: r.Entries, Accounts: r.Accounts, References: r.References,
		FindingCount: r.FindingCount, Findings: make([]findingJSON, len(r.Findings)),
	}
	for i, f := range r.Findings {
		out.Findings[i] = findingJSON{string(f.Invariant), known(f.Sequence), string(f.Account), string(f.Currency), f.What}
	}
	if r.Checkpoint != (ledger.VerifyCheckpoint{}) {
		out.Checkpoint = &checkpointJSON{r.Checkpoint.Sequence, hex.EncodeToString(r.Checkpoint.Digest[:])}
	}
	return out
}
