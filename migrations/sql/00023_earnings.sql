-- Earnings over time: what payees earned, by day and, for each month, by live session, channel and product. The rows are sums of the
-- book's entries up to a transaction and can be made again from them; they decide nothing.

-- +goose Up

-- How far the sums of a book have come. Whoever moves it on does so in the transaction that adds to them, so that nothing counts twice.
CREATE TABLE earnings_cursors (
    book_id  integer NOT NULL REFERENCES books (id),
    version  integer NOT NULL CHECK (version > 0),
    sequence bigint  NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    rebuilding_to bigint NOT NULL CHECK (rebuilding_to >= 0),
    clearing boolean NOT NULL DEFAULT false,
    CONSTRAINT earnings_cursors_pkey PRIMARY KEY (book_id),
    CONSTRAINT earnings_cursors_cleared CHECK (NOT clearing OR sequence = 0)
) WITH (fillfactor = 20);
COMMENT ON COLUMN earnings_cursors.version IS 'the way in which transactions are told apart; a higher one begins anew';
COMMENT ON COLUMN earnings_cursors.sequence IS 'every transaction up to this one is in the sums, and none after it';
COMMENT ON COLUMN earnings_cursors.rebuilding_to IS 'the last transaction of the book when the sums began; below it they tell only a part of what was earned';
COMMENT ON COLUMN earnings_cursors.clearing IS 'the rows are being removed to be made again';

-- Amounts are in the payee's favour. The parts of a row sum to what moved on the payee's accounts.
CREATE TABLE earnings (
    book_id    integer  NOT NULL REFERENCES books (id),
    kind       text     COLLATE "C" NOT NULL CHECK (kind IN ('seller', 'creator', 'agency', 'partner', 'charity')),
    payee      text     COLLATE "C" NOT NULL CHECK (octet_length(payee) BETWEEN 1 AND 64),
    currency   text     COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    dimension  smallint NOT NULL CHECK (dimension BETWEEN 0 AND 3),
    day        date     NOT NULL CHECK (isfinite(day)),
    key        text     COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(key) <= 129),
    sales      bigint   NOT NULL CHECK (sales >= 0),
    returns    bigint   NOT NULL CHECK (returns >= 0),
    earned     bigint   NOT NULL,
    given_back bigint   NOT NULL,
    fees       bigint   NOT NULL,
    shared     bigint   NOT NULL,
    withheld   bigint   NOT NULL,
    adjusted   bigint   NOT NULL,
    paid       bigint   NOT NULL,
    CONSTRAINT earnings_pkey PRIMARY KEY (book_id, kind, payee, currency, dimension, day, key)
) WITH (fillfactor = 80);
COMMENT ON COLUMN earnings.dimension IS '0 by day, 1 by live session, 2 by channel, 3 by product';
COMMENT ON COLUMN earnings.day IS 'the local day in the book''s zone on which it happened; for dimensions other than days the first of the month';
COMMENT ON COLUMN earnings.key IS 'the live session, the channel or the product; empty for what has none, and for days';

REVOKE ALL ON earnings_cursors, earnings FROM PUBLIC;
GRANT SELECT, INSERT ON earnings_cursors, earnings TO mizan_app;
GRANT UPDATE (version, sequence, rebuilding_to, clearing) ON earnings_cursors TO mizan_app;
GRANT UPDATE (sales, returns, earned, given_back, fees, shared, withheld, adjusted, paid), DELETE ON earnings TO mizan_app;
