package pan

// A Stream finds card numbers in text that comes in parts, such as a file, by the rule of Certain. The zero value is ready.
// It keeps a few hundred bytes.
type Stream struct {
	held   []byte // the end of what came: context that was judged, and what cannot be judged before more comes
	judged int    // bytes of held
	found  bool
}

const (
	// context is what is kept of what was judged: an IBAN may begin in it, and so may a number.
	context = 192
	// block is how much is looked at at once.
	block = 32 << 10
)

// Write looks at another part and reports whether a card number has ended in what came so far. The last digits of a part
// are judged when it is known what follows them.
func (s *Stream) Write(part []byte) (found bool) {
	for len(part) > 0 && !s.found {
		n := min(len(part), block)
		s.held = append(s.held, part[:n]...)
		part = part[n:]
		cut := len(s.held)
		for cut > s.judged && within[s.held[cut-1]] && len(s.held)-cut < context {
			cut--
		}
		// What ends a number is looked at with it: one byte more than the number itself.
		s.judge(cut)
	}
	return s.found
}

// End says that nothing follows, and reports whether a card number was found in all that came.
func (s *Stream) End() (found bool) {
	if !s.found {
		s.found = search(string(s.held), s.judged, false)
	}
	return s.found
}

// judge looks at what is held up to a byte that can be no part of a number.
func (s *Stream) judge(cut int) {
	if cut <= s.judged {
		return
	}
	s.found = search(string(s.held[:cut]), s.judged, false)
	from := max(0, cut-context)
	s.judged = cut - from
	s.held = append(s.held[:0], s.held[from:]...)
}
