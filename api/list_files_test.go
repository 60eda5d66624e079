package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The lists of pages as files: each holds what the API lists, row by row and value by value, and leaves a row in the trail.

var listLinks = regexp.MustCompile(`<a href="([^"]*[?&]csv=(list-[a-z-]+)[^"]*)">`)

// filesOf fetches the lists that a page hands out, and returns what each is a list of.
func (h *house) filesOf(session string, page answer) (lists []string) {
	h.t.Helper()
	source := html.UnescapeString(page.body)
	held := map[string][]map[string]string{} // by what it is a list of
	defer func() { h.holdWhatIsShown(source, held) }()
	for _, m := range listLinks.FindAllStringSubmatch(source, -1) {
		file := h.by(session, http.MethodGet, m[1], "")
		if file.StatusCode != http.StatusOK || file.Header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" || !strings.HasPrefix(file.Header.Get("Content-Disposition"), "attachment; ") {
			h.t.Errorf("%s: %d %v", m[1], file.StatusCode, file.Header)
			continue
		}
		lists = append(lists, m[2])
		held[m[2]] = append(held[m[2]], h.rowsOfFile(m[1], file)...)
		compared := false
		for _, command := range commandsOfPage.FindAllStringSubmatch(source, -1) {
			if path, _, _ := strings.Cut(command[1], "?"); operationAt(path, m[2]) && narrowedAlike(m[1], command[1]) {
				h.sameRows(m[1], file, command[1])
				compared = true
				if ofBook := strings.Contains(m[1], "/books/uk"); ofBook != strings.HasPrefix(path, "/v1/books/uk") {
					h.t.Errorf("%s is made of %s", m[1], path)
				}
			}
		}
		if !compared {
			h.t.Errorf("%s is made of no call of its page", m[1])
		}
	}
	return lists
}

// shownBy are the lists whose rows a page names by something, with the column of it in the file and where it stands on the page. Lists of one
// operation stand one after the other.
var shownBy = map[string]struct {
	column string
	at     *regexp.Regexp
}{
	"list-approvals": {"id", regexp.MustCompile(`<a class="card" href="[^"]*/approvals/([^"?]+)`)}, "list-audit": {"sequence", regexp.MustCompile(`<tr>\s*<td class="code">(\d+)</td>`)},
	"list-people": {"id", regexp.MustCompile(`<td class="person"><a href="/console/people/([^"]+)`)}, "list-keys": {"id", regexp.MustCompile(`<td class="key"><a href="/console/keys/([^"]+)`)},
	"list-payout-runs": {"id", regexp.MustCompile(`class="which first"><a href="[^"]*/payout-runs/([^"]+)`)}, "list-payout-decisions": {"payee", regexp.MustCompile(`class="payee first"><a href="[^"]*/payees/([^"]+)`)},
	"list-payouts": {"id", regexp.MustCompile(`class="which first"><a href="[^"]*/payouts/([^"]+)`)}, "list-payee-payouts": {"id", regexp.MustCompile(`class="which first"><a href="[^"]*/payouts/([^"]+)`)},
	"list-payees": {"id", regexp.MustCompile(`class="first"><a href="[^"]*/payees/([^"]+)`)}, "list-payee-holds": {"id", regexp.MustCompile(`class="first"><bdi[^>]*>([^<]+)</bdi><span class="meaning">`)},
	"list-payee-payout-decisions": {"run", regexp.MustCompile(`class="payee first"><a href="[^"]*/payout-runs/([^"]+)`)}, "list-payout-clocks": {"subject", regexp.MustCompile(`class="first"><a href="[^"]*subject=[^"]*"><bdi[^>]*>([^<]+)`)},
	"list-payee-waits": {"subject", regexp.MustCompile(`class="first"><a href="[^"]*subject=[^"]*"><bdi[^>]*>([^<]+)`)}, "list-payout-debts": {"payee", regexp.MustCompile(`class="payee first"><a href="[^"]*/payees/([^"]+)`)},
	"list-payout-policies": {"version", regexp.MustCompile(`class="first"><a href="[^"]*/payout-policies/([^"]+)`)}, "list-book-payout-overrides": {"payee", regexp.MustCompile(`class="first"><a href="[^"]*/payees/([^"]+)`)},
	"list-treasury-proposals": {"id", regexp.MustCompile(`class="first">[^<]*<span class="meaning"><bdi[^>]*>(tp_[^<]+)`)}, "list-questions": {"id", regexp.MustCompile(`<td class="when"><a href="[^"]*/questions/([^"]+)`)},
	"list-reconciliations": {"id", regexp.MustCompile(`class="first"><a href="[^"]*/reconciliation/runs/([^"]+)`)}, "list-breaks": {"id", regexp.MustCompile(`class="first what"><a [^>]*>[^<]*</a><span class="meaning"><bdi[^>]*>([^<]+)`)},
	"list-pairings": {"id", regexp.MustCompile(`class="effect pairing" aria-label="[^"]*(pr_[^" ]+)`)}, "list-exports": {"id", regexp.MustCompile(`class="first"><a href="[^"]*/exports/([^"]+)`)},
	"list-rule-sets": {"id", regexp.MustCompile(`class="first"><a href="[^"]*/rules/sets/([^"]+)`)}, "list-imports": {"id", regexp.MustCompile(`class="first"><a href="[^"]*/imports/([^"]+)`)},
	"list-import-rows": {"row", regexp.MustCompile(`class="first">(\d+)</td>`)}, "list-inbound": {"id", regexp.MustCompile(`class="first"><a href="[^"]*/inbound/([^"]+)`)},
	"list-statements": {"id", regexp.MustCompile(`class="first"><bdi[^>]*>(ST-[^<]+)`)}, "list-chain-of-closings": {"period", regexp.MustCompile(`<p class="top"><strong><a href="[^"]*"><bdi[^>]*>([^<]+)`)},
	"list-campaigns": {"id", regexp.MustCompile(`class="first"><a href="[^"]*/campaigns/([^"]+)`)},
}

