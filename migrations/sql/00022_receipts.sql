-- Public receipts: a random id for what somebody gave or bought, by which anybody who was given it can look where the money
-- went. The id is all that a receipt is; what it shows is read from the books each time.

-- +goose Up
CREATE TABLE receipts (
    book_id integer     NOT NULL REFERENCES books (id),
    subject text        COLLATE "C" NOT NULL CHECK (subject ~ '^(donation|gift|order):[A-Za-z0-9_.-]{1,64}$'),
    id      text        COLLATE "C" NOT NULL CHECK (id ~ '^[a-z2-7]{26}$'),
    made_at timestamptz NOT NULL CHECK (isfinite(made_at)),
    CONSTRAINT receipts_pkey PRIMARY KEY (book_id, subject),
    CONSTRAINT receipts_id_key UNIQUE (book_id, id)
);
COMMENT ON COLUMN receipts.id IS '130 random bits: it cannot be guessed, and says nothing about its subject';
SELECT guard_table('receipts', '');

-- Up to which transaction the donations of a book were given receipts.
CREATE TABLE receipt_heads (
    book_id  integer NOT NULL REFERENCES books (id),
    sequence bigint  NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    CONSTRAINT receipt_heads_pkey PRIMARY KEY (book_id)
) WITH (fillfactor = 20);

-- +goose StatementBegin
CREATE FUNCTION guard_receipt_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.book_id <> OLD.book_id OR NEW.sequence < OLD.sequence THEN
        RAISE EXCEPTION 'what was given receipts stays so' USING ERRCODE = '42501', CONSTRAINT = 'receipt_heads_forward';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON receipt_heads FOR EACH ROW EXECUTE FUNCTION guard_receipt_head();
ALTER TABLE receipt_heads ENABLE ALWAYS TRIGGER moves_on;

REVOKE ALL ON FUNCTION guard_receipt_head() FROM PUBLIC;
REVOKE ALL ON receipts, receipt_heads FROM PUBLIC;
GRANT SELECT, INSERT ON receipts, receipt_heads TO mizan_app;
GRANT UPDATE (sequence) ON receipt_heads TO mizan_app;
