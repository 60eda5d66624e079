package main

// Keys: who may call the API, kept in the database.

import (
	"context"
	"fmt"
	"os/user"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger/guard"
)

type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make a key and print it, once, to standard output."`
	List   keysListCmd   `cmd:"" help:"Print all keys, without their secrets."`
	Revoke keysRevokeCmd `cmd:"" help:"End a key for good; every replica refuses it within a second."`
}

// keysFlags say which database holds the keys.
type keysFlags struct {
	databaseFlags
	Data string `help:"Directory in which mizan dev keeps its data, if no address of a database is set." default:".mizan" placeholder:"DIR"`
}

// with runs fn on the service of keys.
func (f keysFlags) with(ctx context.Context, s *surroundings, fn func(*access.Service) error) (err error) {
	d, err := f.join(ctx, s, f.Data)
	if err != nil {
		return err
	}
	defer func() {
		if e := d.stop(ctx); err == nil {
			err = e
		}
	}()
	if d.server != nil {
		if _, err := d.migrate(ctx); err != nil {
			return err
		}
	}
	pool, err := d.pool(ctx, s, 2)
	if err != nil {
		return err
	}
	defer pool.Close()
	return fn(access.New(pool, access.Options{Now: s.now}))
}

// operator is who is at the command line, by the name of their account on the machine.
func operator() guard.Actor {
	name := "unknown"
	if account, err := user.Current(); err == nil && account.Username != "" && len(account.Username) <= 64 {
		name = account.Username
	}
	return guard.Actor{Kind: guard.Operator, ID: name}
}

type keysCreateCmd struct {
	keysFlags
	Name      string        `required:"" help:"What the key is for, for people."`
	Scope     []string      `required:"" help:"What its holder may do: books:read, books:write, transactions:read, transactions:write, events:write, settlements:write, balances:read, or * for everything. May be given several times."`
	Book      []string      `help:"Code of a book it may touch; every book without it. May be given several times."`
	ExpiresIn time.Duration `help:"How long it is good for, such as 2160h; for ever without it." placeholder:"DURATION"`
}

// Run prints the key alone on standard output, so that a script can put it away.
func (c *keysCreateCmd) Run(ctx context.Context, s *surroundings) error {
	n := access.NewKey{Name: c.Name, Books: c.Book}
	for _, scope := range c.Scope {
		n.Scopes = append(n.Scopes, access.Scope(scope))
	}
	if c.ExpiresIn != 0 {
		n.ExpiresAt = s.now().Add(c.ExpiresIn)
	}
	return c.with(ctx, s, func(keys *access.Service) error {
		key, bearer, err := keys.Create(ctx, operator(), n)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.stderr, "Key %s for %s. It is shown only now:\n", key.ID, key.Name)
		_, err = fmt.Fprintln(s.stdout, bearer)
		return err
	})
}

type keysListCmd struct{ keysFlags }

// Run prints one line per key.
func (c *keysListCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(keys *access.Service) error {
		all, err := keys.List(ctx)
		if err != nil {
			return err
		}
		t := newTable("ID", "NAME", "STATE", "SCOPES", "BOOKS", "CREATED")
		for _, k := range all {
			state := "current"
			switch {
			case !k.RevokedAt.IsZero():
				state = "revoked"
			case !k.Current(s.now()):
				state = "expired"
			}
			books := "every book"
			if k.Books != nil {
				books = strings.Join(k.Books, " ")
			}
			scopes := make([]string, len(k.Scopes))
			for i, scope := range k.Scopes {
				scopes[i] = string(scope)
			}
			t.add(k.ID, k.Name, state, strings.Join(scopes, " "), books, k.CreatedAt.Format(time.DateTime))
		}
		return t.write(s.stdout, "")
	})
}

type keysRevokeCmd struct {
	keysFlags
	ID string `arg:"" help:"The key's id: the twelve characters after mk_."`
}

// Run revokes the key; doing so again changes nothing.
func (c *keysRevokeCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(keys *access.Service) error {
		if err := keys.Revoke(ctx, operator(), c.ID, ""); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.stdout, "Key %s is revoked.\n", c.ID)
		return err
	})
}
