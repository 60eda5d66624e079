// Package access decides who is calling and what they may do.
//
// Today callers are services with a bearer key. A key is shown once, when it is made; only the SHA-256 of its secret is
// kept, which is enough for 256 random bits. It carries scopes, may be limited to some books, may expire, and once
// revoked it is refused everywhere within a second. Whoever calls becomes a Principal, and the rest of the service sees
// nothing but that: people and their roles will become Principals of another Kind.
//
// Which operation asks for which scope is not decided here but in the one table of operations of package api.
package access
