package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/api/console"
	"mizan/api/traffic"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// An operation is one thing that can be called. The table of operations is the only list of them: routing, the OpenAPI
// document, the access matrix and the console's API page are read from it.

// Operation describes one operation and knows how to carry it out.
type Operation struct {
	// Method and Path are the route; a path names its parameters in braces.
	Method, Path string
	// ID names the operation for ever, in code made from the OpenAPI document and in logs.
	ID string
	// Group is the heading it stands under.
	Group string
	// Summary is one line, Description says what a caller must know.
	Summary, Description string
	// Scope is what the caller's key must have; empty means that no key is asked for.
	Scope access.Scope
	// Also is a second scope that it asks for; empty for nearly all.
	Also access.Scope
	// Own names the parameter of the path that says which payee it is about; payees may read it about themselves. Empty for
	// an operation that is not for payees.
	Own string
	// Installation says that it concerns every book, such as the list of people: whoever is limited to some books may not.
	Installation bool
	// Each says that it shows each caller only what they may see, so that a key or a role for some books is enough.
	Each bool
	// Owned says that people may do it to the keys they answer for, whatever their roles; all others need the scope.
	Owned bool
	// SecondPerson is the act for which this asks a second person to agree; callers who need one are sent to the approvals.
	// Empty for an operation that anybody with the scope may do alone.
	SecondPerson string
	// Signed says that the request proves by its own signature who sends it, and that no key is asked for.
	Signed bool
	// Reads says that it only reads, and much, although it is no GET: it waits for its turn among those that read.
	Reads bool
	// Query is a struct whose fields are the parameters, nil for none.
	Query reflect.Type
	// Body is the type of the request's body, nil for none; BodyLimit bounds it in bytes.
	Body      reflect.Type
	BodyLimit int64
	// BodyMedia are the content types of a body that is a file and no JSON, and BodyHolds what it holds of the room for
	// bodies, because it is not kept whole.
	BodyMedia []string
	BodyHolds int64
	// Example is a body that works, once the book exists.
	Example any
	// Examples are bodies by the name of what they show, instead of Example where there are several to be shown.
	Examples map[string]any
	// Answers are the successes.
	Answers []Answer
	// Errors are what it may be refused for, besides what every operation may be refused for.
	Errors []*fault.Error

	handle  func(*call) (reply, error)
	allowed []string // the names of Query
}

// Answer is one way an operation succeeds.
type Answer struct {
	Status int
	// Meaning says when.
	Meaning string
	// Body is the type of the JSON document; nil if Media is not JSON.
	Body reflect.Type
	// Media is the content type, application/json if empty.
	Media string
	// Replayed says that the header Idempotent-Replayed is sent.
	Replayed bool
}

const (
	bodyLimit      = 1 << 20
	batchBodyLimit = 4 << 20
	readTimeout    = 5 * time.Second
	writeTimeout   = 15 * time.Second
)

// Operations returns every operation, in the order of the documentation.
func Operations() []Operation {
	var all []Operation
	for _, group := range [][]Operation{
		bookOperations(),
		healthOperations(),
		searchOperations(),
		transactionOperations(),
		correctionOperations(),
		eventOperations(),
		openingOperations(),
		orderOperations(),
		simulcastOperations(),
		giftOperations(),
		releaseOperations(),
		campaignOperations(),
		receiptOperations(),
		payeeOperations(),
		earningsOperations(),
		payeeOrderOperations(),
		comingOperations(),
		payoutClockOperations(),
		standingOperations(),
		destinationOperations(),
		holdOperations(),
		payoutPolicyOperations(),
		payoutRunOperations(),
		payoutOperations(),
		statementOperations(),
		dayOperations(),
		statementBesideOperations(),
		payoutStatementOperations(),
		questionOperations(),
		bankAccountOperations(),
		bankFileOperations(),
		bankReportOperations(),
		evidenceOperations(),
		evidenceLineOperations(),
		traceOperations(),
		reconciliationOperations(),
		breakOperations(),
		pairingOperations(),
		monthOperations(),
		exportOperations(),
		ruleSetOperations(), ruleChangeOperations(),
		inboundOperations(),
		noticeOperations(),
		importOperations(),
		rehearsalOperations(),
		balanceOperations(),
		bridgeOperations(),
		coverageOperations(),
		accountOperations(),
		verificationOperations(),
		currencyOperations(),
		approvalOperations(),
		adjustmentOperations(),
		auditOperations(),
		jobOperations(),
		keyOperations(),
		peopleOperations(),
		personalOperations(),
		systemOperations(),
	} {
		all = append(all, group...)
	}
	for i := range all {
		all[i].allowed = parameterNames(all[i].Query)
	}
	return all
}

