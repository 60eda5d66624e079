// Package api is Mizan over HTTP: routes, JSON, OpenAPI and problems. It holds no business rule and no SQL; it decodes,
// asks who is calling, calls a service, and encodes the answer.
//
// Everything that can be called is a value in one table (Operations): its route, its scope, its documentation and its
// handler. Routing, the OpenAPI document and the access matrix are read from that table, so they cannot disagree.
// Errors become RFC 9457 problems in one place (problem.go), which alone knows what HTTP status a kind of error has.
//
// Requests are read strictly. The body passes a decoder of our own (strict_json.go), because encoding/json lets the last
// of two equal keys win, ignores letter case, and repairs broken text silently: each a way to post another amount than
// the one that was meant. Unknown fields and query parameters are refused, and a problem names the field and never
// repeats its value.
package api

//go:generate go test -run TestAccessPage -update .
