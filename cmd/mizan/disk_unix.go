//go:build linux || darwin

package main

// Disk: how much room there is where a directory lies.

import "syscall"

// diskRoom returns the free and all bytes of the disk of a directory.
func diskRoom(dir string) (free, all uint64, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, 0, err
	}
	size := uint64(fs.Bsize)
	return fs.Bavail * size, fs.Blocks * size, nil
}
