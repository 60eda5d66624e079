package main

// Look at what runs: the log and its followers, room, jobs, the last verification, and the age of keys. None of it keeps a service from
// starting, and all of it is missed one day.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/postgres"
)

// What is no longer as it should be.
const (
	// slotBehind is how much log, in bytes, a follower may have the server keep.
	slotBehind = 4 << 30
	// archiveBehind is how long ago a piece of log was kept at most, where one is written all day.
	archiveBehind = 24 * time.Hour
	// jobBehind is how long ago a period of a job became due that is not over.
	jobBehind = time.Hour
	// verifyBehind is how old the last verification may be, which runs every night.
	verifyBehind = 26 * time.Hour
	// keyOld is after how long a key should have been rotated, and keyUnused after how long without use it should be ended.
	keyOld    = 365 * 24 * time.Hour
	keyUnused = 90 * 24 * time.Hour
	// diskFree is the part of a disk, in percent, that should stay free.
	diskFree = 15
)

// lookAround looks at what stands around a deployment that serves: who keeps and follows the log of its database, room, and what it is told
// that it need not be.
func (d *deployment) lookAround(e postgres.Examination, dataDisk string, now time.Time) (f findings) {
	answered := e.Major >= postgres.OldestMajor // an older server was asked nothing else
	if answered && !e.Standby {                 // which has its log from elsewhere
		judgeArchive(&f, e, now)
		judgeFollowers(&f, e)
	}
	if answered {
		d.judgeRoom(&f, e, dataDisk)
	}
	if d.flags.BehindTLSProxy && d.certificate != nil {
		f.warn("listen", "The service speaks TLS itself and is told that a proxy ends it.", "Leave --behind-tls-proxy out, unless the proxy speaks TLS to the service too.")
	}
	if d.database.ownerURL != "" {
		f.warn("owner", "The address of the owner of the tables is known here. Who serves does not need it, but for --migrate.", "Give MIZAN_OWNER_DATABASE_URL only to mizan migrate.")
	}
	return f
}

// lookAtRunning looks at what a running service should be looked at for.
func (c *doctorCmd) lookAtRunning(ctx context.Context, s *surroundings, d *deployment, e postgres.Examination, f *findings) error {
	*f = append(*f, d.lookAround(e, c.DataDisk, s.now())...)
	c.judgeVerification(f, s.now())
	// What the program asks by its own tables needs them all, and a server that it may use.
	for _, one := range *f {
		if (one.Check == "migrations" || one.Check == "release" || one.Check == "primary") && one.State == stateWrong {
			return nil
		}
	}
	pool, err := postgres.Open(ctx, d.database.appURL, postgres.Options{ApplicationName: "mizan doctor", MaxConns: 2, Undurable: true})
	if errors.Is(err, postgres.ErrNotDurable) {
		return nil // which is told
	}
	if err != nil {
		return unreachable(err)
	}
	defer pool.Close()
	p, err := newParts(pool, s.now, partsConfig{vaultKeys: d.vaultKeys, vaultRegion: c.VaultRegion})
	if err != nil {
		return err
	}
	defer func() { _ = p.books.Close(ctx) }()
	if err := p.judgeVault(ctx, f); err != nil {
		return err
	}
	if err := p.judgeJobs(ctx, f, s.now()); err != nil {
		return err
	}
	return p.judgeAPIKeys(ctx, f, s.now())
}

// judgeArchive says whether the database could be restored to any moment.
func judgeArchive(f *findings, e postgres.Examination, now time.Time) {
	const check, do = "archive", "Set up continuous archiving, with pgBackRest or WAL-G, and restore on trial."
	a := e.Archive
	switch {
	case a.Mode == "off":
		f.warn(check, "The log of the database is not archived: archive_mode is off. What was confirmed since the last backup is lost with the disk.", do)
	case a.Failing:
		f.warn(check, "The last attempt to archive the log failed, and the server keeps it until one succeeds.", "Look into the server's log, and at the room of the archive.")
	case a.Last == nil:
		f.warn(check, "Nothing of the log was archived yet.", do)
	case now.Sub(*a.Last) > archiveBehind:
		f.warn(check, "The log was last archived at "+a.Last.UTC().Format(time.RFC3339)+".", "Set archive_timeout, so that a quiet day is archived too.")
	default:
		f.ok(check, "The log was last archived at "+a.Last.UTC().Format(time.RFC3339)+".")
	}
}

