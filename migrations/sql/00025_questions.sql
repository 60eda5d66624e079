-- Questions of payees about what they were told: an order, a payout or a statement, or one of its lines. What was written is sealed
-- under the payee's own key of the vault, so erasing the payee makes it unreadable. What it was about, and how it stands, stays.

-- +goose Up

CREATE TABLE payee_questions (
    book_id     integer     NOT NULL REFERENCES books (id),
    id          text        COLLATE "C" NOT NULL CHECK (id ~ '^qu_[a-z0-9]{16}$'),
    payee       text        COLLATE "C" NOT NULL CHECK (payee ~ '^[A-Za-z0-9_.-]{1,64}$'),
    kind        text        COLLATE "C" NOT NULL CHECK (octet_length(kind) <= 32),
    reference   text        COLLATE "C" NOT NULL CHECK (reference ~ '^[A-Za-z0-9_.-]{1,64}$'),
    about       text        COLLATE "C" NOT NULL CHECK (about IN ('order', 'payout', 'statement')),
    about_id    text        COLLATE "C" NOT NULL CHECK (about_id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    line        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(line) <= 64),
    code        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(code) <= 64),
    currency    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (currency ~ '^([A-Z]{3})?$'),
    amount      bigint      NOT NULL,
    question    bytea       NOT NULL CHECK (octet_length(question) BETWEEN 29 AND 8192),
    asked_by    text        COLLATE "C" NOT NULL CHECK (octet_length(asked_by) BETWEEN 1 AND 160),
    asked_at    timestamptz NOT NULL CHECK (isfinite(asked_at)),
    state       text        COLLATE "C" NOT NULL CHECK (state IN ('open', 'answered', 'closed')),
    answer      bytea       CHECK (octet_length(answer) BETWEEN 29 AND 8192),
    answered_by text        COLLATE "C" CHECK (octet_length(answered_by) BETWEEN 1 AND 160),
    answered_at timestamptz CHECK (isfinite(answered_at) AND answered_at >= asked_at),
    closed_at   timestamptz CHECK (isfinite(closed_at) AND closed_at >= asked_at),
    CONSTRAINT payee_questions_pkey PRIMARY KEY (book_id, id),
    CONSTRAINT payee_questions_once UNIQUE (book_id, payee, reference),
    CONSTRAINT payee_questions_answered CHECK ((answer IS NULL) = (answered_at IS NULL) AND (answer IS NULL) = (answered_by IS NULL)),
    CONSTRAINT payee_questions_state CHECK ((state = 'closed') = (closed_at IS NOT NULL) AND (state <> 'open' OR answer IS NULL) AND (state <> 'answered' OR answer IS NOT NULL))
);
COMMENT ON COLUMN payee_questions.reference IS 'the asker''s own name for it, by which a second sending is known';
COMMENT ON COLUMN payee_questions.line IS 'of an order its transaction and the line in it, of a statement the entry and the line of it; empty for the whole';
COMMENT ON COLUMN payee_questions.code IS 'what the line is, such as commission; empty for the whole';
COMMENT ON COLUMN payee_questions.amount IS 'in minor units, as it was told when the question was asked';
COMMENT ON COLUMN payee_questions.question IS 'AES-256-GCM under the payee''s key of the vault, bound to the question''s id';
CREATE INDEX payee_questions_payee ON payee_questions (book_id, payee, asked_at, id);
CREATE INDEX payee_questions_state ON payee_questions (book_id, state, asked_at, id);
CREATE INDEX payee_questions_waiting ON payee_questions (book_id, payee, state) WHERE state <> 'closed';
CREATE INDEX payee_questions_about ON payee_questions (book_id, payee, about, about_id, asked_at);

-- +goose StatementBegin
-- A question is asked once, answered at most once and closed at most once; nothing else of it ever changes.
CREATE FUNCTION guard_payee_question() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state = 'closed' OR NEW.state = 'open' OR (OLD.state, NEW.state) = ('answered', 'answered')
       OR (NEW.book_id, NEW.id, NEW.payee, NEW.kind, NEW.reference, NEW.about, NEW.about_id, NEW.line, NEW.code, NEW.currency, NEW.amount, NEW.question, NEW.asked_by, NEW.asked_at)
          IS DISTINCT FROM (OLD.book_id, OLD.id, OLD.payee, OLD.kind, OLD.reference, OLD.about, OLD.about_id, OLD.line, OLD.code, OLD.currency, OLD.amount, OLD.question, OLD.asked_by, OLD.asked_at)
       OR (NEW.state = 'closed' OR OLD.state = 'answered')
          AND (NEW.answer, NEW.answered_by, NEW.answered_at) IS DISTINCT FROM (OLD.answer, OLD.answered_by, OLD.answered_at) THEN
        RAISE EXCEPTION 'a question is only answered and closed, once' USING ERRCODE = '42501', CONSTRAINT = 'payee_questions_forward';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER forward BEFORE UPDATE OR DELETE ON payee_questions FOR EACH ROW EXECUTE FUNCTION guard_payee_question();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payee_questions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE payee_questions ENABLE ALWAYS TRIGGER forward;
ALTER TABLE payee_questions ENABLE ALWAYS TRIGGER never_truncated;

REVOKE ALL ON payee_questions FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE (state, answer, answered_by, answered_at, closed_at) ON payee_questions TO mizan_app;
