package main

// Architecture: which package may import which, and the house rules that would otherwise be opinions in a review. The
// table is the design; a change of it is a change of the design. The rules are in arch_rules_test.go, and
// arch_broken_test.go shows of each that it can fail.

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// storey is one storey of the house: a package, why its imports are what they are, and what it may import besides the
// standard library and ledger/fault. A package imports only from storeys above its own line, so calls only go down.
type storey struct {
	pkg string
	why string
	may []string
}

// Third-party modules by the short name that the table uses.
var modules = map[string]string{
	"decimal":     "github.com/shopspring/decimal",
	"tlog":        "golang.org/x/mod/sumdb",
	"pgx":         "github.com/jackc/pgx/v5",
	"goose":       "github.com/pressly/goose/v3",
	"river":       "github.com/riverqueue/river",
	"cron":        "github.com/robfig/cron/v3",
	"stripe":      "github.com/stripe/stripe-go",
	"excelize":    "github.com/xuri/excelize/v2",
	"huma":        "github.com/danielgtaylor/huma/v2",
	"chi":         "github.com/go-chi/chi/v5",
	"kong":        "github.com/alecthomas/kong",
	"prometheus":  "github.com/prometheus/client_golang",
	"cmp":         "github.com/google/go-cmp",
	"goleak":      "go.uber.org/goleak",
	"rapid":       "pgregory.net/rapid",
	"kin-openapi": "github.com/getkin/kin-openapi",
	"oidc":        "github.com/coreos/go-oidc/v3",
	"oauth2":      "golang.org/x/oauth2",
	"jose":        "github.com/go-jose/go-jose/v4",
	"i18n":        "github.com/nicksnyder/go-i18n/v2",
	"text":        "golang.org/x/text",
	"rate":        "golang.org/x/time",
	"chromedp":    "github.com/chromedp/chromedp",
	"cdproto":     "github.com/chromedp/cdproto",
	"webhooks":    "github.com/standard-webhooks/standard-webhooks",
}

