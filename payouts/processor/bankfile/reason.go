package bankfile

import (
	"strings"

	"mizan/ledger/guard"
)

// reasoned wants a reason of somebody who looks at bank data, or says what becomes of a file: the trail shall say why.
func reasoned(why string) error {
	if strings.TrimSpace(why) == "" {
		return guard.ErrDeedInvalid.At("/reason", "required", "Say why in a few words.")
	}
	return nil
}
