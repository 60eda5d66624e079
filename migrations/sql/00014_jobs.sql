-- Jobs: when each has run, and what came of it. book_id 0 stands for the installation, which is no book; so there is no
-- foreign key to books here.

-- +goose Up

-- A line is one job in one book. Its row is the lock under which periods are planned, claimed and asked for again.
CREATE TABLE job_lines (
    kind          text        COLLATE "C" NOT NULL CHECK (kind ~ '^[a-z][a-z0-9]*([_-][a-z0-9]+)*$' AND octet_length(kind) <= 48),
    book_id       integer     NOT NULL CHECK (book_id >= 0),
    since         timestamptz NOT NULL CHECK (isfinite(since)),
    planned_until timestamptz NOT NULL CHECK (isfinite(planned_until) AND planned_until >= since),
    fence         bigint      NOT NULL DEFAULT 0 CHECK (fence >= 0),
    offered_until timestamptz NOT NULL DEFAULT '-infinity',
    CONSTRAINT job_lines_pkey PRIMARY KEY (kind, book_id)
) WITH (fillfactor = 50);
COMMENT ON COLUMN job_lines.since IS 'when the job was first seen in the book: no period before it was ever due';
COMMENT ON COLUMN job_lines.planned_until IS 'the last period that was planned; every one up to it is in job_periods or was';
COMMENT ON COLUMN job_lines.fence IS 'the last that was given out: whoever holds a lower one was replaced';
COMMENT ON COLUMN job_lines.offered_until IS 'until when a worker that was told of the line has time to take it up, by the clock of the database';

CREATE TABLE job_periods (
    kind         text        COLLATE "C" NOT NULL,
    book_id      integer     NOT NULL,
    period       timestamptz NOT NULL CHECK (isfinite(period)),
    ends_at      timestamptz NOT NULL CHECK (ends_at > period),
    state        text        COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'parked')),
    planned_at   timestamptz NOT NULL CHECK (isfinite(planned_at)),
    extra        boolean     NOT NULL DEFAULT false,
    fence        bigint      NOT NULL DEFAULT 0 CHECK (fence >= 0),
    attempts     integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt timestamptz NOT NULL,
    claimed_by   text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(claimed_by) <= 64),
    lease_until  timestamptz,
    started_at   timestamptz,
    finished_at  timestamptz,
    outcome      text        NOT NULL DEFAULT '' CHECK (octet_length(outcome) <= 1000),
    items        bigint      NOT NULL DEFAULT 0 CHECK (items >= 0),
    error_code   text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(error_code) <= 64),
    CONSTRAINT job_periods_pkey PRIMARY KEY (kind, book_id, period),
    CONSTRAINT job_periods_line FOREIGN KEY (kind, book_id) REFERENCES job_lines (kind, book_id),
    CONSTRAINT job_periods_leased CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CONSTRAINT job_periods_held CHECK (state <> 'running' OR (claimed_by <> '' AND started_at IS NOT NULL AND fence > 0)),
    CONSTRAINT job_periods_finished CHECK (state NOT IN ('done', 'parked') OR finished_at IS NOT NULL)
) WITH (fillfactor = 80);
COMMENT ON COLUMN job_periods.period IS 'when it became due; it lasts until ends_at, when the next becomes due';
COMMENT ON COLUMN job_periods.extra IS 'somebody asked for it beside the schedule';
COMMENT ON COLUMN job_periods.lease_until IS 'by the clock of the database: after it, another process may take the period over';
-- Two periods of one job and book never run at the same time, whatever the programs do.
CREATE UNIQUE INDEX job_periods_running ON job_periods (kind, book_id) WHERE state = 'running';
CREATE INDEX job_periods_open ON job_periods (kind, book_id, state, period) WHERE state IN ('waiting', 'running');
-- What people read: all, of a job, of a book, and what is not done.
CREATE INDEX job_periods_listed ON job_periods (period, kind, book_id);
CREATE INDEX job_periods_of_job ON job_periods (kind, period, book_id);
CREATE INDEX job_periods_of_book ON job_periods (book_id, period, kind);
CREATE INDEX job_periods_parked ON job_periods (period, kind, book_id) WHERE state = 'parked';
CREATE INDEX job_periods_unfinished ON job_periods (period, kind, book_id) WHERE state IN ('waiting', 'running');

