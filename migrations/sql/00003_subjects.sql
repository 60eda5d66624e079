-- Where each subject's history begins and ends, so that "has anything happened to this order since?" is one probe and not
-- one per partition, of which a large book has hundreds.

-- +goose Up
CREATE TABLE subjects (
    book_id        integer NOT NULL,
    first_sequence bigint  NOT NULL CHECK (first_sequence > 0),
    last_sequence  bigint  NOT NULL CHECK (last_sequence >= first_sequence),
    subject        text    COLLATE "C" NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 129),
    CONSTRAINT subjects_pkey PRIMARY KEY (book_id, subject)
) WITH (fillfactor = 80);

-- The subjects say everything about the transactions up to this sequence. Services from before this table leave it behind;
-- the next ones look beyond it in the transactions and bring it up to the head, a part with each batch.
ALTER TABLE books ADD COLUMN subjects_through bigint NOT NULL DEFAULT 0 CHECK (subjects_through >= 0);

REVOKE ALL ON subjects FROM PUBLIC;
GRANT SELECT, INSERT ON subjects TO mizan_app;
GRANT UPDATE (first_sequence, last_sequence) ON subjects TO mizan_app;
GRANT UPDATE (subjects_through) ON books TO mizan_app;
