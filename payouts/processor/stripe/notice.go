// A notice is Stripe's webhook. It is believed only as far as it is signed, and only enough to know what to read.

package stripe

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v79/webhook"

	"mizan/payouts/processor"
)

// maxNotice is the largest notice that is read.
const maxNotice = 512 << 10

// ReadNotice implements processor.Driver. The library refuses a notice that is old and takes one from the future, by the
// machine's clock; here both sides are checked, by the process's clock. A notice of another API version is not refused: it
// happened.
func (d *Driver) ReadNotice(body []byte, signature string) (processor.Notice, error) {
	signed, ok := signedAt(signature)
	if !ok || len(body) > maxNotice {
		return processor.Notice{}, processor.ErrNotice
	}
	if age := d.now().Sub(signed); age > webhook.DefaultTolerance || age < -webhook.DefaultTolerance {
		return processor.Notice{}, processor.ErrNotice
	}
	connect := false
	if err := webhook.ValidatePayloadIgnoringTolerance(body, signature, d.platform); err != nil {
		connect = true
		if err := webhook.ValidatePayloadIgnoringTolerance(body, signature, d.connect); err != nil {
			return processor.Notice{}, processor.ErrNotice
		}
	}
	return d.open(body, connect)
}

func (d *Driver) open(body []byte, connect bool) (processor.Notice, error) {
	var w struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Type    string `json:"type"`
		Account string `json:"account"`
		Version string `json:"api_version"`
		Created int64  `json:"created"`
		Live    bool   `json:"livemode"`
		Data    struct {
			Object struct {
				ID     string `json:"id"`
				Object string `json:"object"`
			} `json:"object"`
		} `json:"data"`
	}
	raw := append([]byte(nil), body...)
	if json.Unmarshal(body, &w) != nil || w.Object != "event" || w.ID == "" || w.Type == "" {
		return processor.Notice{Raw: raw, Connect: connect}, processor.ErrStrange
	}
	return processor.Notice{ID: w.ID, Type: w.Type, Account: w.Account, Object: w.Data.Object.ID, Kind: w.Data.Object.Object,
		Created: time.Unix(w.Created, 0).UTC(), Live: w.Live, Ours: w.Live == d.live, Version: w.Version, Connect: connect, Raw: raw}, nil
}

// signedAt reads the time of a signature header. A header with two times is nobody's: which one was signed would be a guess.
func signedAt(header string) (time.Time, bool) {
	var seconds int64
	found := 0
	for _, part := range strings.Split(header, ",") {
		if text, ok := strings.CutPrefix(part, "t="); ok {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return time.Time{}, false
			}
			seconds = n
			found++
		}
	}
	return time.Unix(seconds, 0), found == 1
}
