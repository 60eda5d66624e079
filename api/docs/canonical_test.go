package docs

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The page must be enough to write a check by. So this test knows nothing of the ledger: it reads the tables of fields
// and the example from the page and encodes the example by them.

type fieldRow struct{ name, kind string }

func TestCanonicalPageSuffices(t *testing.T) {
	t.Parallel()
	source, err := pageFiles.ReadFile("canonical.md")
	if err != nil {
		t.Fatal(err)
	}
	tables, blocks := fieldTables(string(source)), codeBlocks(string(source))
	if len(tables) != 2 || len(blocks) != 3 {
		t.Fatalf("the page has %d tables of fields and %d blocks of code", len(tables), len(blocks))
	}
	var transaction map[string]any
	decoder := json.NewDecoder(strings.NewReader(blocks[0]))
	decoder.UseNumber()
	if err := decoder.Decode(&transaction); err != nil {
		t.Fatal(err)
	}
	encoded := encodeRecord(t, transaction, tables[0], tables[1])
	if got, want := hex.EncodeToString(encoded), strings.ReplaceAll(blocks[1], "\n", ""); got != want {
		t.Errorf("the canonical bytes are\n%s\nand the page says\n%s", got, want)
	}
	sum := sha256.Sum256(append([]byte{0}, encoded...))
	if got, want := hex.EncodeToString(sum[:]), strings.TrimSpace(blocks[2]); got != want {
		t.Errorf("the hash is %s and the page says %s", got, want)
	}
	if !strings.Contains(string(source), "in hexadecimal, "+strconv.Itoa(len(encoded))+" of them") {
		t.Errorf("the page does not say that there are %d bytes", len(encoded))
	}
}

// The published vectors hash as the page says, too. In their file a field's name has no underscores, nothing stands for
// what is absent, and the explanation is in base64.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	source, err := pageFiles.ReadFile("canonical.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("../../ledger/audit/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name         string
		Transaction  map[string]any
		CanonicalHex string `json:"canonical_hex"`
		HashHex      string `json:"hash_hex"`
	}
	decoder := json.NewDecoder(bytes.NewReader(file))
	decoder.UseNumber()
	if err := decoder.Decode(&vectors); err != nil || len(vectors) < 2 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	tables := fieldTables(string(source))
	for _, v := range vectors {
		encoded := encodeRecord(t, asOnThePage(t, v.Transaction, tables[0], tables[1]), tables[0], tables[1])
		if got := hex.EncodeToString(encoded); got != v.CanonicalHex {
			t.Errorf("%s: the page's bytes are %s, the published ones %s", v.Name, got, v.CanonicalHex)
		}
		if sum := sha256.Sum256(append([]byte{0}, encoded...)); hex.EncodeToString(sum[:]) != v.HashHex {
			t.Errorf("%s: the page's hash is %x, the published one %s", v.Name, sum, v.HashHex)
		}
	}
}

// asOnThePage turns a record of the file of vectors into one with the page's names and nothing absent.
func asOnThePage(t *testing.T, record map[string]any, fields, element []fieldRow) map[string]any {
	t.Helper()
	named := map[string]any{"Version": "mizan/transaction/v1"}
	maps.Copy(named, record)
	out := map[string]any{}
	for _, f := range fields {
		var name string
		for _, word := range strings.Split(f.name, "_") {
			name += strings.ToUpper(word[:1]) + word[1:]
		}
		value, ok := named[name]
		if !ok {
			t.Fatalf("the vector has no %s", name)
		}
		switch text, isText := value.(string); {
		case value == nil:
			value = map[string]any{"map": map[string]any{}, "list": []any{}, "byte string": ""}[f.kind]
		case f.kind == "byte string" && isText:
			raw, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			value = string(raw)
		case f.kind == "list":
			list := []any{}
			for _, e := range value.([]any) {
				list = append(list, asOnThePage(t, e.(map[string]any), element, nil))
			}
			value = list
		}
		out[f.name] = value
	}
	return out
}

// fieldTables returns the rows of the tables whose columns are field, kind and notes.
func fieldTables(source string) (tables [][]fieldRow) {
	inside := false
	for line := range strings.Lines(source) {
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		row := cells(line)
		switch {
		case row[0] == "field":
			inside = true
			tables = append(tables, nil)
		case inside && strings.HasPrefix(row[0], "`"):
			last := len(tables) - 1
			tables[last] = append(tables[last], fieldRow{strings.Trim(row[0], "`"), row[1]})
		}
	}
	return tables
}

func codeBlocks(source string) (blocks []string) {
	for i, part := range strings.Split(source, "\n```") {
		if i%2 == 1 {
			_, body, _ := strings.Cut(part, "\n")
			blocks = append(blocks, body)
		}
	}
	return blocks
}

func encodeRecord(t *testing.T, record map[string]any, fields, element []fieldRow) (b []byte) {
	t.Helper()
	length := func(n int) { b = binary.BigEndian.AppendUint32(b, uint32(n)) }
	text := func(s string) { length(len(s)); b = append(b, s...) }
	for _, f := range fields {
		value, ok := record[f.name]
		if !ok {
			t.Fatalf("the example has no %s", f.name)
		}
		switch f.kind {
		case "text", "byte string":
			text(value.(string))
		case "integer":
			n, err := value.(json.Number).Int64()
			if err != nil {
				t.Fatal(err)
			}
			b = binary.BigEndian.AppendUint64(b, uint64(n))
		case "instant":
			at, err := time.Parse(time.RFC3339Nano, value.(string))
			if err != nil {
				t.Fatal(err)
			}
			b = binary.BigEndian.AppendUint64(b, uint64(at.UnixMicro()))
		case "map":
			m := value.(map[string]any)
			keys := make([]string, 0, len(m))
			for k := range m {
				keys = append(keys, k)
			}
			sort.Strings(keys)
			length(len(keys))
			for _, k := range keys {
				text(k)
				text(m[k].(string))
			}
		case "list":
			list := value.([]any)
			length(len(list))
			for _, e := range list {
				b = append(b, encodeRecord(t, e.(map[string]any), element, nil)...)
			}
		default:
			t.Fatalf("the page does not say what a %q is", f.kind)
		}
	}
	return b
}
