package commerce

// checkSheet is filled in below.
func checkSheet(o *order, s *sheet) error { return nil }
