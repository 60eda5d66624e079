// A notice is what a processor announces. It is stored as it came before the processor is told that it was taken, and handled
// afterwards: it is a reason to read the object it names, and nothing more.

package payouts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/failpoint"
	"mizan/ledger/fault"
	"mizan/ledger/postgres"
	"mizan/payouts/processor"
)

var (
	// ErrNoticesUnknown means that there is no processor of the name, or no secret by which its notices could be told from
	// those of anybody.
	ErrNoticesUnknown = fault.New(fault.NotFound, "notices-unknown",
		"Notices of this processor are not taken here. Check the address, and that the service has the processor's key and webhook secrets.")
	// ErrNoticeSignature means that a notice is not signed with one of our secrets at about this time. Nothing is stored.
	ErrNoticeSignature = fault.New(fault.Malformed, "notice-signature",
		"The notice is not signed by the processor, or not in time. Check the webhook secrets and the clock; it was not taken.")
	// ErrNoticeConflict means that another notice came with this id before. Both are kept; the first one counts.
	ErrNoticeConflict = fault.New(fault.Conflict, "notice-conflict",
		"Another notice came under this id before. Both are kept and the first one counts; ask the processor which one holds.")
	// ErrNoticeHandled means that the notice was handled by somebody else, or that there is none.
	ErrNoticeHandled = fault.New(fault.Conflict, "notice-handled", "The notice is handled already, or was never received. Read what is left again.")
	// ErrNoticeOutcome means that an outcome is no word for programs.
	ErrNoticeOutcome = fault.New(fault.Invalid, "notice-outcome", "The outcome of a notice is 1 to 64 small letters, digits and hyphens. Give it one.")
)

// The outcomes of notices that are never work to be done.
const (
	// NoticeOtherMode is a notice of the processor's test mode that came to a live service, or the other way round.
	NoticeOtherMode = "other-mode"
	// NoticeContradicts is one whose id an earlier one had that says something else.
	NoticeContradicts = "contradicts"
	// NoticeUnreadable is one that is signed and cannot be understood.
	NoticeUnreadable = "unreadable"
)

// MaxNotice is the size of the largest notice that is taken, in bytes.
const MaxNotice = 512 << 10

// maxNotices bounds one reading of notices.
const maxNotices = 1000

// noticesKept is how long a notice is kept after it was handled. The database keeps it for so long, whoever deletes.
const noticesKept = 90 * 24 * time.Hour

// Notice is a notice as it is kept. The times are UTC.
type Notice struct {
	// Number counts the notices in the order of their arrival, with gaps.
	Number int64
	// Processor is whose it is, and ID the processor's id of it.
	Processor, ID string
	// Account is the connected account it is about, empty for the platform; Connect says which secret signed it.
	Account string
	Connect bool
	// Type is what happened, to the object of the kind.
	Type, Object, Kind, Version string
	// Live is false for the processor's test mode; Ours says whether that is the mode of the service.
	Live, Ours bool
	// Created is the processor's time, ReceivedAt ours.
	Created, ReceivedAt time.Time
	// Body is the body as it was signed.
	Body []byte
	// Outcome is what came of it, empty while it is not handled.
	Outcome string
}

// Notices keeps what processors announce. It is safe for use by many goroutines.
type Notices struct {
	pool    *postgres.Pool
	now     func() time.Time
	readers map[string]NoticeReader
}

// NoticeReader checks the signature of a notice and reads it, as a processor.Driver does.
type NoticeReader interface {
	ReadNotice(body []byte, signature string) (processor.Notice, error)
}

// NewNotices returns the notices of the processors, by the names under which they are stored, such as "stripe".
func NewNotices(pool *postgres.Pool, now func() time.Time, readers map[string]NoticeReader) *Notices {
	return &Notices{pool: pool, now: now, readers: readers}
}

const noticeColumns = `number, processor, id, account, connect, type, object, kind, version, live, ours, created, received_at, body, outcome`

