-- +goose NO TRANSACTION
-- What the application's role could still undo or plant: a guard that looks at another table looks at the one in our schema, whatever
-- a session has put in front of it; what was revoked, ended or spent stays so; an order to a processor is of the payout it names; and
-- a notice is forgotten by when it came, too.
-- Each statement commits by itself, so that no table is kept while another is waited for, and may be run again after an interruption.

-- +goose Up

-- A session looks for tables among its temporary ones first. A guard that did too would believe what somebody had put there.
ALTER FUNCTION keep_imports() SET search_path = public, pg_temp;
ALTER FUNCTION keep_received() SET search_path = public, pg_temp;
ALTER FUNCTION guard_audit_head() SET search_path = public, pg_temp;
ALTER FUNCTION guard_approval() SET search_path = public, pg_temp;
ALTER FUNCTION keep_erased() SET search_path = public, pg_temp;
ALTER FUNCTION refuse_erased() SET search_path = public, pg_temp;
ALTER FUNCTION guard_job_period() SET search_path = public, pg_temp;
ALTER FUNCTION guard_payout() SET search_path = public, pg_temp;
ALTER FUNCTION guard_new_bank_file() SET search_path = public, pg_temp;

-- +goose StatementBegin
-- A notice is handled once and otherwise never changes, whoever writes to the table. It may hold what a processor knows of
-- people, so it is forgotten 90 days after it came and was handled, and not before, by the clock of the database. When it came never
-- changes, so saying that it was handled long ago does not make it go.
CREATE OR REPLACE FUNCTION guard_processor_notice() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    handled processor_notices := OLD;
BEGIN
    IF TG_OP = 'DELETE' AND greatest(OLD.handled_at, OLD.received_at) < now() - interval '90 days' AND OLD.handled_at IS NOT NULL THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        handled.handled_at := NEW.handled_at;
        handled.outcome := NEW.outcome;
        IF OLD.handled_at IS NULL AND NEW.handled_at IS NOT NULL AND handled IS NOT DISTINCT FROM NEW THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a notice of a processor is handled once and never changed' USING ERRCODE = '42501', CONSTRAINT = 'processor_notices_kept';
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- An attempt begins before anything is sent, and its outcome is written once: what is over is never sent again, and what it
-- made stays. Otherwise the index of open attempts could be talked into a second one. It orders what its payout is: to the payout's
-- account and of its amount. Whoever finds an open attempt sends it as it stands, so that one for somewhere else would be paid there.
CREATE OR REPLACE FUNCTION guard_attempt() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'intended' OR NEW.sendings <> 0 OR NEW.made <> '' THEN
            RAISE EXCEPTION 'an attempt begins before it is sent' USING ERRCODE = '42501', CONSTRAINT = 'payout_attempts_begin_intended';
        END IF;
        IF NOT EXISTS (
            SELECT FROM payouts p
             WHERE p.book_id = NEW.book_id AND p.id = NEW.payout AND p.currency = NEW.currency AND NEW.amount <= p.amount
               AND CASE NEW.act WHEN 'transfer' THEN NEW.account = p.rail_account AND NEW.amount = p.amount
                                WHEN 'payout' THEN NEW.account = p.rail_account
                                WHEN 'reversal' THEN NEW.object = p.transfer ELSE true END) THEN
            RAISE EXCEPTION 'an attempt orders something else than payout % is', NEW.payout USING ERRCODE = '42501', CONSTRAINT = 'payout_attempts_of_payout';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'attempts are kept for ever' USING ERRCODE = '42501', CONSTRAINT = 'payout_attempts_kept';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
           (OLD.state = 'intended' AND NEW.state IN ('sending', 'unknown', 'done', 'refused'))
        OR (OLD.state IN ('sending', 'unknown') AND NEW.state IN ('sending', 'unknown', 'done', 'refused', 'absent'))
        OR (OLD.state = 'done' AND NEW.state = 'failed')) THEN
        RAISE EXCEPTION 'an attempt of payout % does not go from % to %', OLD.payout, OLD.state, NEW.state USING ERRCODE = '42501', CONSTRAINT = 'payout_attempts_forward';
    END IF;
    IF NEW.sendings < OLD.sendings
       OR (OLD.first_sent IS NOT NULL AND NEW.first_sent IS DISTINCT FROM OLD.first_sent)
       OR (OLD.made <> '' AND (NEW.made, NEW.entry) IS DISTINCT FROM (OLD.made, OLD.entry))
       OR (OLD.ended_at IS NOT NULL AND (NEW.ended_at, NEW.sendings, NEW.looked_at) IS DISTINCT FROM (OLD.ended_at, OLD.sendings, OLD.looked_at)) THEN
        RAISE EXCEPTION 'what happened to an attempt of payout % stays', OLD.payout USING ERRCODE = '42501', CONSTRAINT = 'payout_attempts_settled';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- What was taken away stays so: a key or a role that was revoked is not given back but given anew, and its end only comes nearer. Who