// house lists every package from the ground up.
var house = []storey{
	{"ledger/fault", "every package speaks the same error kinds, so they depend on nothing", nil},
	{"ledger/failpoint", "places at which test programs end; nothing in the program that people run, so everything may have them", nil},
	{"ledger/money", "amounts are pure arithmetic: they are tested without a database and used by every package", []string{"decimal"}},
	{"ledger/pan", "what looks like a card number is judged from the text alone, so that every door can ask", nil},
	{"ledger/egress", "an address that others have named is judged the same wherever something is sent to it", []string{"webhooks"}},
	{"ledger/audit", "canonical bytes and proofs are pure, so that an outsider can compute them from the same files", []string{"tlog"}},
	{"ledger/journal", "exports are rendered from plain values, so that the command line and the service write the same bytes", []string{"ledger/money"}},
	{"ledger/tabular", "every export is written by one hand, so that each can be read again and none can harm a spreadsheet",
		[]string{"ledger/money", "excelize"}},
	{"ledger/locale", "how a language writes amounts, days and sentences is the same wherever somebody reads them", []string{"ledger/money", "i18n", "text"}},
	{"migrations", "the schema stands alone, so that an operator can apply it without starting anything else", []string{"pgx", "goose"}},
	{"ledger/postgres", "the door to the database knows nothing about money", []string{"pgx"}},
	{"ledger/postgres/pgtest", "it lends tests a migrated database", []string{"ledger/postgres", "migrations", "pgx"}},
	{"ledger", "money facts are written once, here, and nothing above may be needed to write them",
		[]string{"ledger/money", "ledger/audit", "ledger/postgres", "ledger/failpoint"}},
	{"ledger/guard", "an approval is recorded in the transaction of the act it approves", []string{"ledger/audit", "ledger/postgres"}},
	{"ledger/vault", "personal data stay apart from the books, which are kept for ever, and each look at them is recorded",
		[]string{"ledger/pan", "ledger/postgres", "ledger/guard"}},
	{"ledger/commerce", "rules turn events into entries; they post through the ledger and never touch HTTP",
		[]string{"ledger/money", "ledger/audit", "ledger/postgres", "ledger", "ledger/guard"}},
	{"ledger/commerce/intake", "an inbound message is stored, then applied through commerce",
		[]string{"ledger/money", "ledger/pan", "ledger/postgres", "ledger", "ledger/guard", "ledger/commerce"}},
	{"ledger/commerce/receipts", "the public sees what commerce tells, without what is not for it, and pages and the API show the same",
		[]string{"ledger/money", "ledger/postgres", "ledger", "ledger/commerce"}},
	{"payouts/processor", "drivers see amounts and nothing of the books", []string{"ledger/money"}},
	{"payouts/processor/conformance", "one suite of tests for every driver", []string{"ledger/money", "payouts/processor"}},
	{"payouts/processor/stripe", "the only importer of the processor's library, so that it can be replaced",
		[]string{"ledger/money", "payouts/processor", "stripe"}},
	{"payouts/processor/simulator", "it imitates a processor from the outside", []string{"ledger/money", "payouts/processor"}},
	{"payouts/processor/bankfile", "a second rail behind the same driver, with a store of its own, since a bank remembers nothing for us",
		[]string{"ledger/money", "ledger/postgres", "ledger", "ledger/guard", "ledger/vault", "payouts/processor"}},
	{"payouts/jobs", "it runs what it is handed and knows no job, so that no cycle can form through it",
		[]string{"ledger/postgres", "ledger/guard", "ledger/failpoint", "river", "cron"}},
	{"payouts", "decisions about payments read the books and write them through the ledger",
		[]string{"ledger/money", "ledger/postgres", "ledger", "ledger/guard", "ledger/vault", "ledger/commerce", "payouts/processor", "ledger/failpoint"}},
	{"payouts/earnings", "sums are made of what others recorded and decide nothing, so they need nobody's leave", []string{"ledger/money", "ledger/postgres", "ledger", "ledger/commerce"}},
	{"payouts/reconcile/evidence", "statements of banks are read from the bytes alone, so that a file can be judged before anything is stored",
		[]string{"ledger/money"}},
	{"payouts/statements", "it tells payees what others recorded, and keeps what was issued", []string{"ledger/money", "ledger/postgres", "ledger", "ledger/guard",
		"ledger/commerce", "ledger/tabular", "payouts"}},
	{"payouts/questions", "payees ask about what payouts and statements tell them, and what they write is kept as personal data are", []string{"ledger/money", "ledger/pan", "ledger/postgres", "ledger",
		"ledger/guard", "ledger/vault", "ledger/commerce", "payouts", "payouts/statements"}},
	{"payouts/reconcile", "it compares what others recorded, and a person's word on a difference is an approval", []string{"ledger/money", "ledger/audit", "ledger/postgres", "ledger",
		"ledger/guard", "ledger/commerce", "ledger/commerce/intake", "payouts/processor", "payouts/processor/bankfile", "payouts", "payouts/statements", "payouts/reconcile/evidence"}},
	{"payouts/reports", "reports read what others recorded up to one place of the book, so that the same question has the same bytes", []string{"ledger/money", "ledger/postgres",
		"ledger", "ledger/guard", "ledger/commerce", "ledger/tabular", "payouts", "payouts/reconcile"}},
	{"payouts/health", "how a book stands is read from those who know it, and nothing is kept for good", []string{"ledger/money", "ledger/postgres", "ledger", "ledger/guard", "ledger/commerce",
		"ledger/commerce/intake", "payouts", "payouts/jobs", "payouts/questions", "payouts/reconcile"}},
	{"payouts/search", "what has a name is found by those who know it, each by a key", []string{"ledger/money", "ledger", "ledger/guard", "ledger/commerce", "payouts", "payouts/reconcile", "payouts/reports"}},
	{"api/access", "who may call is decided before any business package is reached",
		[]string{"ledger/postgres", "ledger/guard", "ledger/vault", "oidc", "oauth2", "jose"}},
	{"api/traffic", "how often somebody asks is judged before anything is known of what is asked", []string{"api/access", "rate"}},
	{"api/access/accesstest", "it lends tests an issuer that shares no code with what checks its tokens", nil},
	{"api/console/browsertest", "it lends tests a real browser, which sees pages as people do and knows nothing of what they say", []string{"chromedp", "cdproto"}},
	{"api/console/pdf", "a page goes to a browser of its own and comes back as a PDF, and neither knows what stands on it", []string{"chromedp", "cdproto"}},
	{"api/client", "checkout services link it: it must not bring a database driver along", []string{"ledger/money"}},
	{"api/docs", "the handbook is text", nil},
	{"api/console", "pages show what the services answer, by the rights of who looks", []string{"ledger/money", "ledger/locale", "ledger", "ledger/guard", "ledger/vault", "ledger/commerce", "ledger/commerce/intake", "ledger/commerce/receipts", "ledger/tabular",
		"payouts", "payouts/earnings", "payouts/health", "payouts/jobs", "payouts/processor/bankfile", "payouts/reconcile", "payouts/reconcile/evidence", "payouts/questions", "payouts/reports", "payouts/search", "payouts/statements", "api/access", "api/traffic", "api/console/pdf"}},
	{"api", "HTTP only: no business rules and no SQL", []string{"ledger/failpoint", "ledger/money", "ledger/locale", "ledger/pan", "ledger", "ledger/guard", "ledger/vault",
		"ledger/commerce", "ledger/commerce/intake", "ledger/commerce/receipts", "ledger/tabular", "payouts", "payouts/earnings", "payouts/health", "payouts/jobs", "payouts/processor", "payouts/processor/bankfile", "payouts/reconcile", "payouts/reconcile/evidence",
		"payouts/questions", "payouts/reports", "payouts/search", "payouts/statements", "api/access", "api/traffic", "api/docs", "api/console", "excelize", "huma", "chi", "prometheus", "rate"}},
	{"cmd/mizan", "the only place that knows every part, because it puts them together", []string{"*"}},
}

