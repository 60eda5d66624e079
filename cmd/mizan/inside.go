package main

// Inside: the commands of operators, who hold the database's address and need no key. What they do with privilege stands in
// the audit trail under the name of their account on the machine.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"

	"mizan/ledger/guard"
	"mizan/ledger/vault"
)

// vaultFlags say where the vault's master keys are, and which region's personal data this installation may hold.
type vaultFlags struct {
	VaultKeysFile string `name:"vault-keys-file" help:"File with the vault's master keys, a line name=key each, the first of which seals what is new; instead of the variable MIZAN_VAULT_KEYS. Without one no personal data are stored or read." type:"path" placeholder:"FILE"`
	VaultRegion   string `name:"vault-region" help:"Region whose personal data this installation holds; books of other regions are refused. Every region without it." placeholder:"REGION"`
}

// keys returns the master keys that somebody named, none if nobody did.
func (f vaultFlags) keys(s *surroundings) (vault.Keys, error) {
	text, err := s.secret("MIZAN_VAULT_KEYS", f.VaultKeysFile)
	if err != nil || text == "" {
		return vault.Keys{}, err
	}
	return vault.ParseKeys(text)
}

// devVaultKeys returns the master key of development, which is made on first use and kept beside the data.
func devVaultKeys(data string) (vault.Keys, error) {
	text, err := keepVaultKey(filepath.Join(data, "vault-keys"))
	if err != nil {
		return vault.Keys{}, err
	}
	return vault.ParseKeys(text)
}

// insideFlags say which database is opened, and with which keys of the vault.
type insideFlags struct {
	databaseFlags
	vaultFlags
	Data string `help:"Directory in which mizan dev keeps its data, if no address of a database is set." default:".mizan" placeholder:"DIR"`
}

// inside is what operators work with.
type inside struct {
	*parts
	// by is the operator.
	by guard.Actor
}

// with runs fn on the parts over the database.
func (f insideFlags) with(ctx context.Context, s *surroundings, fn func(*inside) error) (err error) {
	named, err := f.given(s)
	if err != nil {
		return err
	}
	keys, err := f.keys(s)
	if err != nil {
		return err
	}
	d, err := f.join(ctx, s, f.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop(ctx)) }()
	if d.server != nil {
		_, err = d.migrate(ctx)
	} else {
		err = d.current(ctx)
	}
	if err != nil {
		return err
	}
	if keys.Empty() && named.appURL == "" {
		if keys, err = devVaultKeys(f.Data); err != nil {
			return err
		}
	}
	pool, err := d.pool(ctx, s, 4)
	if err != nil {
		return err
	}
	defer pool.Close()
	p, err := newParts(pool, s.now, partsConfig{vaultKeys: keys, vaultRegion: f.VaultRegion})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.books.Close(ctx)) }()
	return fn(&inside{parts: p, by: operator()})
}

// plainName keeps names of accounts that would not stand well in a trail out of it.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_.@-]{1,64}$`)

// operator returns who sits at the command line: the name of their account on this machine.
func operator() guard.Actor {
	// Containers have users without a name.
	name := fmt.Sprint("uid-", os.Getuid())
	if u, err := user.Current(); err == nil && plainName.MatchString(u.Username) {
		name = u.Username
	}
	return guard.Actor{Kind: guard.Operator, ID: name}
}

// place returns the book of the code as the trail and the vault know it; the installation for no code.
func (in *inside) place(ctx context.Context, code string) (guard.Book, vault.Owner, error) {
	if code == "" {
		return guard.Book{}, vault.Owner{}, nil
	}
	b, err := in.books.Book(ctx, code)
	if err != nil {
		return guard.Book{}, vault.Owner{}, err
	}
	return guard.Book{ID: int32(b.ID), Code: b.Code}, vault.Owner{Book: int32(b.ID), Region: b.Region}, nil
}
