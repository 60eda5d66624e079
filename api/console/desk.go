package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/guard"
)

// The desk is the first page of the staff: who they are, what waits for a second person, and the books they may see.

type deskPage struct {
	Who   who
	Mail  string
	Roles []roleLine
	// Waiting is what waits for a second person, by book; Clear says that the visitor may see such things and none waits.
	Waiting []waitingAt
	Clear   bool
	Books   []deskBook
	// Installation are the pages that concern no book.
	Installation []tab
	Next, First  string
}

// roleLine is a role in words.
type roleLine struct {
	Role, Meaning string
	// Book is its code; empty for every book.
	Book string
}

type waitingAt struct {
	Name, All string
	Lines     []approvalLine
	More      bool
}

type deskBook struct {
	Name, Code, Market string
	// Front is the book's first page.
	Front string
	Tabs  []tab
	// Stands says that its health was read.
	Stands bool
	glance
}

var roleMeanings = map[access.Role]string{
	access.Finance:  "reads and corrects the books, and asks for what needs a second person",
	access.Approver: "decides what others ask for",
	access.Admin:    "looks after people and keys",
	access.Auditor:  "reads everything but personal data",
	access.Support:  "reads the books and answers people's questions",
}

func roleLineOf(g access.Grant) roleLine {
	return roleLine{string(g.Role), roleMeanings[g.Role], g.Book}
}

func (c *console) desk(ctx context.Context, r *http.Request) (answer, error) {
	v, err := member(ctx, access.Person)
	if err != nil {
		return answer{}, err
	}
	after := r.URL.Query().Get("after")
	if unusable(after) {
		return answer{}, errQuery
	}
	person := v.principal()
	self, err := c.Access.Person(ctx, person.ID)
	if err != nil {
		return answer{}, err
	}
	p := deskPage{Who: who{Name: self.Name, ID: self.ID, Lang: tellerOf(ctx).Language}, Mail: self.Email}
	for _, g := range person.Grants {
		p.Roles = append(p.Roles, roleLineOf(g))
	}
	books, more, err := c.booksOf(ctx, person, after)
	if err != nil {
		return answer{}, err
	}
	if more {
		p.Next = "/console?" + url.Values{"after": {books[len(books)-1].Code}}.Encode()
	}
	about := []whose{}
	if after == "" {
		whole := c.installation(ctx)
		p.Installation = whole.tabs(person, "")
		about = append(about, whole)
	} else {
		p.First = "/console"
	}
	bounded, cancel := context.WithTimeout(ctx, glanceBudget)
	defer cancel()
	for _, book := range books {
		o := c.whoseBook(ctx, book)
		about = append(about, o)
		d := deskBook{Name: book.Name, Code: book.Code, Market: book.Market, Front: o.Front, Tabs: o.tabs(person, "")}
		if c.Health != nil {
			d.Stands, d.glance = true, c.glanceOf(bounded, v, o, book)
		}
		p.Books = append(p.Books, d)
	}
	for _, o := range about {
		if err := c.waiting(ctx, v, o, &p); err != nil {
			return answer{}, err
		}
	}
	p.Clear = p.Clear && len(p.Waiting) == 0
	return answer{Title: tellerOf(ctx).say("books.desk.title"), Active: "desk", Data: p}, nil
}

// waiting adds what waits for a second person in a book or in the installation.
func (c *console) waiting(ctx context.Context, v *visit, o whose, p *deskPage) error {
	if !mayAll(v.principal(), o.Code, access.ApprovalsRead) {
		return nil
	}
	p.Clear = true
	list, more, err := c.listed(ctx, o, guard.StateOpen, noTime, "", waitingPerBook)
	if err != nil || len(list) == 0 {
		return err
	}
	w := waitingAt{Name: o.Name, All: o.At + "/approvals", More: more}
	if w.Lines, err = c.approvalLines(ctx, v, o, list); err != nil {
		return err
	}
	p.Waiting = append(p.Waiting, w)
	return nil
}

// booksOf returns a page of the books that the person may see, in order of their codes.
func (c *console) booksOf(ctx context.Context, p access.Principal, after string) (books []ledger.Book, more bool, err error) {
	if p.Books == nil {
		if !mayAll(p, "", access.BooksRead) {
			return nil, false, nil
		}
		books, err = c.Ledger.Books(ctx, after, booksPerPage+1)
		if len(books) > booksPerPage {
			return books[:booksPerPage], true, err
		}
		return books, false, err
	}
	for _, code := range slices.Sorted(slices.Values(p.Books)) {
		if code <= after || !mayAll(p, code, access.BooksRead) {
			continue
		}
		if len(books) == booksPerPage {
			return books, true, nil
		}
		book, err := c.Ledger.Book(ctx, code)
		if isMissing(err) {
			continue // a role may be held in a book that is yet to come
		}
		if err != nil {
			return nil, false, err
		}
		books = append(books, book)
	}
	return books, false, nil
}
