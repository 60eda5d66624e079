package migrations

// Sums: the SHA-256 of every released migration, as the file SUMS lists them, one "sum  name" a line like sha256sum.

import (
	"bufio"
	"fmt"
	"strings"
)

// parseSums reads SUMS into a map from name to sum.
func parseSums(text string) (map[string]string, error) {
	sums := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok || len(sum) != 64 || name == "" || sums[name] != "" {
			return nil, fmt.Errorf("SUMS: %q is not a sum and a name, or is there twice", lines.Text())
		}
		sums[name] = sum
	}
	return sums, lines.Err()
}

// checkReleased compares the files with SUMS in both directions.
func checkReleased(files []file, released string) error {
	sums, err := parseSums(released)
	if err != nil {
		return err
	}
	for _, f := range files {
		switch sums[f.name] {
		case f.sum:
		case "":
			return fmt.Errorf("%w: %s is not in SUMS", ErrChanged, f.name)
		default:
			return fmt.Errorf("%w: %s differs from SUMS", ErrChanged, f.name)
		}
		delete(sums, f.name)
	}
	for name := range sums {
		return fmt.Errorf("%w: %s is in SUMS and is missing", ErrChanged, name)
	}
	return nil
}
