-- A file that was received whole cannot be made an upload again, which could be thrown away or added to; and messages are
-- found by their state.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION keep_received() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept boolean;
BEGIN
    IF TG_OP = 'INSERT' THEN
        kept := NOT EXISTS (SELECT FROM imports WHERE book_id = NEW.book_id AND id = NEW.import_id AND state = 'receiving');
    ELSE
        kept := OLD.state <> 'receiving' AND (NEW.state = 'receiving' OR NEW.sha256 IS DISTINCT FROM OLD.sha256 OR NEW.bytes <> OLD.bytes);
    END IF;
    IF kept THEN
        RAISE EXCEPTION 'an imported file is kept as it came' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER received BEFORE UPDATE ON imports FOR EACH ROW EXECUTE FUNCTION keep_received();
CREATE TRIGGER received BEFORE INSERT ON import_parts FOR EACH ROW EXECUTE FUNCTION keep_received();
REVOKE ALL ON FUNCTION keep_received() FROM PUBLIC;

CREATE INDEX inbound_messages_state ON inbound_messages (book_id, state, id);
