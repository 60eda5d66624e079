package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Campaigns for the staff: what each promises, in every version, what was given and where it is, and publishing what it
// promises next. A version is an event that a second person agrees to, because donors rely on it for good.

// beneficiariesOf bounds the lines of beneficiaries that a form takes.
const beneficiariesOf = 20

// campaignPages are the pages about campaigns and their forms.
func (c *console) campaignPages(mux *http.ServeMux, at string) {
	ask := []access.Scope{access.ApprovalsWrite}
	mux.HandleFunc("GET "+at, c.readBy(access.TransactionsRead, "campaigns", c.campaigns))
	mux.HandleFunc("GET "+at+"/{campaign}", c.readBy(access.TransactionsRead, "campaign", c.campaign))
	mux.HandleFunc("POST "+at, c.formBy(access.TransactionsRead, "campaigns", ask, c.askCampaign, c.campaigns))
	mux.HandleFunc("POST "+at+"/{campaign}/versions", c.formBy(access.TransactionsRead, "campaign", ask, c.askVersion, c.campaign))
}

func (who cashier) campaignAt(id string) string {
	return who.o.At + campaignsPath + "/" + url.PathEscape(id)
}

// campaignForm is what a form about a campaign shows.
type campaignForm struct {
	payHead
	// Fields are the values to begin with.
	Fields     map[string]string
	Currencies []money.Currency
}

// Value is what stands in a field: what was typed, or else what it begins with.
func (f *campaignForm) Value(name string) string {
	if f.given != nil {
		return f.given.Get(name)
	}
	return f.Fields[name]
}

// campaignLine is a campaign in a list.
type campaignLine struct {
	commerce.CampaignVersion
	Link, Fact string
}

type campaignsPage struct {
	campaignForm
	At          string
	Lines       []campaignLine
	Next, First string
}

func (c *console) campaigns(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	p := campaignsPage{campaignForm: c.campaignForm(who, nil), At: who.o.At + campaignsPath}
	after, err := positive(r.URL.Query().Get("after"))
	if err != nil {
		return answer{}, err
	}
	if after > 0 {
		p.First = p.At
	}
	list, next, err := c.Commerce.Campaigns(ctx, who.book, after, campaignsPerPage)
	if err != nil {
		return answer{}, err
	}
	if next > 0 {
		p.Next = narrowedTo(p.At, "after", strconv.FormatInt(next, 10))
	}
	for _, v := range list {
		p.Lines = append(p.Lines, campaignLine{v, who.campaignAt(v.ID), "/books/" + who.o.Code + "/transactions/" + v.Transaction})
	}
	return who.administered(tellerOf(ctx).say("admin.campaigns"), &p), nil
}

func (c *console) campaignForm(who cashier, last *commerce.CampaignVersion) campaignForm {
	f := campaignForm{payHead: c.adminHead(who, "Campaigns"), Currencies: who.book.Currencies, Fields: map[string]string{"rate": "0", "window": "14", "fee": "0"}}
	if last == nil {
		return f
	}
	var lines []string
	for _, b := range last.Beneficiaries {
		lines = append(lines, strings.TrimSpace(b.Payee+" "+b.Weight+" "+b.Name))
	}
	f.Fields = map[string]string{"name": last.Name, "beneficiaries": strings.Join(lines, "\n"), "alternates": strings.Join(last.Alternates, " "), "fee": last.PlatformFee, "rate": last.FeeQuote.Rate,
		"flat": last.FeeQuote.Flat, "window": strconv.Itoa(last.RefundWindowDays), "after": strconv.Itoa(last.Version)}
	return f
}

// campaignFigure is a figure of a campaign with its word.
type campaignFigure struct {
	Key string
	Sum amount
}

// campaignShare is what a beneficiary has of a campaign, for the staff.
type campaignShare struct {
	commerce.CampaignShare
	Link                                 string
	Given, Match, Sent, Way, Waits, Free amount
}

// campaignVersion is a version of the promise.
type campaignVersion struct {
	commerce.CampaignVersion
	Fact string
}

type campaignPage struct {
	campaignForm
	At       string
	Campaign *commerce.Campaign
	Name     string
	Public   string
	Figures  []campaignFigure
	Shares   []campaignShare
	Versions []campaignVersion
	// MoreVersions is how many are not shown.
	MoreVersions int
	Moves        string
}

