package main

// People: the staff, their roles and how they sign in, looked after by operators. This is also how the first administrator
// gets a role: there is nobody yet who could approve it.

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"mizan/api/access"
)

type peopleCmd struct {
	Add         peopleAddCmd        `cmd:"" help:"Add somebody, without any role, and print the id."`
	List        peopleListCmd       `cmd:"" help:"Print everybody with their roles."`
	Show        peopleShowCmd       `cmd:"" help:"Print one person with every role they ever held."`
	Grant       peopleGrantCmd      `cmd:"" help:"Give somebody a role."`
	Revoke      peopleRevokeCmd     `cmd:"" help:"Take a role away; it ends within a second everywhere."`
	Deactivate  peopleDeactivateCmd `cmd:"" help:"End all that somebody may do, and the keys they answer for."`
	Link        peopleLinkCmd       `cmd:"" help:"Print a link that signs somebody in once, for fifteen minutes."`
	EndSessions peopleEndCmd        `cmd:"" name:"end-sessions" help:"Sign somebody out everywhere."`
}

type peopleAddCmd struct {
	insideFlags
	Name  string `required:"" help:"The name, which goes to the vault."`
	Email string `help:"The address of mail by which the first sign-in is recognised; it goes to the vault." placeholder:"ADDRESS"`
}

// Run prints the id alone on standard output.
func (c *peopleAddCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(in *inside) error {
		p, err := in.access.AddPerson(ctx, in.by, access.NewPerson{Name: c.Name, Email: c.Email})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.stdout, p.ID)
		return err
	})
}

// peoplePage is how many persons are read at once.
const peoplePage = 200

type peopleListCmd struct{ insideFlags }

// Run prints one line per person.
func (c *peopleListCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(in *inside) error {
		t := newTable("ID", "NAME", "MAIL", "STATE", "ROLES")
		for after := ""; ; {
			page, err := in.access.People(ctx, after, peoplePage)
			if err != nil {
				return err
			}
			for _, p := range page {
				t.add(p.ID, p.Name, p.Email, personState(p), strings.Join(currentRoles(p, s.now()), ", "))
				after = p.ID
			}
			if len(page) < peoplePage {
				return t.write(s.stdout, "")
			}
		}
	})
}

func personState(p access.Staff) string {
	switch {
	case !p.DeactivatedAt.IsZero():
		return "deactivated"
	case !p.SignedIn:
		return "invited"
	}
	return "active"
}

// currentRoles returns the roles that hold now, such as "finance in uk".
func currentRoles(p access.Staff, now time.Time) (roles []string) {
	for _, g := range p.Grants {
		if g.RevokedAt.IsZero() && (g.ExpiresAt.IsZero() || now.Before(g.ExpiresAt)) {
			roles = append(roles, string(g.Role)+" "+whereHeld(g.Book))
		}
	}
	return roles
}

func whereHeld(book string) string {
	if book == "" {
		return "in every book"
	}
	return "in " + book
}

type peopleShowCmd struct {
	insideFlags
	ID string `arg:"" help:"The person's id, per_…."`
}

// Run prints the person and one line per role.
func (c *peopleShowCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(in *inside) error {
		p, err := in.access.Person(ctx, c.ID)
		if err != nil {
			return err
		}
		return showPerson(s.stdout, p)
	})
}

func showPerson(w io.Writer, p access.Staff) error {
	if _, err := fmt.Fprintf(w, "%s  %s  %s  %s\nadded %s by %s\n", p.ID, p.Name, p.Email, personState(p), p.CreatedAt.Format(time.DateTime), p.CreatedBy); err != nil {
		return err
	}
	if len(p.Grants) == 0 {
		return nil
	}
	t := newTable("GRANT", "ROLE", "BOOK", "GRANTED", "BY", "APPROVAL", "UNTIL", "TAKEN AWAY")
	for _, g := range p.Grants {
		t.add(g.ID, string(g.Role), whereHeld(g.Book), g.GrantedAt.Format(time.DateTime), g.GrantedBy, g.Approval, instantText(g.ExpiresAt), instantText(g.RevokedAt))
	}
	return t.write(w, "")
}

// instantText prints a time, nothing for none.
func instantText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime)
}

type peopleGrantCmd struct {
	insideFlags
	ID        string        `arg:"" help:"The person's id, per_…."`
	Role      string        `required:"" help:"finance, approver, admin, auditor or support." enum:"finance,approver,admin,auditor,support"`
	Book      string        `help:"Code of the book; every book without it." placeholder:"CODE"`
	ExpiresIn time.Duration `help:"How long it holds, such as 2160h; until it is taken away without it." placeholder:"DURATION"`
}

