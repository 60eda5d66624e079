package console

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"mizan/api/access"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What comes in: files of marketplaces and messages of shops and processors, what became of each, and what waits for a person.

const (
	// importTime bounds the time in which a file comes in and is stored.
	importTime = 2 * time.Minute
	// fieldBytes bounds a field of an upload, and fieldsOfImport how many stand before the file.
	fieldBytes     = 1 << 10
	fieldsOfImport = 16
	// bodyShown bounds what a page shows of a message.
	bodyShown = 64 << 10
)

var importLooks = map[intake.ImportState]string{intake.ImportReceived: "running", intake.ImportChecking: "running", intake.ImportApplying: "running", intake.ImportDone: "done", intake.ImportRefused: "failed"}

var rowLooks = map[intake.RowState]string{intake.RowApplied: "done", intake.RowParked: "open", intake.RowChanged: "failed"}

var messageLooks = map[intake.State]string{intake.Received: "running", intake.Applied: "done", intake.Parked: "open", intake.Ignored: ""}

// errImportSize means that an uploaded file is too large.
var errImportSize = fault.New(fault.TooLarge, "import-size", "The file has more than 64 MiB. Split it; nothing was imported.")

// intakePages are the pages about what comes in, and their forms.
func (c *console) intakePages(mux *http.ServeMux, at string) {
	const file, message = importsPath + "/{import}", inboundPath + "/{message}"
	write := []access.Scope{access.InboundWrite}
	mux.HandleFunc("GET "+at+importsPath, c.readBy(access.InboundRead, "imports", c.imports))
	mux.HandleFunc("GET "+at+file, c.readBy(access.InboundRead, "import", c.oneImport))
	mux.HandleFunc("POST "+at+importsPath, c.takeImport)
	mux.HandleFunc("POST "+at+file+"/retries", c.formBy(access.InboundRead, "import", write, c.retryImport, c.oneImport))
	mux.HandleFunc("GET "+at+inboundPath, c.readBy(access.InboundRead, "inbound", c.inbound))
	mux.HandleFunc("GET "+at+message, c.readBy(access.InboundRead, "message", c.message))
	mux.HandleFunc("POST "+at+message+"/retries", c.formBy(access.InboundRead, "message", write, c.retryMessage, c.message))
	mux.HandleFunc("POST "+at+message+"/body", c.form(c.messageBody))
}

// intakeHead begins a page about what comes in; active is the address of its tab.
func (c *console) intakeHead(ctx context.Context, who cashier, active string) payHead {
	t, h := tellerOf(ctx), c.adminHead(who, "Imports")
	h.MayWrite = mayAll(who.principal(), who.o.Code, access.InboundWrite)
	for _, x := range []link{{t.say("admin.imports"), importsPath}, {t.say("admin.inbound"), inboundPath}} {
		h.Pages = append(h.Pages, tab{link{x.Text, who.o.At + x.Address}, x.Address == active})
	}
	return h
}

// importLine is an import in a list.
type importLine struct {
	intake.Import
	Link   string
	Look   stateWord
	Counts []rowCount
	Parked int
	// Said, Ours and Booked are its totals; Less what is missing of them in the book.
	Said, Ours, Booked, Less amount
}

// rowCount is how many rows of an import are in a state.
type rowCount struct {
	stateWord
	N    int64
	Link string
}

func importLineOf(t teller, who cashier, i intake.Import) importLine {
	l := importLine{Import: i, Link: who.o.At + importsPath + "/" + strconv.FormatInt(i.ID, 10), Look: stateWord{t.say("admin.import." + string(i.State)), importLooks[i.State]},
		Parked: i.Counts[intake.RowParked]}
	for _, state := range intake.RowStates {
		if n := i.Counts[state]; n > 0 {
			l.Counts = append(l.Counts, rowCount{stateWord{t.say("admin.row." + string(state)), rowLooks[state]}, int64(n), narrowedTo(l.Link, "state", string(state))})
		}
	}
	if i.Currency == "" {
		return l
	}
	l.Ours, l.Booked, l.Less = minor(i.Ours, i.Currency), minor(i.Booked, i.Currency), minor(i.Ours-i.Booked, i.Currency)
	if i.Said {
		l.Said, l.Less = minor(i.Stated, i.Currency), minor(i.Stated-i.Booked, i.Currency)
	}
	return l
}

type importsPage struct {
	payHead
	At          string
	Lines       []importLine
	Next, First string
	Formats     []string
	Roles       []string
}

