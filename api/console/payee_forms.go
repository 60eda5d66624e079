package console

import (
	"context"
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"

	"mizan/ledger/money"
	"mizan/payouts"
)

// What the staff changes about a payee: how it stands, and holds, alone; where it is paid and the end of a hold, with a
// second person.

// newToken is a name for something that a form asks for, which nobody can guess.
func newToken() string { return strings.ToLower(rand.Text()[:20]) }

// changeStanding changes how the payee stands, if nobody else did since the page was read.
func (c *console) changeStanding(ctx context.Context, who cashier, r *http.Request) (string, error) {
	f := r.PostForm
	version, err := strconv.Atoi(f.Get("version"))
	if err != nil || version < 0 {
		return "", errFormRead
	}
	now, err := c.Payouts.Standing(ctx, who.book, r.PathValue("payee"))
	if err != nil {
		return "", err
	}
	change := payouts.StandingChange{Version: version, Document: f.Get("document"), Why: f.Get("reason")}
	// Only what was changed is sent, so that the history says what somebody did.
	for _, part := range []struct {
		name string
		was  string
		to   **string
	}{
		{"verification", now.Verification, &change.Verification}, {"category", now.Category, &change.Category}, {"business", now.Business, &change.Business},
		{"owner", now.Owner, &change.Owner}, {"set_off", now.SetOff, &change.SetOff},
	} {
		if value := strings.TrimSpace(f.Get(part.name)); f.Has(part.name) && value != part.was {
			*part.to = &value
		}
	}
	_, err = c.Payouts.ChangeStanding(ctx, who.actor(), who.book, r.PathValue("payee"), change)
	return who.payeePage(r), err
}

// payeePage is where the page of the payee is.
func (who cashier) payeePage(r *http.Request) string {
	return who.o.At + "/payees/" + r.PathValue("payee")
}

// placeHold places a hold. Its id was drawn with the page, so that sending the form twice places one.
func (c *console) placeHold(ctx context.Context, who cashier, r *http.Request) (string, error) {
	f, id := r.PostForm, r.PathValue("payee")
	registered, err := c.Commerce.Payee(ctx, who.book, id)
	if err != nil {
		return "", err
	}
	h := payouts.Hold{ID: f.Get("hold"), PayeeKey: payouts.PayeeKey{Kind: registered.Kind, ID: id}, Currency: money.Currency(f.Get("currency")), Effect: f.Get("effect"),
		Category: f.Get("category"), Case: strings.TrimSpace(f.Get("case"))}
	if text := f.Get("amount"); strings.TrimSpace(text) != "" {
		if h.Wanted, err = typed(text, h.Currency); err != nil {
			return "", payouts.ErrHoldInvalid.At("/amount", "amount", "Write the amount as digits with the currency's own decimals, such as 120.00.")
		}
	}
	_, err = c.Payouts.PlaceHold(ctx, who.actor(), who.book, h, f.Get("reason"))
	return who.payeePage(r), err
}

// askHoldEnd asks a second person to release a hold.
func (c *console) askHoldEnd(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.asked(ctx, who, payouts.ActHoldReleased, map[string]string{"hold": r.PostForm.Get("hold")}, r.PostForm)
}

// askDestination asks a second person for another place to pay the payee at.
func (c *console) askDestination(ctx context.Context, who cashier, r *http.Request) (string, error) {
	f := r.PostForm
	currencies := strings.FieldsFunc(strings.ToUpper(f.Get("currencies")), func(x rune) bool { return x == ' ' || x == ',' })
	payload := map[string]any{"payee": r.PathValue("payee"), "rail": f.Get("rail"), "account": strings.TrimSpace(f.Get("account")), "currencies": currencies, "mode": f.Get("mode")}
	if f.Get("holder_confirmed") != "" {
		payload["holder_confirmed"] = true
	}
	return c.asked(ctx, who, payouts.ActDestination, payload, f)
}

// checkDestination reads the account behind a destination at the processor again.
func (c *console) checkDestination(ctx context.Context, who cashier, r *http.Request) (string, error) {
	d, err := c.Payouts.Destination(ctx, who.book, r.PostForm.Get("destination"))
	if err != nil {
		return "", err
	}
	if d.Payee != r.PathValue("payee") {
		return "", payouts.ErrDestinationUnknown
	}
	_, err = c.Payouts.RefreshBy(ctx, who.actor(), who.book, d.ID, r.PostForm.Get("reason"))
	return who.payeePage(r), err
}
