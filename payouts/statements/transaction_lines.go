package statements

import (
	"context"
)

// TransactionLines returns the lines that one transaction has in a statement, none if it is not in it. They are not held against what the
// statement closes with. Their numbers count from the first of them, not from that of the statement.
//
// Errors: ErrOld, ErrChanged.
func (s *Service) TransactionLines(ctx context.Context, st *Statement, sequence int64) (lines []Line, err error) {
	if st.schema != Schema {
		return nil, ErrOld
	}
	if sequence <= st.From || sequence > st.To {
		return nil, nil
	}
	_, err = s.walk(ctx, st, Place{Sequence: sequence - 1}, always(1), func(x *cutting) (bool, error) {
		if x.t.Sequence == sequence {
			lines = x.lines
		}
		return false, nil
	})
	return lines, err
}
