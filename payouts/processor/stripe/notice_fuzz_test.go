package stripe_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"mizan/payouts/processor"
	"mizan/payouts/processor/stripe"
)

// FuzzNotice shows that a notice is believed only if its header holds what one of the two secrets makes of its time and of these very bytes,
// at a time that is near, and that what is believed and not understood is told apart from what is not believed. With honest set the body is
// signed as the processor signs it, so that what is behind the signature is reached.
func FuzzNotice(f *testing.F) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	driver, err := stripe.New(stripe.Options{Key: apiKey, Now: func() time.Time { return now }, PlatformSecret: platformSecret, ConnectSecret: connectSecret})
	if err != nil {
		f.Fatal(err)
	}
	sign := func(secret, stamp string, body []byte) string {
		m := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(m, "%s.%s", stamp, body)
		return hex.EncodeToString(m.Sum(nil))
	}
	stamp := fmt.Sprint(now.Unix())
	body := []byte(`{"id":"evt_1","object":"event","type":"payout.paid","created":1763632800,"livemode":false,"data":{"object":{"id":"po_1","object":"payout"}}}`)
	good := sign(connectSecret, stamp, body)
	for _, header := range []string{"t=" + stamp + ",v1=" + good, "t=" + stamp + ",v0=" + good, "t=1,t=" + stamp + ",v1=" + good, "t=" + stamp + ",v1=" + strings.ToUpper(good), "v1=" + good, "t=+" + stamp + ",v1=" + good} {
		f.Add(header, body, false)
	}
	f.Add("", body, true)
	f.Add("", []byte(`{"id":"evt_1","object":"event","type":"x","created":9223372036854775807}`), true)
	f.Add("", []byte(`[]`), true)
	f.Fuzz(func(t *testing.T, header string, body []byte, honest bool) {
		if honest {
			header = "t=" + stamp + ",v1=" + sign(platformSecret, stamp, body)
		}
		n, err := driver.ReadNotice(body, header)
		if again, other := driver.ReadNotice(body, header); !reflect.DeepEqual(n, again) || !errors.Is(other, err) {
			t.Fatal("the same notice is read in two ways")
		}
		if errors.Is(err, processor.ErrNotice) {
			if honest && len(body) <= 512<<10 {
				t.Fatal("the processor is not believed")
			}
			if !reflect.DeepEqual(n, processor.Notice{}) {
				t.Fatalf("something is told of what is not believed: %+v", n)
			}
			return
		}
		if err != nil && !errors.Is(err, processor.ErrStrange) || !bytes.Equal(n.Raw, body) || err == nil && (n.ID == "" || n.Type == "") {
			t.Fatalf("read as %+v, %v", n, err)
		}
		signed := false
		for part := range strings.SplitSeq(header, ",") {
			if at, ok := strings.CutPrefix(part, "t="); ok {
				for _, secret := range []string{platformSecret, connectSecret} {
					signed = signed || strings.Contains(strings.ToLower(header), sign(secret, at, body))
					signed = signed || strings.Contains(strings.ToLower(header), sign(secret, stamp, body)) // the time may be written in another way
				}
			}
		}
		if !signed {
			t.Fatalf("%q is believed", header)
		}
		if _, err := driver.ReadNotice(append(bytes.Clone(body), ' '), header); !errors.Is(err, processor.ErrNotice) {
			t.Fatalf("%q is believed of another body", header)
		}
	})
}
