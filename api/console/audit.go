package console

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"mizan/api/access"
	"mizan/ledger/guard"
)

// The audit trail: who did what with privilege, of a book or of the installation, the newest first unless it is asked for from the
// beginning. It shows ids and no names.

type auditPage struct {
	Whose whose
	Tabs  []tab
	At    string
	// Act, Actor, Object, From and Until are what the list is narrowed to.
	Act, Actor, Object, From, Until string
	Narrowed                        bool
	// Orders choose which end comes first; Oldest says that it is the beginning.
	Orders []tab
	Oldest bool
	// Since leads to the last days.
	Since       []tab
	Lines       []auditLine
	Next, First string
}

type auditLine struct {
	guard.Row
	// Kind is what the actor is, in words; Who the person behind it.
	Kind, Who     string
	ApprovalLink  string
	Before, After document
	Hash          string
	// ActorLink and ObjectLink narrow the list.
	ActorLink, ObjectLink string
}

func (c *console) audit(ctx context.Context, r *http.Request) (answer, error) {
	v, o, err := c.staffOf(ctx, r, access.AuditRead)
	if err != nil {
		return answer{}, err
	}
	q, t := r.URL.Query(), tellerOf(ctx)
	p := auditPage{Whose: o, Tabs: o.tabs(v.principal(), "Audit trail"), At: o.At + "/audit", Act: q.Get("act"), Actor: q.Get("actor"), Object: q.Get("object"),
		From: q.Get("from"), Until: q.Get("until")}
	after, err := positive(q.Get("after"))
	if err != nil || unusable(p.Act) || unusable(p.Actor) || unusable(p.Object) {
		return answer{}, errQuery
	}
	f := guard.Filter{Act: p.Act, Actor: p.Actor, Object: p.Object}
	if f.From, err = dayOf(p.From, 0); err != nil {
		return answer{}, err
	}
	if f.Until, err = dayOf(p.Until, 1); err != nil {
		return answer{}, err
	}
	order := q.Get("order")
	if order != "" && order != "oldest" {
		return answer{}, errQuery
	}
	p.Oldest = order == "oldest"
	var rows []guard.Row
	if p.Oldest {
		rows, err = c.Trail.Rows(ctx, o.Book, f, after, auditPerPage+1)
	} else {
		rows, err = c.Trail.Latest(ctx, o.Book, f, after, auditPerPage+1)
		slices.Reverse(rows)
	}
	if err != nil {
		return answer{}, err
	}
	narrowed := url.Values{}
	for name, value := range map[string]string{"act": p.Act, "actor": p.Actor, "object": p.Object, "from": p.From, "until": p.Until} {
		if value != "" {
			narrowed.Set(name, value)
			p.Narrowed = true
		}
	}
	p.Orders = []tab{{link{t.say("audit.order.newest"), address(p.At, narrowed)}, !p.Oldest}}
	narrowed.Set("order", "oldest")
	p.Orders = append(p.Orders, tab{link{t.say("audit.order.oldest"), address(p.At, narrowed)}, p.Oldest})
	if !p.Oldest {
		narrowed.Del("order")
	}
	if after > 0 {
		p.First = address(p.At, narrowed)
	}
	if len(rows) > auditPerPage {
		rows = rows[:auditPerPage]
		narrowed.Set("after", strconv.FormatInt(rows[auditPerPage-1].Sequence, 10))
		p.Next = address(p.At, narrowed)
	}
	for _, days := range []int{0, 6, 29, 364} {
		from := c.Now().UTC().AddDate(0, 0, -days).Format(time.DateOnly)
		p.Since = append(p.Since, tab{link{t.say("audit.since." + strconv.Itoa(days)), p.At + "?from=" + from}, p.From == from && p.Until == ""})
	}
	approvals := mayAll(v.principal(), o.Code, access.ApprovalsRead)
	for _, row := range rows {
		p.Lines = append(p.Lines, auditLineOf(t, o, row, approvals))
	}
	return answer{Title: t.say("audit.title"), Trail: o.trail(), Active: "desk", Data: p}, nil
}

func auditLineOf(t teller, o whose, row guard.Row, approvals bool) auditLine {
	l := auditLine{Row: row, Kind: t.word("audit.kind", row.Actor.Kind), Before: documentOf(row.Before), After: documentOf(row.After), Hash: hex.EncodeToString(row.Hash[:6]),
		ActorLink:  address(o.At+"/audit", url.Values{"actor": {row.Actor.ID}}),
		ObjectLink: address(o.At+"/audit", url.Values{"object": {row.Object}})}
	if row.Actor.Person != "" && row.Actor.Person != row.Actor.ID {
		l.Who = row.Actor.Person
	}
	if approvals && row.Approval != "" {
		l.ApprovalLink = o.At + "/approvals/" + url.PathEscape(row.Approval)
	}
	return l
}

func address(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// dayOf reads a day from an address, in UTC, and adds days to it; an absent one is the zero time.
func dayOf(s string, days int) (time.Time, error) {
	if s == "" {
		return noTime, nil
	}
	day, err := time.Parse(time.DateOnly, s)
	if err != nil || day.Year() < 2000 || day.Year() > 9000 {
		return noTime, errQuery
	}
	return day.AddDate(0, 0, days), nil
}
