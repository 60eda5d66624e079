package commerce

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A campaign is a published promise: for whom donations are, in which shares, and what is taken of them. It is recorded in
// the books as a fact, so that it is part of the chain of hashes: a promise cannot be changed afterwards without being
// seen. A later version holds for later donations; each donation keeps the version it was given under.

const (
	eventPublished = "campaign.published"
	humanitarian   = "humanitarian"
	// platformPayee is the platform itself, where it is named as a beneficiary.
	platformPayee = "platform"
	// maxBeneficiaries bounds the split of a campaign.
	maxBeneficiaries = 20
)

var (
	// ErrPromise means that a posting would break what the campaign has published.
	ErrPromise = fault.New(fault.Invalid, "promise-broken", "This would break what the campaign has promised. Keep the promise, or publish a new version for later donations.")
	// ErrCampaignUnknown means that no such campaign was published.
	ErrCampaignUnknown = fault.New(fault.NotFound, "campaign-unknown", "No campaign of this id is published in the book. Check its id, or publish it first.")
	// ErrCampaignExists means that the id belongs to a campaign with other content.
	ErrCampaignExists = fault.New(fault.Conflict, "campaign-exists", "A campaign of this id is published with other content. Publish a new version of it, or take another id.")
	// ErrBeneficiaryUnknown means that a campaign has no such beneficiary.
	ErrBeneficiaryUnknown = fault.New(fault.NotFound, "beneficiary-unknown", "The campaign has no such beneficiary. Check its id.")
	// ErrCampaignVersion means that a version would leave out numbers, or get another than the one that is meant.
	ErrCampaignVersion = fault.New(fault.Conflict, "campaign-version", "A campaign's versions are numbered without gaps. Publish the next one.")
	// ErrCampaignMoney means that a campaign has less money, or less of it where it is needed, than a decision would move.
	ErrCampaignMoney = fault.New(fault.Conflict, "campaign-money", "The campaign does not have this money there. Look at its totals and correct the amount.")
)

// CampaignPublished is a version of a campaign's promise.
type CampaignPublished struct {
	ID            string                `json:"id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign's id" example:"winter24"`
	Name          string                `json:"name,omitempty" maxLength:"120" doc:"What its public page calls it; left out, its id" example:"Winter kits, camp A"`
	Kind          string                `json:"kind" enum:"humanitarian,general" doc:"A humanitarian campaign carries no platform fee"`
	Currency      string                `json:"currency" pattern:"^[A-Z]{3}$" doc:"The one currency of its donations" example:"GBP"`
	Beneficiaries []CampaignBeneficiary `json:"beneficiaries" nullable:"false" minItems:"1" maxItems:"20" doc:"Who gets the donations, by weight"`
	Alternates    []string              `json:"alternates,omitempty" nullable:"false" maxItems:"20" doc:"Who may get the money of a beneficiary that cannot, named in advance" example:"[\"ngo_alt\"]"`
	PlatformFee   string                `json:"platform_fee,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" default:"0" doc:"The platform's fee as a rate of the gift; 0 for a humanitarian campaign" example:"0"`
	AgencyShare   string                `json:"agency_share,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" default:"0" doc:"An agency's share of donations: always 0"`
	FeeQuote      CampaignQuote         `json:"fee_quote" doc:"What card processing is quoted at; the donation bears this, whatever the real fee"`
	// RefundWindowDays is how long a donation waits before it is released.
	RefundWindowDays int  `json:"refund_window_days" minimum:"0" maximum:"365" doc:"Days in which a donation is not passed on, so that it can go back" example:"14"`
	ForwardDays      *int `json:"forward_within_days,omitempty" minimum:"1" maximum:"365" doc:"Days after the end of the month of release in which the money reaches the beneficiaries; left out, 15" example:"15"`
	SafeguardDays    *int `json:"safeguard_within_days,omitempty" minimum:"0" maximum:"30" doc:"Days in which donations are moved to the safeguarded account; left out, 1" example:"1"`
	// MatchReallocate says that a match which came back with a refund serves later donations.
	MatchReallocate   bool `json:"match_reallocate_on_refund,omitempty" doc:"Whether a match that came back with a refund serves later donations"`
	PlatformDisclosed bool `json:"platform_beneficiary_disclosed,omitempty" doc:"Donors are told that the platform itself is a beneficiary"`
}

