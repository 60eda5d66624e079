# Mizan: the commands of the project. `make` prints what there is. Every target does its own set-up, as root and as an
# ordinary user, and needs no network but the Go module proxy, unless a system package is missing.

.DEFAULT_GOAL := help
.PHONY: help run test build release reproducible lint audit race fuzz mutants bench torture clean postgres go tools

# The Go tool is also looked for where its own installer puts it.
export PATH := $(PATH):/usr/local/go/bin
# A clone that belongs to somebody else makes git, and with it the stamping of builds, refuse.
export GOFLAGS ?= -buildvcs=false

# Whoever has no home of their own, as in a container, keeps the Go caches beside the data.
ifneq ($(shell test -n "$$HOME" -a -w "$$HOME" && echo yes),yes)
export GOPATH ?= $(CURDIR)/.mizan/go
export GOCACHE ?= $(CURDIR)/.mizan/go-build
export GOMODCACHE ?= $(CURDIR)/.mizan/go/pkg/mod
export GOFLAGS += -modcacherw
endif

DIRS     := $(wildcard cmd ledger payouts api migrations)
RACE     := $(addprefix ./,$(addsuffix /...,$(wildcard ledger payouts)))
PLAIN    := $(addprefix ./,$(addsuffix /...,$(filter-out ledger payouts,$(DIRS))))
# What the race detector would only make slow is run without it: tests that say so in their file, and those that play a sample of
# lives or of tables under it.
SLOW     := $(shell grep -rl '^//go:build !race' --include='*_test.go' ledger payouts | xargs -r grep -lE '^func (Test|Fuzz|Example)')
SAMPLED  := $(shell awk '/^func Test/ {name = $$2; sub(/[^A-Za-z0-9_].*/, "", name)} /^}/ {name = ""} name && /\*(lifeCount|wanderCount)|[ :/]share\050/ {print name; name = ""}' ledger/commerce/*_test.go ledger/tabular/*_test.go)
UNRACED  := $(shell grep -ohE '^func (Test|Fuzz|Example)[A-Za-z0-9_]+' $(SLOW) /dev/null | cut -c6-) $(SAMPLED)
UNRACEIN := $(sort ./ledger/commerce ./ledger/tabular $(patsubst %/,./%,$(dir $(SLOW))))
space    := $(subst ,, )
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null)
# The same source makes the same program, byte for byte, wherever it lies and whatever C compiler is there. No build changes go.mod or
# go.sum, whatever GOFLAGS say: a module that they do not name ends it.
RELEASE  := CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false -ldflags '-X main.built=$(VERSION)'
# Where govulncheck reads what is known; file:///DIR for a copy of it, as on a machine without that part of the network.
VULNDB   ?= https://vuln.go.dev
# What gosec is not asked, each with its reason on the handbook's page of dependencies, and the packages that tests alone use.
UNASKED  := cmd/mizan/bench:G101,G115,G124,G204,G304,G404,G703;(^|/)(api|cmd|migrations)/:G115;(^|/)ledger/[^/]*$$:G115;(^|/)ledger/(audit|guard|pan|postgres|tabular|vault)/:G115;payouts/reconcile/evidence/render_:G104
HELPERS  := accesstest browsertest pgtest
FUZZTIME ?= 10s
# Exports are read back by beancount too where it is installed; hledger, which reads them always, is installed by tools.
TAGS     := $(if $(shell command -v bean-check),-tags beancount)
ARGS     ?=

help: ## Print this help.
	@echo 'make TARGET [ARGS="..."]'
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: build postgres ## Run everything: a private PostgreSQL, the API and demo books. ARGS are flags of mizan dev.
	@exec bin/mizan dev $(ARGS)

# Each test runs once: those of the ledger and of payouts under the race detector, but for what it would only make slow, all others
# without it. lint has vetted the tests.
test: lint postgres tools ## Run everything that must pass: format, vet, staticcheck, all tests, the race detector.
	@[ -n "$(TAGS)" ] || echo "bean-check is not installed: the tests that let beancount read exports are left out. Package: beancount."
	@# Both lanes run side by side: tests wait for processes, clocks and databases, and one lane alone leaves a core idle. A shell has
	@# what it starts beside itself ignore Ctrl-C, so that stopping make ends all that it started, tests and their programs too.
	trap 'trap - INT TERM; kill 0; exit 130' INT TERM; \
	go test -vet=off -p 1 -timeout 30m $(TAGS) $(ARGS) $(PLAIN) & plain=$$!; \
	{ go test -vet=off -timeout 30m $(ARGS) -run '^($(subst $(space),|,$(strip $(UNRACED))))$$' $(UNRACEIN); unraced=$$?; \
	go test -vet=off -race -timeout 30m $(TAGS) $(ARGS) $(RACE) && [ $$unraced = 0 ]; } & raced=$$!; \
	wait $$plain; plained=$$?; wait $$raced && [ $$plained = 0 ]

build: go ## Build bin/mizan.
	@mkdir -p bin
	@go build -mod=readonly -ldflags '-X main.built=$(VERSION)' -o bin/mizan ./cmd/mizan

# Apart from build, whose packages the tests use too.
release: go ## Build bin/mizan for others: the same bytes with the same release of Go, its SHA-256 and its modules.
	@mkdir -p bin
	@$(RELEASE) -o bin/mizan ./cmd/mizan
	@cd bin && { sha256sum mizan 2>/dev/null || shasum -a 256 mizan; } > mizan.sha256 && go version -m mizan > mizan.modules

lint: go ## Check the format, go vet and staticcheck.
	@wrong=$$(gofmt -l $(DIRS)); if [ -n "$$wrong" ]; then echo "Format these files with gofmt -w:"; echo "$$wrong"; exit 1; fi
	go vet -tags beancount ./...
	go vet -tags failpoint ./ledger/failpoint ./cmd/mizan
	go tool -modfile=.ci/tools.mod staticcheck -tags beancount ./...

# It needs the network, so that it is no part of make test.
audit: go ## Check modules against go.sum, and ask govulncheck and gosec for weaknesses. VULNDB names a copy of the database.
	go mod verify
	go mod tidy -diff
	go tool -modfile=.ci/audit.mod govulncheck -db $(VULNDB) -test ./...
	go tool -modfile=.ci/audit.mod gosec -quiet -concurrency 1 -nosec-require-rules -nosec-require-justification \
		--exclude-rules='$(UNASKED)' $(addprefix -exclude-dir=,$(HELPERS)) ./...

reproducible: go ## Build the program twice, the second time from a copy elsewhere and with nothing kept, and compare.
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; mkdir "$$dir/elsewhere" && \
	tar -cf - $(DIRS) go.mod go.sum | tar -xf - -C "$$dir/elsewhere" && \
	$(RELEASE) -o "$$dir/here" ./cmd/mizan && (cd "$$dir/elsewhere" && GOCACHE="$$dir/cache" $(RELEASE) -o "$$dir/there" ./cmd/mizan) && \
	cmp "$$dir/here" "$$dir/there" && { sha256sum "$$dir/here" 2>/dev/null || shasum -a 256 "$$dir/here"; } | cut -d ' ' -f 1

race: postgres tools ## Run the tests of the ledger and of payouts under the race detector.
	go test -race -timeout 20m $(ARGS) $(RACE)

# HOSTILE is how many requests are sent to the whole service, SEED which; some minutes for the million.
HOSTILE ?= 1000000
SEED    ?= 1
fuzz: postgres ## Fuzz every fuzz target for FUZZTIME each (10s), and the whole service with a million requests.
	@for file in $$(grep -rlE '^func Fuzz' --include='*_test.go' $(DIRS)); do \
		for name in $$(grep -oE '^func Fuzz[A-Za-z0-9_]+' $$file | cut -c6-); do \
			go test ./$$(dirname $$file) -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x || exit 1; \
		done; \
	done
	go test ./api -run '^TestHostileRequests$$' -count=1 -v -timeout 3h -hostile.count $(HOSTILE) -hostile.seed $(SEED)

mutants: postgres ## Seed bugs one by one and demand that a test notices each. ARGS: -mutant REGEXP, -why.
	go vet -tags mutants ./cmd/mizan
	go test -tags mutants -count=1 -timeout 60m -v -run '^TestMutants$$' ./cmd/mizan -args $(ARGS)

# RECONCILE are flags of the second measurement, as in RECONCILE="--lines 1000000".
RECONCILE ?=
bench: build postgres ## Measure posting and reconciliation on this machine. ARGS are flags of mizan bench posting, RECONCILE of bench reconcile.
	bin/mizan bench posting $(ARGS)
	bin/mizan bench reconcile $(if $(RECONCILE),$(RECONCILE),--lines 20000 --sales 2000)

# Two hours or more. ARGS such as -survival.seed=7, -survival.share=10 or -survival.only=kills repeat the last part, shorten it
# or run a part of it; BORDER does the same for the payouts, as in BORDER="-border.seed=7 -border.share=10".
BORDER ?=
torture: postgres ## Live a million orders, kill services, databases and replicas, lose payouts' answers, tamper with books, and check them.
	@mkdir -p .mizan
	go test ./ledger/commerce -run '^(TestRandomLives|TestReturnsArePathIndependent|TestWanderingOrders)$$' -count=1 -v -timeout 1h -life.count 1000000 -wander.count 300000 -life.fresh
	go test ./api -run '^TestAccessMatrix$$' -count=1 -v -timeout 1h -matrix.whole
	go test ./ledger -run '^TestVerifyFindsTampering$$' -count=1 -v -timeout 1h -tamper.count 1500
	go test ./payouts/processor/bankfile -run '^TestDyingAnywhere$$' -count=1 -v -timeout 1h -mortal.long
	go test ./payouts/jobs -run '^(TestReplicas.*|TestSchedulesThroughZones)$$' -count=1 -v -timeout 2h -clocks.long
	go test ./payouts -run '^(TestPayoutsInEveryOrder|TestTheServiceWalksAsTheModel)$$' -count=1 -v -timeout 1h -model.long
	go test ./payouts/reconcile -run '^TestCorpus' -count=1 -v -timeout 1h -corpus.count 30000 -corpus.long
	go test ./payouts/reconcile -run '^(TestDyingInARun|TestTakingDies|TestLargestFile)$$' -count=1 -v -timeout 2h -compare.mortal.long -evidence.mortal.long -statement.long
	go test ./payouts/reconcile -run '^(TestSuspenseInRandomLives|TestManyDaysAreOneRun)$$' -count=1 -v -timeout 2h -breaks.steps 2000 -compare.worlds 20
	go test ./ledger/commerce -run '^TestRandomSuspense$$' -count=1 -v -timeout 1h -recon.steps 10000
	go test ./payouts -run '^TestBorder$$' -count=1 -v -timeout 3h -border.long -border.report $(CURDIR)/.mizan/border.json $(BORDER)
	go test ./cmd/mizan -run '^TestSurvival$$' -count=1 -v -parallel 8 -timeout 6h -survival.long -survival.report $(CURDIR)/.mizan/survival.json $(ARGS)
	go test ./cmd/mizan -run '^TestPayoutSurvival$$' -count=1 -v -parallel 3 -timeout 6h -payout-survival.long -payout-survival.report $(CURDIR)/.mizan/payout-survival.json $(ARGS)

clean: ## Remove what was built. The data in .mizan stay; remove that directory yourself to start over.
	rm -rf bin

# Root on Debian and Ubuntu gets the packages; everybody else is told what to install. The package would start a cluster
# of its own, which nobody here needs: only the programs are wanted, so its making is turned off meanwhile.
postgres: build ## See that a PostgreSQL 15 to 18 is there, and install one if that is possible.
	@if bin/mizan doctor --postgres-only; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then exit 1; fi; \
	echo "Installing PostgreSQL with apt-get."; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -q && apt-get install -q -y --no-install-recommends postgresql-common || exit 1; \
	conf=/etc/postgresql-common/createcluster.conf; cp -p $$conf $$conf.before-mizan && \
	echo 'create_main_cluster = false' >> $$conf; \
	apt-get install -q -y --no-install-recommends postgresql; done=$$?; \
	mv $$conf.before-mizan $$conf; \
	[ $$done = 0 ] && bin/mizan doctor --postgres-only

go:
	@command -v go >/dev/null || { echo "Go is missing. Install Go 1.26 or later from https://go.dev/dl and put it on PATH."; exit 1; }
	@go env GOVERSION >/dev/null || { echo "This Go is too old and may not fetch another. Install Go 1.26 or later from https://go.dev/dl."; exit 1; }

# The race detector needs a C compiler, the test of the README's commands curl, the tests of exports hledger, which reads
# what we write, the tests of bank files xmllint, which validates it, and the tests of pages a browser: one of these, or what
# MIZAN_CHROMIUM names. A browser counts if it tells its version: Ubuntu has a chromium-browser that only says where to get one, and
# no package chromium, so that a browser is installed after everything else.
BROWSERS := chromium chromium-browser google-chrome google-chrome-stable headless-shell /Applications/Chromium.app/Contents/MacOS/Chromium
tools: go
	@missing=; command -v "$$(go env CC)" >/dev/null || missing="gcc libc6-dev"; \
	command -v curl >/dev/null || missing="$$missing curl ca-certificates"; \
	command -v hledger >/dev/null || missing="$$missing hledger"; \
	command -v xmllint >/dev/null || missing="$$missing libxml2-utils"; \
	starts() { command -v "$$1" >/dev/null && "$$1" --version >/dev/null 2>&1; }; \
	browser() { for name in $(BROWSERS); do starts $$name && return 0; done; return 1; }; \
	lacking=; if [ -n "$$MIZAN_CHROMIUM" ]; then starts "$$MIZAN_CHROMIUM" || { echo "MIZAN_CHROMIUM names no program that can be started: $$MIZAN_CHROMIUM"; exit 1; }; \
	else browser || lacking=chromium; fi; \
	if [ -z "$$missing$$lacking" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "The tests need these packages; install them:" $$missing $$lacking "(as Debian and Ubuntu call them)."; \
		[ -z "$$lacking" ] || echo "Instead of chromium MIZAN_CHROMIUM can name a Chromium or Chrome."; exit 1; \
	fi; \
	echo "Installing" $$missing $$lacking "with apt-get."; \
	export DEBIAN_FRONTEND=noninteractive; apt-get update -q || exit 1; \
	if [ -n "$$missing" ]; then apt-get install -q -y --no-install-recommends $$missing || exit 1; fi; \
	if [ -n "$$lacking" ]; then apt-get install -q -y --no-install-recommends $$lacking; \
		browser || { echo "No browser could be installed. Install Chromium or Chrome and set MIZAN_CHROMIUM to its program."; exit 1; }; \
	fi
