package commerce

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// Publishing a campaign, and further versions of it. Each version is recorded once under a reference of ours, so that the
// same version asked for again is answered as the first time.

// Publish records the first version of a campaign. It returns ErrCampaignExists if the id belongs to one with other
// content, and the ledger's errors.
func (s *Service) Publish(ctx context.Context, book ledger.Book, c CampaignPublished) Result {
	return s.PublishVersion(ctx, book, c, 1)
}

// PublishVersion records a version of a campaign, for later donations. Besides the errors of Publish it returns
// ErrCampaignUnknown and ErrCampaignVersion.
func (s *Service) PublishVersion(ctx context.Context, book ledger.Book, c CampaignPublished, version int) Result {
	r := s.Post(ctx, book, Event{Type: eventPublished, Reference: eventPublished + ":" + c.ID + ":" + strconv.Itoa(version), Data: &publishing{c, version}})
	if fault.CodeOf(r.Err) == ledger.ErrReferenceReused.Code {
		r.Err = ErrCampaignExists
	}
	return r
}

// PublishNext records the next version of a campaign. The content of the latest version again is answered as the first
// time.
func (s *Service) PublishNext(ctx context.Context, book ledger.Book, c CampaignPublished) Result {
	versions, err := s.versions(ctx, book, c.ID)
	if err != nil {
		return Result{Err: err}
	}
	last := versions[len(versions)-1]
	was, err := json.Marshal(last.CampaignPublished)
	if err != nil {
		return Result{Err: err}
	}
	is, err := json.Marshal(c)
	if err != nil {
		return Result{Err: err}
	}
	if bytes.Equal(was, is) {
		return s.PublishVersion(ctx, book, c, last.Version)
	}
	return s.PublishVersion(ctx, book, c, last.Version+1)
}

// What a campaign leaves out.
const (
	defaultForwardDays   = 15
	defaultSafeguardDays = 1
)

func orDefault(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

// CampaignVersion is a published version of a campaign's promise.
type CampaignVersion struct {
	CampaignPublished
	Version     int       `json:"version" doc:"Counts from 1; each holds for later donations than the one before"`
	PublishedAt time.Time `json:"published_at" format:"date-time" doc:"When it was recorded"`
	Transaction string    `json:"transaction" doc:"The fact in the books that holds it"`
	Promise     []string  `json:"promise" doc:"What it promises, in words"`
}

// Percentage is a beneficiary's part of what is left of a gift, with at most two decimals; empty if it has none.
func (v *CampaignVersion) Percentage(payee string) string { return percentageOf(v, payee) }

// CampaignVersions returns a campaign's versions, oldest first, or ErrCampaignUnknown.
func (s *Service) CampaignVersions(ctx context.Context, book ledger.Book, id string) ([]CampaignVersion, error) {
	return s.versions(ctx, book, id)
}

// versions reads a campaign's versions, oldest first.
func (s *Service) versions(ctx context.Context, book ledger.Book, id string) ([]CampaignVersion, error) {
	var list []CampaignVersion
	for after := int64(0); ; {
		page, err := s.ledger.Transactions(ctx, book, ledger.TransactionQuery{Subject: "campaign:" + id, Event: eventPublished, After: after, Limit: pageOfStory})
		if err != nil {
			return nil, err
		}
		for i := range page.Transactions {
			t := &page.Transactions[i]
			c, err := termsOf(t)
			if err != nil {
				return nil, err
			}
			list = append(list, CampaignVersion{c.CampaignPublished, c.Version, t.RecordedAt, t.ID(), c.promise()})
			after = t.Sequence
		}
		if !page.More {
			break
		}
	}
	if len(list) == 0 {
		return nil, ErrCampaignUnknown
	}
	return list, nil
}
