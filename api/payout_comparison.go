package api

import (
	"net/http"
	"strconv"

	"mizan/ledger/money"
	"mizan/payouts"
)

// What somebody looks at before they release a payout run: how it is beside the runs before it, what in it is unlike the usual,
// and how far its payouts are.

// PayoutRunFiguresJSON are the sums of a run in one currency.
type PayoutRunFiguresJSON struct {
	Payouts int64  `json:"payouts" doc:"How many" example:"12"`
	Sum     string `json:"sum" doc:"What arrives of all of them" example:"1200.00"`
	Mean    string `json:"mean" doc:"Of one on average, rounded down" example:"100.00"`
	Largest string `json:"largest" example:"480.00"`
}

type comparedRunJSON struct {
	Run       string `json:"run" example:"run_0123456789abcdef"`
	PlannedAt string `json:"planned_at" format:"date-time"`
	PayoutRunFiguresJSON
}

type comparedTotalJSON struct {
	Currency string `json:"currency" example:"GBP"`
	PayoutRunFiguresJSON
	Usual   *PayoutRunFiguresJSON `json:"usual,omitempty" doc:"The median of each figure of the earlier runs; left out without any"`
	Times   string                `json:"times" doc:"How many times the usual sum this one is, with one decimal, rounded down; empty without a usual" example:"3.1"`
	Earlier []comparedRunJSON     `json:"earlier" nullable:"false" doc:"The last runs before it that paid the currency and were not refused, scheduled or begun by hand, the latest first, at most 8"`
}

type payoutOutlierJSON struct {
	Kind     string   `json:"kind" enum:"seller,creator,agency,partner"`
	Payee    string   `json:"payee" example:"cre_amy"`
	Currency string   `json:"currency" example:"GBP"`
	Amount   string   `json:"amount" doc:"What arrives, in all parts" example:"480.00"`
	Usual    string   `json:"usual" doc:"The median of what the payee's last runs paid it; empty if none did" example:"96.00"`
	Runs     int      `json:"runs" doc:"Of how many runs, at most 8" example:"8"`
	Times    string   `json:"times" doc:"How many times its usual; empty without a usual" example:"5.0"`
	Why      []string `json:"why" nullable:"false" enum:"unusual,first,destination,largest" doc:"unusual: at least three times its own usual; first: nothing was paid to it before that did not come back; destination: where it is paid changed, or came into effect, in the 30 days before the run; largest: one of the three largest in the currency"`
	Changed  *string  `json:"destination_changed" format:"date-time" doc:"When the destination was changed, if that is why; null where only since when it is in effect is known"`
	InEffect *string  `json:"destination_in_effect" format:"date-time" doc:"Since when the destination is in effect as it is, its cooling-off over, if that is why"`
}

// PayoutRunComparisonJSON is a run beside the usual.
type PayoutRunComparisonJSON struct {
	Totals   []comparedTotalJSON `json:"totals" nullable:"false" doc:"By currency"`
	Outliers []payoutOutlierJSON `json:"outliers" nullable:"false" doc:"Those with most reasons first, then the largest; at most 50"`
	Looked   int                 `json:"looked" doc:"How many payees were looked at: those of the largest payouts, and those whose payouts need a person" example:"120"`
	More     bool                `json:"more" doc:"There are more than 50"`
}

// PayoutRunProgressJSON is how many payouts of a run stand where.
type PayoutRunProgressJSON struct {
	Payouts   int64   `json:"payouts" doc:"All of them, the sum of the others" example:"12"`
	Waiting   int64   `json:"waiting" doc:"Created, and a second person has to look at them first"`
	Created   int64   `json:"created" doc:"Created, and to be sent"`
	Sending   int64   `json:"sending"`
	Unknown   int64   `json:"unknown" doc:"Sent, and whether it was taken is not known yet"`
	Refused   int64   `json:"refused" doc:"Not taken by the rail"`
	InTransit int64   `json:"in_transit" doc:"Taken, and on their way"`
	Paid      int64   `json:"paid" doc:"Arrived"`
	Failed    int64   `json:"failed" doc:"Came back, before or after they arrived"`
	Cancelled int64   `json:"cancelled" doc:"Never sent"`
	DoneAt    *string `json:"done_at" format:"date-time" doc:"About when the last leaves at the pace of the rail; null if nothing is left that may"`
	Estimated bool    `json:"estimated" doc:"Of a run with more than 10,000 payouts, numbers of 5,000 and more are told from a part of them, to about one in a hundred; payouts is exact"`
}

func figuresOf(f payouts.RunFigures, c money.Currency) PayoutRunFiguresJSON {
	return PayoutRunFiguresJSON{f.Payouts, f.Sum.Format(c), f.Mean.Format(c), f.Largest.Format(c)}
}

// timesOf writes tenths as a number with one decimal; nothing for 0.
func timesOf(tenths int64) string {
	if tenths == 0 {
		return ""
	}
	return strconv.FormatInt(tenths/10, 10) + "." + strconv.FormatInt(tenths%10, 10)
}

func comparePayoutRun(c *call) (reply, error) {
	s, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	found, err := s.Compare(c.ctx, c.book, c.param("run"))
	if err != nil {
		return reply{}, err
	}
	out := PayoutRunComparisonJSON{Totals: []comparedTotalJSON{}, Outliers: []payoutOutlierJSON{}, Looked: found.Looked, More: found.More}
	for _, t := range found.Totals {
		x := comparedTotalJSON{Currency: string(t.Currency), PayoutRunFiguresJSON: figuresOf(t.RunFigures, t.Currency), Times: timesOf(t.Tenths), Earlier: []comparedRunJSON{}}
		for _, e := range t.Earlier {
			x.Earlier = append(x.Earlier, comparedRunJSON{e.ID, e.Planned.Format(instantFormat), figuresOf(e.RunFigures, t.Currency)})
		}
		if len(t.Earlier) > 0 {
			usual := figuresOf(t.Usual, t.Currency)
			x.Usual = &usual
		}
		out.Totals = append(out.Totals, x)
	}
	for _, o := range found.Outliers {
		x := payoutOutlierJSON{Kind: o.Holder.Kind, Payee: o.Holder.ID, Currency: string(o.Holder.Currency), Amount: o.Amount.Format(o.Holder.Currency), Runs: o.Runs,
			Times: timesOf(o.Tenths), Why: o.Why, Changed: instantOf(o.Changed), InEffect: instantOf(o.InEffect)}
		if o.Runs > 0 {
			x.Usual = o.Usual.Format(o.Holder.Currency)
		}
		out.Outliers = append(out.Outliers, x)
	}
	return document(http.StatusOK, out)
}

func getPayoutRunProgress(c *call) (reply, error) {
	s, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	run, err := s.Run(c.ctx, c.book, c.param("run"))
	if err != nil {
		return reply{}, err
	}
	p, err := s.Progress(c.ctx, c.book, run.ID)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, PayoutRunProgressJSON{Payouts: p.Sent + p.Left, Waiting: p.Waiting, Created: p.Left - p.Waiting - p.Sending - p.Unknown - p.Refused, Sending: p.Sending,
		Unknown: p.Unknown, Refused: p.Refused, InTransit: p.InTransit, Paid: p.Paid, Failed: p.Failed, Cancelled: p.Cancelled, DoneAt: instantOf(p.DoneAt), Estimated: p.Estimated})
}
