package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	card       = "4111111111111111"
	spacedCard = "5555 5555 5555 4444"
)

// planted returns copies of a JSON value, each with the text in another place, with the pointer of it: at the end of each
// text, and as a further key of each object.
func planted(v any, text string, key bool) map[string]any {
	all := map[string]any{}
	switch v := v.(type) {
	case string:
		if !key {
			all[""] = v + " " + text
		}
	case []any:
		for i, x := range v {
			for at, y := range planted(x, text, key) {
				copied := slices.Clone(v)
				copied[i] = y
				all["/"+strconv.Itoa(i)+at] = copied
			}
		}
	case map[string]any:
		copied := func(name string, y any) map[string]any {
			m := map[string]any{name: y}
			for k, x := range v {
				if k != name {
					m[k] = x
				}
			}
			return m
		}
		if key {
			all[""] = copied(text, "x")
		}
		for k, x := range v {
			for at, y := range planted(x, text, key) {
				all["/"+k+at] = copied(k, y)
			}
		}
	}
	return all
}

// generic is a value as JSON reads it.
func generic(t testing.TB, v any) (out any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// cardFields are the pointers of the fields that a problem names for holding a card number.
func cardFields(v map[string]any) (list []string) {
	fields, _ := v["errors"].([]any)
	for _, f := range fields {
		if f := f.(map[string]any); f["code"] == panDetected {
			list = append(list, f["pointer"].(string))
		}
	}
	return list
}

// bodies returns the examples of an operation.
func bodies(op *Operation) (list []any) {
	if op.Body == nil || op.BodyMedia != nil || op.Signed {
		return nil
	}
	if op.Example != nil {
		list = append(list, op.Example)
	}
	for _, x := range op.Examples {
		list = append(list, x)
	}
	return list
}

// TestCardNumbersAreRefusedEverywhere plants card numbers in every text, key, parameter of the query and of the path of every
// operation. Each is refused by name, none is repeated, and none is stored or logged.
func TestCardNumbersAreRefusedEverywhere(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.imported()
	tried := 0
	for _, op := range Operations() {
		path := examplePath(op.Path)
		expect := func(path, body, pointer string) {
			t.Helper()
			tried++
			a := h.do(op.Method, path, body)
			if strings.Contains(a.body, card) || strings.Contains(a.body, spacedCard) || strings.Contains(a.body, url.QueryEscape(spacedCard)) {
				t.Errorf("%s repeats a card number: %s", op.ID, a.body)
			}
			if v := a.json(t); a.StatusCode != 422 || v["code"] != "validation-failed" || !slices.Equal(cardFields(v), []string{pointer}) {
				// An item of a batch is answered by itself.
				results, _ := v["results"].([]any)
				for i, r := range results {
					p, _ := r.(map[string]any)["problem"].(map[string]any)
					if p != nil && p["status"] == 422.0 && slices.Equal(cardFields(p), []string{pointer}) && strings.HasPrefix(pointer, "/"+batchList(op.ID)+"/"+strconv.Itoa(i)) {
						return
					}
				}
				t.Errorf("%s %s with a card number at %s: %d %s", op.Method, path, pointer, a.StatusCode, a.body)
			}
		}
		for _, example := range bodies(&op) {
			for _, key := range []bool{false, true} {
				for _, number := range []string{card, spacedCard} {
					for at, v := range planted(generic(t, example), number, key) {
						b, err := json.Marshal(v)
						if err != nil {
							t.Fatal(err)
						}
						expect(path, string(b), at)
					}
				}
			}
		}
		good := ""
		if list := bodies(&op); list != nil {
			b, _ := json.Marshal(list[0])
			good = string(b)
		}
		for _, name := range op.allowed {
			expect(path+"?"+name+"="+card, good, "query:"+name)
			expect(path+"?"+name+"="+url.QueryEscape("x "+spacedCard), good, "query:"+name)
		}
		for rest := op.Path; strings.Contains(rest, "{"); {
			_, after, _ := strings.Cut(rest, "{")
			name, next, _ := strings.Cut(after, "}")
			expect(examplePath(strings.Replace(op.Path, "{"+name+"}", card, 1)), good, "path:"+name)
			expect(examplePath(strings.Replace(op.Path, "{"+name+"}", url.PathEscape(spacedCard), 1)), good, "path:"+name)
			expect(examplePath(strings.Replace(op.Path, "{"+name+"}", "%34"+card[1:], 1)), good, "path:"+name)
			rest = next
		}
	}
	if tried < 1000 {
		t.Errorf("only %d requests were made", tried)
	}
	for _, number := range []string{card, spacedCard} {
		if found := h.holding(number); found != nil {
			t.Errorf("a card number is stored in %v", found)
		}
		if strings.Contains(h.log.String(), number) {
			t.Error("a card number is logged")
		}
	}
}

// batchList is the member that holds the items of a batch.
func batchList(id string) string {
	if id == "post-events" {
		return "events"
	}
	return "transactions"
}

func TestCardNumbersByWaysAround(t *testing.T) {
	t.Parallel()
	h := open(t)
	with := func(memo string) string {
		return strings.Replace(sale("r-1", "1.00"), `"event"`, `"memo":`+memo+`,"event"`, 1)
	}
	for body, pointers := range map[string][]string{
		with(`"\u0034111 1111 1111 1111"`):                                    {"/memo"},
		with(`"４１１１１１１１１１１１１１１１"`):                                            {"/memo"},
		with(`"٤١١١١١١١١١١١١١١١"`):                                            {"/memo"},
		with(`4111111111111111`):                                              {"/memo"},
		with(`-4111111111111111`):                                             {"/memo"},
		with(`{"` + card + `":{"deep":"` + card + `"}}`):                      {"/memo", "/memo"},
		with(`["` + card + `","` + spacedCard + `",{"x~/y":"` + card + `"}]`): {"/memo/0", "/memo/1", "/memo/2/x~0~1y"},
		`"` + card + `"`: {""},
	} {
		if a := h.refused(422, "validation-failed", "POST", posting, body); !slices.Equal(cardFields(a.json(t)), pointers) || strings.Contains(a.body, card) {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	members := strings.Repeat(`"k":0,`, 101)
	for i := range 101 {
		members = strings.Replace(members, `"k"`, `"k`+strconv.Itoa(i)+`"`, 1)
	}
	for _, body := range []string{with(`{"` + card + `":{` + members + `"x":1}}`), with(`"` + card), with(`"` + card + `","memo":"x"`), `{"` + card + `":1,"` + card + `":1}`} {
		if a := h.do("POST", posting, body); a.StatusCode != 400 && a.StatusCode != 422 || strings.Contains(a.body, card) {
			t.Errorf("%.80s: %d %s", body, a.StatusCode, a.body)
		}
	}
	// Its name is no better place than its value, and an id of a request is logged.
	a := h.refused(400, "malformed-request", "GET", posting+"?"+card+"=1", "")
	if strings.Contains(a.body, card) {
		t.Errorf("a parameter's name is repeated: %s", a.body)
	}
	if a := h.do("GET", "/v1/books", "", "X-Request-Id", card); a.Header.Get("X-Request-Id") == card {
		t.Error("it is taken as the id of a request")
	}
	// A stranger learns nothing but that we do not know them.
	if a := h.as("", "GET", "/v1/books/uk/orders/"+card, ""); a.StatusCode != 401 {
		t.Errorf("a stranger gets %d", a.StatusCode)
	}
	batch := `{"transactions":[` + sale("good-1", "1.00") + "," + with(`"`+card+`"`) + "," + sale("good-2", "1.00") + `]}`
	results := h.must(200, "POST", posting+"/batch", batch).json(t)["results"].([]any)
	for i, want := range []float64{201, 422, 201} {
		if got := results[i].(map[string]any)["status"]; got != want {
			t.Errorf("item %d: %v", i, got)
		}
	}
	atomic := strings.Replace(strings.ReplaceAll(batch, "good", "other"), `{"transactions"`, `{"atomic":true,"transactions"`, 1)
	if a := h.refused(422, "batch-refused", "POST", posting+"/batch", atomic); a.json(t)["index"] != 1.0 || !slices.Equal(cardFields(a.json(t)), []string{"/transactions/1/memo"}) {
		t.Errorf("all or nothing: %s", a.body)
	}
	if a := h.refused(422, "validation-failed", "POST", posting+"/batch", strings.Replace(batch, `{"transactions"`, `{"note":"`+card+`","transactions"`, 1)); !slices.Contains(cardFields(a.json(t)), "/note") {
		t.Errorf("beside the items: %s", a.body)
	}
	if got := h.holding(card); got != nil || strings.Contains(h.log.String(), card) {
		t.Errorf("a card number is stored in %v, or logged", got)
	}
	// What only looks like one passes.
	h.must(201, "POST", posting, strings.Replace(with(`"4111 11** **** 1111, DE89 3704 0044 0532 0130 00, 576461234567890123"`), "r-1", "r-2", 1))
}

// TestCardNumbersOfOthers sends them as shops, processors and marketplaces would.
func TestCardNumbersOfOthers(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, body := range []string{`{"note":"` + card + `"}`, `{"x":[{"` + spacedCard + `":1}]}`, `{"number":` + card + `}`, `{"note":"\u0034` + card[1:] + `"}`} {
		a := h.shop("shop-secret-new", "w-1", "orders/paid", body)
		if a.StatusCode != http.StatusUnprocessableEntity || a.json(t)["code"] != "card-number" || strings.Contains(a.body, card) {
			t.Errorf("%s: %d %s", body, a.StatusCode, a.body)
		}
	}
	for _, query := range []string{"?format=tiktok", "?format=tiktok&dry_run=true"} {
		for _, text := range []string{
			strings.Replace(statementFile(1, 3), "T-2", card, 1), statementFile(1, 3) + "T-4," + spacedCard, statementFile(1, 15_000) + `"` + card + `",`,
			strings.Replace(statementFile(1, 1), "moon_fee", card, 1),
		} {
			if a := h.file(query+bookkeeping, text); a.StatusCode != 422 || a.json(t)["code"] != "card-number" || strings.Contains(a.body, card) {
				t.Errorf("a file: %d %s", a.StatusCode, a.body)
			}
		}
	}
	for _, number := range []string{card, spacedCard} {
		if found := h.holding(number); found != nil || strings.Contains(h.log.String(), number) {
			t.Errorf("a card number is stored in %v, or logged", found)
		}
	}
	state := h.state()
	for _, table := range []string{"imports", "import_parts", "inbound_messages"} {
		if got := state[table]; got != "0 rows " && !strings.HasPrefix(got, "0 rows") {
			t.Errorf("%s keeps %s", table, got)
		}
	}
	if a := h.shop("shop-secret-new", "w-2", "products/update", `{"card":"•••• 1111","masked":"4111 11** **** 1111","id":30569309025904,"gid":"gid://shopify/LineItem/30569309025904"}`); a.StatusCode != 200 {
		t.Errorf("masked: %d %s", a.StatusCode, a.body)
	}
	if a := h.file("?format=tiktok"+bookkeeping, strings.Replace(statementFile(1, 3), "T-2", "30569309025904", 1)); a.StatusCode != 201 {
		t.Errorf("an id of a shop: %d %s", a.StatusCode, a.body)
	}
}
