package migrations

import _ "embed"

//go:embed MADE
var made string

// Made returns what a database is made of once all migrations that this program knows are applied: the lines of a postgres.Schema, as the
// application's role sees it. Of a database of another version they say nothing.
func Made() string { return made }
