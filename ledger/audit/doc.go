// Package audit turns records into canonical bytes and hashes, so that anyone can check later that nothing was changed.
//
// It is pure: no I/O, no clock, no database. Canonical bytes are versioned and length-prefixed, so that two different
// records can never share them: an integer is 8 bytes big-endian two's complement, a text or byte string is its length
// in bytes as 4 bytes big-endian and then the bytes, a list is its length as 4 bytes big-endian and then its elements, a
// map is a list of key and value in byte order of the keys, an instant is its microseconds since 1970-01-01T00:00:00Z.
// An absent text is the empty text, an absent number is 0.
//
// A hash is the RFC 6962 leaf hash of the canonical bytes, SHA-256(0x00 ‖ bytes), so that it is the record's leaf in a
// Merkle tree as it stands. testdata/vectors.json holds published test vectors.
package audit
