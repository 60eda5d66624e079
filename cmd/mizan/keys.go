package main

// Keys: who may call the API, kept in the database.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger/guard"
)

type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make a key and print it, once, to standard output."`
	List   keysListCmd   `cmd:"" help:"Print all keys, without their secrets."`
	Rotate keysRotateCmd `cmd:"" help:"Replace a key by a new one with the same rights; the old one ends a while later."`
	Revoke keysRevokeCmd `cmd:"" help:"End a key for good; every replica refuses it within a second."`
}

type keysCreateCmd struct {
	insideFlags
	Name      string        `required:"" help:"What the key is for, for people."`
	Scope     []string      `required:"" help:"What its holder may do, such as events:write; the handbook's page on access lists the scopes, and * is everything. May be given several times."`
	Book      []string      `help:"Code of a book it may touch; every book without it. May be given several times."`
	Owner     string        `help:"Id of the person who answers for it; only such a key can ask for a second person." placeholder:"PERSON"`
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
	return c.with(ctx, s, func(in *inside) error {
		create := in.access.Create
		if c.Owner != "" {
			create = func(ctx context.Context, by guard.Actor, n access.NewKey) (access.Key, string, error) {
				return in.access.CreateOwned(ctx, by, c.Owner, n)
			}
		}
		key, bearer, err := create(ctx, in.by, n)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.stderr, "Key %s for %s. It is shown only now:\n", key.ID, key.Name)
		_, err = fmt.Fprintln(s.stdout, bearer)
		return err
	})
}

type keysListCmd struct{ insideFlags }

// Run prints one line per key.
func (c *keysListCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(in *inside) error {
		all, err := in.access.List(ctx)
		if err != nil {
			return err
		}
		t := newTable("ID", "NAME", "STATE", "SCOPES", "BOOKS", "OWNER", "CREATED", "LAST USED", "ENDS")
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
			t.add(k.ID, k.Name, state, strings.Join(scopes, " "), books, k.Owner, instantText(k.CreatedAt), instantText(k.LastUsedAt), instantText(k.ExpiresAt))
		}
		return t.write(s.stdout, "")
	})
}

type keysRotateCmd struct {
	insideFlags
	ID      string        `arg:"" help:"The key's id: the twelve characters after mk_."`
	Overlap time.Duration `help:"How long the old key is still good, at most 720h." default:"24h" placeholder:"DURATION"`
}

// Run prints the new key alone on standard output.
func (c *keysRotateCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(in *inside) error {
		key, bearer, err := in.access.Rotate(ctx, in.by, c.ID, c.Overlap)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.stderr, "Key %s replaces %s, which ends in %s. It is shown only now:\n", key.ID, c.ID, c.Overlap)
		_, err = fmt.Fprintln(s.stdout, bearer)
		return err
	})
}

type keysRevokeCmd struct {
	insideFlags
	ID     string `arg:"" help:"The key's id: the twelve characters after mk_."`
	Reason string `help:"Why; it stands in the audit trail." default:"revoked at the command line" placeholder:"TEXT"`
}

// Run revokes the key; doing so again changes nothing.
func (c *keysRevokeCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(in *inside) error {
		if err := in.access.Revoke(ctx, in.by, c.ID, c.Reason); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.stdout, "Key %s is revoked.\n", c.ID)
		return err
	})
}
