package vault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mizan/ledger/fault"
	"mizan/ledger/vault"
)

// TestFieldsAreFixed fails when the list changes: names are for ever, and a class decides who may read.
func TestFieldsAreFixed(t *testing.T) {
	t.Parallel()
	var got []string
	for _, f := range vault.Fields() {
		got = append(got, f.Name+" "+string(f.Class))
		if f.Most < 10 || f.Most > 1000 || f.Meaning == "" {
			t.Errorf("%s has no bound or no meaning", f.Name)
		}
		if of, ok := vault.FieldOf(f.Name); !ok || of != f {
			t.Errorf("%s is not found by its name", f.Name)
		}
	}
	want := "name contact, email contact, phone contact, address contact, birth_date identity, national_id identity, document identity, " +
		"tax_id tax, bank_account bank, bank_holder bank, bank_code bank"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %s", strings.Join(got, ", "))
	}
	vault.Fields()[0].Name = "changed"
	if vault.Fields()[0].Name != "name" {
		t.Error("a caller may change the list")
	}
}

// Numbers that schemes publish for tests; none is anybody's.
var cards = []string{
	"4111111111111111", "4222222222222", "4000000000000000006", "5555555555554444", "5105105105105100", "2223003122003222", "2720990000000007",
	"378282246310005", "371449635398431", "30569309025904", "38520000023237", "36227206271667", "6011111111111117", "6011000990139424",
	"3530111333300000", "3566002020360505", "6200000000000005", "6205500000000000004", "2200000000000004", "6759649826438453",
}

func TestCardNumbersAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	spread := func(card, by string) string {
		var parts []string
		for ; len(card) > 4; card = card[4:] {
			parts = append(parts, card[:4])
		}
		return strings.Join(append(parts, card), by)
	}
	arabic := func(card string) string {
		return strings.Map(func(r rune) rune { return '\u0660' + r - '0' }, card)
	}
	refuses := func(field, value string) {
		t.Helper()
		_, _, err := put(t.Context(), h, h.Vault, owner, amy, map[string]string{field: value})
		wantCode(t, err, "/fields/"+field, "card-number")
		if err != nil && strings.Contains(err.Error(), value) {
			t.Error("the error repeats the number")
		}
	}
	for _, card := range cards {
		for _, field := range []string{"name", "address", "bank_holder"} {
			for _, text := range []string{card, "my card " + card + " thanks", spread(card, " "), spread(card, "-"), spread(card, " - "), "No. 7 " + spread(card, "\u00a0"),
				spread(card, "\u2013"), arabic(card), spread(card, ".") + ", 12/29", spread(card, "\u200c")} {
				refuses(field, text)
			}
		}
		refuses("email", card+"@example.test")
		if len(card) == 15 || len(card) == 16 {
			refuses("national_id", card)
			refuses("document", "my card "+spread(card, " "))
			refuses("tax_id", "ID "+spread(card, " "))
		}
		if len(card) == 16 {
			for _, field := range []string{"bank_account", "bank_code"} {
				refuses(field, card)
				refuses(field, spread(card, " "))
				refuses(field, "card "+card+" 1229")
			}
		}
	}
	refuses("phone", "4222222222222")
	// It looks like an IBAN, but its check digits are wrong.
	refuses("bank_account", "DK4111111111111111")
}

// wantCode fails unless err is ErrInvalid and names the field with the code.
func wantCode(t *testing.T, err error, pointer, code string) {
	t.Helper()
	var f *fault.Error
	if !errors.Is(err, vault.ErrInvalid) || !errors.As(err, &f) || len(f.Fields) == 0 || f.Fields[0].Pointer != pointer || f.Fields[0].Code != code {
		t.Errorf("got %v, want %s at %s", err, code, pointer)
	}
}

func TestFieldsThatAreStored(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for field, values := range map[string][]string{
		"name":  {"A", "Anna-Lena O'Neil", "李小龍", "محمد بن راشد", "می\u200cخواهم", "क्\u200dष", "Zoë Ångström", "J. R. R. 4th", strings.Repeat("n", 200)},
		"email": {"a@b", "first.last+tag@example.co.uk", "用户@例え.jp"},
		"phone": {"110", "+4915112345678", "0049 151 1234 5678", "+49 (151) 123-456", "(555) 123-4567", "+55 11 91234 5678",
			// Thirteen digits that end like an old Visa number, and are a German mobile number.
			"+4915112345671", "+49 151 1234 5671"},
		"address":     {"Flat 4, 4111 Main Street, 11111 Town", "1600 Amphitheatre Pkwy 94043", "〒100-0001 東京都千代田区1-1"},
		"birth_date":  {"1987-06-05", "2000-02-29", "2026-11-20", "1850-01-01"},
		"national_id": {"8001015009087", "4001014800083", "110105194912310021", "620102199001011237", "3-1012-02345-67-8", "2 69 05 49 588 157 80"},
		"tax_id":      {"DE136695976", "12-3456789", "123-45-6789"},
		"bank_account": {"DE89 3704 0044 0532 0130 00", "de89370400440532013000", "GB82 WEST 1234 5698 7654 32", "DK5000400440116243", "FI21 1234 5600 0007 85",
			"BE71 0961 2345 6769", "NO93 8601 1117 947", "12345678", "4222222222222", "378282246310005", "30569309025904", "4000000000000000006",
			"1234567890123456", "2100 0418 45 0200051332", "FO62 6460 0001 6316 34"},
		"bank_code": {"COBADEFFXXX", "026009593", "12-34-56"},
	} {
		for _, value := range values {
			if _, _, err := put(t.Context(), h, h.Vault, owner, amy, map[string]string{field: value}); err != nil {
				t.Errorf("%s %q: %v", field, value, err)
				continue
			}
			if got := h.get(t, amy, field)[field]; got != value {
				t.Errorf("%s %q came back as %q", field, value, got)
			}
		}
	}
}

func TestFieldsThatAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	text := map[string]string{
		"a\x00b": "not-printable", "a\nb": "not-printable", "a\tb": "not-printable", "\x1b[31m": "not-printable", "a\u202eb": "not-printable",
		"a\u2066b": "not-printable", "a\u200fb": "not-printable", "a\u061cb": "not-printable", "a\ufeffb": "not-printable", "a\u00adb": "not-printable",
		"a\u2028b": "not-printable", "a\U000e0041b": "not-printable", "a\ue000b": "not-printable",
		"a\xff": "not-text", "\xed\xa0\x80": "not-text", " a": "spaces", "a ": "spaces", " ": "spaces", "\u00a0a": "spaces",
	}
	cases := map[string]map[string]string{"name": {strings.Repeat("n", 201): "too-long", strings.Repeat("é", 101): "too-long"},
		"email":      {"a": "email", "@b": "email", "a@": "email", "a@b@c": "email", "a b@c": "email"},
		"phone":      {"1": "phone", "call me": "phone", "+1234567890123456": "phone", "++123": "phone", "12+3": "phone", "\u0661\u0662\u0663\u0664": "phone"},
		"birth_date": {"05.06.1987": "birth-date", "1987-6-5": "birth-date", "2023-02-29": "birth-date", "2026-11-21": "birth-date", "1849-12-31": "birth-date", "0000-00-00": "birth-date"},
	}
	for _, f := range vault.Fields() {
		if cases[f.Name] == nil {
			cases[f.Name] = map[string]string{}
		}
		cases[f.Name][strings.Repeat("1", f.Most+1)] = "too-long"
		for value, code := range text {
			if len(value) <= f.Most {
				cases[f.Name][value] = code
			}
		}
	}
	n := 0
	for field, values := range cases {
		for value, code := range values {
			n++
			_, _, err := put(t.Context(), h, h.Vault, owner, amy, map[string]string{field: value})
			wantCode(t, err, "/fields/"+field, code)
		}
	}
	if n < 200 {
		t.Errorf("only %d cases", n)
	}
	for _, unknown := range []string{"", "salary", "Name", "next_bank_account", "name\x00", "'; DROP TABLE vault_values; --"} {
		_, _, err := put(t.Context(), h, h.Vault, owner, amy, map[string]string{unknown: "x"})
		wantCode(t, err, "/fields", "field-unknown")
		if unknown != "" && strings.Contains(fmt.Sprint(err), unknown) && unknown != "Name" {
			t.Errorf("the error repeats %q", unknown)
		}
		_, err = get(t.Context(), h, h.Vault, owner, amy, unknown)
		wantCode(t, err, "/fields", "field-unknown")
	}
	_, err := get(t.Context(), h, h.Vault, owner, amy, "name", "name")
	wantCode(t, err, "/fields", "repeated")
	_, err = get(t.Context(), h, h.Vault, owner, amy, strings.Split(strings.Repeat("name ", 12), " ")...)
	wantCode(t, err, "/fields", "too-many")
	// All that is wrong is named at once, and nothing of the request was stored.
	_, _, err = put(t.Context(), h, h.Vault, owner, amy, map[string]string{"name": "Good", "email": "a", "phone": "b", "birth_date": "c"})
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Fields) != 3 {
		t.Errorf("got %v", err)
	}
	if p, err := h.Person(t.Context(), owner, amy); err != nil || p.Subject != "" {
		t.Errorf("something was stored: %+v, %v", p, err)
	}
	for _, subject := range []string{"", "amy", "payee:", ":x", "Payee:x", "payee:" + strings.Repeat("x", 65), "payee:a b", "payee:a\x00", "payee:a\n", "payee:é", strings.Repeat("p", 33) + ":x"} {
		_, _, err := put(t.Context(), h, h.Vault, owner, subject, map[string]string{"name": "x"})
		wantCode(t, err, "/subject", "subject")
		_, err = get(t.Context(), h, h.Vault, owner, subject)
		wantCode(t, err, "/subject", "subject")
		_, err = h.Person(t.Context(), owner, subject)
		wantCode(t, err, "/subject", "subject")
		_, err = h.Names(t.Context(), owner, []string{subject})
		wantCode(t, err, "/subject", "subject")
		wantCode(t, h.erase(t.Context(), subject), "/subject", "subject")
	}
}
