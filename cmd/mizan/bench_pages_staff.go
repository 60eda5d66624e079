package main

import (
	"context"
	"fmt"
	"html"
	"regexp"
	"slices"
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
	const books, at, search, hot = "/books/bench", "/console/books/bench", "/v1/books/bench/search?q=", "/accounts/assets:processor:pending:main"
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
		{"breaks", at + "/breaks"}, {"suggestions", at + "/pairings"}, {"periods", at + "/periods"}, {"a month to close", at + "/periods/2026-02"}, {"exports", at + "/exports"}, {"adjustments", at + "/adjustments"},
		{"rules", at + "/rules"}, {"a rule set", at + "/rules/sets/us-1"}, {"a draft of rules", at + "/rules/draft?like=us-1"}, {"imports", at + "/imports"}, {"messages", at + "/inbound"},
		{"campaigns", at + "/campaigns"}, {"a campaign, staff", at + "/campaigns/" + reliefOf},
	} {
		list = append(list, page{p[0], staff, p[1], staffBound})
	}
	return b.deskPages(ctx, list)
}

// oneImport is what the page of the imported file is called.
const oneImport = "one import"

// Where a page leads to: its next page, and one of the objects that it lists.
var (
	leadsOn     = regexp.MustCompile(`rel="next" href="([^"]+)"`)
	leadsToOne  = regexp.MustCompile(`href="(/console/books/bench/(?:breaks|reconciliation/runs|exports|approvals|imports|inbound|questions|payouts|payout-runs/[a-z0-9_]+/decisions)/[^"/?]+(?:\?[^"]*)?)"`)
	leadsToKey  = regexp.MustCompile(`href="(/console/keys/[^"?]+)"`)
	leadsToMine = regexp.MustCompile(`href="(/portal/questions/[^"/?]+)"`)
	leadsToWhom = regexp.MustCompile(`href="(/console/people/[^"?]+)"`)
)

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

// deskPages adds what finance works with: lists, their later pages where they have more than one, what they are narrowed to, and one of each
// thing.
func (b *pagesBench) deskPages(ctx context.Context, list []page) ([]page, error) {
	const at = "/console/books/bench"
	for _, p := range []struct {
		list, path string
		// one is what the list's first object is called, and by how it is found; nil where nothing new is to be seen.
		one string
		by  *regexp.Regexp
	}{
		{"breaks", at + "/breaks", "one break", leadsToOne},
		{"breaks that are explained", at + "/breaks?state=explained", "a break that is explained", leadsToOne},
		{"breaks that were written off", at + "/breaks?state=written_off", "a break that was written off", leadsToOne},
		{"breaks of a kind", at + "/breaks?class=missing_at_bank", "a break of an entry alone", leadsToOne},
		{"breaks between which nothing tells", at + "/breaks?class=ambiguous", "a break with suggestions", leadsToOne},
		{"breaks of a bank", at + "/breaks?source=bank/" + deskBank, "", nil},
		{"old breaks", at + "/breaks?age=7", "", nil},
		{"breaks that somebody has", at + "/breaks?owner=desk", "", nil},
		{"breaks by a reference", at + "/breaks?ref=DL-1-5", "", nil},
		{"all breaks", at + "/breaks?state=all", "", nil},
		{"suggestions", at + "/pairings", "", nil},
		{"runs of reconciliation", at + "/reconciliation/runs", "one run of reconciliation", leadsToOne},
		{"a bank that is compared", at + "/reconciliation/sources/bank/" + deskBank, "", nil},
		{"a line of a bank that is compared", at + "/reconciliation/sources/bank/" + deskBank + "/lines/7", "", nil},
		{"a month with breaks", at + "/periods/2026-04", "", nil},
		{"exports", at + "/exports", "one export", leadsToOne},
		{"asking for an export", at + "/exports/new?report=breaks", "", nil},
		{"approvals", at + "/approvals", "one approval", leadsToOne},
		{"approvals that were given", at + "/approvals?state=done", "an approval that was given", leadsToOne},
		{"approvals that were refused", at + "/approvals?state=refused", "", nil},
		{"approvals of an act", at + "/approvals?state=all&act=break.write_off", "approval of a write-off", leadsToOne},
		{"adjustments", at + "/adjustments", "", nil},
		{"imports", at + "/imports", oneImport, leadsToOne},
		{"messages", at + "/inbound", "one message", leadsToOne},
		{"messages that are parked", at + "/inbound?state=parked", "a message that is parked", leadsToOne},
		{"questions of payees", at + "/questions", "one question of a payee", leadsToOne},
		{"questions that are answered", at + "/questions?state=answered", "", nil},
		{"people", "/console/people", "one person", leadsToWhom},
		{"keys", "/console/keys", "one key", leadsToKey},
		{"audit trail", at + "/audit", "", nil},
		{"audit trail of an act", at + "/audit?act=break.explained", "", nil},
		{"payouts", at + "/payouts", "one payout, staff", leadsToOne},
		{"payees", at + "/payees", "", nil},
	} {
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
		if p.by == nil {
			continue
		}
		one, err := b.leadsTo(ctx, staff, p.path, p.by)
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