// holdWhatIsShown compares the rows of files with the rows of the page that hands them out: they begin with these, and have more only if the page leads on.
func (h *house) holdWhatIsShown(source string, held map[string][]map[string]string) {
	h.t.Helper()
	for list, rows := range held {
		by, ok := shownBy[list]
		if !ok {
			continue
		}
		var shown, want []string
		for _, m := range by.at.FindAllStringSubmatch(source, -1) {
			shown = append(shown, m[1])
		}
		for _, row := range rows {
			want = append(want, row[by.column])
		}
		if len(shown) < len(want) && len(shown) > 0 && strings.Contains(source, `rel="next"`) {
			want = want[:len(shown)]
		}
		if !slices.Equal(shown, want) {
			h.t.Errorf("%s of a page with %q holds %q, and the page shows %q", list, found(listLinks, source), want, shown)
		}
	}
}

// rowsOfFile are the rows of a file, by their columns.
func (h *house) rowsOfFile(at string, file answer) (rows []map[string]string) {
	h.t.Helper()
	records, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	if err != nil || len(records) == 0 {
		h.t.Fatalf("%s is no table: %v", at, err)
	}
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// narrowedAlike reports whether a call that is narrowed by something is narrowed as the file is, if its address says how.
func narrowedAlike(file, call string) bool {
	given, err := url.Parse(file)
	called, err2 := url.Parse(call)
	if err != nil || err2 != nil {
		return false
	}
	if !strings.HasSuffix(called.Path, "/payout-clocks") { // two of which stand on one page
		return true
	}
	return given.Query().Get("state") == called.Query().Get("state")
}

// operationAt reports whether a path is that of an operation, or of the one like it of the installation or of a book.
func operationAt(path, id string) bool {
	verb, noun, _ := strings.Cut(id, "-")
	return slices.ContainsFunc(Operations(), func(op Operation) bool {
		if op.ID != id && op.ID != verb+"-installation-"+noun && op.ID != verb+"-book-"+noun {
			return false
		}
		pattern := regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(op.Path), `[^/]+`)
		return op.Method == http.MethodGet && regexp.MustCompile("^"+pattern+"$").MatchString(path)
	})
}

var (
	decimalCell = regexp.MustCompile(`^'-[0-9]+\.[0-9]+$`)
	formula     = regexp.MustCompile(`^[=+\-@\t\r\n'＝＋－＠]`)
)

