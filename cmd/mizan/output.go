package main

// Output files: complete under their name, or not there.

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mizan/ledger/fault"
)

var errNoFile = fault.New(fault.Invalid, "output-not-a-file", "The output is no ordinary file and cannot be replaced. Choose another name, or leave it out and use standard output.")

// replaceFile makes the named file hold what write writes. It is written beside and renamed when it is on the disk, so that
// nobody finds half of it; if write fails, what had the name before still has it. Only the owner can read a new file.
func replaceFile(name string, write func(io.Writer) error) error {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	mode := fs.FileMode(0o600)
	switch info, err := os.Stat(name); {
	case err == nil && !info.Mode().IsRegular():
		return errNoFile
	case err == nil:
		mode = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".part-*")
	if err != nil {
		return err
	}
	err = errors.Join(fill(part, mode, write), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return syncDirectory(filepath.Dir(name))
}

// fill writes the file and waits until it is on the disk.
func fill(file *os.File, mode fs.FileMode, write func(io.Writer) error) error {
	buffered := bufio.NewWriterSize(file, 1<<16)
	if err := write(buffered); err != nil {
		return err
	}
	return errors.Join(buffered.Flush(), file.Chmod(mode), file.Sync())
}

// syncDirectory makes a new name last.
func syncDirectory(name string) error {
	dir, err := os.Open(name) // #nosec G304 -- the operator names the file, and may read it
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
