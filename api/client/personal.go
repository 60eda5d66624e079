package client

// Personal data: what is known of payees, buyers and donors. A subject is payee, buyer or donor, a colon, and the id.

import (
	"context"
	"encoding/json"
	"time"
)

// DataSubject is what may be known of a person without a recorded look.
type DataSubject struct {
	Subject string `json:"subject"`
	// Fields are those that are stored.
	Fields    []PersonalField `json:"fields"`
	CreatedAt *time.Time      `json:"created_at"`
	ClosedAt  *time.Time      `json:"closed_at"`
	HeldUntil *time.Time      `json:"held_until"`
	HeldFor   string          `json:"held_for"`
	ErasedAt  *time.Time      `json:"erased_at"`
	// KnownFields are all that can be stored of anybody.
	KnownFields []PersonalField `json:"known_fields"`
}

// PersonalField is a field; its Class is contact, identity, tax or bank.
type PersonalField struct {
	Name    string `json:"name"`
	Class   string `json:"class"`
	Meaning string `json:"meaning,omitempty"`
}

// DataSubject returns what is stored of a person, without any value.
func (c *Client) DataSubject(ctx context.Context, book, subject string) (DataSubject, error) {
	var s DataSubject
	err := c.get(ctx, place("v1", "books", book, "data_subjects", subject), nil, &s)
	return s, err
}

// StorePersonalData stores values by the name of the field; an empty value removes the field.
func (c *Client) StorePersonalData(ctx context.Context, book, subject string, fields map[string]string, why string) (DataSubject, error) {
	var s DataSubject
	err := c.patch(ctx, place("v1", "books", book, "data_subjects", subject), struct {
		Fields map[string]string `json:"fields"`
		reason
	}{fields, reason{why}}, &s)
	return s, err
}

// ReadPersonalData returns the values of the fields. The look is recorded with its reason.
func (c *Client) ReadPersonalData(ctx context.Context, book, subject string, fields []string, why string) (map[string]string, error) {
	var read struct {
		Fields map[string]string `json:"fields"`
	}
	_, err := c.post(ctx, place("v1", "books", book, "data_subjects", subject, "reading"), nil, struct {
		Fields []string `json:"fields"`
		reason
	}{fields, reason{why}}, &read)
	return read.Fields, err
}

// ProposeDestination proposes where a payee's money goes, which counts once a second person has approved it.
func (c *Client) ProposeDestination(ctx context.Context, book, subject string, fields map[string]string, why, document string) (Approval, error) {
	var a Approval
	_, err := c.post(ctx, place("v1", "books", book, "data_subjects", subject, "destination"), nil, struct {
		Fields map[string]string `json:"fields"`
		reason
		Document string `json:"document"`
	}{fields, reason{why}, document}, &a)
	return a, err
}

// WithdrawDestination takes back what was proposed, so that it cannot be approved any more.
func (c *Client) WithdrawDestination(ctx context.Context, book, subject, why string) (DataSubject, error) {
	var s DataSubject
	_, err := c.post(ctx, place("v1", "books", book, "data_subjects", subject, "destination", "withdrawal"), nil, reason{why}, &s)
	return s, err
}

// ExportPersonalData returns everything about a person as one JSON document. It is recorded.
func (c *Client) ExportPersonalData(ctx context.Context, book, subject, why string) (json.RawMessage, error) {
	var everything json.RawMessage
	_, err := c.post(ctx, place("v1", "books", book, "data_subjects", subject, "export"), nil, reason{why}, &everything)
	return everything, err
}

// ErasePersonalData erases a person's data for good.
func (c *Client) ErasePersonalData(ctx context.Context, book, subject, why string) (DataSubject, error) {
	var s DataSubject
	_, err := c.post(ctx, place("v1", "books", book, "data_subjects", subject, "erasure"), nil, reason{why}, &s)
	return s, err
}

// HoldPersonalData forbids erasure until the time; one that has passed ends the hold.
func (c *Client) HoldPersonalData(ctx context.Context, book, subject string, until time.Time, why string) (DataSubject, error) {
	var s DataSubject
	_, err := c.post(ctx, place("v1", "books", book, "data_subjects", subject, "hold"), nil, struct {
		Until time.Time `json:"until"`
		reason
	}{until.UTC(), reason{why}}, &s)
	return s, err
}

// CloseDataSubject says when the business with a person ended; the zero time says that it goes on.
func (c *Client) CloseDataSubject(ctx context.Context, book, subject string, at time.Time, why string) (DataSubject, error) {
	var s DataSubject
	_, err := c.post(ctx, place("v1", "books", book, "data_subjects", subject, "closing"), nil, struct {
		At time.Time `json:"at,omitzero"`
		reason
	}{at.UTC(), reason{why}}, &s)
	return s, err
}

// Retention returns for how many days the book keeps personal data after the business with a person has ended.
func (c *Client) Retention(ctx context.Context, book string) (days int, err error) {
	err = c.retention(ctx, book, nil, &days)
	return days, err
}

// SetRetention says for how many days.
func (c *Client) SetRetention(ctx context.Context, book string, days int, why string) error {
	var now int
	return c.retention(ctx, book, struct {
		Days int `json:"days"`
		reason
	}{days, reason{why}}, &now)
}

// retention reads the retention, or sets it to what in says.
func (c *Client) retention(ctx context.Context, book string, in any, days *int) error {
	var out struct {
		Days int `json:"days"`
	}
	path := place("v1", "books", book, "personal_data_retention")
	var err error
	if in == nil {
		err = c.get(ctx, path, nil, &out)
	} else {
		_, err = c.post(ctx, path, nil, in, &out)
	}
	*days = out.Days
	return err
}