func (c *console) imports(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	t := tellerOf(ctx)
	p := importsPage{payHead: c.intakeHead(ctx, who, importsPath), At: who.o.At + importsPath, Formats: []string{string(intake.TikTok), string(intake.AmazonV2), string(intake.CSV)},
		Roles: []string{"platform", "bookkeeper", "attribution"}}
	before, err := positive(r.URL.Query().Get("after"))
	if err != nil {
		return answer{}, errQuery
	}
	if before > 0 {
		p.First = p.At
	}
	list, err := c.Intake.LatestImports(ctx, who.book, before, importsPerPage+1)
	if err != nil {
		return answer{}, err
	}
	if len(list) > importsPerPage {
		list = list[:importsPerPage]
		p.Next = narrowedTo(p.At, "after", strconv.FormatInt(list[importsPerPage-1].ID, 10))
	}
	for _, i := range list {
		p.Lines = append(p.Lines, importLineOf(t, who, i))
	}
	return who.administered(t.say("admin.imports"), &p), nil
}

// importRowLine is a row of a file.
type importRowLine struct {
	intake.ImportRow
	Look stateWord
	Sum  amount
	Link string
}

type importPage struct {
	payHead
	At          string
	Import      importLine
	States      []tab
	State       string
	Rows        []importRowLine
	Next, First string
	Hash        string
	// Dry says that nothing was stored.
	Dry bool
}

// importID is the id that an address names.
func importID(s string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 1 {
		return 0, errNoPage
	}
	return id, nil
}

func (c *console) oneImport(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	id, err := importID(r.PathValue("import"))
	if err != nil {
		return answer{}, err
	}
	i, err := c.Intake.ImportByID(ctx, who.book, id)
	if err != nil {
		return answer{}, err
	}
	t, q := tellerOf(ctx), r.URL.Query()
	p := c.importPage(ctx, who, i)
	p.State = q.Get("state")
	known := p.State == ""
	p.States = append(p.States, tab{link{t.say("admin.all"), p.Import.Link}, known})
	for _, state := range intake.RowStates {
		p.States = append(p.States, tab{link{t.say("admin.row." + string(state)), narrowedTo(p.Import.Link, "state", string(state))}, p.State == string(state)})
		known = known || p.State == string(state)
	}
	after, err := positive(q.Get("after"))
	if err != nil || !known || after > 1<<30 {
		return answer{}, errQuery
	}
	if after > 0 {
		p.First = narrowedTo(p.Import.Link, "state", p.State)
	}
	rows, err := c.Intake.ImportRows(ctx, who.book, id, intake.RowState(p.State), int(after), rowsPerPage+1)
	if err != nil {
		return answer{}, err
	}
	if len(rows) > rowsPerPage {
		rows = rows[:rowsPerPage]
		p.Next = narrowedTo(p.Import.Link, "state", p.State, "after", strconv.Itoa(rows[rowsPerPage-1].Row))
	}
	p.Rows = importRowLines(t, who, rows, i.Currency)
	return who.administered(t.say("admin.import.title", "id", id), &p, link{t.say("admin.imports"), p.At}), nil
}

func (c *console) importPage(ctx context.Context, who cashier, i intake.Import) importPage {
	return importPage{payHead: c.intakeHead(ctx, who, importsPath), At: who.o.At + importsPath, Import: importLineOf(tellerOf(ctx), who, i), Hash: hex.EncodeToString(i.SHA256[:])}
}

func importRowLines(t teller, who cashier, rows []intake.ImportRow, c money.Currency) (lines []importRowLine) {
	for _, row := range rows {
		l := importRowLine{ImportRow: row, Look: stateWord{t.say("admin.row." + string(row.State)), rowLooks[row.State]}}
		if c != "" {
			l.Sum = minor(row.Amount, c)
		}
		if row.Reference != "" {
			l.Link = address("/books/"+who.o.Code+"/transactions", map[string][]string{"reference": {row.Reference}})
		}
		lines = append(lines, l)
	}
	return lines
}

// retryImport has the parked rows of a file tried again.
func (c *console) retryImport(ctx context.Context, who cashier, r *http.Request) (string, error) {
	id, err := importID(r.PathValue("import"))
	if err != nil {
		return "", err
	}
	why, err := reasonGiven(r)
	if err != nil {
		return "", err
	}
	i, err := c.Intake.RetryImportBy(ctx, who.actor(), who.book, id, why)
	return who.o.At + importsPath + "/" + strconv.FormatInt(i.ID, 10), err
}

