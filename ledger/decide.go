package ledger

import (
	"maps"
	"math"
	"slices"
	"time"

	"mizan/ledger/audit"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Deciding is the pure half of posting. Under the book's lock, in the order of the queue, each submission is replayed,
// refused, or given its place, over an overlay of the balances that were read; only what is accepted takes a sequence.

// accountKey names an account of a book.
type accountKey struct {
	address  Address
	currency money.Currency
}

// account is an account's row and balance in the overlay.
type account struct {
	id              int32
	row             *ChartRow
	debits, credits int64
	version         int64
	lastSequence    int64
	closed          bool
	fresh           bool // opened by this batch
	touched         bool // its balance row must be written
}

// balance is debit positive.
func (a *account) balance() money.Minor { return money.Minor(a.debits - a.credits) }

// stamp sets the one time that everything in the batch is recorded at.
func (st *bookState) stamp(now time.Time) { st.now = now.UTC().Truncate(time.Microsecond) }

// recordedReference is what a reference has recorded.
type recordedReference struct {
	first int64
	count int
	hash  [32]byte
	// inBatch is set while the transactions are still only in this batch's overlay.
	inBatch []*Transaction
}

type linkKey struct {
	kind   string
	target int64
}

// The two kinds of links between transactions; each target has at most one of each (errata, invariant 13).
const (
	linkReverses = "reverses"
	linkReposts  = "reposts"
)

// bookState is what was read under the book's lock, and the overlay the decisions are made over.
type bookState struct {
	now        time.Time
	serverNow  time.Time // the database's clock, which all replicas share
	durable    bool      // the session waits for its commits to be safe
	replicated bool      // commits wait for a standby
	head       BookHead
	lastID     int32
	// subjectsThrough is the sequence up to which the heads of subjects are complete.
	subjectsThrough int64
	references      map[string]recordedReference
	subjects        map[string]int64
	heads           map[string]bool // the subjects that have a row
	links           map[linkKey]int64
	accounts        map[accountKey]*account
}

// item is one submission in the queue and, later, what became of it.
type item struct {
	*checked
	outcome Outcome
	// replay is set when the reference is recorded already and its transactions must be read.
	replay *recordedReference
	// tried says that an attempt decided it as new and sent it for commit.
	tried bool
	// ours is set when an earlier attempt of this very batch may have recorded it: the caller is then told that it
	// posted, not that it repeated itself.
	ours bool
}

// group is what is posted together or not at all. A lone submission is a group of one.
type group struct {
	items    []*item
	delivery *delivery
	queuedAt time.Time
	bytes    int
}

func (g *group) drafts() int {
	n := 0
	for _, it := range g.items {
		n += len(it.drafts)
	}
	return n
}

// refuse gives every item of the group an error: the culprit its own, the others that the group failed.
func (g *group) refuse(culprit int, err error) {
	for i, it := range g.items {
		it.replay = nil
		it.outcome = Outcome{Err: err}
		if i != culprit && culprit >= 0 {
			it.outcome.Err = ErrGroupRefused
		}
	}
}

// decision is what a batch will write.
type decision struct {
	transactions []*Transaction
	accountIDs   [][]int32
	links        []writtenLink
	references   []string // in the order they were accepted; the rest is in the state
	opened       []accountKey
	totals       map[totalKey]*turnover
	scratch      []byte
}

type writtenLink struct {
	linkKey
	sequence int64
}

type totalKey struct {
	period  Period
	account *account
	key     accountKey
}

type turnover struct{ debits, credits int64 }

// decide runs the groups over the state, in order, and returns what must be written. It sets each item's outcome or
// replay.
func decide(book Book, st *bookState, groups []*group) *decision {
	d := &decision{totals: map[totalKey]*turnover{}}
	if st.now.Before(st.head.LastRecordedAt) {
		st.now = st.head.LastRecordedAt
	}
	for _, g := range groups {
		d.decideGroup(book, st, g)
	}
	for _, t := range d.transactions {
		t.ContentHash, d.scratch = hashTransaction(t, d.scratch)
	}
	return d
}

func (d *decision) decideGroup(book Book, st *bookState, g *group) {
	var undo *journal
	if g.drafts() > 1 {
		undo = &journal{transactions: len(d.transactions), links: len(d.links), references: len(d.references),
			opened: len(d.opened), head: st.head, lastID: st.lastID}
	}
	if i, err := st.expected(g.items); err != nil {
		g.refuse(i, err)
		return
	}
	for i, it := range g.items {
		if err := d.decideItem(book, st, it, undo); err != nil {
			if undo != nil {
				d.rollBack(st, undo)
			}
			g.refuse(i, err)
			return
		}
	}
}

// expected reports whether the subjects of a group's new items stand where their authors saw them, and otherwise which
// item's does not. All are judged before the first is applied: what a group itself records does not outdate its other
// items. A reference that is known, also from the group itself, is a repetition and judged as one.
func (st *bookState) expected(items []*item) (culprit int, err error) {
	var own map[string]bool
	for i, it := range items {
		if _, known := st.references[it.reference]; known || own[it.reference] {
			continue
		}
		if len(items) > 1 {
			if own == nil {
				own = make(map[string]bool, len(items))
			}
			own[it.reference] = true
		}
		for j := range it.drafts {
			for _, e := range it.drafts[j].Expect {
				if st.subjects[e.Subject] != e.LastSequence {
					return i, ErrStale
				}
			}
		}
	}
	return 0, nil
}

func (d *decision) decideItem(book Book, st *bookState, it *item, undo *journal) error {
	if known, ok := st.references[it.reference]; ok {
		if known.hash != it.hash {
			return ErrReferenceReused
		}
		if known.inBatch != nil {
			it.outcome = Outcome{Replayed: true}
		} else {
			it.replay = &known
		}
		return nil
	}
	first := st.head.LastSequence + 1
	for i := range it.drafts {
		if err := d.decideDraft(book, st, it.reference, &it.drafts[i], undo); err != nil {
			return err
		}
	}
	posted := d.transactions[len(d.transactions)-len(it.drafts):]
	st.references[it.reference] = recordedReference{first: first, count: len(posted), hash: it.hash, inBatch: posted}
	d.references = append(d.references, it.reference)
	return nil
}

// decideDraft refuses a draft or gives it the next place. It changes nothing when it refuses.
func (d *decision) decideDraft(book Book, st *bookState, reference string, draft *checkedDraft, undo *journal) error {
	if err := judge(st, draft); err != nil {
		return err
	}
	nets, err := st.nets(draft)
	if err != nil {
		return err
	}
	if err := checkFloors(draft, nets); err != nil {
		return err
	}
	if undo != nil {
		undo.remember(st, draft, nets)
	}
	st.head.LastSequence++
	st.head.LastRecordedAt = st.now
	t := newTransaction(book, st, reference, draft)
	ids := d.apply(st, t, draft, nets)
	d.transactions = append(d.transactions, t)
	d.accountIDs = append(d.accountIDs, ids)
	if t.Subject != "" {
		if _, watched := st.subjects[t.Subject]; watched {
			st.subjects[t.Subject] = t.Sequence
		}
	}
	for _, link := range linksOf(draft) {
		st.links[link] = t.Sequence
		d.links = append(d.links, writtenLink{link, t.Sequence})
	}
	return nil
}

// judge checks what history says about a draft: its links and its time.
func judge(st *bookState, draft *checkedDraft) error {
	if draft.OccurredAt.After(st.now.Add(maxAhead)) {
		return ErrInvalid.At("/occurred_at", "date-future", "A business time lies at most five minutes in the future.")
	}
	for _, link := range linksOf(draft) {
		if link.target > st.head.LastSequence {
			return ErrTransactionUnknown
		}
		if _, taken := st.links[link]; taken {
			if link.kind == linkReverses {
				return ErrAlreadyReversed
			}
			return ErrAlreadyReposted
		}
	}
	return nil
}

func linksOf(draft *checkedDraft) []linkKey {
	var links []linkKey
	if draft.Reverses != 0 {
		links = append(links, linkKey{linkReverses, draft.Reverses})
	}
	if draft.Reposts != 0 {
		links = append(links, linkKey{linkReposts, draft.Reposts})
	}
	return links
}

// net is what a whole draft does to one account.
type net struct {
	key             accountKey
	account         *account
	debits, credits int64
	lines           int64
}

// nets sums the draft by account and refuses closed accounts and overflow. Accounts that do not exist yet are made in
// the overlay's shape but opened only when the draft is applied.
func (st *bookState) nets(draft *checkedDraft) ([]net, error) {
	nets := make([]net, 0, len(draft.lines))
next:
	for i := range draft.lines {
		ln := &draft.lines[i]
		for j := range nets {
			if nets[j].key.address == ln.Account && nets[j].key.currency == ln.Currency {
				if err := nets[j].add(ln.Amount); err != nil {
					return nil, err
				}
				continue next
			}
		}
		key := accountKey{ln.Account, ln.Currency}
		a := st.accounts[key]
		if a == nil {
			a = &account{row: ln.row, fresh: true}
		}
		if a.closed {
			return nil, ErrAccountClosed.Withf("The account %s is closed and takes no postings. Post to another account, or reopen it.", ln.Account)
		}
		n := net{key: key, account: a}
		if err := n.add(ln.Amount); err != nil {
			return nil, err
		}
		nets = append(nets, n)
	}
	for i := range nets {
		n := &nets[i]
		if n.account.debits > math.MaxInt64-n.debits || n.account.credits > math.MaxInt64-n.credits {
			return nil, ErrBalanceOverflow
		}
	}
	return nets, nil
}

func (n *net) add(amount money.Minor) error {
	side, v := &n.debits, int64(amount)
	if v < 0 {
		side, v = &n.credits, -v
	}
	if *side > math.MaxInt64-v {
		return ErrBalanceOverflow
	}
	*side += v
	n.lines++
	return nil
}

// checkFloors judges the net of the whole draft on each account it takes money from.
func checkFloors(draft *checkedDraft, nets []net) error {
	for i := range nets {
		n := &nets[i]
		floor := n.account.row.Floor
		if floor != FloorDecision && (floor != FloorPayee || draft.Authority != ByDecision) {
			continue
		}
		change, before := n.debits-n.credits, int64(n.account.balance())
		if n.account.row.Normal == Credit {
			change, before = -change, -before
		}
		if change < 0 && before+change < 0 {
			c := n.key.currency
			return ErrFloor.Withf("%s holds %s %s and this would take %s from it. Lower the amount, or fund the account first; nothing was posted.",
				n.key.address, money.Minor(before).Format(c), c, money.Minor(-change).Format(c))
		}
	}
	return nil
}

func newTransaction(book Book, st *bookState, reference string, draft *checkedDraft) *Transaction {
	t := &Transaction{
		Book: book.Code, Sequence: st.head.LastSequence, Reference: reference, Event: draft.Event,
		OccurredAt: draft.OccurredAt, RecordedAt: st.now, Original: draft.OriginalPeriod,
		Subject: draft.Subject, LiveSession: draft.LiveSession, Channel: draft.Channel, Campaign: draft.Campaign,
		Memo: draft.Memo, Metadata: draft.Metadata, Reverses: draft.Reverses, Reposts: draft.Reposts,
		Explanation: draft.Explanation, Entries: make([]Entry, len(draft.lines)),
	}
	if t.OccurredAt.IsZero() {
		t.OccurredAt = st.now
	}
	t.Effective = PeriodOf(t.OccurredAt, book.location)
	t.Period = max(t.Effective, st.head.FirstOpenPeriod)
	return t
}

// apply opens what must be opened, numbers the entries, and moves the overlay's balances. It returns the accounts
// touched, each once, in order of id.
func (d *decision) apply(st *bookState, t *Transaction, draft *checkedDraft, nets []net) []int32 {
	ids := make([]int32, 0, len(nets))
	for i := range nets {
		n := &nets[i]
		if n.account.id == 0 {
			st.lastID++
			n.account.id = st.lastID
			st.accounts[n.key] = n.account
			d.opened = append(d.opened, n.key)
		}
		n.account.touched = true
		n.account.lastSequence = t.Sequence
		ids = append(ids, n.account.id)
		d.total(totalKey{t.Period, n.account, n.key}, n.debits, n.credits)
	}
	for i := range draft.lines {
		ln := &draft.lines[i]
		a := st.accounts[accountKey{ln.Account, ln.Currency}]
		if ln.Amount > 0 {
			a.debits += int64(ln.Amount)
		} else {
			a.credits -= int64(ln.Amount)
		}
		a.version++
		t.Entries[i] = Entry{Line: i + 1, Account: ln.Account, Currency: ln.Currency, Normal: a.row.Normal, Amount: ln.Amount,
			Version: a.version, BalanceAfter: a.balance(), DebitsAfter: a.debits, ExternalRef: ln.ExternalRef}
	}
	slices.Sort(ids)
	return ids
}

func (d *decision) total(k totalKey, debits, credits int64) {
	t := d.totals[k]
	if t == nil {
		t = &turnover{}
		d.totals[k] = t
	}
	t.debits += debits
	t.credits += credits
}

// settle gives every accepted item its transactions, once the batch is complete and hashed.
func settle(st *bookState, groups []*group) {
	for _, g := range groups {
		for _, it := range g.items {
			if it.outcome.Err != nil || it.replay != nil {
				continue
			}
			it.outcome.Transactions = values(st.references[it.reference].inBatch)
		}
	}
}

// journal remembers what a group of several drafts has changed, so that a refusal can take all of it back.
type journal struct {
	transactions, links, references, opened int
	head                                    BookHead
	lastID                                  int32
	accounts                                []savedAccount
	subjects                                map[string]int64
}

type savedAccount struct {
	account *account
	was     account
}

func (j *journal) remember(st *bookState, draft *checkedDraft, nets []net) {
	for i := range nets {
		j.accounts = append(j.accounts, savedAccount{nets[i].account, *nets[i].account})
	}
	if last, watched := st.subjects[draft.Subject]; watched && draft.Subject != "" {
		if j.subjects == nil {
			j.subjects = map[string]int64{}
		}
		if _, kept := j.subjects[draft.Subject]; !kept {
			j.subjects[draft.Subject] = last
		}
	}
}

// rollBack returns the overlay to where the group found it.
func (d *decision) rollBack(st *bookState, j *journal) {
	for _, t := range d.transactions[j.transactions:] {
		for i := range t.Entries {
			e := &t.Entries[i]
			a := st.accounts[accountKey{e.Account, e.Currency}]
			sum := d.totals[totalKey{t.Period, a, accountKey{e.Account, e.Currency}}]
			if e.Amount > 0 {
				sum.debits -= int64(e.Amount)
			} else {
				sum.credits += int64(e.Amount)
			}
			if *sum == (turnover{}) {
				delete(d.totals, totalKey{t.Period, a, accountKey{e.Account, e.Currency}})
			}
		}
	}
	for i := len(j.accounts) - 1; i >= 0; i-- {
		*j.accounts[i].account = j.accounts[i].was
	}
	for _, key := range d.opened[j.opened:] {
		delete(st.accounts, key)
	}
	for _, r := range d.references[j.references:] {
		delete(st.references, r)
	}
	for _, l := range d.links[j.links:] {
		delete(st.links, l.linkKey)
	}
	maps.Copy(st.subjects, j.subjects)
	st.head, st.lastID = j.head, j.lastID
	d.transactions, d.accountIDs = d.transactions[:j.transactions], d.accountIDs[:j.transactions]
	d.links, d.references, d.opened = d.links[:j.links], d.references[:j.references], d.opened[:j.opened]
}

func values(ts []*Transaction) []Transaction {
	out := make([]Transaction, len(ts))
	for i, t := range ts {
		out[i] = *t
	}
	return out
}

// hashTransaction returns the leaf hash of a transaction's canonical bytes.
func hashTransaction(t *Transaction, scratch []byte) ([32]byte, []byte) {
	return audit.Transaction{
		Book: t.Book, Sequence: t.Sequence, Reference: t.Reference, Event: t.Event,
		OccurredAt: t.OccurredAt, RecordedAt: t.RecordedAt,
		Period: int64(t.Period), EffectivePeriod: int64(t.Effective), OriginalPeriod: int64(t.Original),
		Subject: t.Subject, LiveSession: t.LiveSession, Channel: t.Channel, Campaign: t.Campaign,
		Memo: t.Memo, Metadata: t.Metadata, Reverses: t.Reverses, Reposts: t.Reposts, Explanation: t.Explanation,
		Entries: auditEntries(t.Entries, func(e Entry) audit.Entry {
			return audit.Entry{Account: string(e.Account), Currency: string(e.Currency), Amount: int64(e.Amount), ExternalRef: e.ExternalRef}
		}),
	}.Hash(scratch)
}

// submissionHash identifies what the caller asked for, before anything is filled in.
func submissionHash(s Submission) [32]byte {
	drafts := make([]audit.Draft, len(s.Drafts))
	for i, d := range s.Drafts {
		occurred := d.OccurredAt
		if !occurred.IsZero() {
			occurred = occurred.Truncate(time.Microsecond)
		}
		drafts[i] = audit.Draft{
			Event: d.Event, OccurredAt: occurred, OriginalPeriod: int64(d.OriginalPeriod), Subject: d.Subject,
			LiveSession: d.LiveSession, Channel: d.Channel, Campaign: d.Campaign, Memo: d.Memo, Metadata: d.Metadata,
			Reverses: d.Reverses, Reposts: d.Reposts, Explanation: d.Explanation,
			Entries: auditEntries(d.Lines, func(l Line) audit.Entry {
				return audit.Entry{Account: string(l.Account), Currency: string(l.Currency), Amount: int64(l.Amount), ExternalRef: l.ExternalRef}
			}),
		}
	}
	hash, _ := audit.SubmissionHash(drafts, nil)
	return hash
}

func auditEntries[T any](in []T, convert func(T) audit.Entry) []audit.Entry {
	out := make([]audit.Entry, len(in))
	for i, v := range in {
		out[i] = convert(v)
	}
	return out
}

var (
	// ErrAlreadyReversed means that the transaction was reversed before.
	ErrAlreadyReversed = fault.New(fault.Conflict, "already-reversed",
		"This transaction was reversed before, and a transaction is reversed at most once. Look the reversal up; if it was wrong, post the original again.")
	// ErrAlreadyReposted means that the transaction was posted again before.
	ErrAlreadyReposted = fault.New(fault.Conflict, "already-reposted", "This transaction was posted again before, which is allowed at most once.")
)
