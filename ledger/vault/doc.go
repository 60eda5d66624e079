// Package vault keeps personal data apart from the books.
//
// Every person (a subject such as payee:cre_amy of a book) has a key of their own, random and 256 bits long. Their fields
// are sealed under it with AES-256-GCM, each bound to its book, subject, field and version, so that a value moved to
// another row does not open. The person's key is itself sealed under a master key, which comes from a file or the
// environment and is never in the database; it can be replaced while the service runs.
//
// Erasing somebody destroys their key. What was sealed under it is unreadable from then on, in the database and in each
// backup taken afterwards; the books, which know the person only by an opaque id, stay as they are.
package vault
