// Package guard watches over privileged acts: it keeps the trail of who did what, and it makes acts that move other people's
// money or rights wait for a second person.
//
// The trail is append-only and hash-chained per book. A row is written in the database transaction of the act it tells of,
// so there is no act without its row and no row without its act. Rows are for ever and never hold personal data. Verify
// finds a row that was changed, lost or slipped in; against a trail that was written anew from some row to its head helps
// only a head that was noted elsewhere.
//
// An approval is bound to the hash of exactly what will run, shows its computed effect, expires, and is void after an
// edit, and when its effect becomes another. Whoever wrote or edited it cannot approve it. What is approved runs in the
// same database transaction, once.
package guard
