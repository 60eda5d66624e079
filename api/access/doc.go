// Package access decides who is calling and what they may do.
//
// Callers are services with a bearer key, people of the staff, and payees. Whoever calls becomes a Principal, and the rest
// of the service sees nothing but that.
//
// A key is shown once, when it is made; only the SHA-256 of its secret is kept, which is enough for 256 random bits. It
// carries scopes, may be limited to some books, may expire, and can be rotated with an overlap. Somebody answers for it.
//
// People sign in at an issuer, or by a link that works once; payees by such a link. A sign-in begins a session with limits
// of its own. People hold roles, in one book or in every book; payees see themselves and the minors they are the guardian
// of. Who people are stands in the vault; here they have ids only.
//
// Whatever is taken away, a key, a session, a role or a person, is gone on every replica within a second. Every privileged
// act is recorded in the trail of package guard, in the transaction of the act.
//
// Which operation asks for which scope is not decided here but in the one table of operations of package api.
package access