-- vouches for a person is set once; who was deactivated is not let in again. A session that has ended and a link that was used are over.
CREATE OR REPLACE FUNCTION guard_access() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb := to_jsonb(OLD);
    is_now jsonb := to_jsonb(NEW);
    kept text;
BEGIN
    FOREACH kept IN ARRAY TG_ARGV LOOP
        IF was ->> kept IS NOT NULL AND is_now ->> kept IS DISTINCT FROM (was ->> kept) THEN
            RAISE EXCEPTION '% of % stays what it was', kept, TG_TABLE_NAME USING ERRCODE = '42501', CONSTRAINT = 'access_kept';
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION guard_access_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.expires_at IS NOT NULL AND (NEW.expires_at IS NULL OR NEW.expires_at > OLD.expires_at) THEN
        RAISE EXCEPTION 'the end of % only comes nearer', TG_TABLE_NAME USING ERRCODE = '42501', CONSTRAINT = 'access_end';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION guard_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.deactivated_at IS NOT NULL AND NEW.deactivated_at IS NULL) OR NEW.sessions_from < OLD.sessions_from THEN
        RAISE EXCEPTION 'who was shut out stays so' USING ERRCODE = '42501', CONSTRAINT = 'people_shut_out';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- Noting that a key was used or a session seen is none of this, and costs nothing more.
CREATE OR REPLACE TRIGGER stays BEFORE UPDATE OF revoked_at ON api_keys FOR EACH ROW EXECUTE FUNCTION guard_access('revoked_at');
CREATE OR REPLACE TRIGGER ends BEFORE UPDATE OF expires_at ON api_keys FOR EACH ROW EXECUTE FUNCTION guard_access_end();
CREATE OR REPLACE TRIGGER stays BEFORE UPDATE OF revoked_at, revoked_by ON role_grants FOR EACH ROW EXECUTE FUNCTION guard_access('revoked_at', 'revoked_by');
CREATE OR REPLACE TRIGGER ends BEFORE UPDATE OF expires_at ON role_grants FOR EACH ROW EXECUTE FUNCTION guard_access_end();
CREATE OR REPLACE TRIGGER stays BEFORE UPDATE OF issuer, subject ON people FOR EACH ROW EXECUTE FUNCTION guard_access('issuer', 'subject');
CREATE OR REPLACE TRIGGER shut_out BEFORE UPDATE OF deactivated_at, sessions_from ON people FOR EACH ROW EXECUTE FUNCTION guard_person();
CREATE OR REPLACE TRIGGER stays BEFORE UPDATE OF ended_at ON sessions FOR EACH ROW EXECUTE FUNCTION guard_access('ended_at');
CREATE OR REPLACE TRIGGER stays BEFORE UPDATE OF used_at ON sign_in_links FOR EACH ROW EXECUTE FUNCTION guard_access('used_at');
ALTER TABLE api_keys ENABLE ALWAYS TRIGGER stays;
ALTER TABLE api_keys ENABLE ALWAYS TRIGGER ends;
ALTER TABLE role_grants ENABLE ALWAYS TRIGGER stays;
ALTER TABLE role_grants ENABLE ALWAYS TRIGGER ends;
ALTER TABLE people ENABLE ALWAYS TRIGGER stays;
ALTER TABLE people ENABLE ALWAYS TRIGGER shut_out;
ALTER TABLE sessions ENABLE ALWAYS TRIGGER stays;
ALTER TABLE sign_in_links ENABLE ALWAYS TRIGGER stays;

REVOKE ALL ON FUNCTION guard_access(), guard_access_end(), guard_person() FROM PUBLIC;
