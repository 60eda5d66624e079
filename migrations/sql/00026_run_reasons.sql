-- Why a payout run does not pay: how many payees each reason stands against, added up as the run is planned, and what was said
-- by whoever refused a run.

-- +goose Up

CREATE TABLE payout_run_reasons (
    book_id  integer NOT NULL,
    run_id   text    COLLATE "C" NOT NULL,
    currency text    COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reason   text    COLLATE "C" NOT NULL CHECK (reason ~ '^[a-z][a-z-]{0,63}$'),
    payees      bigint NOT NULL CHECK (payees >= 0),
    named_first bigint NOT NULL CHECK (named_first BETWEEN 0 AND payees),
    amount      bigint NOT NULL CHECK (amount >= 0),
    CONSTRAINT payout_run_reasons_pkey PRIMARY KEY (book_id, run_id, currency, reason),
    CONSTRAINT payout_run_reasons_of FOREIGN KEY (book_id, run_id) REFERENCES payout_runs (book_id, id)
) WITH (fillfactor = 50);
COMMENT ON COLUMN payout_run_reasons.payees IS 'decisions not to pay that name the reason; one that names several counts under each';
COMMENT ON COLUMN payout_run_reasons.named_first IS 'those of them that name it first; of a run that was counted whole, they add up to the decisions not to pay';
COMMENT ON COLUMN payout_run_reasons.amount IS 'what of these payees'' money could have been paid at most, in minor units';

-- No row is read under this lock: what the constraints say of the rows that are there is checked later, beside the work that goes on.
ALTER TABLE payout_runs
    ADD COLUMN refused_by text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN refusal    text NOT NULL DEFAULT '',
    ADD CONSTRAINT payout_runs_refused_by CHECK (octet_length(refused_by) <= 128) NOT VALID,
    ADD CONSTRAINT payout_runs_refusal CHECK (octet_length(refusal) <= 2000) NOT VALID;
COMMENT ON COLUMN payout_runs.refused_by IS 'who refused the run; empty for a run that was not refused';
COMMENT ON COLUMN payout_runs.refusal IS 'why, in the words of whoever refused it';

-- +goose StatementBegin
-- A run goes one way: planned, then done, or released or refused by a person. What it decided is counted while it is planned, and
-- what was said when it was refused stays.
CREATE OR REPLACE FUNCTION guard_payout_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'runs are kept for ever' USING ERRCODE = '42501', CONSTRAINT = 'payout_runs_kept';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
           (OLD.state = 'planning' AND NEW.state IN ('waiting', 'done'))
        OR (OLD.state = 'waiting' AND NEW.state IN ('released', 'refused'))) THEN
        RAISE EXCEPTION 'run % does not go from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = '42501', CONSTRAINT = 'payout_runs_forward';
    END IF;
    IF (OLD.state <> 'planning' AND (NEW.decided, NEW.paid, NEW.skipped, NEW.needs) IS DISTINCT FROM (OLD.decided, OLD.paid, OLD.skipped, OLD.needs))
       OR NEW.paid < OLD.paid OR NEW.skipped < OLD.skipped
       OR (OLD.planned_at IS NOT NULL AND NEW.planned_at IS DISTINCT FROM OLD.planned_at)
       OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
       OR (OLD.approval <> '' AND NEW.approval <> OLD.approval)
       OR ((NEW.refused_by, NEW.refusal) IS DISTINCT FROM (OLD.refused_by, OLD.refusal) AND (OLD.state, NEW.state) IS DISTINCT FROM ('waiting', 'refused')) THEN
        RAISE EXCEPTION 'what happened to run % stays', OLD.id USING ERRCODE = '42501', CONSTRAINT = 'payout_runs_settled';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

REVOKE ALL ON payout_run_reasons FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE (payees, named_first, amount) ON payout_run_reasons TO mizan_app;
GRANT UPDATE (refused_by, refusal) ON payout_runs TO mizan_app;
