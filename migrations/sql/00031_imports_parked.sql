-- +goose NO TRANSACTION
-- The health of a book counts the imports that have a parked row. Those rows are few, and lie among those of every file the book was
-- ever given. The index is made beside the work that goes on. One that an interruption left behind is made again.

-- +goose Up

DROP INDEX CONCURRENTLY IF EXISTS import_rows_parked;
CREATE INDEX CONCURRENTLY import_rows_parked ON import_rows (book_id, import_id) WHERE state = 'parked';
