package receipts

import (
	"cmp"
	"context"
	"encoding/hex"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What a receipt shows to whoever has its id. A receiver is named by role, and a charity by the name that its campaign has
// published or else by its id. The layers add up to what they divide.

// PublicReceipt is a receipt as the public sees it. Amounts are decimal strings in its currency.
type PublicReceipt struct {
	Receipt     string         `json:"receipt" example:"uk-k5w3pz7vq2c4n6m3abdefghijk"`
	Kind        string         `json:"kind" enum:"donation,gift,order" doc:"What it is of"`
	Currency    string         `json:"currency" example:"GBP"`
	At          time.Time      `json:"at" format:"date-time" doc:"When it was given or bought"`
	LiveSession string         `json:"live_session,omitempty" example:"LS-501"`
	Given       string         `json:"given" doc:"The gift, or what the buyer paid" example:"106.00"`
	Divided     string         `json:"divided" doc:"What the layers add up to: the gift, or what of it or of the order still stands" example:"106.00"`
	Layers      []ReceiptLayer `json:"layers" nullable:"false" doc:"Where it went, adding up to what is divided"`
	State       string         `json:"state,omitempty" enum:"held,available,reversed,placed,captured,delivered,settled,refunded,cancelled,refused" doc:"How far a gift's or an order's money is"`
	Traced      bool           `json:"traced,omitempty" doc:"Of a gift: the purchase of its coins was found, so that the store's part is apart from the platform's"`
	// Charity is what only donations have.
	Charity      *ReceiptCharity `json:"charity,omitempty"`
	Returned     *ReceiptReturn  `json:"returned,omitempty" doc:"What went back"`
	Transactions []ReceiptProof  `json:"transactions" nullable:"false" doc:"Where it stands in the books, oldest first, at most 100"`
	Sequence     int64           `json:"last_sequence" doc:"The last transaction of the book that this rests on"`
	// Zone is that of the book: by its days readers are told.
	Zone *time.Location `json:"-"`
}

// ReceiptLayer is what one role has.
type ReceiptLayer struct {
	Role       string `json:"role" enum:"beneficiaries,card_processing,platform,creator_agency,store,creator,agency,seller,partner,processor,carrier,tax,deposit,round_up,other"`
	Amount     string `json:"amount" doc:"Below zero if it gave more than it got" example:"104.32"`
	Percentage string `json:"percentage,omitempty" doc:"Of what is divided, by largest remainder, adding up to 100.00" example:"98.42"`
}

// ReceiptCharity is what a donation's receipt says beside where the gift went.
type ReceiptCharity struct {
	Campaign     string         `json:"campaign" doc:"The campaign's public id" example:"uk-winter24"`
	CampaignName string         `json:"campaign_name" example:"Winter kits, camp A"`
	Shares       []ReceiptShare `json:"beneficiaries" nullable:"false" doc:"Who gets it, and how far each part is"`
	Covered      string         `json:"card_fee_covered" doc:"The card fee that the donor paid on top" example:"0.00"`
	Tip          string         `json:"tip" doc:"For the platform, not part of the gift" example:"5.00"`
	TipCardFee   string         `json:"tip_card_fee" doc:"The tip's card fee, paid by the platform" example:"0.07"`
	Charged      string         `json:"charged" example:"111.00"`
	Match        *ReceiptMatch  `json:"match,omitempty"`
	RefundUntil  time.Time      `json:"refund_until" format:"date-time"`
	ExpectedBy   time.Time      `json:"expected_by" format:"date-time" doc:"When the beneficiaries have it at the latest"`
}

// ReceiptShare is one beneficiary's part of a donation.
type ReceiptShare struct {
	Name       string     `json:"name" example:"NGO A"`
	Percentage string     `json:"percentage" example:"60.00"`
	Amount     string     `json:"amount" example:"62.59"`
	Matched    string     `json:"matched" example:"48.00"`
	State      string     `json:"state" enum:"pending,held,available,redirected,submitted,disbursed,returned"`
	Reason     string     `json:"reason,omitempty" doc:"Why it is held: sanctions_check, verification, bank_details, document_missing or other. Or who got it instead"`
	ReleasedAt *time.Time `json:"released_at,omitempty" format:"date-time"`
	PaidAt     *time.Time `json:"disbursed_at,omitempty" format:"date-time"`
}

// ReceiptMatch is what a donation was matched with.
type ReceiptMatch struct {
	Matched  string   `json:"matched" example:"80.00"`
	Promised string   `json:"promised_not_funded" example:"0.00"`
	Of       string   `json:"of" example:"106.00"`
	Funders  []string `json:"funders" nullable:"false" doc:"Platform, the name of one that is published, or sponsor"`
	Bound    string   `json:"bound,omitempty" enum:"donor_cap,campaign_cap" doc:"What limited it"`
	Cap      string   `json:"cap,omitempty" doc:"All that was pledged, where that limited it" example:"150.00"`
}

// ReceiptReturn is what went back.
type ReceiptReturn struct {
	How    string     `json:"how" enum:"refunded,disputed"`
	At     *time.Time `json:"at,omitempty" format:"date-time"`
	Amount string     `json:"amount" example:"20.00"`
}

// ReceiptProof is a transaction by which anybody can hold the receipt against the books.
type ReceiptProof struct {
	ID    string    `json:"id" example:"uk-42"`
	Event string    `json:"event" example:"donation.received"`
	At    time.Time `json:"occurred_at" format:"date-time"`
	Hash  string    `json:"content_hash" doc:"SHA-256 of its canonical bytes, hexadecimal"`
}

// maxProofs bounds the transactions that are shown.
const maxProofs = 100

// Find returns what a receipt shows, or ErrUnknown: an id of another form, one of another book and one that never was are
// the same.
func (s *Service) Find(ctx context.Context, id string) (*PublicReceipt, error) {
	code, random, ok := split(id)
	if !ok {
		return nil, ErrUnknown
	}
	return s.receipts.get(ctx, id, func(ctx context.Context) (*PublicReceipt, error) { return s.read(ctx, id, code, random) })
}

// read reads a receipt from the books.
func (s *Service) read(ctx context.Context, id, code, random string) (*PublicReceipt, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	book, err := s.ledger.Book(ctx, code)
	if fault.CodeOf(err) == ledger.ErrBookUnknown.Code {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	subject, err := s.find(ctx, book, random)
	if err != nil {
		return nil, err
	}
	kind, of, _ := strings.Cut(subject, ":")
	show := map[string]func(context.Context, ledger.Book, string) (*PublicReceipt, []string, error){Donation: s.donation, Gift: s.gift, Order: s.order}[kind]
	out, transactions, err := show(ctx, book, of)
	if fault.KindOf(err) == fault.NotFound { // what it was of is undone; that it was, is nobody's business
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	out.Receipt, out.Kind, out.Zone = id, kind, book.Location()
	return out, s.prove(ctx, book, out, transactions)
}

// heldReasons are the reasons that are told to the public; any other is in the words of the staff.
var heldReasons = []string{"sanctions_check", "verification", "bank_details", "document_missing"}

func heldReason(code string) string {
	if code == "" || slices.Contains(heldReasons, code) {
		return code
	}
	return "other"
}

// prove adds the transactions of the ids with their hashes.
func (s *Service) prove(ctx context.Context, book ledger.Book, out *PublicReceipt, ids []string) error {
	var sequences []int64
	for _, id := range ids {
		n, err := ledger.ParseTransactionID(book.Code, id)
		if err != nil {
			return err
		}
		out.Sequence = max(out.Sequence, n)
		sequences = append(sequences, n)
	}
	slices.Sort(sequences)
	sequences = slices.Compact(sequences)
	sequences = sequences[:min(len(sequences), maxProofs)]
	found, err := s.ledger.BySequence(ctx, book, sequences)
	if err != nil {
		return err
	}
	out.Transactions = []ReceiptProof{}
	for _, n := range sequences {
		t := found[n]
		out.Transactions = append(out.Transactions, ReceiptProof{t.ID(), t.Event, t.OccurredAt, hex.EncodeToString(t.ContentHash[:])})
	}
	return nil
}

// part is what a role has, in the making.
type part struct {
	role   string
	amount money.Minor
}

// layersOf gives each part its percentage of the whole with two decimals, by largest remainder; the first of equal ones is
// first. A part may be below zero. Nothing has no percentages.
func layersOf(parts []part, whole money.Minor, c money.Currency) []ReceiptLayer {
	out := make([]ReceiptLayer, len(parts))
	for i, p := range parts {
		out[i] = ReceiptLayer{Role: p.role, Amount: p.amount.Format(c)}
	}
	if whole <= 0 {
		return out
	}
	hundredths, rests, byRest, left := make([]int64, len(parts)), make([]*big.Int, len(parts)), make([]int, len(parts)), int64(100_00)
	for i, p := range parts {
		n := new(big.Int).Mul(big.NewInt(int64(p.amount)), big.NewInt(100_00))
		floor, rest := n.DivMod(n, big.NewInt(int64(whole)), new(big.Int)) // rounds down, also below zero
		hundredths[i], rests[i], byRest[i] = floor.Int64(), rest, i
		left -= hundredths[i]
	}
	slices.SortStableFunc(byRest, func(a, b int) int { return rests[b].Cmp(rests[a]) })
	for _, i := range byRest[:min(max(left, 0), int64(len(parts)))] {
		hundredths[i]++
	}
	for i, n := range hundredths {
		out[i].Percentage = hundredth(n)
	}
	return out
}

// hundredth formats hundredths with two decimals.
func hundredth(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	rest := strconv.FormatInt(n%100, 10)
	return sign + strconv.FormatInt(n/100, 10) + "." + strings.Repeat("0", 2-len(rest)) + rest
}

// merged adds up the parts of the same role, in the order of the roles' first appearance by rank.
func merged(parts []part, roles []string) []part {
	var out []part
	for _, p := range parts {
		if i := slices.IndexFunc(out, func(o part) bool { return o.role == p.role }); i >= 0 {
			out[i].amount += p.amount
			continue
		}
		out = append(out, p)
	}
	out = slices.DeleteFunc(out, func(p part) bool { return p.amount == 0 })
	slices.SortStableFunc(out, func(a, b part) int { return cmp.Compare(slices.Index(roles, a.role), slices.Index(roles, b.role)) })
	return out
}
