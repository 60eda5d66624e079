package main

// Look at the database: whether it keeps what it confirmed, and what the role that serves could do to it.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"mizan/ledger/postgres"
	"mizan/migrations"
)

// clockNear is how far clocks are apart without anybody having to know. Beyond maxSkew nothing is recorded.
const clockNear = 5 * time.Second

// lookPatience is how long looking at a deployment may take. A database that is only silent is told as one that does not answer.
const lookPatience = 30 * time.Second

// lookAtDatabase asks the database that the deployment serves. A failure to ask is an error.
func (d *deployment) lookAtDatabase(ctx context.Context, s *surroundings) (findings, postgres.Examination, error) {
	before, err := migrations.Version(ctx, d.database.appURL)
	if err != nil {
		return nil, postgres.Examination{}, unreachable(err)
	}
	e, err := postgres.Examine(ctx, d.database.appURL, migrations.AppendOnly(), s.now)
	if err != nil {
		return nil, e, unreachable(err)
	}
	var f findings
	judgeServer(&f, e)
	if e.Major < postgres.OldestMajor { // whose other answers would be guessed
		return f, e, nil
	}
	pending, err := migrations.Pending(ctx, d.database.appURL)
	if err != nil {
		return nil, e, unreachable(err)
	}
	version, err := migrations.Version(ctx, d.database.appURL)
	if err != nil {
		return nil, e, unreachable(err)
	}
	judgeRole(&f, e)
	judgeClock(&f, e)
	judgeMigrations(&f, version, pending)
	if pending == 0 {
		judgeSchema(&f, e, before, version)
	}
	return f, e, nil
}

// judgeServer says whether the server keeps what it confirmed.
func judgeServer(f *findings, e postgres.Examination) {
	f.hold("release", e.Major >= postgres.OldestMajor, fmt.Sprintf("The database is PostgreSQL %d.", e.Major),
		fmt.Sprintf("The database is PostgreSQL %d.", e.Major), fmt.Sprintf("Upgrade it to %d or later.", postgres.OldestMajor))
	if e.Major < postgres.OldestMajor {
		return
	}
	f.hold("primary", !e.Standby, "The database is the one that is written to.", "The database is a standby, which only follows another one.",
		"Let the address name the primary, such as with target_session_attrs=primary.")
	for _, of := range []struct{ check, setting, otherwise, do string }{
		{"fsync", "fsync", "The database may lose what it has confirmed when the machine stops: fsync is off.", "Set fsync to on in postgresql.conf, and reload the server."},
		{"full-page-writes", "full_page_writes", "A page that was half written when the machine stopped stays broken: full_page_writes is off.", "Set full_page_writes to on in postgresql.conf, and reload the server."},
		{"data-checksums", "data_checksums", "The database does not notice pages that its disk spoils: data_checksums is off.",
			"Stop the server and run pg_checksums --enable, or restore into a cluster made with initdb --data-checksums."},
	} {
		f.hold(of.check, e.Settings[of.setting] == "on", of.setting+" is on.", of.otherwise, of.do)
	}
	commit := e.Settings["synchronous_commit"]
	f.hold("synchronous-commit", commit == "on" || commit == "remote_apply", "synchronous_commit is "+commit+".",
		"The database confirms before a commit is safe: synchronous_commit is "+commit+".", "Set it to on, for the server, the database and the role.")
	f.hold("damaged-pages", e.Settings["zero_damaged_pages"] == "off" && e.Settings["ignore_checksum_failure"] == "off", "Damaged pages are told and not passed over.",
		"The database passes over damaged pages: zero_damaged_pages or ignore_checksum_failure is on.", "Switch both off. They are for rescuing what can still be read, in a copy.")
}

