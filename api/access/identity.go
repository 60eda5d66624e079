package access

// Identity is who somebody is for the issuer that people sign in at.
type Identity struct {
	// Issuer and Subject name the person there, for ever.
	Issuer, Subject string
	// Email is the address of mail, and EmailVerified says that the issuer has checked it.
	Email         string
	EmailVerified bool
}