// judgeFollowers says whether somebody follows the server, and keeps up.
func judgeFollowers(f *findings, e postgres.Examination) {
	var late, lost []string
	for _, slot := range e.Slots {
		switch {
		case slot.Lost:
			lost = append(lost, slot.Name)
		case !slot.Active || slot.Behind > slotBehind:
			late = append(late, fmt.Sprintf("%s (%d MiB)", slot.Name, slot.Behind>>20))
		}
	}
	const check = "replication"
	waits := e.Settings["synchronous_standby_names"] != ""
	switch {
	case e.Standbys == 0 && waits:
		f.warn(check, "Commits wait for a standby, as synchronous_standby_names says, and nobody follows the database: nothing is recorded.",
			"Start the standby. Only if it is lost for good, reset synchronous_standby_names and reload the server.")
	case len(lost) > 0:
		f.warn(check, "These replication slots are lost: the server has thrown away what their followers still need: "+firstFew(lost)+".",
			"Make who followed anew, from a base backup, and drop the slot with pg_drop_replication_slot.")
	case len(late) > 0:
		f.warn(check, "These replication slots are not followed, or from far behind, and the server keeps its log for them until its disk is full: "+firstFew(late)+".",
			"Start who follows, or drop the slot with pg_drop_replication_slot.")
	case e.Standbys == 0:
		f.warn(check, "Nobody follows the database: when its machine is lost, the service waits for a restored backup.", "Set up a standby.")
	case !waits:
		f.ok(check, fmt.Sprintf("Who follows the database: %d. No commit waits for them.", e.Standbys))
	default:
		f.ok(check, fmt.Sprintf("Who follows the database: %d. Commits wait as synchronous_standby_names says.", e.Standbys))
	}
}

// judgeRoom says whether there is room for connections, locks and data.
func (d *deployment) judgeRoom(f *findings, e postgres.Examination, dataDisk string) {
	// An instance that runs jobs has one more.
	wanted, limit := int(d.flags.MaxConnections)+1, e.Connections.Max-e.Connections.Reserved
	role := e.Connections.Role
	switch {
	case role >= 0 && wanted > role && role <= limit:
		f.warn("connections", fmt.Sprintf("An instance opens up to %d connections, and the role %s may have %d.", wanted, e.Role, role),
			"Lower --max-connections, or raise the role's own with ALTER ROLE … CONNECTION LIMIT.")
	case wanted > limit:
		f.warn("connections", fmt.Sprintf("An instance opens up to %d connections, and the database takes %d of this role.", wanted, limit), "Lower --max-connections, or raise max_connections.")
	case e.Connections.Used*10 > (e.Connections.Max-e.Connections.Reserved)*9:
		f.warn("connections", fmt.Sprintf("%d of %d connections to the database are taken.", e.Connections.Used, e.Connections.Max), "Raise max_connections, or find out who holds them.")
	default:
		f.ok("connections", fmt.Sprintf("%d of %d connections to the database are taken; an instance opens up to %d.", e.Connections.Used, e.Connections.Max, wanted))
	}
	var locks int
	if _, err := fmt.Sscan(e.Settings["max_locks_per_transaction"], &locks); err == nil {
		if least := max(256, 2*e.Partitions); locks < least {
			f.warn("locks", fmt.Sprintf("max_locks_per_transaction is %d, and a large statement may need %d.", locks, least), "Set it to 512, which a restart of the database applies.")
		} else {
			f.ok("locks", fmt.Sprintf("max_locks_per_transaction is %d, for %d partitions.", locks, e.Partitions))
		}
	}
	dir := dataDisk
	if address, err := postgres.ReadAddress(d.database.appURL); err == nil && dir == "" && !address.Remote {
		dir = e.DataDirectory
	}
	size := fmt.Sprintf("The database holds %d MiB", e.Bytes>>20)
	free, all, err := diskRoom(dir)
	switch {
	case dir == "" || err != nil || all == 0:
		f.ok("disk", size+". How full its disk is cannot be seen from here.")
	case free*100 < all*diskFree:
		f.warn("disk", fmt.Sprintf("%s, and %d%% of its disk are free.", size, free*100/all), "Make room. PostgreSQL stops when its disk is full; nothing that was confirmed is lost.")
	default:
		f.ok("disk", fmt.Sprintf("%s, and %d%% of its disk are free.", size, free*100/all))
	}
}