// takeImport takes a file that is uploaded. What is said about it comes before it, and nothing is read of the file before
// that was judged.
func (c *console) takeImport(w http.ResponseWriter, r *http.Request) {
	if err := c.uploadImport(w, r); err != nil {
		c.fail(w, r, err)
	}
}

func (c *console) uploadImport(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), importTime)
	defer cancel()
	who, err := c.uploader(ctx, r, access.InboundRead, access.InboundWrite)
	if err != nil {
		return err
	}
	done, err := holding(ctx, c.uploading) // files come in a few at a time
	if err != nil {
		return err
	}
	defer done()
	given, file, err := c.readImport(ctx, w, r)
	if err != nil {
		return err
	}
	r.PostForm = map[string][]string{}
	for name, value := range given {
		r.PostForm.Set(name, value)
	}
	o := intake.ImportOptions{Format: intake.Format(given["format"]), Role: given["role"], Seller: given["seller"], Channel: given["channel"], Processor: given["processor"],
		Carrier: given["carrier"], Creator: given["creator"], Agency: given["agency"], Jurisdiction: given["jurisdiction"]}
	if given["dry"] != "" {
		return c.tryImport(ctx, w, r, who, o, file)
	}
	i, _, err := c.Intake.ImportBy(ctx, who.actor(), who.book, o, file)
	if err == nil {
		http.Redirect(w, r, who.o.At+importsPath+"/"+strconv.FormatInt(i.ID, 10), http.StatusSeeOther)
		return nil
	}
	return c.again(ctx, w, r, who, "imports", uploadRefused(err), c.imports)
}

// uploadRefused says that a file was too large where a bound ended its reading.
func uploadRefused(err error) error {
	if errors.As(err, new(*http.MaxBytesError)) {
		return errImportSize
	}
	return err
}

// tryImport says what would become of a file, and stores nothing.
func (c *console) tryImport(ctx context.Context, w http.ResponseWriter, r *http.Request, who cashier, o intake.ImportOptions, file io.Reader) error {
	i, breaks, err := c.Intake.DryRunImport(ctx, who.book, o, file)
	if err != nil {
		return c.again(ctx, w, r, who, "imports", uploadRefused(err), c.imports)
	}
	t, p := tellerOf(ctx), c.importPage(ctx, who, i)
	p.Dry, p.Rows, p.Import.Counts = true, importRowLines(t, who, breaks, i.Currency), withoutLinks(p.Import.Counts)
	c.render(w, r, http.StatusOK, "import", who.administered(t.say("admin.import.dry"), &p, link{t.say("admin.imports"), p.At}))
	return nil
}

func withoutLinks(counts []rowCount) []rowCount {
	for i := range counts {
		counts[i].Link = ""
	}
	return counts
}

// readImport reads an upload as far as the file, which the caller reads on. It returns errForm for one of no page of ours.
func (c *console) readImport(ctx context.Context, w http.ResponseWriter, r *http.Request) (map[string]string, io.Reader, error) {
	v := visitOf(r.Context())
	if v.failed != nil {
		return nil, nil, v.failed
	}
	at, _ := ctx.Deadline()
	control := http.NewResponseController(w)
	_, _ = control.SetReadDeadline(at), control.SetWriteDeadline(at.Add(time.Minute)) // where they cannot be moved, the server's own hold
	r.Body = http.MaxBytesReader(w, r.Body, intake.MaxFileBytes+maxForm)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, unreadable(err)
	}
	given := map[string]string{}
	for range fieldsOfImport {
		part, err := parts.NextPart()
		if err != nil {
			return nil, nil, unreadable(err)
		}
		name := part.FormName()
		if name == "file" {
			if !c.holdsToken(v, given[tokenField]) {
				return nil, nil, errForm
			}
			return given, part, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, fieldBytes))
		if err != nil {
			return nil, nil, unreadable(err)
		}
		given[name] = strings.TrimSpace(string(value))
	}
	return nil, nil, errFormRead
}

// messageLine is a message in a list.
type messageLine struct {
	intake.Message
	Link, About, Event, Age string
	Look                    stateWord
}

func (c *console) messageLine(t teller, who cashier, m intake.Message) messageLine {
	l := messageLine{Message: m, Link: who.o.At + inboundPath + "/" + strconv.FormatInt(m.ID, 10), Look: stateWord{t.say("admin.message." + string(m.State)), messageLooks[m.State]},
		Age: t.ago(m.ReceivedAt, c.Now())}
	if m.About != "" {
		l.About = who.subjectAt("order:" + m.About)
	}
	if m.Reference != "" && m.State == intake.Applied {
		l.Event = address("/books/"+who.o.Code+"/transactions", map[string][]string{"reference": {m.Reference}})
	}
	return l
}

