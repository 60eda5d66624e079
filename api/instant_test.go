package api

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseInstant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-20T10:00:00Z": "2026-11-20T10:00:00.000000Z", "2026-11-20T10:00:00.5Z": "2026-11-20T10:00:00.500000Z",
		"2026-11-20T10:00:00.123456789Z": "2026-11-20T10:00:00.123456Z", "2026-11-20T10:00:00+07:00": "2026-11-20T03:00:00.000000Z",
		"2026-11-20T10:00:00-03:30": "2026-11-20T13:30:00.000000Z", "2024-02-29T23:59:59+14:00": "2024-02-29T09:59:59.000000Z",
		"0001-01-01T00:00:00Z": "0001-01-01T00:00:00.000000Z", "2026-11-20T10:00:00-00:00": "2026-11-20T10:00:00.000000Z",
	} {
		if got, ok := parseInstant(text); !ok || got.Format(instantFormat) != want || got.Location() != time.UTC {
			t.Errorf("%s: %v %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "0000-01-01T00:00:00Z", "2026-11-20", "2026-11-20T10:00:00", "2026-11-20 10:00:00Z", "2026-11-20t10:00:00Z", "2026-11-20T10:00:00z",
		"2026-11-20T10:00Z", "2025-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "2026-11-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-12-31T23:59:60Z", "2026-11-20T24:00:00Z", "2026-11-20T10:60:00Z", "2026-11-20T10:00:00+25:00", "2026-11-20T10:00:00+14:01", "2026-11-20T10:00:00+07:60",
		"2026-11-20T10:00:00+0700", "2026-11-20T10:00:00+07", "2026-11-20T10:00:00.Z", "2026-11-20T10:00:00.1234567890Z", "2026-11-20T10:00:00,5Z", "2026-11-20T10:00:00Z ",
		" 2026-11-20T10:00:00Z", "infinity", "-infinity", "now", "today", "epoch", "1763632800", "+12026-11-20T10:00:00Z", "294277-01-01T00:00:00Z", "2026-1１-20T10:00:00Z",
		"2026-11-20T10:00:00.5", "2026-11-20T10:00:00.5+7:00", "-026-11-20T10:00:00Z", "2026-+1-20T10:00:00Z", "2026-11-20T10:00:00+-1:00",
	} {
		if got, ok := parseInstant(text); ok {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// FuzzParseInstant holds it against the standard library: what it accepts, that accepts with the same meaning.
func FuzzParseInstant(f *testing.F) {
	f.Add("2026-11-20T10:00:00.123456+07:00")
	f.Add("2024-02-29T23:59:59Z")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseInstant(text)
		if !ok {
			return
		}
		want, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || !want.Truncate(time.Microsecond).Equal(got) {
			t.Fatalf("%q is read as %v; the standard library says %v, %v", text, got, want, err)
		}
	})
}

func TestInstantsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(r, "micros")).UTC()
		if got, ok := parseInstant(at.Format(instantFormat)); !ok || !got.Equal(at) {
			r.Fatalf("%v came back as %v %v", at, got, ok)
		}
	})
}
