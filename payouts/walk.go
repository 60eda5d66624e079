package payouts

import (
	"context"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The walk over everybody with a balance, in a fixed order: by kind, id and currency. A payee's money lies in several
// accounts, and the ledger lists accounts by bucket first; so each bucket is read as an ordered stream of its own, page by
// page, and the streams are merged. Nothing is ever added up over a whole book.

var (
	// holderKinds are the kinds of payee with balances, in the order of the walk.
	holderKinds = []string{KindSeller, KindCreator, KindAgency, KindPartner}
	// buckets are where a payee's money can lie.
	buckets = []string{"pending", "available", "reserve", "dispute_hold", "blocked", "minor_trust"}
)

// The places of buckets in a holding.
const (
	inPending = iota
	inAvailable
	inReserve
	inDisputeHold
	inBlocked
	inMinorTrust
	bucketCount
)

// holding is what a holder has in each bucket, at the cut-off and now, credit positive.
type holding struct {
	Holder
	cutOff, now [bucketCount]money.Minor
	// inTransit is what is on its way to the payee now.
	inTransit money.Minor
}

// any reports whether there is a balance at the cut-off or now.
func (h *holding) any() bool {
	return h.cutOff != [bucketCount]money.Minor{} || h.now != [bucketCount]money.Minor{}
}

// place names a holder in the order of the walk, such as seller:sel_1:USD.
func (h Holder) place() string { return h.Kind + ":" + h.ID + ":" + string(h.Currency) }

// placeOf reads a place; the zero holder for the beginning, which is the empty text.
func placeOf(text string) Holder {
	kind, rest, _ := strings.Cut(text, ":")
	id, currency, _ := strings.Cut(rest, ":")
	return Holder{PayeeKey{kind, id}, money.Currency(currency)}
}

// compareHolders orders holders of one kind.
func compareHolders(a, b Holder) int {
	if c := strings.Compare(a.ID, b.ID); c != 0 {
		return c
	}
	return strings.Compare(string(a.Currency), string(b.Currency))
}

// bucketRow is one account of a stream with its two balances.
type bucketRow struct {
	Holder
	cutOff, now money.Minor
}

// stream is the accounts of one bucket of a kind, in order.
type stream struct {
	bucket string
	rows   []bucketRow
	after  Holder
	more   bool
}

// walker walks over the holders of a book.
type walker struct {
	service *Service
	book    ledger.Book
	// at is the sequence of the cut-off.
	at      int64
	kind    int
	streams []*stream
	// rows bounds the accounts that are read at once.
	rows int
}

// walkRows is how many accounts of a bucket are read at once.
const walkRows = 2_000

// walk begins after a place; the empty one is the beginning.
func (s *Service) walk(book ledger.Book, at int64, after string) *walker {
	w := &walker{service: s, book: book, at: at, rows: walkRows}
	from := placeOf(after)
	if i := slices.Index(holderKinds, from.Kind); i >= 0 {
		w.kind = i
	}
	w.open(from)
	return w
}

// open opens the streams of the present kind after a holder.
func (w *walker) open(after Holder) {
	w.streams = nil
	for _, b := range buckets {
		w.streams = append(w.streams, &stream{bucket: b, after: after, more: true})
	}
}

// next returns up to limit holders with a balance, in order. Fewer are the last.
func (w *walker) next(ctx context.Context, limit int) ([]holding, error) {
	var list []holding
	for len(list) < limit && w.kind < len(holderKinds) {
		h, any, err := w.merge(ctx)
		if err != nil {
			return nil, err
		}
		if !any {
			w.kind++
			w.open(Holder{})
			continue
		}
		if h.any() {
			list = append(list, h)
		}
	}
	return list, nil
}

// merge takes the next holder off the streams; none if the kind is over.
func (w *walker) merge(ctx context.Context) (h holding, any bool, err error) {
	for _, s := range w.streams {
		if len(s.rows) > 0 || !s.more {
			continue
		}
		if err := w.fill(ctx, s); err != nil {
			return holding{}, false, err
		}
	}
	for _, s := range w.streams {
		if len(s.rows) > 0 && (!any || compareHolders(s.rows[0].Holder, h.Holder) < 0) {
			h.Holder, any = s.rows[0].Holder, true
		}
	}
	for i, s := range w.streams {
		if any && len(s.rows) > 0 && s.rows[0].Holder == h.Holder {
			h.cutOff[i], h.now[i] = s.rows[0].cutOff, s.rows[0].now
			s.rows = s.rows[1:]
		}
	}
	return h, any, nil
}

// fill reads the next page of a stream.
func (w *walker) fill(ctx context.Context, s *stream) error {
	rows, err := w.service.bucketPage(ctx, w.book, holderKinds[w.kind], s.bucket, s.after, w.at, w.rows)
	if err != nil {
		return err
	}
	s.rows, s.more = rows, len(rows) == w.rows
	if len(rows) > 0 {
		s.after = rows[len(rows)-1].Holder
	}
	return nil
}