// judgeRole says whether the role that serves could change the past.
func judgeRole(f *findings, e postgres.Examination) {
	const use = "Serve as the role that mizan migrate bootstrap makes, which has only what migrations grant it."
	if len(e.Powers) == 0 {
		f.ok("role", "The role "+e.Role+" has no powers over the server, owns nothing, and cannot change what is only added to.")
	}
	for _, power := range e.Powers {
		do := use
		if power == postgres.PowerTemporary {
			do = "REVOKE TEMPORARY ON DATABASE, which PostgreSQL grants to everybody on a database that was made by hand, FROM PUBLIC, as its owner."
		}
		f.wrong("role", "The role "+e.Role+" "+power+".", do)
	}
	f.hold("append-only", len(e.Changeable) == 0, "The role "+e.Role+" may add to what is recorded, and not change it.",
		"The role "+e.Role+" may change what is recorded, in "+firstFew(e.Changeable)+".", "REVOKE these rights from "+e.Role+" and from PUBLIC, as the owner.")
	f.hold("guards", len(e.Unguarded) == 0, "Tables that are only added to refuse everything else.",
		"Tables that are only added to do not refuse changes any more: "+firstFew(e.Unguarded)+". Somebody has dropped or disabled their triggers append_only and never_truncated.",
		"Find out who and why, run mizan verify, and put the triggers back as a fresh database has them.")
}

// judgeClock says whether the clocks agree.
func judgeClock(f *findings, e postgres.Examination) {
	ahead := e.Ahead.Abs() - e.Doubt
	text := fmt.Sprintf("The database's clock is %s %s ours.", e.Ahead.Abs().Round(time.Millisecond), map[bool]string{true: "ahead of", false: "behind"}[e.Ahead >= 0])
	const do = "Have both machines keep the time by NTP."
	switch {
	case ahead > maxSkew:
		f.wrong("clock", text+" Nothing would be recorded.", do)
	case ahead > clockNear:
		f.warn("clock", text, do)
	default:
		f.ok("clock", "The clocks of the database and of this machine agree.")
	}
}

// judgeMigrations says whether the program and the schema fit.
func judgeMigrations(f *findings, version int64, pending int) {
	says := fmt.Sprintf("The database that MIZAN_DATABASE_URL names answers; its schema has version %d, this program knows %d.", version, migrations.Latest())
	switch {
	case pending > 0:
		f.wrong("migrations", says+fmt.Sprintf(" %d migrations are missing.", pending), "Run mizan migrate up with MIZAN_OWNER_DATABASE_URL, or start with --migrate.")
	case version > migrations.Latest():
		f.warn("migrations", says, "Upgrade this program once the others are.")
	default:
		f.ok("migrations", says)
	}
}

// judgeSchema says whether the schema is what the migrations made, and whether more was granted than they grant. It was looked at while the
// version was between the two given, and only that of the newest migration known can be judged.
func judgeSchema(f *findings, e postgres.Examination, before, after int64) {
	const check = "schema"
	switch {
	case after > migrations.Latest():
		f.warn(check, "The schema is newer than this program, so that its functions, tables and grants cannot be judged.", "Ask the mizan doctor of the newest release.")
		return
	case before != after:
		f.warn(check, "The schema was migrated while it was looked at, so that its functions, tables and grants were not judged.", "Run mizan doctor again.")
		return
	}
	d := e.Schema.Against(migrations.Made())
	var differs []string
	for _, of := range []struct {
		how   string
		names []string
	}{{"Changed are ", d.Changed}, {"Missing are ", d.Missing}, {"Added are ", d.Added}} {
		if len(of.names) > 0 {
			differs = append(differs, of.how+firstFew(of.names)+".")
		}
	}
	f.hold(check, len(differs) == 0, "Functions, tables and their triggers are what the migrations made.",
		"The schema is not what the migrations made. "+strings.Join(differs, " "),
		"Find out who and why, run mizan verify, and put back what a fresh database has. Keep functions of your own in a schema of your own.")
	f.hold("grants", len(d.Granted) == 0, "Nothing was granted to the role "+e.Role+" or to everybody but what migrations grant.",
		"More was granted to the role "+e.Role+" or to everybody than migrations grant: "+firstFew(d.Granted)+".", "REVOKE it, as the owner.")
}