-- Each attempt, by the fence under which it was made.
CREATE TABLE job_attempts (
    kind        text        COLLATE "C" NOT NULL,
    book_id     integer     NOT NULL,
    period      timestamptz NOT NULL,
    fence       bigint      NOT NULL CHECK (fence > 0),
    attempt     integer     NOT NULL CHECK (attempt > 0),
    claimed_by  text        COLLATE "C" NOT NULL CHECK (octet_length(claimed_by) BETWEEN 1 AND 64),
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    ending      text        COLLATE "C" NOT NULL DEFAULT '' CHECK (ending IN ('', 'done', 'failed', 'released', 'lost')),
    outcome     text        NOT NULL DEFAULT '' CHECK (octet_length(outcome) <= 1000),
    items       bigint      NOT NULL DEFAULT 0 CHECK (items >= 0),
    error_code  text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(error_code) <= 64),
    CONSTRAINT job_attempts_pkey PRIMARY KEY (kind, book_id, period, fence),
    CONSTRAINT job_attempts_of FOREIGN KEY (kind, book_id, period) REFERENCES job_periods (kind, book_id, period) ON DELETE CASCADE,
    CONSTRAINT job_attempts_ended CHECK ((ending = '') = (ended_at IS NULL))
);

-- +goose StatementBegin
-- Planning never goes back and a fence never falls, whoever writes to the table: a period that has run would run again, and
-- a holder who was replaced would write.
CREATE FUNCTION guard_job_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.kind <> OLD.kind OR NEW.book_id <> OLD.book_id OR NEW.since <> OLD.since
       OR NEW.planned_until < OLD.planned_until OR NEW.fence < OLD.fence THEN
        RAISE EXCEPTION 'the line of a job only moves on' USING ERRCODE = '42501', CONSTRAINT = 'job_lines_forward';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION guard_job_period() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    planned timestamptz;
BEGIN
    IF TG_OP = 'DELETE' THEN
        SELECT l.planned_until INTO planned FROM job_lines l WHERE l.kind = OLD.kind AND l.book_id = OLD.book_id;
        IF OLD.state NOT IN ('done', 'parked') OR OLD.period > planned THEN
            RAISE EXCEPTION 'a period is kept until it is over' USING ERRCODE = '42501', CONSTRAINT = 'job_periods_kept';
        END IF;
        RETURN OLD;
    END IF;
    IF NEW.kind <> OLD.kind OR NEW.book_id <> OLD.book_id OR NEW.period <> OLD.period OR NEW.fence < OLD.fence
       OR (NEW.state = 'running' AND OLD.state <> 'running' AND NEW.fence = OLD.fence)
       OR (NEW.claimed_by <> OLD.claimed_by AND NEW.state = 'running' AND NEW.fence = OLD.fence)
       OR (NEW.state = 'running' AND OLD.state IN ('done', 'parked')) THEN
        RAISE EXCEPTION 'whoever takes a period takes a fence above the last' USING ERRCODE = '42501', CONSTRAINT = 'job_periods_fenced';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON job_lines FOR EACH ROW EXECUTE FUNCTION guard_job_line();
CREATE TRIGGER fenced BEFORE UPDATE OR DELETE ON job_periods FOR EACH ROW EXECUTE FUNCTION guard_job_period();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON job_lines FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON job_periods FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE job_lines ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE job_lines ENABLE ALWAYS TRIGGER never_truncated;
ALTER TABLE job_periods ENABLE ALWAYS TRIGGER fenced;
ALTER TABLE job_periods ENABLE ALWAYS TRIGGER never_truncated;

REVOKE ALL ON job_lines, job_periods, job_attempts FROM PUBLIC;
GRANT SELECT, INSERT ON job_lines, job_periods, job_attempts TO mizan_app;
GRANT UPDATE (planned_until, fence, offered_until) ON job_lines TO mizan_app;
GRANT UPDATE (state, fence, attempts, next_attempt, claimed_by, lease_until, started_at, finished_at, outcome, items, error_code) ON job_periods TO mizan_app;
GRANT UPDATE (ended_at, ending, outcome, items, error_code) ON job_attempts TO mizan_app;
-- The past is kept for a while; deleting a period deletes its attempts.
GRANT DELETE ON job_periods TO mizan_app;
