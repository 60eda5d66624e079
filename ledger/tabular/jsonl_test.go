package tabular

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// The form of JSON lines, byte for byte but for the digest.
func TestJSONLinesForm(t *testing.T) {
	t.Parallel()
	h := Header{Report: "r", Schema: 1, Book: "uk", Title: "<T>", Columns: []Column{{Name: "note", Title: "Note", Kind: KindText},
		{Name: "amount", Kind: KindAmount, Currency: "currency", Sum: true}, {Name: "currency", Kind: KindText}, {Name: "n", Kind: KindNumber}, {Name: "yes", Kind: KindBool}},
		Parameters: []Parameter{{"up_to", "7"}}}
	file, _ := write(t, JSONLines, h, []Row{{Text("=a\"\\\n\t\u2028</x>"), Money(-1234, "USD"), Text("USD"), Int(-5), Yes(false)}, make(Row, 5)})
	want := `{"report":"r","schema":1,"book":"uk","title":"<T>","columns":[{"name":"note","title":"Note","kind":"text"},` +
		`{"name":"amount","title":"","kind":"amount","currency":"currency","sum":true},{"name":"currency","title":"","kind":"text"},` +
		`{"name":"n","title":"","kind":"number"},{"name":"yes","title":"","kind":"bool"}],"parameters":[{"name":"up_to","value":"7"}],"right_to_left":false}` + "\n" +
		`{"note":"=a\"\\\n\t\u2028</x>","amount":"-12.34","currency":"USD","n":-5,"yes":false}` + "\n" +
		`{"note":null,"amount":null,"currency":null,"n":null,"yes":null}` + "\n" +
		`{"end":{"rows":2,"totals":[{"column":"amount","currency":"USD","amount":"-12.34"}],"sha256":"`
	if got := string(file); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\"}}\n") || len(got) != len(want)+64+4 {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Every line is one line and JSON to any reader, whatever the texts.
func TestJSONLinesAreJSON(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	var rows []Row
	for _, text := range hostile {
		rows = append(rows, row(text, 1, "USD"))
	}
	file, _ := write(t, JSONLines, h, rows)
	lines := strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")
	if len(lines) != len(rows)+2 || strings.ContainsAny(string(file), "\u2028\u2029\r") {
		t.Fatalf("%d lines for %d rows", len(lines), len(rows))
	}
	for i, line := range lines[1 : len(lines)-1] {
		var got struct{ Note string }
		if err := json.Unmarshal([]byte(line), &got); err != nil || got.Note != hostile[i] {
			t.Errorf("%q: %q, %v", hostile[i], got.Note, err)
		}
	}
}

// Lines that are JSON but not ours are not read.
func TestForeignJSONLines(t *testing.T) {
	t.Parallel()
	h := Header{Report: "r", Schema: 1, Book: "b", Columns: []Column{{Name: "note", Kind: KindText}, {Name: "n", Kind: KindNumber}}}
	file, _ := write(t, JSONLines, h, []Row{{Text("a"), Int(1)}})
	const line, head = `{"note":"a","n":1}`, `{"report":"r","schema":1,`
	for from, tos := range map[string][]string{
		line: {`{"note":"a","n":1 }`, `{"n":1,"note":"a"}`, `{"note":"a","note":"a","n":1}`, `{"note":"a"}`, `{"note":"a","n":1,"x":2}`, `{"note":"\u0061","n":1}`,
			`{"note":"a","n":"1"}`, `{"note":a,"n":1}`, `{"note":"","n":1}`, `{"note":"a","n":1.0}`, `{"note":"a","n":01}`, `{"note":"a","n":9223372036854775808}`,
			`{"note":"a`, `[]`, ``, `{}`, `null`, `{"note":"\ud800","n":1}`, "{\"note\":\"\x01\",\"n\":1}", "{\"note\":\"\xff\",\"n\":1}"},
		head: {`{"schema":1,"report":"r",`, `{"report":"r","schema":1,"x":1,`, `{"report":"r", "schema":1,`, `{"report":"r","schema":"1",`, `[`},
	} {
		for _, to := range tos {
			_, _, err := read(JSONLines, h, bytes.Replace(file, []byte(from), []byte(to), 1))
			wantError(t, to, err, ErrUnreadable)
		}
	}
}
