package main

// Vault: personal data and the keys they are sealed under, looked after by operators.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"mizan/ledger/guard"
	"mizan/ledger/vault"
)

type vaultCmd struct {
	Key       vaultKeyCmd       `cmd:"" help:"Print a new master key, as a line for the file of the vault's keys."`
	Status    vaultStatusCmd    `cmd:"" help:"Print how many persons each master key seals."`
	Rotate    vaultRotateCmd    `cmd:"" help:"Seal every person's key under the first master key, while the service runs."`
	Put       vaultPutCmd       `cmd:"" help:"Store personal data of somebody, read from standard input."`
	Read      vaultReadCmd      `cmd:"" help:"Print personal data of somebody; it stands in the audit trail."`
	Export    vaultExportCmd    `cmd:"" help:"Print everything that is known of somebody, for their right to a copy."`
	Erase     vaultEraseCmd     `cmd:"" help:"Destroy somebody's key, and with it all that is known of them, for good."`
	Hold      vaultHoldCmd      `cmd:"" help:"Forbid erasing somebody's data until a day, or end that."`
	Close     vaultCloseCmd     `cmd:"" help:"Note that the business with somebody has ended, from which retention counts."`
	Retention vaultRetentionCmd `cmd:"" help:"Print or set how long a book keeps personal data afterwards."`
	Sweep     vaultSweepCmd     `cmd:"" help:"Erase those whose retention has passed."`
}

// vaultPage is how many persons are worked on at once.
const vaultPage = 500

type vaultKeyCmd struct {
	Name string `help:"The key's name." default:"k1" placeholder:"NAME"`
}

// Run prints the line alone, so that it can be put into a file.
func (c *vaultKeyCmd) Run(_ context.Context, s *surroundings) error {
	line := newVaultKey(c.Name)
	if _, err := vault.ParseKeys(line); err != nil {
		return err
	}
	_, err := fmt.Fprintln(s.stdout, line)
	return err
}

type vaultStatusCmd struct{ insideFlags }

// Run prints one line per master key.
func (c *vaultStatusCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(in *inside) error {
		masters, err := in.vault.Masters(ctx)
		if err != nil {
			return err
		}
		if len(masters) == 0 {
			_, err = fmt.Fprintln(s.stdout, "The vault is empty.")
			return err
		}
		t := newTable("MASTER KEY", ">PERSONS")
		for _, name := range slices.Sorted(maps.Keys(masters)) {
			t.add(name, fmt.Sprint(masters[name]))
		}
		return t.write(s.stdout, "")
	})
}

type vaultRotateCmd struct{ insideFlags }

// How often, and after which pause, rotation looks again for what somebody else works on at the moment.
const (
	rotateTries = 100
	rotatePause = 50 * time.Millisecond
)

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Run goes on until nobody's key is under another master key.
func (c *vaultRotateCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(in *inside) error {
		total, idle := 0, 0
		for {
			done, left, err := in.vault.Rotate(ctx, vaultPage)
			if err != nil {
				return err
			}
			if total += done; left == 0 {
				break
			}
			if idle++; done > 0 {
				idle = 0
			}
			if idle == rotateTries {
				return errors.New("other writers keep the last persons' keys; run it again")
			}
			if idle > 0 {
				if err := pause(ctx, rotatePause); err != nil {
					return err
				}
			}
		}
		_, err := fmt.Fprintf(s.stdout, "%d keys were sealed under the first master key. None is left under another.\n", total)
		return err
	})
}

// personFlags name somebody.
type personFlags struct {
	insideFlags
	Subject string `arg:"" help:"Who, such as payee:cre_amy, or person:per_… of the staff."`
	Book    string `help:"Code of the book; without it somebody of the staff." placeholder:"CODE"`
}