// CampaignBeneficiary is one share of a campaign's donations.
type CampaignBeneficiary struct {
	Payee  string `json:"payee" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who gets it" example:"ngo_a"`
	Weight string `json:"weight" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The part, in proportion to the other weights" example:"60"`
	Name   string `json:"name,omitempty" maxLength:"120" doc:"The charity's public name, shown on public pages; left out, its id" example:"Shelter Now"`
}

// CampaignQuote is what card processing is quoted at.
type CampaignQuote struct {
	Rate string `json:"rate" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"A rate of the charge" example:"0.014"`
	Flat string `json:"flat,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"And an amount" example:"0.20"`
}

func (d *CampaignPublished) subject() string { return "campaign:" + d.ID }

func (d *CampaignPublished) prepare(p *preparation) {
	p.id("/id", d.ID, true)
	p.publicName("/name", d.Name)
	if d.Kind == "" {
		p.bad("/kind", "required", "A campaign is humanitarian or general.")
	}
	p.oneOf("/kind", d.Kind, humanitarian, "general")
	p.useCurrency("/currency", d.Currency)
	d.prepareSplit(p)
	fee, agency := p.share("/platform_fee", d.PlatformFee), p.share("/agency_share", d.AgencyShare)
	if d.Kind == humanitarian && !fee.IsZero() {
		p.bad("/platform_fee", ErrPromise.Code, "A humanitarian campaign promises that the platform takes 0.00. Set the platform fee to 0.")
	}
	if !agency.IsZero() {
		p.bad("/agency_share", ErrPromise.Code, "Donations promise that no agency takes a share. Set the agency share to 0.")
	}
	if rate := p.share("/fee_quote/rate", d.FeeQuote.Rate); rate.Compare(one) >= 0 {
		p.bad("/fee_quote/rate", "rate-range", "The quoted rate must be below 1.")
	}
	p.amount("/fee_quote/flat", d.FeeQuote.Flat)
	p.days("/refund_window_days", d.RefundWindowDays, 0, 365)
	if d.ForwardDays != nil {
		p.days("/forward_within_days", *d.ForwardDays, 1, 365)
	}
	if d.SafeguardDays != nil {
		p.days("/safeguard_within_days", *d.SafeguardDays, 0, 30)
	}
}

// maxPublicName bounds a name on public pages, in characters.
const maxPublicName = 120

// publicName judges a name that public pages show. It may be left out.
func (p *preparation) publicName(pointer, name string) {
	if strings.TrimSpace(name) != name || utf8.RuneCountInString(name) > maxPublicName || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		p.bad(pointer, "text", "A name is at most 120 printable characters, without a space at either end.")
	}
}

func (p *preparation) days(pointer string, n, least, most int) {
	if n < least || n > most {
		p.bad(pointer, "days", "This is a number of days from "+strconv.Itoa(least)+" to "+strconv.Itoa(most)+".")
	}
}

// prepareSplit judges the beneficiaries and those who may stand in for them.
func (d *CampaignPublished) prepareSplit(p *preparation) {
	if len(d.Beneficiaries) == 0 || len(d.Beneficiaries) > maxBeneficiaries {
		p.bad("/beneficiaries", "count", "A campaign has 1 to 20 beneficiaries.")
		return
	}
	seen := map[string]bool{}
	var sum money.Weight
	for i, b := range d.Beneficiaries {
		to := at("/beneficiaries", i)
		p.id(to+"/payee", b.Payee, true)
		p.publicName(to+"/name", b.Name)
		if seen[b.Payee] {
			p.bad(to+"/payee", "repeated", "Each beneficiary is named once.")
		}
		seen[b.Payee] = true
		if b.Payee == platformPayee && !d.PlatformDisclosed {
			p.bad(to+"/payee", ErrPromise.Code, "The platform itself would get donations. Donors must be told: set platform_beneficiary_disclosed, or name another beneficiary.")
		}
		w := p.weight(to+"/weight", b.Weight)
		next, err := sum.Add(w)
		if err != nil {
			p.because(to+"/weight", err)
			continue
		}
		sum = next
	}
	if sum.IsZero() {
		p.because("/beneficiaries", money.ErrWeights)
	}
	if len(d.Alternates) > maxBeneficiaries {
		p.bad("/alternates", "count", "A campaign names at most 20 alternates.")
		return
	}
	for i, a := range d.Alternates {
		p.id(at("/alternates", i), a, true)
		if a == platformPayee && !d.PlatformDisclosed {
			p.bad(at("/alternates", i), ErrPromise.Code, "The platform itself could get donations. Donors must be told: set platform_beneficiary_disclosed.")
		}
	}
}

