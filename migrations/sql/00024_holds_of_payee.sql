-- The holds of a payee, also those that are over: a statement tells those that stood at its end.

-- +goose Up

CREATE INDEX payout_holds_of ON payout_holds (book_id, payee, placed_at, id);
