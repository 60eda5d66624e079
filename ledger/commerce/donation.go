package commerce

// Donations: what donors gave, what it cost, who got it, and what was promised.

const (
	eventReceived      = "donation.received"
	eventMatched       = "donation.matched"
	eventCounted       = "donation.counted"
	eventDonorCounted  = "donation.donor_counted"
	eventPaymentNoted  = "donation.payment_noted"
	eventMatchReversed = "donation.match_reversed"
	eventSurplus       = "donation.fee_surplus_passed"
	eventFeeAttributed = "donation.fee_attributed"
	eventSurplusNoted  = "donation.fee_surplus_noted"
)

var donationTypes = []EventType{
	{Name: eventReceived, Meaning: "A donor gave to a campaign; the gift is split as the campaign has published.", New: func() EventData { return &DonationReceived{} }, Stored: func() teller { return &givenStored{} }},
	{Name: "donation.refunded", Meaning: "A donation went back to the donor in full, with the tip and the card fee that was covered.", New: func() EventData { return &DonationRefunded{} }, Stored: func() teller { return &backStored{} }},
	{Name: "donation.disputed", Meaning: "The donor's bank took a donation back.", New: func() EventData { return &DonationDisputed{} }, Stored: func() teller { return &backStored{} }},
	{Name: "donation.redirected", Meaning: "A beneficiary cannot get its share; an alternate that the campaign named gets it.", New: func() EventData { return &DonationRedirected{} }, SecondPerson: true},
	{Name: "donation.released", Meaning: "The refund window is over; the donations may be passed on.", New: func() EventData { return &DonationReleased{} }},
	{Name: "donation.held", Meaning: "A beneficiary's money is held, with a reason.", New: func() EventData { return &DonationHeld{} }},
	{Name: "donation.hold_released", Meaning: "A beneficiary's money is held no more.", New: func() EventData { return &DonationHoldReleased{} }, SecondPerson: true},
	{Name: "donation.disbursed", Meaning: "A payment of released donations to a beneficiary was created.", New: func() EventData { return &DonationDisbursed{} }},
	{Name: "donation.disbursement_submitted", Meaning: "The bank was told to pay a beneficiary.", New: func() EventData { return &DisbursementSubmitted{} }},
	{Name: "donation.disbursement_paid", Meaning: "The beneficiary has the money.", New: func() EventData { return &DisbursementPaid{} }},
	{Name: "donation.disbursement_failed", Meaning: "The bank could not pay the beneficiary; the money waits again.", New: func() EventData { return &DisbursementFailed{} }},
	{Name: "donation.disbursement_returned", Meaning: "A payment that had arrived came back; the money waits again.", New: func() EventData { return &DisbursementReturned{} }},
	{Name: "donation.safeguarded", Meaning: "Donation cash leaves the processor for the safeguarded account.", New: func() EventData { return &DonationSafeguarded{} }},
	{Name: "donation.safeguard_landed", Meaning: "Donation cash arrived where it was moved to.", New: func() EventData { return &SafeguardLanded{} }},
	{Name: "donation.unsafeguarded", Meaning: "Safeguarded cash goes back to the processor, for refunds after it was moved.", New: func() EventData { return &DonationUnsafeguarded{} }},
	{Name: "donation.fee_funded", Meaning: "The platform pays into donation cash what it bears of card fees.", New: func() EventData { return &FeeFunded{} }},
	{Name: "match.pledged", Meaning: "A funder promises to match donations; nothing is payable yet.", New: func() EventData { return &MatchPledged{} }},
	{Name: "match.cash_moved", Meaning: "The platform moved its own money to the safeguarded account, for a match.", New: func() EventData { return &MatchCashMoved{} }},
	{Name: "match.funded", Meaning: "Pledged money is there; it matches donations, first those it was promised to.", New: func() EventData { return &MatchFunded{} }},
	{Name: "match.promises_paid", Meaning: "Promised matches are paid from the fund, in the order of the donations.", New: func() EventData { return &MatchPromisesPaid{} }},
	{Name: "match.closed", Meaning: "Matching ends; what is unspent goes back to the funders.", New: func() EventData { return &MatchClosed{} }},
}

var donationOwnTypes = []EventType{
	{Name: eventPublished, Meaning: "A campaign published what it promises.", New: func() EventData { return &CampaignPublished{} }},
}