// Run gives the role at once: whoever has the database's address needs nobody's leave, and stands in the trail.
func (c *peopleGrantCmd) Run(ctx context.Context, s *surroundings) error {
	n := access.NewGrant{Person: c.ID, Role: access.Role(c.Role), Book: c.Book}
	if c.ExpiresIn != 0 {
		n.ExpiresAt = s.now().Add(c.ExpiresIn)
	}
	return c.with(ctx, s, func(in *inside) error {
		if _, _, err := in.place(ctx, c.Book); err != nil {
			return err
		}
		g, err := in.access.Grant(ctx, in.by, n)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.stdout, "%s is %s %s, by grant %s.\n", c.ID, g.Role, whereHeld(g.Book), g.ID)
		return err
	})
}

type peopleRevokeCmd struct {
	insideFlags
	ID     string `arg:"" help:"The person's id, per_…."`
	Grant  string `arg:"" help:"The grant's id, gr_…, as mizan people show prints it."`
	Reason string `required:"" help:"Why; it stands in the audit trail."`
}

// Run takes the role away.
func (c *peopleRevokeCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(in *inside) error {
		if err := in.access.RevokeGrant(ctx, in.by, c.ID, c.Grant, c.Reason); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(s.stdout, "Grant %s of %s has ended.\n", c.Grant, c.ID); err != nil {
			return err
		}
		return sayVacancies(ctx, s, in.access)
	})
}

type peopleDeactivateCmd struct {
	insideFlags
	ID     string `arg:"" help:"The person's id, per_…."`
	Reason string `required:"" help:"Why; it stands in the audit trail."`
}

// Run deactivates the person; doing so again changes nothing.
func (c *peopleDeactivateCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(in *inside) error {
		if _, err := in.access.Deactivate(ctx, in.by, c.ID, c.Reason); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(s.stdout, "%s may do nothing any more.\n", c.ID); err != nil {
			return err
		}
		return sayVacancies(ctx, s, in.access)
	})
}

// sayVacancies warns of what nobody of the staff is left for.
func sayVacancies(ctx context.Context, s *surroundings, a *access.Service) error {
	list, err := a.Vacancies(ctx)
	for _, sentence := range list {
		fmt.Fprintf(s.stderr, "mizan: warning: %s\n", sentence)
	}
	return err
}

type peopleLinkCmd struct {
	insideFlags
	ID        string `arg:"" help:"The person's id, per_…; or with --book a payee of the book."`
	Book      string `help:"Code of the book whose payee it is for." placeholder:"CODE"`
	PublicURL string `name:"public-url" help:"Address at which browsers reach the service." default:"http://127.0.0.1:8080" placeholder:"URL"`
}

// Run prints the link alone on standard output.
func (c *peopleLinkCmd) Run(ctx context.Context, s *surroundings) error {
	public, _, err := publicAddress(c.PublicURL)
	if err != nil {
		return err
	}
	return c.with(ctx, s, func(in *inside) error {
		token, expires, err := in.link(ctx, c.Book, c.ID)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.stderr, "It signs in once, until %s UTC:\n", expires.UTC().Format(time.TimeOnly))
		_, err = fmt.Fprintln(s.stdout, signInAddress(public, token))
		return err
	})
}

// link makes a link for a person, or for a payee of a book.
func (in *inside) link(ctx context.Context, code, holder string) (token string, expires time.Time, err error) {
	if code == "" {
		return in.access.PersonLink(ctx, in.by, holder)
	}
	b, err := in.books.Book(ctx, code)
	if err != nil {
		return "", time.Time{}, err
	}
	if _, err := in.events.Payee(ctx, b, holder); err != nil {
		return "", time.Time{}, err
	}
	place, _, err := in.place(ctx, code)
	if err != nil {
		return "", time.Time{}, err
	}
	return in.access.PayeeLink(ctx, in.by, place, holder)
}

// signInAddress is where a link leads.
func signInAddress(public, token string) string {
	return public + "/sign-in/link?token=" + token
}

type peopleEndCmd struct {
	insideFlags
	ID     string `arg:"" help:"The person's id, per_…; or with --book a payee of the book."`
	Book   string `help:"Code of the book whose payee it is." placeholder:"CODE"`
	Reason string `required:"" help:"Why; it stands in the audit trail."`
}

// Run ends the sessions.
func (c *peopleEndCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(in *inside) error {
		if err := in.access.EndSessions(ctx, in.by, c.ID, c.Book, c.Reason); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.stdout, "%s is signed out everywhere.\n", c.ID)
		return err
	})
}