// publishedStored is a version as it is kept.
type publishedStored struct {
	CampaignPublished
	Version int `json:"version"`
}

// publishing is a version that must get its number.
type publishing struct {
	CampaignPublished
	version int
}

func (d *publishing) plan(p *planner) error { return d.publish(p, d.version) }

func (d *CampaignPublished) plan(p *planner) error { return d.publish(p, 1) }

// publish records the next version, which must not be below the number.
func (d *CampaignPublished) publish(p *planner, number int) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	version := len(told.named(eventPublished)) + 1
	if version < number {
		return ErrCampaignVersion.Withf("The campaign's next version is %d. Publish that.", version)
	}
	if version > 1 {
		first, err := storedAs[publishedStored](told.named(eventPublished)[0])
		if err != nil {
			return err
		}
		if first.Kind != d.Kind || first.Currency != d.Currency {
			return ErrPromise.With("A campaign's kind and currency are promised for good. Publish another campaign instead.")
		}
	}
	data, err := keep(publishedStored{*d, version})
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: eventPublished, campaign: d.ID, data: data})
}

// terms are a campaign's version in the units it is computed in.
type campaignTerms struct {
	publishedStored
	currency    money.Currency
	weights     []money.Weight
	quote       money.Rate
	flat        money.Minor
	platformFee money.Rate
}

// campaign reads the campaign's version in force. The plan rests on it.
func (p *planner) campaign(id string) (*campaignTerms, error) {
	t, err := p.lastOf("campaign:" + id)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, ErrCampaignUnknown
	}
	return termsOf(t)
}

func termsOf(t *ledger.Transaction) (*campaignTerms, error) {
	stored, err := storedAs[publishedStored](t)
	if err != nil {
		return nil, err
	}
	c := &campaignTerms{publishedStored: stored, currency: money.Currency(stored.Currency)}
	prep := &preparation{currency: c.currency, unit: c.currency.PostingUnit()}
	for _, b := range stored.Beneficiaries {
		c.weights = append(c.weights, prep.weight("", b.Weight))
	}
	c.quote, c.platformFee = prep.share("", stored.FeeQuote.Rate), prep.share("", stored.PlatformFee)
	c.flat = prep.amount("", stored.FeeQuote.Flat)
	return c, prep.err()
}

// allows reports whether a payee may get money of the campaign by its published split or as a named alternate.
func (c *campaignTerms) alternate(payee string) bool { return slices.Contains(c.Alternates, payee) }

// Promise says a version in words.
func (c *campaignTerms) promise() []string {
	fee := "The platform takes 0.00 of a gift; no agency and no creator takes a share."
	if !c.platformFee.IsZero() {
		fee = "The platform takes " + percent(c.platformFee) + " of a gift; no agency and no creator takes a share."
	}
	quote := "Card processing is quoted at " + percent(c.quote) + " of the charge"
	if c.flat != 0 {
		quote += " plus " + c.flat.Format(c.currency)
	}
	out := []string{fee, quote + "; if it costs more the platform pays the difference, if it costs less the beneficiaries get it."}
	var sum money.Weight
	for _, w := range c.weights {
		if next, err := sum.Add(w); err == nil {
			sum = next
		}
	}
	for i, b := range c.Beneficiaries {
		out = append(out, b.Payee+" gets a weight of "+c.weights[i].String()+" in "+sum.String()+" of what is left, to the smallest unit by largest remainder.")
	}
	days := strconv.Itoa(c.RefundWindowDays)
	out = append(out, "A donation can go back in full; it is passed on after "+days+" days at the earliest.")
	if len(c.Alternates) > 0 {
		list := ""
		for i, a := range c.Alternates {
			if i > 0 {
				list += ", "
			}
			list += a
		}
		out = append(out, "If a beneficiary cannot get its share, it goes to one of: "+list+".")
	}
	if c.MatchReallocate {
		return append(out, "A match that comes back with a refund serves later donations.")
	}
	return append(out, "A match that comes back with a refund stays in the fund and serves no later donation.")
}
