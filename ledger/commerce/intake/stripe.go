package intake

import (
	"encoding/json"
	"strings"
)

// Messages of the payment processor. They are verified and kept; what they say is read again from the processor itself
// before it is applied, which is the business of payouts.

// StripeVersion is the version of the processor's messages that payouts read: the one that its client library is made for.
const StripeVersion = "2024-06-20"

type stripeEvent struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Live    *bool  `json:"livemode"`
	Version string `json:"api_version"`
	Account string `json:"account"`
}

// StripeMessage reads the id, type and account of a processor's message. It returns ErrMessage.
func StripeMessage(body []byte) (Message, error) {
	var e stripeEvent
	if json.Unmarshal(body, &e) != nil || e.ID == "" || e.Type == "" {
		return Message{}, ErrMessage
	}
	return Message{Source: SourceStripe, MessageID: e.ID, Topic: e.Type, Origin: e.Account, Body: body}, nil
}

// stripeTopics begin the types that payouts will apply.
var stripeTopics = []string{"charge.", "refund.", "payout.", "transfer.", "payment_intent.", "balance.", "account.", "topup.", "application_fee.", "reserve."}

func readStripe(m *Message) verdict {
	var e stripeEvent
	if json.Unmarshal(m.Body, &e) != nil {
		return parked(ReasonUnreadable, "The message is no JSON.")
	}
	if e.Live == nil || !*e.Live {
		return ignored(ReasonTestMode, "A message of the test mode is kept and never applied.")
	}
	for _, begins := range stripeTopics {
		if strings.HasPrefix(e.Type, begins) {
			if e.Version != "" && !strings.HasPrefix(e.Version, StripeVersion) {
				return parked("other-version", "The message has another version than the one that is read.")
			}
			return parked(ReasonPayouts, "Payouts read it again from the processor before it is applied.")
		}
	}
	return ignored(ReasonUnknownTopic, "Messages of this type are only kept.")
}