// ConsoleOperations are the operations as the console's pages name them.
func ConsoleOperations() []console.Operation {
	var list []console.Operation
	for _, op := range Operations() {
		of := console.Operation{ID: op.ID, Method: op.Method, Path: op.Path, Params: op.allowed, Needs: op.needs(), Columns: listColumns(&op), MostRows: op.mostRows()}
		if op.Example != nil {
			if body, err := json.Marshal(op.Example); err == nil { // a test sends every example
				of.Body = string(body)
			}
		}
		list = append(list, of)
	}
	return list
}

// mostRows is how many rows of a list a page may have; 0 if its caller has no say.
func (op *Operation) mostRows() int {
	if op.Query == nil {
		return 0
	}
	f, ok := op.Query.FieldByName("Limit")
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(f.Tag.Get("maximum"))
	if err != nil {
		panic("api: the limit of " + op.ID + " has no maximum") // a defect of the program
	}
	return n
}

// needs are the scopes that the operation asks for.
func (op *Operation) needs() (scopes []access.Scope) {
	for _, s := range []access.Scope{op.Scope, op.Also} {
		if s != "" {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

// ofBook reports whether the operation is about one book, which then stands in its path.
func (op *Operation) ofBook() bool { return strings.Contains(op.Path, "{book}") }

// json reports whether the operation answers in JSON and so minds the Accept header.
func (op *Operation) json() bool { return op.Answers[0].Media == "" }

func (op *Operation) timeout() time.Duration {
	if op.Method == http.MethodGet {
		return readTimeout
	}
	return writeTimeout
}

// refusals returns every error the operation may be answered with.
func (op *Operation) refusals() []*fault.Error {
	all := []*fault.Error{ErrRequest, ErrURISize, ErrHeaders, ErrInternal, ErrUnavailable}
	if op.Path != "/livez" && op.Path != "/readyz" {
		all = append(all, traffic.ErrRateLimited)
		if op.Method == http.MethodGet || op.Reads {
			all = append(all, traffic.ErrBusy)
		}
	}
	if op.Query != nil || strings.Contains(op.Path, "{") {
		all = append(all, ledger.ErrInvalid) // a card number may stand there
	}
	if op.json() {
		all = append(all, ErrAccept)
	}
	if op.Scope != "" {
		all = append(all, access.ErrUnauthenticated, access.ErrForbidden, access.ErrTooMany, access.ErrUnavailable)
		if op.Method != http.MethodGet {
			all = append(all, ErrCrossSite)
		}
	}
	if op.ofBook() {
		all = append(all, ledger.ErrBookUnknown)
	}
	if op.Own != "" {
		all = append(all, commerce.ErrPayeeUnknown)
	}
	if op.SecondPerson != "" {
		all = append(all, guard.ErrApprovalRequired)
	}
	if op.Body != nil {
		all = append(all, ErrJSON, ErrMedia, ErrBodySize, ErrBodyTime, ledger.ErrInvalid)
	}
	return append(all, op.Errors...)
}

// reply is a success, encoded.
type reply struct {
	status   int
	body     []byte
	media    string // application/json if empty
	replayed bool
	pooled   *[]byte // given back once the body is written
	sent     bool    // the handler has written the answer itself
}