// sameRows compares a file with what the API lists.
func (h *house) sameRows(at string, file answer, call string) {
	h.t.Helper()
	records, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	if err != nil || len(records) == 0 {
		h.t.Errorf("%s is no table: %v", at, err)
		return
	}
	var rows []map[string]any
	for cursor := ""; ; {
		next := call
		if cursor != "" {
			next += map[bool]string{true: "&", false: "?"}[strings.Contains(call, "?")] + "cursor=" + url.QueryEscape(cursor)
		}
		var page struct {
			Data       []map[string]any
			NextCursor *string `json:"next_cursor"`
		}
		d := json.NewDecoder(strings.NewReader(h.must(200, "GET", next, "").body))
		d.UseNumber()
		if err := d.Decode(&page); err != nil {
			h.t.Fatal(err)
		}
		rows = append(rows, page.Data...)
		if page.NextCursor == nil {
			break
		}
		cursor = *page.NextCursor
	}
	if len(rows) == len(records) && rows[0]["object"] == "list:audit" { // that this file was taken, which it cannot hold
		rows = rows[1:]
	} else if len(rows) == len(records) && rows[len(rows)-1]["object"] == "list:audit" {
		rows = rows[:len(rows)-1]
	}
	if len(rows) != len(records)-1 {
		h.t.Errorf("%s has %d rows and %s %d", at, len(records)-1, call, len(rows))
		return
	}
	for i, row := range rows {
		want, got, whole := map[string]string{}, map[string]string{}, map[string]string{}
		for j, name := range records[0] {
			if cell := records[i+1][j]; cell != "" {
				if json.Valid([]byte(cell)) && strings.ContainsAny(cell[:1], "{[") {
					whole[name], cell = cell, documentCell
				}
				got[name] = cell
				if decimalCell.MatchString(cell) && !strings.Contains(at, "/imports/") { // whose rows name no currency
					h.t.Errorf("%s: the amount %s of %s is written as text", at, cell, name)
				}
			}
		}
		flatten(want, records[0], "", row)
		if !maps.Equal(got, want) {
			h.t.Errorf("%s: row %d is\n%q, want\n%q", at, i+1, got, want)
			return
		}
		for name, text := range whole {
			var of any
			if err := json.Unmarshal([]byte(text), &of); err != nil {
				h.t.Fatal(err)
			}
			value, err := json.Marshal(of)
			if err != nil {
				h.t.Fatal(err)
			}
			if there, err := json.Marshal(fieldAt(row, name)); err != nil || string(there) != string(value) {
				h.t.Errorf("%s: %s of row %d is %s, want %s (%v)", at, name, i+1, value, there, err)
			}
		}
	}
}

// fieldAt is the field of a row that a column is called by.
func fieldAt(row map[string]any, column string) any {
	if v, ok := row[column]; ok {
		return v
	}
	for name, value := range row {
		if of, ok := value.(map[string]any); ok && strings.HasPrefix(column, name+"_") {
			return fieldAt(of, strings.TrimPrefix(column, name+"_"))
		}
	}
	return nil
}

// documentCell stands for a cell that holds JSON, which is compared by what it says.
const documentCell = "(JSON)"

// flatten writes a row of the API as the cells of a file that has the columns.
func flatten(cells map[string]string, columns []string, prefix string, fields map[string]any) {
	for name, value := range fields {
		name = prefix + name
		switch v := value.(type) {
		case nil:
		case string:
			if formula.MatchString(v) && !regexp.MustCompile(`^-[0-9]+\.[0-9]+$`).MatchString(v) {
				v = "'" + v
			}
			if moment, err := time.Parse(time.RFC3339, v); err == nil {
				v = moment.UTC().Format(instantFormat)
			}
			if v != "" {
				cells[name] = v
			}
		case map[string]any:
			if !slices.Contains(columns, name) {
				flatten(cells, columns, name+"_", v)
				continue
			}
			cells[name] = documentCell
		case []any:
			cells[name] = documentCell
		default:
			cells[name] = fmt.Sprint(v)
		}
	}
}

// listsAreForReaders asks for lists as somebody who sees the page and as others: what is not theirs is answered like what does not exist.
func (h *house) listsAreForReaders(staff, at string) {
	h.t.Helper()
	h.must(201, "POST", "/v1/books", `{"code":"vn","name":"Example VN","currencies":["VND"],"time_zone":"Asia/Ho_Chi_Minh"}`)
	_, roleless := h.staff()
	_, elsewhere := h.staff("auditor@vn")
	for _, list := range []string{at + "/approvals?csv=list-approvals", at + "/audit?csv=list-audit", "/console/people?csv=list-people"} {
		for name, session := range map[string]string{"no role": roleless, "a role elsewhere": elsewhere} {
			page, _, _ := strings.Cut(list, "?")
			if file, hidden := h.by(session, http.MethodGet, list, ""), h.by(session, http.MethodGet, page, ""); file.StatusCode != http.StatusNotFound || pageText(file) != pageText(hidden) {
				h.t.Errorf("%s with %s: %d", list, name, file.StatusCode)
			}
		}
		if a := h.as("", http.MethodGet, list, ""); a.StatusCode == http.StatusOK {
			h.t.Errorf("a stranger has %s", list)
		}
	}
	for _, list := range []string{at + "/approvals?csv=list-audit", at + "/approvals?csv=%00", at + "/approvals?csv=list-approvals&state=none"} {
		if a := h.by(staff, http.MethodGet, list, ""); a.StatusCode != http.StatusBadRequest {
			h.t.Errorf("%s: %d", list, a.StatusCode)
		}
	}
	if a := h.by(staff, http.MethodGet, at+"/approvals?csv=list-approvals", ""); !strings.Contains(a.body, `"'=HYPERLINK(""https://evil.example"")"`) {
		h.t.Errorf("a formula is not taken for text: %s", a.body)
	}
}