// maxReport bounds what is read of a report: a thousand books.
const maxReport = 16 << 20

// judgeVerification says when the books were last verified, and whether they were sound.
func (c *doctorCmd) judgeVerification(f *findings, now time.Time) {
	const check, do = "verify", "Run mizan verify --json every night into a file, and name it with --verify-report."
	if c.VerifyReport == "" {
		f.warn(check, "Nobody said where the report of the last mizan verify is.", do)
		return
	}
	r, err := readVerifyReport(c.VerifyReport)
	switch {
	case err != nil:
		f.warn(check, "The file of --verify-report is no report of mizan verify.", do)
	case len(r.unsound) > 0:
		f.wrong(check, "The last verification found something in "+firstFew(r.unsound)+".", "Read the report, and the handbook's page on verification, before anything else is posted.")
	case !r.whole:
		f.warn(check, "The report of --verify-report is of one book alone, or the verification did not come to its end.", do)
	case len(r.uneven) > 0:
		f.warn(check, "The sums of earnings differ, or were not all compared, in "+firstFew(r.uneven)+". No money rests on them.", "Read the report, and make them again with mizan earnings rebuild if they differ.")
	case now.Sub(r.at) > verifyBehind:
		f.warn(check, "The books were last verified at "+r.at.UTC().Format(time.RFC3339)+".", do)
	default:
		f.ok(check, fmt.Sprintf("%d books were verified at %s and were sound.", r.books, r.at.UTC().Format(time.RFC3339)))
	}
}

// verifyReport is what a report of mizan verify comes to: when it was written, how many books it is of, which of them were not sound, or
// what stands beside them, and in which the sums of earnings, on which no money rests, differ or were not all compared. It is whole if all
// books were verified, and behind them the trail of no book.
type verifyReport struct {
	at      time.Time
	books   int
	unsound []string
	uneven  []string
	whole   bool
}

// soundness is one verdict of a report.
type soundness struct {
	Sound *bool `json:"sound"`
}

func (s *soundness) broken() bool { return s != nil && (s.Sound == nil || !*s.Sound) }

// readVerifyReport reads a report, and returns an error for what is none.
func readVerifyReport(name string) (r verifyReport, err error) {
	file, err := os.Open(name) // #nosec G304 -- the operator names the file, and may read it
	if err != nil {
		return r, err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return r, err
	}
	r.at = info.ModTime()
	for documents := json.NewDecoder(io.LimitReader(file, maxReport)); ; {
		var one struct {
			soundness
			Book         string     `json:"book"`
			Payouts      *soundness `json:"payouts"`
			Closings     *soundness `json:"closed_months"`
			Suspense     *soundness `json:"suspense"`
			Earnings     *soundness `json:"earnings"`
			Trail        *soundness `json:"audit_trail"`
			Told         *soundness `json:"acts_told"`
			Installation *soundness `json:"installation_audit_trail"`
			// What no act of the installation made stands beside its trail.
			ToldOfIt *soundness `json:"installation_acts_told"`
		}
		err := documents.Decode(&one)
		switch {
		case errors.Is(err, io.EOF) && (r.books > 0 || r.whole):
			return r, nil
		case err != nil:
			return r, err
		case one.Installation != nil:
			r.whole = true
			if one.Installation.broken() {
				r.unsound = append(r.unsound, "the trail of no book")
			}
			if one.ToldOfIt.broken() {
				r.unsound = append(r.unsound, "people, roles or keys")
			}
		case one.Book != "":
			r.books++
			if one.soundness.broken() || one.Payouts.broken() || one.Closings.broken() || one.Suspense.broken() || one.Trail.broken() || one.Told.broken() {
				r.unsound = append(r.unsound, one.Book)
			}
			if one.Earnings.broken() {
				r.uneven = append(r.uneven, one.Book)
			}
		}
	}
}