const (
	sqlInsertNotice = `
INSERT INTO processor_notices (processor, id, account, connect, type, object, kind, version, live, ours, created, received_at, says, body, handled_at, outcome)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    ON CONFLICT DO NOTHING`

	sqlNoticeSays = `SELECT says = $3 FROM processor_notices WHERE processor = $1 AND id = $2 AND NOT alarm`

	sqlInsertAlarm = `
INSERT INTO processor_notices (processor, id, account, connect, type, object, kind, version, live, ours, created, received_at, says, body, handled_at, outcome, alarm)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, true)
    ON CONFLICT DO NOTHING`

	sqlUnhandledNotices = `SELECT ` + noticeColumns + ` FROM processor_notices WHERE handled_at IS NULL ORDER BY number LIMIT $1`

	sqlNoticeAlarms = `SELECT ` + noticeColumns + ` FROM processor_notices WHERE alarm AND number > $1 ORDER BY number LIMIT $2`

	// The oldest come first by their numbers, so that no more is read than is deleted.
	sqlForgetNotices = `
DELETE FROM processor_notices n
 USING (SELECT x.number, x.handled_at, x.received_at FROM processor_notices x ORDER BY x.number LIMIT $2 FOR UPDATE SKIP LOCKED) old
 WHERE n.number = old.number AND greatest(old.handled_at, old.received_at) < least($1::timestamptz, now() - interval '90 days') AND old.handled_at IS NOT NULL`

	sqlHandleNotice = `UPDATE processor_notices SET handled_at = $2, outcome = $3 WHERE number = $1 AND handled_at IS NULL`
)

// Receive stores a notice durably, once. One that was received before is no error and changes nothing. One of the other mode
// is stored and is no work to be done; so is one that is signed and cannot be read, since asking for it again would change
// nothing.
//
// Errors: ErrNoticesUnknown, ErrNoticeSignature, ErrNoticeConflict; any other means that it may not be stored and must be
// sent again.
func (n *Notices) Receive(ctx context.Context, name string, body []byte, signature string) error {
	reader := n.readers[name]
	if reader == nil {
		return ErrNoticesUnknown
	}
	if len(body) == 0 || len(body) > MaxNotice {
		return ErrNoticeSignature
	}
	read, err := reader.ReadNotice(body, signature)
	strange := errors.Is(err, processor.ErrStrange)
	switch {
	case errors.Is(err, processor.ErrNotice):
		return ErrNoticeSignature
	case err != nil && !strange:
		return err
	}
	now := n.now()
	says := saysOf(body)
	outcome, handled := "", (*time.Time)(nil)
	if strange || !storableNotice(&read) {
		// It has no id that could be stored; its body is its id.
		says = sha256.Sum256(body)
		read = processor.Notice{ID: "unreadable:" + hex.EncodeToString(says[:]), Ours: true, Created: now, Connect: read.Connect}
		outcome, handled = NoticeUnreadable, &now
	} else if !read.Ours {
		outcome, handled = NoticeOtherMode, &now
	}
	values := func(handled *time.Time, outcome string) []any {
		return []any{name, read.ID, read.Account, read.Connect, read.Type, read.Object, read.Kind, read.Version, read.Live, read.Ours,
			read.Created, now, says[:], body, handled, outcome}
	}
	failpoint.Here(failpoint.NoticeReceived)
	done, err := n.pool.Exec(ctx, sqlInsertNotice, values(handled, outcome)...)
	failpoint.Here(failpoint.NoticeStored)
	if err != nil || done.RowsAffected() == 1 {
		return err
	}
	var same bool
	if err := n.pool.QueryRow(ctx, sqlNoticeSays, name, read.ID, says[:]).Scan(&same); err != nil || same {
		return err
	}
	if _, err := n.pool.Exec(ctx, sqlInsertAlarm, values(&now, NoticeContradicts)...); err != nil {
		return err
	}
	return ErrNoticeConflict
}

// Unhandled returns notices that wait to be handled, in the order in which they arrived, at most limit and at most 1000.
// Two who ask at the same time get the same ones; HandledTx decides between them.
func (n *Notices) Unhandled(ctx context.Context, limit int) ([]Notice, error) {
	return n.list(ctx, sqlUnhandledNotices, min(max(limit, 1), maxNotices))
}

