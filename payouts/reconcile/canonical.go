package reconcile

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"mizan/ledger/money"
)

// What a run rests on and what it found, as bytes that are the same whenever they are made again: fields in one order, lists
// sorted, amounts as exact decimals, times in UTC to the microsecond, and nothing of the clock on the wall.

// amountOf is an amount at its currency's scale.
func amountOf(m money.Minor, c money.Currency) Amount { return Amount(m.Format(c)) }

// instant is a time as documents have it.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

// inputs are all that a run is computed from, beside the rows that their numbers and hashes name.
type inputs struct {
	Match    Match         `json:"match"`
	Source   sourceInput   `json:"source"`
	Number   int64         `json:"number"`
	CutOff   time.Time     `json:"cut_off"`
	TimeZone string        `json:"time_zone"`
	Lines    span          `json:"lines"`
	Entries  span          `json:"entries"`
	Accounts []accountSpan `json:"accounts"`
	Settings int           `json:"settings"`
	Rules    rulesInput    `json:"rules"`
	Receipts receiptsInput `json:"receipts"`
	// Batches says that the bank books a file of payments as one line.
	Batches bool `json:"batches,omitempty"`
	// Calendar names the holidays by which banking days are counted; empty if only weekends are known.
	Calendar string `json:"calendar,omitempty"`
	// Refused are pairings that were possible and that people had refused before.
	Refused []string `json:"refused,omitempty"`
	// Controls and Facts are what a run of R3 or R4 saw that cannot be read again later, and what it saw at all.
	Controls []controlInput `json:"controls,omitempty"`
	// Files are the settlements of a channel that a run of R4 looked at, the first thousand.
	Files []receiptInput `json:"files,omitempty"`
	// LastAccount is the last account that there was at the place.
	LastAccount int32 `json:"last_account,omitempty"`
	// Orders are those of which the run before saw that something was still pending, and OrdersFrom from where it could not name them.
	Orders     []string `json:"orders,omitempty"`
	OrdersFrom int64    `json:"orders_from,omitempty"`
	Facts      []fact   `json:"facts,omitempty"`
	// Accepted are what a run of R3 or R4 left out because two people accepted it: it stays left out as long as each run sees it. Ended
	// are the files of which R4 left something out, which are read again when their rows were tried again.
	Accepted []string    `json:"accepted,omitempty"`
	Ended    []endedFile `json:"ended,omitempty"`
	// lastReceipt is the source's last receipt when the run began: what the source said up to there the run knows.
	lastReceipt int64
	// again says that a run is made again.
	again bool
	// scheduled says that it is a job's, for which nobody waits.
	scheduled bool
	// tries are how often the rows of the files that the run read were tried.
	tries map[int64]int
	// listed are the identities of the facts that are listed before others: those of open breaks.
	listed map[string]bool
}

// endedFile is an import of which a run left something out that people ended, and how often its rows had been tried then.
type endedFile struct {
	ID    int64 `json:"id"`
	Tries int   `json:"tries"`
}

type sourceInput struct {
	ID   int16  `json:"id"`
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
}

// span is everything after From up to and with To.
type span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// accountSpan is an account of the ledger. After is the sequence after which its entries are new: that of the run before, or 0 for
// an account that the source never had. Until is the last sequence at which it was one of the source's, 0 while it is: entries after
// that are not the source's, and what was open of it by then stays open.
type accountSpan struct {
	Address string `json:"address"`
	After   int64  `json:"after"`
	Until   int64  `json:"until,omitempty"`
}

type rulesInput struct {
	Version  int             `json:"version"`
	SHA256   string          `json:"sha256"`
	Document json.RawMessage `json:"document"`
}

// receiptsInput names the takings of evidence that the new lines came with. The hash is over all of them, one line of number and
// hash each; the list ends after the first thousand.
type receiptsInput struct {
	Count  int64          `json:"count"`
	SHA256 string         `json:"sha256"`
	List   []receiptInput `json:"list,omitempty"`
}

type receiptInput struct {
	Number int64  `json:"number"`
	SHA256 string `json:"sha256"`
}

// canonicalJSON writes a value whose fields have one order.
func canonicalJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// findingLine, pairingLine and itemLine are the parts of a document.
type findingLine struct {
	Identity   string         `json:"identity"`
	Class      Class          `json:"class"`
	Currency   money.Currency `json:"currency"`
	Amount     Amount         `json:"amount"`
	Left       string         `json:"left,omitempty"`
	Right      string         `json:"right,omitempty"`
	HappenedAt string         `json:"happened_at"`
	Original   int32          `json:"original_period,omitempty"`
	ExpectedBy string         `json:"expected_by,omitempty"`
	External   []int64        `json:"lines,omitempty"`
	Entries    []EntryID      `json:"entries,omitempty"`
	Detail     string         `json:"detail"`
	Suspend    bool           `json:"suspend,omitempty"`
	TrueUp     bool           `json:"true_up,omitempty"`
}

type pairingLine struct {
	Identity string         `json:"identity"`
	Kind     string         `json:"kind"`
	Basis    string         `json:"basis"`
	Made     bool           `json:"made"`
	Currency money.Currency `json:"currency"`
	Amount   Amount         `json:"amount"`
	External []int64        `json:"lines,omitempty"`
	Entries  []EntryID      `json:"entries,omitempty"`
}

type itemLine struct {
	Side     string         `json:"side"`
	A        int64          `json:"a"`
	B        int            `json:"b,omitempty"`
	Key      string         `json:"key"`
	Currency money.Currency `json:"currency"`
	Debits   Amount         `json:"debits"`
	Credits  Amount         `json:"credits"`
	Day      string         `json:"day"`
}

