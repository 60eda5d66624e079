package main

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
)

// Whatever callers send, what is said of it in the log is one line, and none of it reads as a line of its own (G22).
func TestNoLineOfTheLogIsForged(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "text"} {
		for _, text := range []string{"x\nlevel=ERROR msg=forged", "x\r\nlevel=ERROR", `x" level=ERROR msg="forged`, "x\u2028level=ERROR\x00\x1b[2K", `{"level":"ERROR"}` + "\n"} {
			var said strings.Builder
			newLog(&said, format, slog.LevelInfo).Info("request", "path", text)
			line, rest, _ := strings.Cut(said.String(), "\n")
			if rest != "" || strings.ContainsAny(line, "\r\x00\x1b\u2028") {
				t.Errorf("%s: %q is logged as %q", format, text, said.String())
			}
			if format == "text" {
				if !strings.Contains(line, " level=INFO msg=request path=\"") {
					t.Errorf("%q is logged as %q", text, line)
				}
				continue
			}
			var read map[string]string
			if err := json.Unmarshal([]byte(line), &read); err != nil || read["level"] != "INFO" || read["path"] != text || len(read) != 4 {
				t.Errorf("%q is logged as %v, %v", text, read, err)
			}
		}
	}
}