// Alarms returns notices that contradict another one of the same id, in the order in which they arrived, after a number, at
// most limit and at most 1000. Somebody should ask the processor.
func (n *Notices) Alarms(ctx context.Context, after int64, limit int) ([]Notice, error) {
	return n.list(ctx, sqlNoticeAlarms, after, min(max(limit, 1), maxNotices))
}

func (n *Notices) list(ctx context.Context, sql string, args ...any) ([]Notice, error) {
	rows, err := n.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Notice, err error) {
		err = row.Scan(&m.Number, &m.Processor, &m.ID, &m.Account, &m.Connect, &m.Type, &m.Object, &m.Kind, &m.Version, &m.Live, &m.Ours,
			&m.Created, &m.ReceivedAt, &m.Body, &m.Outcome)
		m.Created, m.ReceivedAt = m.Created.UTC(), m.ReceivedAt.UTC()
		return m, err
	})
}

// Forget deletes notices that were handled more than 90 days ago, at most 1000 at a time, and returns how many. The processor sends
// none again for so long, and one that somebody recorded is too old to be taken.
func (n *Notices) Forget(ctx context.Context) (int, error) {
	done, err := n.pool.Exec(ctx, sqlForgetNotices, n.now().Add(-noticesKept), maxNotices)
	return int(done.RowsAffected()), err
}

// Handled is HandledTx in a transaction of its own.
func (n *Notices) Handled(ctx context.Context, number int64, outcome string) error {
	return n.pool.Tx(ctx, func(tx pgx.Tx) error { return n.HandledTx(ctx, tx, number, outcome) })
}

// HandledTx notes, in the transaction in which a notice was acted upon, what came of it. Of two who acted on one notice the
// second gets ErrNoticeHandled and must roll back.
//
// Errors: ErrNoticeHandled, ErrNoticeOutcome.
func (n *Notices) HandledTx(ctx context.Context, tx pgx.Tx, number int64, outcome string) error {
	if !outcomeWord(outcome) {
		return ErrNoticeOutcome
	}
	done, err := tx.Exec(ctx, sqlHandleNotice, number, n.now(), outcome)
	if err == nil && done.RowsAffected() == 0 {
		return ErrNoticeHandled
	}
	return err
}

// outcomeWord reports whether a text is 1 to 64 small letters, digits and hyphens.
func outcomeWord(text string) bool {
	if text == "" || len(text) > 64 {
		return false
	}
	for _, c := range []byte(text) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// storableNotice reports whether what was read fits the columns. A signed notice that does not is kept as one that cannot be read.
func storableNotice(m *processor.Notice) bool {
	for _, text := range []string{m.ID, m.Account, m.Type, m.Object, m.Kind, m.Version} {
		if len(text) > 255 {
			return false
		}
		for _, c := range []byte(text) {
			if c < '!' || c > '~' {
				return false
			}
		}
	}
	year := m.Created.Year()
	return m.ID != "" && year >= 2000 && year < 10_000
}

// saysOf is the hash of what a notice says. Two deliveries of one notice may differ in what they tell of the delivery itself,
// such as how many are still under way, and that is no contradiction.
func saysOf(body []byte) [32]byte {
	var w struct {
		Object  string          `json:"object"`
		Type    string          `json:"type"`
		Account string          `json:"account"`
		Created int64           `json:"created"`
		Live    bool            `json:"livemode"`
		Data    json.RawMessage `json:"data"`
	}
	var data bytes.Buffer
	if json.Unmarshal(body, &w) != nil || w.Object != "event" || len(w.Data) == 0 || json.Compact(&data, w.Data) != nil {
		return sha256.Sum256(body)
	}
	h := sha256.New()
	for _, part := range []string{w.Type, w.Account, strconv.FormatInt(w.Created, 10), strconv.FormatBool(w.Live), data.String()} {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return [32]byte(h.Sum(nil))
}