var donationParts = map[string]string{
	eventMatched:       "A gift is matched from the campaign's fund.",
	eventCounted:       "The campaign's numbers are carried on; this moves no money.",
	eventDonorCounted:  "What a donor's gifts were matched with is carried on; this moves no money.",
	eventPaymentNoted:  "Which donation a payment is for, so that its card fee finds it; this moves no money.",
	eventMatchReversed: "The match of a donation that went back returns to the fund.",
	eventSurplus:       "The card fee was lower than quoted; the beneficiaries get the difference.",
	eventSurplusNoted:  "What a donation's lower card fee gave its beneficiaries; this moves no money.",
	eventFeeAttributed: "A card fee that came before its donation is paid from what the donation was quoted.",
}

// DonationReceived is a gift to a campaign, as it was charged.
type DonationReceived struct {
	Donation string            `json:"donation" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The donation's id" example:"D3"`
	Donor    string            `json:"donor,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"An opaque id of the donor, for caps per donor" example:"don_81f"`
	Campaign string            `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	Currency string            `json:"currency" pattern:"^[A-Z]{3}$" doc:"The campaign's currency" example:"GBP"`
	Amount   string            `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The gift" example:"106.00"`
	Tip      string            `json:"tip,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"A tip for the platform, beside the gift" example:"5.00"`
	CoverFee bool              `json:"cover_fee,omitempty" doc:"Whether the donor pays the card fee on top of the gift"`
	Live     string            `json:"live_session,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The live session it was given in" example:"LS-501"`
	Payments []DonationPayment `json:"payments" nullable:"false" minItems:"1" maxItems:"10" doc:"How it was paid; the sum is the gift, the covered fee and the tip"`
}

// DonationPayment is one payment of a donation.
type DonationPayment struct {
	Processor string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	PaymentID string `json:"payment_id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payment" example:"pi_d3"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What was paid" example:"111.00"`
}

// DonationRefunded gives a donation back, in full.
type DonationRefunded struct {
	Donation        string `json:"donation" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The donation" example:"D2"`
	PaymentRefundID string `json:"payment_refund_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The refund's id at the processor" example:"re_d2"`
}

// DonationDisputed says that the donor's bank took a donation back, with the fee for it.
type DonationDisputed struct {
	Donation string `json:"donation" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The donation" example:"D2"`
	Dispute  string `json:"dispute" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The dispute's id" example:"dp_d2"`
	Fee      string `json:"fee,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the processor charges for the dispute" example:"15.00"`
}

// DonationRedirected passes what a beneficiary was to get to an alternate that the campaign named in advance.
type DonationRedirected struct {
	Redirection string `json:"redirection" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The redirection's id" example:"RD-1"`
	Campaign    string `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	From        string `json:"from" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The beneficiary that cannot get it" example:"local_c"`
	To          string `json:"to" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The alternate" example:"ngo_alt"`
	Reason      string `json:"reason" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"verification_failed"`
	Document    string `json:"document" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The document that decides it, such as the notice to donors" example:"DOC-9"`
}

// DonationReleased makes donations ready to be passed on, up to one donation or all there are.
type DonationReleased struct {
	Campaign      string   `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	Beneficiaries []string `json:"beneficiaries,omitempty" nullable:"false" maxItems:"40" doc:"Whose shares; left out, those of all who are not held" example:"[\"ngo_a\"]"`
	Through       string   `json:"through,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The last donation that is released with those before it; left out, all" example:"D3"`
	Early         bool     `json:"early,omitempty" doc:"Release before the refund windows are over"`
	Reason        string   `json:"reason,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why early, in your words" example:"emergency"`
}

// DonationHeld holds a beneficiary's money of a campaign.
type DonationHeld struct {
	Campaign    string `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	Beneficiary string `json:"beneficiary" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Whose money" example:"local_c"`
	Reason      string `json:"reason" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"sanctions_check"`
}

// DonationHoldReleased ends a hold.
type DonationHoldReleased struct {
	Campaign    string `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	Beneficiary string `json:"beneficiary" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Whose money" example:"local_c"`
	Reason      string `json:"reason" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"cleared"`
	Document    string `json:"document,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The document that decides it" example:"DOC-12"`
}

func (d *DonationReceived) subject() string     { return "donation:" + d.Donation }
func (d *DonationRefunded) subject() string     { return "donation:" + d.Donation }
func (d *DonationDisputed) subject() string     { return "donation:" + d.Donation }
func (d *DonationRedirected) subject() string   { return tallySubject(d.Campaign) }
func (d *DonationReleased) subject() string     { return tallySubject(d.Campaign) }
func (d *DonationHeld) subject() string         { return tallySubject(d.Campaign) }
func (d *DonationHoldReleased) subject() string { return tallySubject(d.Campaign) }

// contends names what donations of one campaign wait for: its tally.
func (d *DonationReceived) contends() string { return tallySubject(d.Campaign) }
