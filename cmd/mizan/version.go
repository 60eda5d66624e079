package main

// Version: which build this is, as the Go tool recorded it.

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// built is the version that the Makefile writes into the binary.
var built string

type versionCmd struct{}

// Run prints the version, the commit if it is known, and the Go release.
func (versionCmd) Run(s *surroundings) error {
	_, err := fmt.Fprintf(s.stdout, "mizan %s (%s %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version returns what the Makefile wrote, else the released version, else the commit it was built from, else "development".
func version() string {
	if built != "" {
		return built
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "development"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			return setting.Value[:12]
		}
	}
	return "development"
}