// docWriter writes a document piece by piece and keeps the first error.
type docWriter struct {
	w   io.Writer
	err error
}

func (d *docWriter) text(s string) {
	if d.err == nil {
		_, d.err = io.WriteString(d.w, s)
	}
}

func (d *docWriter) value(v any) {
	b, err := canonicalJSON(v)
	if d.err == nil {
		d.err = err
	}
	if d.err == nil {
		_, d.err = d.w.Write(b)
	}
}

// list writes one element a line.
func list[T any](d *docWriter, name string, of []T, line func(T) any) {
	d.text(",\n\"" + name + "\":[")
	for i, v := range of {
		if i > 0 {
			d.text(",")
		}
		d.text("\n")
		d.value(line(v))
	}
	d.text("]")
}

// document writes what a run rests on and what it found. Its SHA-256 is the run's digest.
func (o *outcome) document(w io.Writer) error {
	d := &docWriter{w: w}
	d.text("{\"format\":\"mizan-recon-run/1\",\n\"inputs\":" + string(o.inputsJSON) + ",\n\"summary\":" + string(o.summaryJSON))
	list(d, "findings", o.findings, func(f Finding) any {
		return findingLine{f.Identity, f.Class, f.Currency, amountOf(f.Amount, f.Currency), f.Left, f.Right, instant(f.HappenedAt), int32(f.Original),
			instant(f.ExpectedBy), f.External, f.Entries, f.Detail, f.Suspend, f.TrueUp}
	})
	list(d, "pairings", o.pairings, func(p Pairing) any {
		return pairingLine{p.Identity, p.Kind, p.Basis, p.Certain, p.Currency, amountOf(p.Amount, p.Currency), p.External, p.Entries}
	})
	list(d, "open_items", o.open, func(i item) any {
		return itemLine{i.side, i.a, i.b, i.key, i.currency, amountOf(i.debits, i.currency), amountOf(i.credits, i.currency), i.day.Format(time.DateOnly)}
	})
	d.text("}\n")
	return d.err
}

// inOrder sorts all that is written, so that it does not matter in which order it was found.
func (o *outcome) inOrder() {
	slices.SortFunc(o.findings, func(a, b Finding) int { return strings.Compare(a.Identity, b.Identity) })
	slices.SortFunc(o.pairings, func(a, b Pairing) int { return strings.Compare(a.Identity, b.Identity) })
	slices.SortFunc(o.open, item.compare)
	slices.SortFunc(o.closed, func(a, b ending) int { return a.item.compare(b.item) })
}

// rulesCopy are rules with amounts as integers of minor units, so that a run carries the rules that it went by.
type rulesCopy struct {
	FeeTrueUp           map[money.Currency]int64 `json:"fee_true_up"`
	TrueUpLimit         map[money.Currency]int64 `json:"true_up_limit"`
	FxTolerance         int64                    `json:"fx_tolerance"`
	Suspend             bool                     `json:"suspend"`
	SuspendLimit        map[money.Currency]int64 `json:"suspend_limit"`
	Land                bool                     `json:"land"`
	WindowDays          int                      `json:"window_days"`
	MostParts           int                      `json:"most_parts"`
	ProcessorDays       int                      `json:"processor_days"`
	BankDays            int                      `json:"bank_days"`
	ChannelDays         int                      `json:"channel_days"`
	LedgerDays          int                      `json:"ledger_days"`
	TransitDays         int                      `json:"transit_days"`
	Ageing              []int                    `json:"ageing"`
	SuspenseBlocksAfter int                      `json:"suspense_blocks_after"`
	Owners              map[Class]string         `json:"owners"`
}

// rulesDocument is rules as a run carries them. Maps are written in the order of their keys.
func rulesDocument(r Rules) ([]byte, error) {
	return canonicalJSON(rulesCopy{plain(r.FeeTrueUp), plain(r.TrueUpLimit), int64(r.FxTolerance), r.Suspend, plain(r.SuspendLimit), r.Land, r.WindowDays,
		r.MostParts, r.ProcessorDays, r.BankDays, r.ChannelDays, r.LedgerDays, r.TransitDays, r.Ageing, r.SuspenseBlocksAfter, r.Owners})
}

// rulesOf reads them back.
func rulesOf(document []byte) (Rules, error) {
	var c rulesCopy
	if err := json.Unmarshal(document, &c); err != nil {
		return Rules{}, ErrRulesInvalid.Because(err)
	}
	return Rules{
		FeeTrueUp: minors(c.FeeTrueUp), TrueUpLimit: minors(c.TrueUpLimit), FxTolerance: money.Minor(c.FxTolerance), Suspend: c.Suspend,
		SuspendLimit: minors(c.SuspendLimit), Land: c.Land, WindowDays: c.WindowDays, MostParts: c.MostParts, ProcessorDays: c.ProcessorDays,
		BankDays: c.BankDays, ChannelDays: c.ChannelDays, LedgerDays: c.LedgerDays, TransitDays: c.TransitDays, Ageing: c.Ageing,
		SuspenseBlocksAfter: c.SuspenseBlocksAfter, Owners: c.Owners,
	}, nil
}

func plain(m map[money.Currency]money.Minor) map[money.Currency]int64 {
	out := make(map[money.Currency]int64, len(m))
	for c, v := range m {
		out[c] = int64(v)
	}
	return out
}

func minors(m map[money.Currency]int64) map[money.Currency]money.Minor {
	out := make(map[money.Currency]money.Minor, len(m))
	for c, v := range m {
		out[c] = money.Minor(v)
	}
	return out
}
