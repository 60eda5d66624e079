package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger/fault"
	"mizan/ledger/vault"
)

// People: who works here, what they may do, and ending that. Somebody is added without any role; each role takes a second
// person, who is neither the one that asks nor the one that gets it. Taking a role away takes nobody else. A link that signs
// somebody of the staff in is made at the command line alone: whoever could make one here could become anybody.

type peoplePage struct {
	payHead
	People      []personLine
	Next, First string
	// Vacant says for what nobody is left.
	Vacant []string
}

type personLine struct {
	Who       who
	Link      string
	Mail      string
	SignedIn  bool
	Inactive  bool
	CreatedAt time.Time
	Roles     []heldRole
}

type heldRole struct {
	roleLine
	ExpiresAt time.Time
}

// Until is when the role ends.
func (r heldRole) Until() string { return r.ExpiresAt.UTC().Format(time.DateTime) }

// personPages are the pages about people and keys, and their forms.
func (c *console) personPages(mux *http.ServeMux) {
	const person, key = "/console/people/{person}", "/console/keys/{key}"
	mux.HandleFunc("GET /console/people", c.page("people", c.ofStaff(c.people)))
	mux.HandleFunc("GET "+person, c.page("person", c.ofStaff(c.person)))
	mux.HandleFunc("POST /console/people", c.staffForm("people", c.addPerson, c.people))
	for path, do := range map[string]payDeed{"/grants": c.askRole, "/revocations": c.revokeRole, "/session-ends": c.endSessions, "/deactivation": c.deactivate} {
		mux.HandleFunc("POST "+person+path, c.staffForm("person", do, c.person))
	}
	mux.HandleFunc("GET /console/keys", c.page("keys", c.ofStaff(c.keys)))
	mux.HandleFunc("GET "+key, c.page("key", c.ofStaff(c.key)))
	mux.HandleFunc("POST /console/keys", c.staffForm("keys", c.askKey, c.keys))
	mux.HandleFunc("POST "+key+"/revocation", c.staffForm("key", c.revokeKey, c.key))
	mux.HandleFunc("POST "+key+"/rotation", c.form(c.rotateKey))
}

// staffMember is a visitor of a page that concerns no book. What they may do there each page says.
func (c *console) staffMember(ctx context.Context) (cashier, error) {
	v, err := member(ctx, access.Person)
	return cashier{visit: v, o: c.installation(ctx), t: tellerOf(ctx)}, err
}

// ofStaff makes a page for the staff.
func (c *console) ofStaff(read payPage) func(context.Context, *http.Request) (answer, error) {
	return func(ctx context.Context, r *http.Request) (answer, error) {
		who, err := c.staffMember(ctx)
		if err != nil {
			return answer{}, err
		}
		return read(ctx, who, r)
	}
}

// staffForm makes the handler of a form on a page that concerns no book. Whoever may not see the page finds no form; the deed
// says who may send it.
func (c *console) staffForm(name string, do payDeed, again payPage) http.HandlerFunc {
	return c.form(func(w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), decisionTimeout)
		defer cancel()
		who, err := c.staffMember(ctx)
		if err != nil {
			return err
		}
		if _, err := again(ctx, who, r); err != nil {
			return err
		}
		to, err := do(ctx, who, r)
		if err == nil {
			http.Redirect(w, r, to, http.StatusSeeOther)
			return nil
		}
		return c.again(ctx, w, r, who, name, err, again)
	})
}

// wholeHead begins a page that concerns no book.
func (c *console) wholeHead(who cashier) payHead {
	p := who.principal()
	return payHead{Whose: who.o, At: who.o.At, Form: c.formToken(who.visit), MayWrite: mayAll(p, "", access.PeopleWrite), MayAsk: mayAll(p, "", access.ApprovalsWrite)}
}

// looksAfterPeople returns an error unless the visitor may change people.
func (who cashier) looksAfterPeople() error {
	if !mayAll(who.principal(), "", access.PeopleRead) {
		return errNoPage
	}
	return who.principal().Allow(access.PeopleWrite, "")
}