// forTests is what test files may import beyond their package's own storey.
var forTests = []string{"ledger/money", "ledger/postgres", "ledger/postgres/pgtest", "migrations", "pgx", "cmp", "goleak", "rapid", "kin-openapi", "api/access/accesstest", "api/console/browsertest", "api/client",
	"payouts/processor", "payouts/processor/stripe", "payouts/processor/simulator", "payouts/processor/conformance", "payouts/processor/bankfile"}

// pgxAnywhere lists the packages that may import pgx in any file: they are where SQL is prepared, not where the business asks for it.
var pgxAnywhere = []string{"ledger/postgres", "ledger/postgres/pgtest", "migrations"}

// dialers may call other machines: what they call was named by whoever operates the service, or is judged. The rest of the program waits to be
// called.
var dialers = map[string]string{
	"ledger/egress":               "addresses that others have named, each connection judged",
	"ledger/postgres":             "the database",
	"ledger/postgres/pgtest":      "in tests, the database",
	"payouts/processor/stripe":    "Stripe, or what the operator has named for a test key",
	"payouts/processor/simulator": "in development, the service that its operator has named",
	"api/access":                  "the issuer that the operator has named",
	"api/access/accesstest":       "in tests, the issuer that it is itself",
	"api/client":                  "the service, from the outside",
	"cmd/mizan":                   "commands call the service that they are told",
}

// topLevel is the whole of the project's root, besides dot files and what .gitignore names.
var topLevel = []string{"cmd", "ledger", "payouts", "api", "migrations", "go.mod", "go.sum", "Makefile", "README.md"}

// rules are all that hold, with the reason that is printed when one is broken.
var rules = []rule{
	{"imports", "calls only go down (the table in arch_test.go says what each package may import, and why)", checkImports},
	{"stripe", "one importer of the processor's library, so that it can be replaced", checkStripe},
	{"orders", "an order leaves only after its attempt is stored, and one place does both", checkOrders},
	{"dial", "an address that somebody else has named could be one that only the service can reach; ledger/egress judges those, and the others are configured", checkDial},
	{"pgx", "the driver belongs where SQL is, and SQL belongs in *_sql.go files", checkPgx},
	{"sql", "SQL stands in *_sql.go files beside its domain, where a reviewer looks for it", checkSQL},
	{"book", "a statement that forgets book_id reads another book's money and another shard's index", checkBookID},
	{"float", "a float cannot hold a cent", checkFloat},
	{"clock", "one clock per process, handed down, so that time can be set in tests", checkClock},
	{"sleep", "a test that sleeps is slow when it passes and wrong when the machine is busy", checkSleep},
	{"unraced", "the race detector finds nothing in a test that it does not see", checkUnraced},
	{"skip", "a skipped test is a promise nobody keeps", checkSkip},
	{"package-doc", "a stranger learns from it what the package is for", checkPackageDoc},
	{"exported-doc", "the comment is the contract: meaning, units, errors", checkExportedDoc},
	{"length", "what does not fit on a few screens has more than one subject", checkLength},
}

func TestArchitecture(t *testing.T) {
	t.Parallel()
	tree, err := readTree(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree) < 20 {
		t.Fatalf("only %d Go files were found; the rules looked at the wrong directory", len(tree))
	}
	for _, r := range rules {
		for _, complaint := range r.check(tree) {
			t.Errorf("%s\n\trule %s: %s", complaint, r.name, r.why)
		}
	}
}

// The table itself must be a ladder: what a package may import stands above it.
func TestHouseIsALadder(t *testing.T) {
	t.Parallel()
	for _, complaint := range checkLadder(house) {
		t.Error(complaint)
	}
}

func TestTopLevel(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	ignore, err := os.ReadFile("../../.gitignore")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for _, complaint := range checkTopLevel(names, string(ignore)) {
		t.Error(complaint)
	}
	for _, needed := range topLevel {
		if needed != "payouts" && !slices.Contains(names, needed) {
			t.Errorf("%s is missing at the top level; the test looked at %s", needed, strings.Join(names, " "))
		}
	}
}
