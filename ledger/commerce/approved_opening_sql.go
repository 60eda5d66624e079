package commerce

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
)

// The opening of a book as an act that waits for a second person: the two people who signed the document are named in it, and
// the two who let it happen are known.

func (x *approved) opening(ctx context.Context, b guard.Book, payload json.RawMessage) (book ledger.Book, d OpeningBatch, err error) {
	if book, err = x.book(ctx, b); err == nil {
		err = decodePayload(payload, &d)
	}
	return book, d, err
}

func (x *approved) openingEffect(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	book, d, err := x.opening(ctx, b, payload)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	if len(d.Orders) >= ledger.MaxTxSubmissions {
		return nil, guard.Effect{}, payloadWrong("/orders", "count", fmt.Sprintf("A document that two people agree to has at most %d orders. Send further ones in further documents.", ledger.MaxTxSubmissions-1))
	}
	kept, err := json.Marshal(d) // before anything else touches it
	if err != nil {
		return nil, guard.Effect{}, err
	}
	results, err := x.service.Open(ctx, book, &d, true)
	if err != nil {
		return nil, guard.Effect{}, payloadFaults(err)
	}
	if results[0].Replayed {
		return nil, guard.Effect{}, errNothingToApprove
	}
	summary := fmt.Sprintf("Opens the book %s with %d balances and %d open orders.", book.Code, len(d.Balances), len(d.Orders))
	effect, err := x.service.effectOf(summary, transactionsOf(results))
	return kept, effect, err
}

func (x *approved) open(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
	book, d, err := x.opening(postgres.Within(ctx, tx), a.Book, a.Payload)
	if err != nil {
		return nil, err
	}
	events, err := d.events()
	if err != nil {
		return nil, payloadFaults(err)
	}
	results, err := x.service.PostTx(ctx, tx, book, events)
	if err != nil {
		return nil, payloadFaults(inDocument(err))
	}
	return x.confirm(a, transactionsOf(results), results[0].Replayed)
}

// transactionsOf are the transactions of several events.
func transactionsOf(results []Result) (ts []ledger.Transaction) {
	for i := range results {
		ts = append(ts, results[i].Transactions...)
	}
	return ts
}
