package migrations

// What the tests of this package see of its inside.

import (
	"context"
	"io/fs"
)

// ApplyFiles is Apply for any set of files and sums.
func ApplyFiles(ctx context.Context, url string, fsys fs.FS, sums string, opts Options) (Result, error) {
	return apply(ctx, url, fsys, sums, opts)
}

// Files returns the embedded migrations.
func Files() fs.FS { return embeddedFiles() }

// Sums returns the names and the sums of the files of fsys, in order.
func Sums(fsys fs.FS) (names, sums []string, err error) {
	files, err := list(fsys)
	for _, f := range files {
		names, sums = append(names, f.name), append(sums, f.sum)
	}
	return names, sums, err
}

// ParseSums reads SUMS.
var ParseSums = parseSums
