package main

import (
	"context"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
)

// The pages of the console that are asked for. Later pages and single objects are those that the pages before them lead to.

// staffPages adds the pages of the console, and its search.
func (b *pagesBench) staffPages(ctx context.Context, list []page) ([]page, error) {
	run, err := b.meter.some(ctx, sqlBenchSomeRun, b.filled.book.ID)
	if err != nil {
		return nil, err
	}
	order, err := b.meter.some(ctx, sqlBenchSomeOrder, b.filled.book.ID, "liabilities:creator:pending:"+busyCreator)
	if err != nil {
		return nil, err
	}
	const books, at, search, hot = "/books/bench", consoleBook, "/v1/books/bench/search?q=", "/accounts/assets:processor:pending:main"
	for _, p := range [][2]string{
		{"book", books}, {"transactions", books + "/transactions"}, {"one transaction", books + "/transactions/bench-100"}, {"accounts", books + "/accounts"},
		{"a hot account", books + hot}, {"an account of many entries", books + "/accounts/liabilities:seller:pending:" + longSeller},
		{"trial balance of a month", at + "/trial-balance?period=2026-02"}, {"accounts of a month", books + "/accounts?code=2110&period=2026-02"}, {"a hot account in a month", books + hot + "?period=2026-02"},
		{"an order", at + "/orders/" + order}, {"a donation", at + "/donations/D0"},
		{"desk", "/console"}, {"a book at a glance", at}, {"people", "/console/people"}, {"keys", "/console/keys"}, {"audit trail", at + "/audit"}, {"approvals", at + "/approvals"}, {"jobs", at + "/jobs"},
		{"search for an amount", search + "12.34"}, {"search for a payee", search + busyCreator}, {"search for a processor's id", search + "pi_" + order}, {"search for a bank's trace", search + "E2E-BL-7"}, {"search page", at + "/search?q=40.00"},
		{"payout health", at + "/payout-health"}, {"payout runs", at + "/payout-runs"}, {"one payout run", at + "/payout-runs/" + run}, {"payouts", at + "/payouts"},
		{"payees", at + "/payees"}, {"a busy payee", at + "/payees/" + busyCreator}, {"a payee with a long history", at + "/payees/" + longSeller},
		{"what waits of a payee", at + "/payees/" + busyCreator + "/waits"}, {"decisions about a payee", at + "/payees/" + busyCreator + "/decisions"}, {"debts", at + "/payout-debts"},
		{"payout policies", at + "/payout-policies"}, {"bank files", at + "/bank-files"}, {"questions of payees", at + "/questions"},
		{"reconciliation", at + "/reconciliation"}, {"runs of reconciliation", at + "/reconciliation/runs"}, {"a bank", at + "/reconciliation/sources/bank/main"}, {"a line of a bank", at + "/reconciliation/sources/bank/main/lines/7"},
		{"a line of a bank that is compared", at + "/reconciliation/sources/bank/" + deskBank + "/lines/7"},
		{"breaks", at + "/breaks"}, {"suggestions", at + "/pairings"}, {"periods", at + "/periods"}, {"a month to close", at + "/periods/2026-02"}, {"a month with breaks", at + "/periods/2026-04"},
		{"exports", at + "/exports"}, {"asking for an export", at + "/exports/new?report=breaks"}, {"adjustments", at + "/adjustments"},
		{"rules", at + "/rules"}, {"a rule set", at + "/rules/sets/us-1"}, {"a draft of rules", at + "/rules/draft?like=us-1"}, {"imports", at + "/imports"}, {"messages", at + "/inbound"},
		{"campaigns", at + "/campaigns"}, {"a campaign, staff", at + "/campaigns/" + reliefOf},
	} {
		list = append(list, page{p[0], staff, p[1], staffBound})
	}
	return b.deskPages(ctx, list)
}

// oneImport is what the page of the imported file is called.
const oneImport = "one import"

// leadsOn finds the next page of a list.
var leadsOn = regexp.MustCompile(`rel="next" href="([^"]+)"`)

// leadsToOne finds an object that a list leads to: its address is that of the list and an id.
func leadsToOne(list string) *regexp.Regexp {
	at, _, _ := strings.Cut(list, "?")
	return regexp.MustCompile(`href="(` + regexp.QuoteMeta(at) + `/(?:[a-z]+_[^"/?]+|[a-z0-9]{12}|\d+)(?:\?[^"]*)?)"`)
}

