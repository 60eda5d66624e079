package console

import (
	"context"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/vault"
	"mizan/payouts"
)

// The portal is the page of payees: what is theirs, in words, what is known of them, and whom they act for.

type portalPage struct {
	Book string
	// Self is the payee; Minors are those the payee is the guardian of.
	Self payeeCard
	// Home is what stands first; nil for who earns nothing.
	Home   *ownHome
	Minors []payeeCard
	// More are the pages of the payee that no menu has.
	More []link
}

type payeeCard struct {
	ID, Name, Kind, Country, Currency string
	// KindWord is the kind in the reader's words.
	KindWord   string
	Erased     bool
	Currencies []payeeCurrency
	// Known are the kinds of personal data that are stored; Closed says that they cannot be listed right now.
	Known  []string
	Closed bool
	Minor  bool
	// Pay is about payouts; nil without them.
	Pay *payeePay
	// Pages lead to what there is about a minor; the payee's own are in the menu.
	Pages []link
}

// payeeCurrency is what a payee has in one currency: what can be paid out, and the rest.
type payeeCurrency struct {
	Currency  string
	Available amount
	Owes      bool
	Rest      []payeeHolding
	// Ask leads to the form that asks for a payout; empty if nothing would be paid.
	Ask string
	// Next says when the next payout is and what it is expected to pay, Why what stands in its way, and Story leads to where a debt came from.
	Next, Story string
	Why         []string
}

// Debt is what the payee owes: Available without its sign.
func (c payeeCurrency) Debt() amount {
	return amount{new(big.Int).Neg(c.Available.Value), c.Available.Currency}
}

type payeeHolding struct {
	Name, Meaning string
	Amount        amount
}

// holdings are the accounts of payees by the path in the chart, in the order they are shown. The word files say what they are.
var holdings = []string{"available", "paying", "pending", "reserve", "dispute_hold", "blocked", "deposit", "commission_deposit", "minor_trust"}

func (c *console) portal(ctx context.Context, _ *http.Request) (answer, error) {
	v, err := member(ctx, access.Payee)
	if err != nil {
		return answer{}, err
	}
	payee := v.principal()
	if len(payee.Books) != 1 {
		return answer{}, errNoPage
	}
	book, err := c.Ledger.Book(ctx, payee.Books[0])
	if err != nil {
		return answer{}, err
	}
	p := portalPage{Book: book.Name}
	if p.Self, err = c.payeeCard(ctx, book, payee.ID, ownShown); err != nil {
		return answer{}, err
	}
	if p.Home, err = c.homeOf(ctx, book, &p.Self); err != nil {
		return answer{}, err
	}
	p.Self.explainOnce()
	for _, id := range payee.Payees[:min(len(payee.Payees), minorsShown)] {
		if id == payee.ID {
			continue
		}
		card, err := c.payeeCard(ctx, book, id, wardShown)
		if err != nil {
			return answer{}, err
		}
		card.explainOnce()
		card.Pages = c.wardPages(tellerOf(ctx), card.Kind, id)
		p.Minors = append(p.Minors, card)
	}
	p.More = c.morePages(tellerOf(ctx), p.Self.Kind, url.Values{})
	return answer{Title: tellerOf(ctx).say("portal.title"), Active: "portal", Data: p}, nil
}

// wardPages are the pages about somebody that the payee acts for.
func (c *console) wardPages(t teller, kind, id string) (list []link) {
	if c.Payouts == nil {
		return nil
	}
	at := url.Values{"payee": {id}}
	list = []link{{t.say("orders.title"), address("/portal/orders", at)}, {t.say("money.menu"), address("/portal/money", at)}}
	if c.Statements != nil {
		list = append(list, link{t.say("statements.title"), address(statementsAt, at)})
	}
	return append(list, c.morePages(t, kind, at)...)
}

// morePages are the pages about a payee that no menu has. A guardian has nothing of its own to ask about.
func (c *console) morePages(t teller, kind string, at url.Values) (list []link) {
	if c.Payouts == nil {
		return nil
	}
	if c.Questions != nil && kind != "guardian" {
		list = append(list, link{t.say("question.all"), address("/portal/questions", at)})
	}
	return append(list, link{t.say("settings.title"), address("/portal/settings", at)})
}

