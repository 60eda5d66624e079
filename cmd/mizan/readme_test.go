package main

// The README's commands are executed, and what it says they print is compared.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lesson is a block of commands and the lines that the README shows after it.
type lesson struct {
	commands string
	shown    []string
}

// lessons returns the blocks marked "sh tested", each with the text block that follows before the next one.
func lessons(readme string) (all []lesson) {
	var block []string
	kind := ""
	for line := range strings.Lines(readme) {
		line = strings.TrimRight(line, "\n")
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && kind == "":
			kind, block = fence+" ", nil
		case isFence:
			switch strings.TrimSpace(kind) {
			case "sh tested":
				all = append(all, lesson{commands: strings.Join(block, "\n")})
			case "text":
				if len(all) > 0 {
					all[len(all)-1].shown = block
				}
			}
			kind = ""
		default:
			block = append(block, line)
		}
	}
	return all
}

func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	all := lessons(string(readme))
	if len(all) < 4 {
		t.Fatalf("the README has %d tested blocks, want the book, the sale, the replay and the balances", len(all))
	}
	forEachUser(t, func(t *testing.T, h home) {
		p := startDev(t, h)
		// The tests run beside each other and beside a real mizan dev, so the port and the file are their own.
		here := strings.NewReplacer("http://127.0.0.1:8080", p.address, "/tmp/", h.dir+"/")
		for _, l := range all {
			cmd := h.command(t.Context(), "sh", "-eu", "-c", here.Replace(l.commands))
			cmd.Env = append(cmd.Env, "MIZAN_SERVER="+p.address)
			output, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s\nsaid:\n%s", err, l.commands, output)
			}
			if missing := absent(l.shown, string(output)); len(missing) > 0 {
				t.Errorf("the README shows lines after\n%s\nthat were not said:\n%s\nInstead:\n%s", l.commands, strings.Join(missing, "\n"), output)
			}
		}
		p.stop(t)
	})
}

// absent returns the lines that are not among those said.
func absent(lines []string, said string) (missing []string) {
	heard := map[string]bool{}
	for line := range strings.Lines(said) {
		heard[strings.TrimSpace(line)] = true
	}
	for _, line := range lines {
		if !heard[strings.TrimSpace(line)] {
			missing = append(missing, line)
		}
	}
	return missing
}

// The reading of the README must find blocks, leave out others, and notice a wrong line.
func TestLessons(t *testing.T) {
	t.Parallel()
	got := lessons("```sh\nmake\n```\n```sh tested\necho a\n```\nwords\n```text\na\nb\n```\n")
	if len(got) != 1 || got[0].commands != "echo a" || len(got[0].shown) != 2 {
		t.Fatalf("got %q", got)
	}
	if missing := absent(got[0].shown, "a\n"); len(missing) != 1 || missing[0] != "b" {
		t.Errorf("got %q, want the line b", missing)
	}
}

// Continuous integration runs what the README tells people to run.
func TestSameTestCommand(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"README.md", ".ci/run"} {
		content, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), "make test") {
			t.Errorf("%s does not say make test", file)
		}
	}
}