// about runs fn for the person.
func (f personFlags) about(ctx context.Context, s *surroundings, fn func(in *inside, owner vault.Owner, book guard.Book) error) error {
	return f.with(ctx, s, func(in *inside) error {
		book, owner, err := in.place(ctx, f.Book)
		if err != nil {
			return err
		}
		return fn(in, owner, book)
	})
}

type vaultPutCmd struct {
	personFlags
	Reason string `required:"" help:"Why; it stands in the audit trail."`
}

// maxPersonal bounds what is read from standard input.
const maxPersonal = 64 << 10

// Run reads a JSON object of fields, so that no value stands in the shell's history or the list of processes.
func (c *vaultPutCmd) Run(ctx context.Context, s *surroundings) error {
	text, err := io.ReadAll(io.LimitReader(s.stdin, maxPersonal+1))
	if err != nil {
		return err
	}
	fields := map[string]string{}
	if len(text) > maxPersonal || json.Unmarshal(text, &fields) != nil || len(fields) == 0 {
		return usageError(`Send a JSON object on standard input, such as {"name": "…"}: fields and their values.`)
	}
	return c.about(ctx, s, func(in *inside, owner vault.Owner, book guard.Book) error {
		_, changed, err := in.vault.Write(ctx, in.by, owner, book, c.Subject, fields, c.Reason)
		if err != nil {
			return err
		}
		if len(changed) == 0 {
			_, err = fmt.Fprintf(s.stdout, "All of this was stored of %s before.\n", c.Subject)
			return err
		}
		_, err = fmt.Fprintf(s.stdout, "Stored of %s: %s.\n", c.Subject, strings.Join(changed, ", "))
		return err
	})
}

type vaultReadCmd struct {
	personFlags
	Field  []string `help:"Only this field; every one without it. May be given several times."`
	Reason string   `required:"" help:"Why; it stands in the audit trail."`
}

// Run prints one line per field.
func (c *vaultReadCmd) Run(ctx context.Context, s *surroundings) error {
	return c.about(ctx, s, func(in *inside, owner vault.Owner, book guard.Book) error {
		fields, _, err := in.vault.Read(ctx, in.by, owner, book, c.Subject, c.Field, c.Reason)
		if err != nil {
			return err
		}
		t := newTable("FIELD", "VALUE")
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			t.add(name, fields[name])
		}
		return t.write(s.stdout, "")
	})
}

type vaultExportCmd struct {
	personFlags
	Reason string `required:"" help:"Why; it stands in the audit trail."`
}

// Run prints one JSON document.
func (c *vaultExportCmd) Run(ctx context.Context, s *surroundings) error {
	return c.about(ctx, s, func(in *inside, owner vault.Owner, book guard.Book) error {
		all, err := in.vault.Export(ctx, in.by, owner, book, c.Subject, c.Reason)
		if err != nil {
			return err
		}
		return writeJSON(s.stdout, all)
	})
}

type vaultEraseCmd struct {
	personFlags
	Reason string `required:"" help:"Why; it stands in the audit trail."`
}

// Run erases the person; doing so again changes nothing.
func (c *vaultEraseCmd) Run(ctx context.Context, s *surroundings) error {
	return c.about(ctx, s, func(in *inside, owner vault.Owner, book guard.Book) error {
		if _, err := in.vault.Erase(ctx, in.by, owner, book, c.Subject, c.Reason); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.stdout, "%s is erased. The books stay as they are.\n", c.Subject)
		return err
	})
}

type vaultHoldCmd struct {
	personFlags
	Until  string `required:"" help:"The last day, such as 2027-03-31; a day that has passed ends the hold." placeholder:"DATE"`
	Reason string `required:"" help:"What forbids erasure; it stands in the audit trail."`
}