// minorsShown bounds whom a guardian's page shows.
const minorsShown = 20

// payeeCard reads what concerns one payee. Who is registered as nothing has no accounts that could be shown as theirs.
func (c *console) payeeCard(ctx context.Context, book ledger.Book, id string, most int) (payeeCard, error) {
	card := payeeCard{ID: id}
	registered, err := c.Commerce.Payee(ctx, book, id)
	if err != nil && !errors.Is(err, commerce.ErrPayeeUnknown) {
		return card, err
	}
	if registered.Kind != "" {
		card.KindWord = tellerOf(ctx).word("payee", registered.Kind)
	}
	card.Kind, card.Country, card.Currency, card.Minor = registered.Kind, registered.Country, registered.Currency, registered.Minor
	if err := c.holdingsOf(ctx, book, &card); err != nil {
		return card, err
	}
	if err := c.payOf(ctx, book, &card, most); err != nil {
		return card, err
	}
	return card, c.knownOf(ctx, book, &card)
}

// holdingsOf reads the payee's accounts, a bounded number of each kind.
func (c *console) holdingsOf(ctx context.Context, book ledger.Book, card *payeeCard) error {
	held, err := payouts.Held(ctx, c.Ledger, book, payouts.PayeeKey{Kind: card.Kind, ID: card.ID})
	if err != nil {
		return err
	}
	say := tellerOf(ctx)
	for currency, of := range held {
		one := payeeCurrency{Currency: string(currency), Available: minor(0, currency)}
		for _, name := range holdings {
			if m, ok := of[name]; ok {
				one.add(name, say.say("portal.holding."+name), say.sayTo(card.Kind, "portal.holding."+name+".note"), minor(m, currency))
			}
		}
		card.Currencies = append(card.Currencies, one)
	}
	for i := range card.Currencies {
		cur := &card.Currencies[i]
		cur.Rest = slices.DeleteFunc(cur.Rest, func(h payeeHolding) bool { return h.Amount.Zero() })
	}
	slices.SortFunc(card.Currencies, func(a, b payeeCurrency) int {
		switch card.Currency { // the one that the payee is paid in comes first
		case a.Currency:
			return -1
		case b.Currency:
			return 1
		}
		return strings.Compare(a.Currency, b.Currency)
	})
	return nil
}

// add counts an account's balance; those of several campaigns are one holding.
func (c *payeeCurrency) add(path, name, meaning string, a amount) {
	if path == "available" {
		c.Available.Value.Add(c.Available.Value, a.Value)
		c.Owes = c.Available.Negative()
		return
	}
	if n := len(c.Rest); n > 0 && c.Rest[n-1].Name == name {
		c.Rest[n-1].Amount.Value.Add(c.Rest[n-1].Amount.Value, a.Value)
		return
	}
	c.Rest = append(c.Rest, payeeHolding{name, meaning, a})
}

// explainOnce has what a holding is said where it stands first, and not again in the next currency.
func (p *payeeCard) explainOnce() {
	told := map[string]bool{}
	for i := range p.Currencies {
		for j := range p.Currencies[i].Rest {
			h := &p.Currencies[i].Rest[j]
			if told[h.Meaning] {
				h.Meaning = ""
			} else {
				told[h.Meaning] = true
			}
		}
	}
}

// knownOf reads which personal data are stored, and the payee's name; no other value.
func (c *console) knownOf(ctx context.Context, book ledger.Book, card *payeeCard) error {
	owner, subject := vault.Owner{Book: int32(book.ID), Region: book.Region}, "payee:"+card.ID
	person, err := c.Vault.Person(ctx, owner, subject)
	if err != nil {
		card.Closed = true
		c.Log.Warn("what is known of a payee could not be listed", "err", err)
		return ctx.Err()
	}
	if card.Erased = !person.ErasedAt.IsZero(); card.Erased {
		card.Name = vault.Erased
		return nil
	}
	for _, name := range person.Fields {
		card.Known = append(card.Known, tellerOf(ctx).word("personal", name))
	}
	names, err := c.Vault.Names(ctx, owner, []string{subject})
	if err != nil {
		c.Log.Warn("a payee could not be named", "err", err)
		return ctx.Err()
	}
	card.Name = names[subject]
	return nil
}
