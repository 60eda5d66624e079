// Package docs is the handbook: Markdown pages embedded in the program and served as HTML at /docs, with the reference of
// the API rendered from the OpenAPI document that the running service answers with.
//
// It imports nothing of Mizan, so that a page can never break a build of the ledger. What it says about the code is held
// to the code by its tests: each error code is documented, the chart is the ledger's, the published vectors hash as
// written, and every link leads somewhere.
package docs

//go:generate go test -run TestChartPage -update .