// judgeVault says whether the master keys open what is stored.
func (p *parts) judgeVault(ctx context.Context, f *findings) error {
	if err := p.vault.Check(ctx); err != nil {
		if fault.KindOf(err) == fault.Internal {
			return unreachable(err)
		}
		f.wrong("vault", "Personal data that are stored do not open.", explain(err))
		return nil
	}
	masters, err := p.vault.MastersInUse(ctx)
	switch {
	case err != nil:
		return unreachable(err)
	case len(masters) == 0:
		f.ok("vault", "The vault is empty.")
	case len(masters) > 1:
		f.warn("vault", fmt.Sprintf("%d master keys seal what is stored. They open what is stored.", len(masters)), "Run mizan vault rotate, and then take the old keys away.")
	default:
		f.ok("vault", "They open what is stored: the master keys of the vault.")
	}
	return nil
}

// judgeJobs says whether somebody does what is due.
func (p *parts) judgeJobs(ctx context.Context, f *findings, now time.Time) error {
	list, err := p.jobs.Jobs(ctx, nil)
	if err != nil {
		return unreachable(err)
	}
	var late, parked, never []string
	for _, one := range list {
		name := one.Job
		if one.Book.Code != "" {
			name += " of " + one.Book.Code
		}
		// What is due and not planned waits for an instance that runs jobs.
		if one.Oldest != nil && now.Sub(*one.Oldest) > jobBehind || !one.Next.IsZero() && now.Sub(one.Next) > jobBehind {
			late = append(late, name)
		}
		if !one.Planned {
			never = append(never, name)
		}
		if one.Parked > 0 {
			parked = append(parked, name)
		}
	}
	if len(late) > 0 {
		f.warn("jobs", "These jobs are more than an hour behind: "+firstFew(late)+".", "See that an instance with --jobs on runs, and look at mizan job history.")
	}
	if len(parked) > 0 {
		f.warn("jobs-parked", "These jobs failed as often as they may and wait for people: "+firstFew(parked)+".", "Look at mizan job list, and run them again.")
	}
	if len(never) > 0 {
		f.warn("jobs", "No instance has ever planned these jobs: "+firstFew(never)+".", "See that an instance with --jobs on runs. In its first minutes this is to be expected.")
	}
	if len(late)+len(parked)+len(never) == 0 {
		f.ok("jobs", fmt.Sprintf("%d jobs are on time.", len(list)))
	}
	return nil
}

// judgeAPIKeys says which keys are old, or used by nobody.
func (p *parts) judgeAPIKeys(ctx context.Context, f *findings, now time.Time) error {
	keys, err := p.access.List(ctx)
	if err != nil {
		return unreachable(err)
	}
	var old, idle []string
	current := 0
	for _, key := range keys {
		if !key.Current(now) {
			continue
		}
		current++
		used := key.CreatedAt
		if key.LastUsedAt.After(used) {
			used = key.LastUsedAt
		}
		switch {
		case now.Sub(used) > keyUnused:
			idle = append(idle, key.ID)
		case now.Sub(key.CreatedAt) > keyOld:
			old = append(old, key.ID)
		}
	}
	if len(old) > 0 {
		f.warn("api-keys", "These API keys are older than a year: "+firstFew(old)+".", "Run mizan keys rotate.")
	}
	if len(idle) > 0 {
		f.warn("api-keys-idle", "Nobody used these API keys for 90 days: "+firstFew(idle)+".", "Run mizan keys revoke.")
	}
	if len(old)+len(idle) == 0 {
		f.ok("api-keys", fmt.Sprintf("%d API keys are in use, none of them older than a year.", current))
	}
	return nil
}
