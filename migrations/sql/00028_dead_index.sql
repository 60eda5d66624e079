-- +goose NO TRANSACTION
-- No statement looks for questions by what they are about, so this index only makes asking dearer. It goes beside the work that goes on.
-- One that an interruption left half dropped is dropped again.

-- +goose Up

DROP INDEX CONCURRENTLY IF EXISTS payee_questions_about;