type inboundPage struct {
	payHead
	States      []tab
	State       string
	Lines       []messageLine
	Next, First string
}

func (c *console) inbound(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	t, q, at := tellerOf(ctx), r.URL.Query(), who.o.At+inboundPath
	p := inboundPage{payHead: c.intakeHead(ctx, who, inboundPath), State: q.Get("state")}
	known := p.State == ""
	p.States = append(p.States, tab{link{t.say("admin.all"), at}, known})
	for _, state := range []intake.State{intake.Parked, intake.Received, intake.Applied, intake.Ignored} {
		p.States = append(p.States, tab{link{t.say("admin.message." + string(state)), narrowedTo(at, "state", string(state))}, p.State == string(state)})
		known = known || p.State == string(state)
	}
	before, err := positive(q.Get("after"))
	if err != nil || !known {
		return answer{}, errQuery
	}
	if before > 0 {
		p.First = narrowedTo(at, "state", p.State)
	}
	list, err := c.Intake.LatestMessages(ctx, who.book, intake.Query{State: intake.State(p.State), After: before, Limit: inboundPerPage + 1})
	if err != nil {
		return answer{}, err
	}
	if len(list) > inboundPerPage {
		list = list[:inboundPerPage]
		p.Next = narrowedTo(at, "state", p.State, "after", strconv.FormatInt(list[inboundPerPage-1].ID, 10))
	}
	for _, m := range list {
		p.Lines = append(p.Lines, c.messageLine(t, who, m))
	}
	return who.administered(t.say("admin.inbound"), &p), nil
}

type messagePage struct {
	payHead
	At      string
	Message messageLine
	Hash    string
	// Read says that the body is shown, Body is it; Cut that it is longer, and Binary that it is no text.
	Read, Cut, Binary bool
	Body              string
	MayRetry          bool
	// MayOpen says that the visitor may read the body.
	MayOpen bool
}

// message shows what is known of a message without its body, which holds what shops know of their buyers.
func (c *console) message(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	id, err := importID(r.PathValue("message"))
	if err != nil {
		return answer{}, err
	}
	m, err := c.Intake.Message(ctx, who.book, id)
	if err != nil {
		return answer{}, err
	}
	m.Body = nil
	return c.messageOf(ctx, who, m), nil
}

func (c *console) messageOf(ctx context.Context, who cashier, m intake.Message) answer {
	t, at := tellerOf(ctx), who.o.At+inboundPath
	p := messagePage{payHead: c.intakeHead(ctx, who, inboundPath), At: at + "/" + strconv.FormatInt(m.ID, 10), Message: c.messageLine(t, who, m), Hash: hex.EncodeToString(m.SHA256[:])}
	p.MayOpen = mayAll(who.principal(), who.o.Code, access.PersonalRead)
	p.MayRetry = p.MayWrite && m.State == intake.Parked
	if m.Body != nil {
		p.Read, p.Binary = true, !utf8.Valid(m.Body)
		if p.Cut = len(m.Body) > bodyShown; p.Cut {
			m.Body = m.Body[:bodyShown]
		}
		if !p.Binary {
			p.Body = plain(strings.ToValidUTF8(string(m.Body), ""))
		}
	}
	return who.administered(t.say("admin.message.title", "id", m.ID), &p, link{t.say("admin.inbound"), at})
}

// messageBody shows a message as it came, and tells the trail who read it.
func (c *console) messageBody(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	who, err := c.readerOf(ctx, r, access.InboundRead)
	if err != nil {
		return err
	}
	if !mayAll(who.principal(), who.o.Code, access.PersonalRead) {
		return access.ErrForbidden
	}
	id, err := importID(r.PathValue("message"))
	if err != nil {
		return err
	}
	m, err := c.Intake.Read(ctx, who.actor(), who.book, id)
	if err != nil {
		return err
	}
	c.render(w, r, http.StatusOK, "message", c.messageOf(ctx, who, m))
	return nil
}

// retryMessage has a message tried again.
func (c *console) retryMessage(ctx context.Context, who cashier, r *http.Request) (string, error) {
	id, err := importID(r.PathValue("message"))
	if err != nil {
		return "", err
	}
	why, err := reasonGiven(r)
	if err != nil {
		return "", err
	}
	_, err = c.Intake.RetryBy(ctx, who.actor(), who.book, id, why)
	return who.o.At + inboundPath + "/" + strconv.FormatInt(id, 10), err
}