func (c *console) people(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	if !mayAll(who.principal(), "", access.PeopleRead) {
		return answer{}, errNoPage
	}
	after := r.URL.Query().Get("after")
	if unusable(after) {
		return answer{}, errQuery
	}
	list, err := c.Access.People(ctx, after, peoplePerPage+1)
	if err != nil {
		return answer{}, err
	}
	p := peoplePage{payHead: c.wholeHead(who)}
	if after != "" {
		p.First = "/console/people"
	}
	if len(list) > peoplePerPage {
		list = list[:peoplePerPage]
		p.Next = "/console/people?" + url.Values{"after": {list[peoplePerPage-1].ID}}.Encode()
	}
	if p.Vacant, err = c.vacant(ctx); err != nil {
		return answer{}, err
	}
	// Auditors read everything but personal data.
	for _, s := range list {
		p.People = append(p.People, personLineOf(s, p.MayWrite, c.Now()))
	}
	return answer{Title: tellerOf(ctx).say("admin.people"), Active: "people", Data: &p}, nil
}

// vacant says for what nobody is left, in the visitor's language.
func (c *console) vacant(ctx context.Context) (said []string, err error) {
	list, err := c.Access.Vacant(ctx)
	t := tellerOf(ctx)
	for _, v := range list {
		switch books := strings.Join(v.Books, ", "); {
		case books == "":
			said = append(said, t.say("admin.vacant."+string(v.Role)))
		case v.More:
			said = append(said, t.say("admin.vacant.books_more", "books", books))
		default:
			said = append(said, t.say("admin.vacant.books", "books", books))
		}
	}
	return said, err
}

func personLineOf(s access.Staff, named bool, now time.Time) personLine {
	l := personLine{Link: personAt(s.ID), Who: who{ID: s.ID, Erased: s.Name == vault.Erased}, SignedIn: s.SignedIn, Inactive: !s.DeactivatedAt.IsZero(), CreatedAt: s.CreatedAt}
	if named || l.Who.Erased {
		l.Who.Name = s.Name
	}
	if named && s.Email != vault.Erased {
		l.Mail = s.Email
	}
	for _, g := range s.Grants {
		if g.RevokedAt.IsZero() && (g.ExpiresAt.IsZero() || now.Before(g.ExpiresAt)) {
			l.Roles = append(l.Roles, heldRole{roleLineOf(g.Grant), g.ExpiresAt})
		}
	}
	return l
}

// personAt is where the page of somebody of the staff stands.
func personAt(id string) string { return "/console/people/" + url.PathEscape(id) }

// grantLine is a role that somebody holds or held.
type grantLine struct {
	access.HeldGrant
	Meaning, ApprovalLink string
	Current               bool
}

type personPage struct {
	payHead
	Person personLine
	// Left is when the person was deactivated, the zero time for never; AddedBy who added them.
	Left    time.Time
	AddedBy string
	Grants  []grantLine
	// MoreGrants is how many are not shown.
	MoreGrants int
	At         string
	Roles      []choice
	Vacant     []string
	Audit      string
	Self       bool
}

