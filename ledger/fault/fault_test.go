package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"mizan/ledger/fault"
)

var errShort = fault.New(fault.Invalid, "too-short", "Make it longer.")

// TestParticularsKeepTheDeclaration gives a declared error particulars: it is still found by its declaration, and the
// declaration itself stays as it was.
func TestParticularsKeepTheDeclaration(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk on fire")
	err := fmt.Errorf("post: %w", errShort.Withf("Make it %d longer.", 3).At("/a", "length", "Too short.").Because(cause))
	if !errors.Is(err, errShort) || !errors.Is(err, cause) {
		t.Errorf("%v is neither its declaration nor its cause", err)
	}
	if fault.KindOf(err) != fault.Invalid || fault.CodeOf(err) != "too-short" {
		t.Errorf("kind %s, code %q", fault.KindOf(err), fault.CodeOf(err))
	}
	var f *fault.Error
	if !errors.As(err, &f) || f.Message != "Make it 3 longer." || len(f.Fields) != 1 || f.Fields[0].Pointer != "/a" {
		t.Errorf("particulars: %+v", f)
	}
	if errShort.Message != "Make it longer." || errShort.Fields != nil || errShort.Unwrap() != nil {
		t.Errorf("the declaration changed: %+v", errShort)
	}
	if got, want := err.Error(), "post: too-short: Make it 3 longer. [/a: Too short.]: disk on fire"; got != want {
		t.Errorf("log text %q, want %q", got, want)
	}
}

// TestFieldsAreNotShared adds fields to two copies of one error.
func TestFieldsAreNotShared(t *testing.T) {
	t.Parallel()
	base := errShort.At("/a", "x", "x")
	one, two := base.At("/b", "x", "x"), base.At("/c", "x", "x")
	if one.Fields[1].Pointer != "/b" || two.Fields[1].Pointer != "/c" || len(base.Fields) != 1 {
		t.Errorf("%v, %v, %v", base.Fields, one.Fields, two.Fields)
	}
}

// TestUnknownErrorsAreInternal treats everything that was not declared as ours to look at.
func TestUnknownErrorsAreInternal(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, errors.New("x"), fmt.Errorf("y: %w", errors.New("x"))} {
		if fault.KindOf(err) != fault.Internal || fault.CodeOf(err) != "" {
			t.Errorf("%v: kind %s, code %q", err, fault.KindOf(err), fault.CodeOf(err))
		}
	}
	if fault.Kind(200).String() != "internal" || fault.Unavailable.String() != "unavailable" {
		t.Error("names of kinds")
	}
	if errors.Is(errShort, errors.New("too-short")) || errors.Is(errShort, fault.New(fault.Invalid, "other", "")) {
		t.Error("an error is another one")
	}
}
