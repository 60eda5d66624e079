// Package vault keeps personal data apart from the books.
//
// Every person (a subject such as payee:cre_amy of a book) has a key of their own, random and 256 bits long. Their fields
// are sealed under it with AES-256-GCM, each bound to its book, subject, field and version, so that a value moved to
// another row does not open. A manifest under the same key says which values there are in which versions, so that an
// older value that is put back, or one that is lost, shows. The person's key is itself sealed under a master key, which
// comes from a file or the environment and is never in the database; it can be replaced while the service runs.
//
// Erasing somebody destroys their key. What was sealed under it is unreadable from then on, in the database and in each
// backup taken afterwards; the books, which know the person only by an opaque id, stay as they are. A backup from before
// still has the sealed key, and so have the database's log and the dead row until it is vacuumed: they are unreadable
// without the master key, and end with their own retention. What no manifest can show is a database that was put back
// whole; the audit trail's head, noted elsewhere, does.
//
// Whoever looks at personal data, changes or erases them does it through the recorded acts (Read, Write, Erase and so on),
// which write the audit trail in the same database transaction. The functions that end in Tx are for callers that record
// what they do themselves. Where money goes is changed by Stage and an approval.
package vault