func (c *console) person(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	if !mayAll(who.principal(), "", access.PeopleRead) {
		return answer{}, errNoPage
	}
	id := r.PathValue("person")
	if unusable(id) {
		return answer{}, errNoPage
	}
	s, err := c.Access.Person(ctx, id)
	if err != nil {
		return answer{}, err
	}
	t := tellerOf(ctx)
	p := personPage{payHead: c.wholeHead(who), At: personAt(s.ID), Left: s.DeactivatedAt, AddedBy: s.CreatedBy, Self: s.ID == who.principal().ID}
	p.Person = personLineOf(s, p.MayWrite, c.Now())
	for i := len(s.Grants) - 1; i >= 0; i-- { // the newest first
		if len(p.Grants) == grantsShown {
			p.MoreGrants = i + 1
			break
		}
		g := s.Grants[i]
		l := grantLine{HeldGrant: g, Meaning: t.say("admin.means." + string(g.Role)), Current: g.RevokedAt.IsZero() && (g.ExpiresAt.IsZero() || c.Now().Before(g.ExpiresAt))}
		if g.Approval != "" && mayAll(who.principal(), "", access.ApprovalsRead) {
			l.ApprovalLink = "/console/approvals/" + url.PathEscape(g.Approval)
		}
		p.Grants = append(p.Grants, l)
	}
	for _, role := range access.Roles() {
		p.Roles = append(p.Roles, choice{Value: string(role), Text: string(role) + ": " + t.say("admin.means."+string(role))})
	}
	if mayAll(who.principal(), "", access.AuditRead) {
		p.Audit = narrowedTo("/console/audit", "object", "person:"+s.ID)
	}
	if p.Vacant, err = c.vacant(ctx); err != nil {
		return answer{}, err
	}
	title := s.ID
	if p.Person.Who.Name != "" {
		title = plain(p.Person.Who.Name)
	}
	return answer{Title: title, Trail: []link{{t.say("admin.people"), "/console/people"}}, Active: "people", Data: &p}, nil
}

// addPerson adds somebody of the staff, without any role.
func (c *console) addPerson(ctx context.Context, who cashier, r *http.Request) (string, error) {
	if err := who.looksAfterPeople(); err != nil {
		return "", err
	}
	n := access.NewPerson{Name: strings.TrimSpace(r.PostForm.Get("name")), Email: strings.TrimSpace(r.PostForm.Get("email"))}
	if n.Name == "" {
		return "", access.ErrPersonInvalid.At("/name", "required", "Write the person's name.")
	}
	p, err := c.Access.AddPerson(ctx, who.actor(), n)
	return personAt(p.ID), err
}

// endOf reads the day after which something ends, in UTC; the zero time for never.
func endOf(text string) (time.Time, error) {
	end, err := dayOf(strings.TrimSpace(text), 1)
	if err != nil {
		return noTime, errDay
	}
	return end, nil
}

var errDay = fault.New(fault.Malformed, "day-unreadable", "The day cannot be read, so nothing was done. Write it as 2027-11-20.")

// askRole asks a second person to give somebody a role.
func (c *console) askRole(ctx context.Context, who cashier, r *http.Request) (string, error) {
	if !mayAll(who.principal(), "", access.ApprovalsWrite) {
		return "", access.ErrForbidden
	}
	f := r.PostForm
	end, err := endOf(f.Get("until"))
	if err != nil {
		return "", err
	}
	return c.asked(ctx, who, "people.grant", access.NewGrant{Person: r.PathValue("person"), Role: access.Role(f.Get("role")), Book: strings.TrimSpace(f.Get("book")), ExpiresAt: end}, f)
}

// revokeRole takes a role away.
func (c *console) revokeRole(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.endedPerson(who, r, func(why string) error {
		return c.Access.RevokeGrant(ctx, who.actor(), r.PathValue("person"), r.PostForm.Get("grant"), why)
	})
}

// endSessions ends all that the person has signed in to.
func (c *console) endSessions(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.endedPerson(who, r, func(why string) error {
		return c.Access.EndSessions(ctx, who.actor(), r.PathValue("person"), "", why)
	})
}

// deactivate ends all that the person may do.
func (c *console) deactivate(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.endedPerson(who, r, func(why string) error {
		_, err := c.Access.Deactivate(ctx, who.actor(), r.PathValue("person"), why)
		return err
	})
}

// endedPerson ends something of a person, for a reason, and leads back to their page.
func (c *console) endedPerson(who cashier, r *http.Request, end func(why string) error) (string, error) {
	if err := who.looksAfterPeople(); err != nil {
		return "", err
	}
	why, err := reasonGiven(r)
	if err != nil {
		return "", err
	}
	return personAt(r.PathValue("person")), end(why)
}