func (c *console) campaign(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	id := r.PathValue("campaign")
	if !ledger.IsSegment(id) {
		return answer{}, errNoPage
	}
	of, err := c.Commerce.Campaign(ctx, who.book, id)
	if err != nil {
		return answer{}, err
	}
	last := of.Versions[len(of.Versions)-1]
	p := campaignPage{campaignForm: c.campaignForm(who, &last), At: who.campaignAt(id), Campaign: of, Name: last.Name, Moves: who.subjectAt("campaign:" + id)}
	if c.Receipts != nil {
		p.Public = "/c/" + who.o.Code + "-" + id
	}
	in := money.Currency(of.Currency)
	t := &of.Totals
	for _, f := range []struct{ key, text string }{{"given", t.Given}, {"matched", t.Matched}, {"to_beneficiaries", t.ToBeneficiaries}, {"disbursed", t.Disbursed}, {"held", t.Held},
		{"refunded", t.Refunded}, {"card_fees", t.CardFees}, {"platform_fee", t.PlatformFee}, {"tips", t.Tips}} {
		p.Figures = append(p.Figures, campaignFigure{"admin.campaign." + f.key, signedSum(f.text, in)})
	}
	for _, b := range of.Beneficiaries {
		s := campaignShare{CampaignShare: b, Given: signedSum(b.Donated, in), Match: signedSum(b.Matched, in), Sent: signedSum(b.Disbursed, in), Way: signedSum(b.Sending, in),
			Waits: signedSum(b.Pending, in), Free: signedSum(b.Available, in)}
		if who.o.Payouts && mayAll(who.principal(), who.o.Code, access.PayoutsRead) {
			s.Link = who.o.At + "/payees/" + b.Payee
		}
		p.Shares = append(p.Shares, s)
	}
	for _, v := range slices.Backward(of.Versions) {
		if len(p.Versions) == versionsOfShown {
			p.MoreVersions = len(of.Versions) - versionsOfShown
			break
		}
		p.Versions = append(p.Versions, campaignVersion{v, "/books/" + who.o.Code + "/transactions/" + v.Transaction})
	}
	return who.administered(id, &p, link{tellerOf(ctx).say("admin.campaigns"), who.o.At + campaignsPath}), nil
}

// askCampaign asks a second person to publish a campaign.
func (c *console) askCampaign(ctx context.Context, who cashier, r *http.Request) (string, error) {
	f := r.PostForm
	d := commerce.CampaignPublished{ID: strings.TrimSpace(f.Get("id")), Kind: f.Get("kind"), Currency: f.Get("currency")}
	return c.askPublished(ctx, who, f, d, 1)
}

// askVersion asks a second person to publish what a campaign promises from then on. What the form does not ask stays as it was.
func (c *console) askVersion(ctx context.Context, who cashier, r *http.Request) (string, error) {
	id := r.PathValue("campaign")
	if !ledger.IsSegment(id) {
		return "", errNoPage
	}
	versions, err := c.Commerce.CampaignVersions(ctx, who.book, id)
	if err != nil {
		return "", err
	}
	last := versions[len(versions)-1]
	if after, err := strconv.Atoi(r.PostForm.Get("after")); err != nil || after < 1 {
		return "", errFormRead
	} else if after != last.Version {
		return "", errCampaignSeen
	}
	return c.askPublished(ctx, who, r.PostForm, last.CampaignPublished, last.Version+1)
}

// errCampaignSeen refuses a form that was begun from another version than the latest: it would take back what that one promises.
var errCampaignSeen = fault.New(fault.Conflict, "campaign-version", "The campaign promises something newer than what this form began with. Load its page again and begin from that.")

func (c *console) askPublished(ctx context.Context, who cashier, f url.Values, d commerce.CampaignPublished, version int) (string, error) {
	d.Name, d.PlatformFee = strings.TrimSpace(f.Get("name")), strings.TrimSpace(f.Get("fee"))
	d.FeeQuote = commerce.CampaignQuote{Rate: strings.TrimSpace(f.Get("rate")), Flat: strings.TrimSpace(f.Get("flat"))}
	d.Alternates = strings.Fields(f.Get("alternates"))
	var err error
	if d.RefundWindowDays, err = strconv.Atoi(strings.TrimSpace(f.Get("window"))); err != nil {
		return "", ledger.ErrInvalid.At("/refund_window_days", "days", "Write the refund window as a number of days.")
	}
	d.Beneficiaries = nil
	for line := range strings.Lines(f.Get("beneficiaries")) {
		parts := strings.Fields(line)
		if len(parts) == 0 {
			continue
		}
		if len(parts) == 1 || len(d.Beneficiaries) == beneficiariesOf {
			return "", ledger.ErrInvalid.At("/beneficiaries", "beneficiaries", "Write at most 20 beneficiaries, one a line: the payee's id, its weight, and its public name, such as ngo_a 60 Shelter Now.")
		}
		d.Beneficiaries = append(d.Beneficiaries, commerce.CampaignBeneficiary{Payee: parts[0], Weight: parts[1], Name: strings.Join(parts[2:], " ")})
	}
	return c.asked(ctx, who, commerce.ActPublishCampaign, map[string]any{"version": version, "campaign": d}, f)
}
