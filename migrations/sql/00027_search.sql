-- +goose NO TRANSACTION
-- Support searches a payout and a bank's line by what a bank statement names: the trace, or what arrived at the payee's account. The
-- indexes are made beside the work that goes on. One that an interruption left behind is made again.

-- +goose Up

DROP INDEX CONCURRENTLY IF EXISTS payouts_trace;
CREATE INDEX CONCURRENTLY payouts_trace ON payouts (book_id, trace) WHERE trace <> '';
DROP INDEX CONCURRENTLY IF EXISTS payouts_arrived_as;
CREATE INDEX CONCURRENTLY payouts_arrived_as ON payouts (book_id, arrived) WHERE arrived <> '';
DROP INDEX CONCURRENTLY IF EXISTS evidence_lines_trace;
CREATE INDEX CONCURRENTLY evidence_lines_trace ON evidence_lines (book_id, source_id, trace) WHERE trace <> '';