// Run holds the data until the end of the day, UTC.
func (c *vaultHoldCmd) Run(ctx context.Context, s *surroundings) error {
	day, err := time.Parse(time.DateOnly, c.Until)
	if err != nil {
		return usageError("--until is a day such as 2027-03-31.")
	}
	return c.about(ctx, s, func(in *inside, owner vault.Owner, book guard.Book) error {
		p, err := in.vault.Hold(ctx, in.by, owner, book, c.Subject, day.AddDate(0, 0, 1), c.Reason)
		if err != nil {
			return err
		}
		if p.HeldUntil.IsZero() {
			_, err = fmt.Fprintf(s.stdout, "The data of %s are not held any more.\n", c.Subject)
		} else {
			_, err = fmt.Fprintf(s.stdout, "The data of %s cannot be erased before %s UTC.\n", c.Subject, p.HeldUntil.Format(time.DateOnly))
		}
		return err
	})
}

type vaultCloseCmd struct {
	personFlags
	Reopen bool   `help:"Note that the business goes on after all."`
	Reason string `required:"" help:"Why; it stands in the audit trail."`
}

// Run closes as of now.
func (c *vaultCloseCmd) Run(ctx context.Context, s *surroundings) error {
	at := s.now()
	if c.Reopen {
		at = time.Time{}
	}
	return c.about(ctx, s, func(in *inside, owner vault.Owner, book guard.Book) error {
		if _, err := in.vault.Close(ctx, in.by, owner, book, c.Subject, at, c.Reason); err != nil {
			return err
		}
		days, err := in.vault.Retention(ctx, owner)
		if err != nil {
			return err
		}
		if c.Reopen {
			_, err = fmt.Fprintf(s.stdout, "The business with %s goes on.\n", c.Subject)
		} else {
			_, err = fmt.Fprintf(s.stdout, "The business with %s has ended. The data are erased by mizan vault sweep in %d days.\n", c.Subject, days)
		}
		return err
	})
}

type vaultRetentionCmd struct {
	insideFlags
	Book   string `help:"Code of the book; without it the staff." placeholder:"CODE"`
	Days   int    `help:"Set it: days after the business with a person has ended." placeholder:"N"`
	Reason string `help:"Why it is set; it stands in the audit trail."`
}

// Run prints what holds, after setting it if asked to.
func (c *vaultRetentionCmd) Run(ctx context.Context, s *surroundings) error {
	if (c.Days != 0) != (c.Reason != "") {
		return usageError("To set how long personal data are kept, say both --days and --reason.")
	}
	return c.with(ctx, s, func(in *inside) error {
		book, owner, err := in.place(ctx, c.Book)
		if err != nil {
			return err
		}
		if c.Days != 0 {
			if err := in.vault.SetRetention(ctx, in.by, owner, book, c.Days, c.Reason); err != nil {
				return err
			}
		}
		days, err := in.vault.Retention(ctx, owner)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.stdout, "Personal data are kept for %d days after the business with a person has ended.\n", days)
		return err
	})
}

type vaultSweepCmd struct {
	insideFlags
	Book string `help:"Code of the book; without it the staff." placeholder:"CODE"`
	All  bool   `help:"The staff and every book of this installation's region; for every night."`
}

// Run erases page by page until nobody is due.
func (c *vaultSweepCmd) Run(ctx context.Context, s *surroundings) error {
	if c.All && c.Book != "" {
		return usageError("--all and --book say different things. Leave one out.")
	}
	return c.with(ctx, s, func(in *inside) error {
		codes := []string{c.Book}
		if c.All {
			every, err := everyBook(ctx, in.books)
			if err != nil {
				return err
			}
			codes = append(codes, every...)
		}
		total := 0
		for _, code := range codes {
			n, err := in.sweepCode(ctx, code)
			total += n
			if c.All && errors.Is(err, vault.ErrRegion) {
				continue
			}
			if err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(s.stdout, "%d persons were erased.\n", total)
		return err
	})
}

// sweepCode erases who is due in one book, or of the staff.
func (in *inside) sweepCode(ctx context.Context, code string) (total int, err error) {
	book, owner, err := in.place(ctx, code)
	if err != nil {
		return 0, err
	}
	return in.parts.sweep(ctx, in.by, owner, book)
}