// leadsTo is the first address on a page that an expression finds, or nothing.
func (b *pagesBench) leadsTo(ctx context.Context, who, path string, to *regexp.Regexp) (string, error) {
	body, err := b.read(ctx, who, path)
	if err != nil {
		return "", err
	}
	found := to.FindSubmatch(body)
	if found == nil {
		return "", nil
	}
	return html.UnescapeString(string(found[1])), nil
}

// deskLists are the lists that finance works with: what they are called and where they are, and what the first object of them is called, nothing
// where there is nothing new to be seen.
var deskLists = []struct{ list, path, one string }{
	{"breaks", consoleBook + "/breaks", "one break"},
	{"breaks that are explained", consoleBook + "/breaks?state=explained", "a break that is explained"},
	{"breaks that were written off", consoleBook + "/breaks?state=written_off", "a break that was written off"},
	{"breaks of a kind", consoleBook + "/breaks?class=missing_at_bank", "a break of an entry alone"},
	{"breaks between which nothing tells", consoleBook + "/breaks?class=ambiguous", "a break with suggestions"},
	{"breaks of a bank", consoleBook + "/breaks?source=bank/" + deskBank, ""},
	{"old breaks", consoleBook + "/breaks?age=7", ""},
	{"breaks that somebody has", consoleBook + "/breaks?owner=desk", ""},
	{"breaks by a reference", consoleBook + "/breaks?ref=DL-1-5", ""},
	{"all breaks", consoleBook + "/breaks?state=all", ""},
	{"suggestions", consoleBook + "/pairings", ""},
	{"runs of reconciliation", consoleBook + "/reconciliation/runs", "one run of reconciliation"},
	{"a bank that is compared", consoleBook + "/reconciliation/sources/bank/" + deskBank, ""},
	{"exports", consoleBook + "/exports", "one export"},
	{"approvals", consoleBook + "/approvals", "one approval"},
	{"approvals that were given", consoleBook + "/approvals?state=done", "an approval that was given"},
	{"approvals that were refused", consoleBook + "/approvals?state=refused", ""},
	{"approvals of an act", consoleBook + "/approvals?state=all&act=break.write_off", "approval of a write-off"},
	{"adjustments", consoleBook + "/adjustments", ""},
	{"imports", consoleBook + "/imports", oneImport},
	{"messages", consoleBook + "/inbound", "one message"},
	{"messages that are parked", consoleBook + "/inbound?state=parked", "a message that is parked"},
	{"questions of payees", consoleBook + "/questions", "one question of a payee"},
	{"questions that are answered", consoleBook + "/questions?state=answered", ""},
	{"people", "/console/people", "one person"},
	{"keys", "/console/keys", "one key"},
	{"audit trail", consoleBook + "/audit", ""},
	{"audit trail of an act", consoleBook + "/audit?act=break.explained", ""},
	{"payouts", consoleBook + "/payouts", "one payout, staff"},
	{"payees", consoleBook + "/payees", ""},
}

// consoleBook is where the console has the book.
const consoleBook = "/console/books/bench"

// deskPages adds what finance works with: the lists, their second pages where they have more than one, and one of each thing.
func (b *pagesBench) deskPages(ctx context.Context, list []page) ([]page, error) {
	for _, p := range deskLists {
		if !slices.ContainsFunc(list, func(x page) bool { return x.who == staff && x.path == p.path }) {
			list = append(list, page{p.list, staff, p.path, staffBound})
		}
		on, err := b.leadsTo(ctx, staff, p.path, leadsOn)
		if err != nil {
			return nil, err
		}
		if on != "" {
			list = append(list, page{p.list + ", second page", staff, on, staffBound})
		}
		if p.one == "" {
			continue
		}
		one, err := b.leadsTo(ctx, staff, p.path, leadsToOne(p.path))
		if err == nil && one == "" {
			err = fmt.Errorf("%s leads to none of what it lists", p.path)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, page{p.one, staff, one, staffBound})
	}
	return b.rowPages(ctx, list)
}

// rowPages adds the rows of the imported file.
func (b *pagesBench) rowPages(ctx context.Context, list []page) ([]page, error) {
	file := list[slices.IndexFunc(list, func(x page) bool { return x.name == oneImport })].path
	parked := file + "?state=parked"
	for _, of := range [][2]string{{oneImport, file}, {"parked rows of an import", parked}} {
		on, err := b.leadsTo(ctx, staff, of[1], leadsOn)
		if err != nil {
			return nil, err
		}
		if on != "" {
			list = append(list, page{of[0] + ", second page", staff, on, staffBound})
		}
	}
	return append(list, page{"parked rows of an import", staff, parked, staffBound}), nil
}
