package main

// Findings: what looking at a deployment comes to, a sentence each, and what to do about it.

import (
	"fmt"
	"strings"
)

// state is how bad a finding is.
type state string

const (
	stateOK state = "ok"
	// stateWarn is for what a service can run with and somebody should know of.
	stateWarn state = "warn"
	// stateWrong is for what a service in production mode does not start with.
	stateWrong state = "wrong"
)

// finding is one thing that was looked at.
type finding struct {
	Check string `json:"check"`
	State state  `json:"state"`
	// Says is what was found, and Do what to do about it. Neither repeats a secret.
	Says string `json:"says"`
	Do   string `json:"do,omitempty"`
}

// findings are in the order in which they were looked at.
type findings []finding

func (f *findings) ok(check, says string) {
	*f = append(*f, finding{check, stateOK, says, ""})
}

func (f *findings) warn(check, says, do string) {
	*f = append(*f, finding{check, stateWarn, says, do})
}

func (f *findings) wrong(check, says, do string) {
	*f = append(*f, finding{check, stateWrong, says, do})
}

// hold adds that something is as it must be, or wrong.
func (f *findings) hold(check string, holds bool, says, otherwise, do string) {
	if holds {
		f.ok(check, says)
		return
	}
	f.wrong(check, otherwise, do)
}

// of returns how many there are of a state.
func (f findings) of(s state) (n int) {
	for _, one := range f {
		if one.State == s {
			n++
		}
	}
	return n
}

// worst returns the worst state of all.
func (f findings) worst() state {
	switch {
	case f.of(stateWrong) > 0:
		return stateWrong
	case f.of(stateWarn) > 0:
		return stateWarn
	}
	return stateOK
}

// refuse returns errUnsafe with everything that is wrong, nil for nothing.
func (f findings) refuse() error {
	wrong := f.of(stateWrong)
	if wrong == 0 {
		return nil
	}
	things := fmt.Sprintf("%d things are", wrong)
	if wrong == 1 {
		things = "one thing is"
	}
	err := errUnsafe.Withf("Mizan does not start in production mode, because %s wrong:", things)
	for _, one := range f {
		if one.State == stateWrong {
			err = err.At(one.Check, "unsafe", one.Says+" "+one.Do)
		}
	}
	return err
}

// firstFew joins names for a sentence, and counts those beyond the first few.
func firstFew(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
