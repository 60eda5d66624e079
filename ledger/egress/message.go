package egress

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Message is what an endpoint is told, signed as Standard Webhooks says, so that receivers can check it with a library of theirs.
type Message struct {
	// ID is the message's own and the same each time it is sent, so that receivers know it again: at most 64 letters, digits,
	// hyphens and underscores.
	ID string
	// At is when it is sent. Receivers refuse what is older than five minutes.
	At time.Time
	// Body is JSON of at most MaxBody bytes.
	Body []byte
	// Secrets sign it, each with 24 to 64 bytes. They are the endpoint's alone. While one is replaced there are two, and a receiver
	// that knows either takes the message.
	Secrets [][]byte
}

// MaxBody is the size of the largest message, in bytes.
const MaxBody = 256 << 10

const (
	maxMessageID         = 64
	minSecret, maxSecret = 24, 64
	maxSecrets           = 2
)

// errMessage means that a message was not made as Message says.
var errMessage = errors.New("egress: the message lacks its id, time, body or secrets, or one of them is too long")

// header signs the message: its id, its time and its body, joined by dots.
func (m Message) header() (http.Header, error) {
	const idCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	if m.ID == "" || len(m.ID) > maxMessageID || strings.Trim(m.ID, idCharacters) != "" || m.At.IsZero() || len(m.Body) == 0 || len(m.Body) > MaxBody ||
		len(m.Secrets) == 0 || len(m.Secrets) > maxSecrets {
		return nil, errMessage
	}
	var signatures []string
	for _, secret := range m.Secrets {
		if len(secret) < minSecret || len(secret) > maxSecret {
			return nil, errMessage
		}
		key, err := standardwebhooks.NewWebhookRaw(secret)
		if err != nil {
			return nil, err
		}
		signature, err := key.Sign(m.ID, m.At, m.Body)
		if err != nil {
			return nil, err
		}
		signatures = append(signatures, signature)
	}
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "mizan")
	h.Set(standardwebhooks.HeaderWebhookID, m.ID)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(m.At.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return h, nil
}
