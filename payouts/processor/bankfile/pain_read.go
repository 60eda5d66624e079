// Reading pain.002, the report of a bank on a pain.001: a stream of elements in the order of the schema, of which nothing
// is skipped unseen. What the schema does not know, what stands twice, and what contradicts itself is refused.

package bankfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

const (
	statusNamespace = "urn:iso:std:iso:20022:tech:xsd:"
	// painDepth is how deep elements may stand; the schema's own depth is below it.
	painDepth = 24
	// painToken is how many bytes one tag, text or comment may have, and painAttributes how many attributes a tag: the decoder
	// holds a whole one in memory.
	painToken      = 64 << 10
	painAttributes = 16
	// painTokens is how many tags and texts a report may have: 10,000 payments with fifty elements each have fewer.
	painTokens = 2_000_000
	// painTextMost is how long the text of one element may be that we read.
	painTextMost = 140
)

// statusReports are the editions of the message that are read.
var statusReports = []string{"pain.002.001.03", "pain.002.001.04", "pain.002.001.05", "pain.002.001.06", "pain.002.001.07", "pain.002.001.08",
	"pain.002.001.09", "pain.002.001.10", "pain.002.001.11", "pain.002.001.12", "pain.002.001.13", "pain.002.001.14"}

// painOrder is the order of the elements of each element that matters to us, as the schemas have it. A star marks one that
// may come again. The elements below any other are well-formed XML to us, and no more.
var painOrder = map[string][]string{
	"":                  {"Document"},
	"Document":          {"CstmrPmtStsRpt"},
	"CstmrPmtStsRpt":    {"GrpHdr", "OrgnlGrpInfAndSts", "OrgnlPmtInfAndSts*", "SplmtryData*"},
	"GrpHdr":            {"MsgId", "CreDtTm", "InitgPty", "FwdgAgt", "DbtrAgt", "CdtrAgt"},
	"OrgnlGrpInfAndSts": {"OrgnlMsgId", "OrgnlMsgNmId", "OrgnlCreDtTm", "OrgnlNbOfTxs", "OrgnlCtrlSum", "GrpSts", "StsRsnInf*", "NbOfTxsPerSts*"},
	"OrgnlPmtInfAndSts": {"OrgnlPmtInfId", "OrgnlNbOfTxs", "OrgnlCtrlSum", "PmtInfSts", "StsRsnInf*", "NbOfTxsPerSts*", "TxInfAndSts*"},
	"TxInfAndSts": {"StsId", "OrgnlInstrId", "OrgnlEndToEndId", "OrgnlUETR", "TxSts", "StsRsnInf*", "ChrgsInf*", "TrckrData", "AccptncDtTm",
		"AcctSvcrRef", "ClrSysRef", "OrgnlTxRef", "SplmtryData*"},
	"StsRsnInf":     {"Orgtr", "Rsn", "AddtlInf*"},
	"Rsn":           {"Cd", "Prtry"},
	"NbOfTxsPerSts": {"DtldNbOfTxs", "DtldSts", "DtldCtrlSum"},
	"OrgnlTxRef": {"IntrBkSttlmAmt", "Amt", "IntrBkSttlmDt", "ReqdColltnDt", "ReqdExctnDt", "CdtrSchmeId", "SttlmInf", "PmtTpInf", "PmtMtd",
		"MndtRltdInf", "RmtInf", "UltmtDbtr", "Dbtr", "DbtrAcct", "DbtrAgt", "DbtrAgtAcct", "CdtrAgt", "CdtrAgtAcct", "Cdtr", "CdtrAcct", "UltmtCdtr", "Purp"},
	"Amt": {"InstdAmt", "EqvtAmt"},
}

// painLeaves are the elements whose text we read.
var painLeaves = []string{"MsgId", "CreDtTm", "OrgnlMsgId", "OrgnlMsgNmId", "OrgnlNbOfTxs", "OrgnlCtrlSum", "GrpSts", "PmtInfSts", "OrgnlPmtInfId",
	"OrgnlInstrId", "OrgnlEndToEndId", "TxSts", "AccptncDtTm", "Cd", "Prtry", "DtldNbOfTxs", "DtldSts", "DtldCtrlSum", "IntrBkSttlmDt", "InstdAmt"}

// painFrame is an element that is open.
type painFrame struct {
	name, prefix string
	// next is the first place in the order of this element that may still come.
	next int
	// read says that we know the element and read it; leaf that we read its text.
	read, leaf bool
	text       []byte
	currency   string
}

// painBytes gives out the bytes of a message, so many for each token.
type painBytes struct {
	bytes.Reader
	left int
}

var errToken = errors.New("a token is too long")

// ReadByte is how the decoder reads.
func (b *painBytes) ReadByte() (byte, error) {
	if b.left == 0 {
		return 0, errToken
	}
	b.left--
	return b.Reader.ReadByte()
}

// painReader walks through a message.
type painReader struct {
	decoder *xml.Decoder
	data    []byte
	// space is the prefix of the message's elements, empty where its namespace is the default one.
	space  string
	stack  []painFrame
	report Report
	// batch is the payment information we are in, and item the payment.
	batch painStatus
	item  painItem
	group painStatus
	// batches counts the payment informations, begun says that a token was read, and seen holds the payments named.
	batches int
	begun   bool
	// currency is that of the payments that name one.
	currency money.Currency
	seen     map[string]bool
	names    map[string]bool
}

// painStatus is what a level of the message says.
type painStatus struct {
	// word is its status, code the reason.
	word, code string
	// count and sum are the original's totals as they are repeated, if they are.
	counted bool
	count   int
	sum     string
	// counts are the payments by status as the message says, and items as it names them: number of them, for total together,
	// which is not all if one is unpriced.
	counts, items map[string]int
	number        int
	total         money.Minor
	unpriced      bool
	// status and many are the count that is being read.
	status string
	many   int
}

// painItem is one payment while it is read.
type painItem struct {
	Item
	word, day string
}

// wrong is ErrReport at the place that was read last.
func (p *painReader) wrong(what string) error {
	return unsound(lineAt(p.data, p.decoder.InputOffset()), what)
}

// readPain reads a message.
func readPain(data []byte) (Report, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		return Report{}, unsound(1, "it is not in UTF-8.")
	}
	source := &painBytes{Reader: *bytes.NewReader(data)}
	p := &painReader{decoder: xml.NewDecoder(source), data: data, seen: map[string]bool{}, names: map[string]bool{}}
	p.stack = append(p.stack, painFrame{read: true})
	p.group.reset()
	for tokens := 0; ; tokens++ {
		if source.left = painToken; tokens > painTokens {
			return Report{}, ErrReportSize
		}
		token, err := p.decoder.RawToken()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = p.take(token)
			p.begun = true
		}
		var known *fault.Error
		if err != nil && !errors.As(err, &known) {
			err = p.wrong("it is not well-formed XML.")
		}
		if err != nil {
			return Report{}, err
		}
	}
	if len(p.stack) != 1 || p.report.Format == "" {
		return Report{}, p.wrong("it ends too early.")
	}
	return p.finish()
}

// take takes one token.
func (p *painReader) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return p.open(t)
	case xml.EndElement:
		top := p.stack[len(p.stack)-1]
		if len(p.stack) == 1 || t.Name.Local != top.name || t.Name.Space != top.prefix {
			return p.wrong("an element ends that was not begun.")
		}
		p.stack = p.stack[:len(p.stack)-1]
		return p.close(top)
	case xml.CharData:
		return p.chars(t)
	case xml.Directive:
		return p.wrong("it has a document type, which no bank's report has.")
	case xml.ProcInst:
		// The decoder itself refuses every encoding but UTF-8.
		if t.Target != "xml" || p.begun {
			return p.wrong("it has an instruction for programs, which no bank's report has.")
		}
	case xml.Comment:
		if p.stack[len(p.stack)-1].leaf {
			return p.wrong("a comment stands in a value.")
		}
	}
	return nil
}

// chars takes text.
func (p *painReader) chars(text xml.CharData) error {
	top := &p.stack[len(p.stack)-1]
	switch {
	case top.leaf:
		if top.text = append(top.text, text...); len(top.text) > painTextMost {
			return p.wrong("a value is longer than the format allows.")
		}
	case top.read && len(bytes.TrimSpace(text)) > 0:
		return p.wrong("text stands between elements.")
	}
	return nil
}

// open begins an element.
func (p *painReader) open(t xml.StartElement) error {
	if len(p.stack) > painDepth || len(t.Attr) > painAttributes {
		return p.wrong("elements stand too deep in each other, or have too many attributes.")
	}
	top := &p.stack[len(p.stack)-1]
	frame := painFrame{name: t.Name.Local, prefix: t.Name.Space}
	if top.leaf {
		return p.wrong("an element stands in a value.")
	}
	if len(p.stack) == 1 {
		if err := p.openRoot(t); err != nil {
			return err
		}
	}
	if top.read {
		if t.Name.Space != p.space {
			return p.wrong("an element is of another namespace.")
		}
		order := painOrder[top.name]
		at := slices.IndexFunc(order, func(name string) bool { return strings.TrimSuffix(name, "*") == frame.name })
		if at < top.next {
			return p.wrong("an element is unknown, out of order, or stands twice.")
		}
		if top.next = at + 1; strings.HasSuffix(order[at], "*") {
			top.next = at
		}
		frame.leaf = slices.Contains(painLeaves, frame.name)
		_, frame.read = painOrder[frame.name]
		if err := p.attributes(t, &frame); err != nil {
			return err
		}
		p.begin(frame.name)
	}
	p.stack = append(p.stack, frame)
	return nil
}

// openRoot finds out which message it is.
func (p *painReader) openRoot(t xml.StartElement) error {
	if p.report.Format != "" {
		return p.wrong("there is more after its end.")
	}
	p.space = t.Name.Space
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" && a.Name.Local == p.space && p.space != "" || a.Name.Space == "" && a.Name.Local == "xmlns" && p.space == "" {
			if name, ok := strings.CutPrefix(a.Value, statusNamespace); ok && slices.Contains(statusReports, name) && p.report.Format == "" {
				p.report.Format = name
				continue
			}
			return p.wrong("it is not a payment status report, pain.002.001.03 to 14.")
		}
	}
	if p.report.Format == "" {
		return p.wrong("it is not a payment status report, pain.002.001.03 to 14.")
	}
	return nil
}

// attributes takes the attributes of an element we read: a currency with an amount, and otherwise only namespaces at the
// root and where the schema is.
func (p *painReader) attributes(t xml.StartElement, frame *painFrame) error {
	for i, a := range t.Attr {
		if slices.ContainsFunc(t.Attr[:i], func(b xml.Attr) bool { return a.Name == b.Name }) {
			return p.wrong("it is not well-formed XML.")
		}
		switch {
		case frame.name == "InstdAmt" && a.Name == xml.Name{Local: "Ccy"}:
			frame.currency = a.Value
		case len(p.stack) == 1 && (a.Name.Space == "xmlns" || a.Name.Local == "xmlns" || a.Name.Local == "schemaLocation"):
		default:
			return p.wrong("an element has an attribute that the format does not know.")
		}
	}
	return nil
}

// begin makes room for what an element says.
func (p *painReader) begin(name string) {
	switch name {
	case "OrgnlPmtInfAndSts":
		p.batch.reset()
		delete(p.names, "OrgnlPmtInfId")
	case "TxInfAndSts":
		p.item = painItem{}
	case "NbOfTxsPerSts":
		level := p.level()
		level.status, level.many = "", 0
		delete(p.names, "DtldNbOfTxs")
	}
}

func (s *painStatus) reset() { *s = painStatus{counts: map[string]int{}, items: map[string]int{}} }

// level is what the status we are in belongs to.
func (p *painReader) level() *painStatus {
	for _, frame := range p.stack {
		if frame.name == "OrgnlPmtInfAndSts" {
			return &p.batch
		}
	}
	return &p.group
}

// close ends an element and takes what it says.
func (p *painReader) close(frame painFrame) error {
	if !frame.read && !frame.leaf {
		return nil
	}
	if frame.leaf {
		return p.leaf(frame.name, string(bytes.TrimSpace(frame.text)), frame.currency)
	}
	level := p.level()
	switch frame.name {
	case "GrpHdr":
		if p.report.MessageID == "" || p.report.CreatedAt.IsZero() {
			return p.wrong("the report has no id or no time.")
		}
	case "OrgnlGrpInfAndSts":
		if p.report.Original == "" || !p.names["OrgnlMsgNmId"] {
			return p.wrong("the report does not say which file it is about.")
		}
	case "NbOfTxsPerSts":
		if level.status == "" || !p.names["DtldNbOfTxs"] {
			return p.wrong("a count has no status.")
		}
		if _, twice := level.counts[level.status]; twice {
			return p.wrong("a status is counted twice.")
		}
		level.counts[level.status] = level.many
	case "TxInfAndSts":
		return p.endItem()
	case "OrgnlPmtInfAndSts":
		return p.endBatch()
	}
	return nil
}

// leaf takes a value.
func (p *painReader) leaf(name, value, currency string) error {
	p.names[name] = true
	if value == "" || name != "Prtry" && (len(value) > 35 || !every(value, func(c byte) bool { return ' ' <= c && c <= '~' })) {
		return p.wrong("a value is empty, too long, or has characters that no bank writes there.")
	}
	level := p.level()
	inItem := slices.ContainsFunc(p.stack, func(f painFrame) bool { return f.name == "TxInfAndSts" })
	switch name {
	case "MsgId":
		p.report.MessageID = value
	case "CreDtTm":
		at, ok := isoTime(value)
		if p.report.CreatedAt = at; !ok {
			return p.wrong("a time is not a time.")
		}
	case "OrgnlMsgId":
		p.report.Original = value
	case "OrgnlMsgNmId":
		if !strings.HasPrefix(value, "pain.001") {
			return p.wrong("the report is not about a file of payments.")
		}
	case "OrgnlNbOfTxs", "DtldNbOfTxs":
		number, err := strconv.Atoi(value)
		if err != nil || !digits(value) || len(value) > 15 {
			return p.wrong("a number is not a number.")
		}
		if name == "DtldNbOfTxs" {
			level.many = number
		} else {
			level.count, level.counted = number, true
		}
	case "OrgnlCtrlSum", "DtldCtrlSum":
		if whole, part, _ := strings.Cut(value, "."); len(value) > 19 || !digits(whole) || part != "" && !digits(part) || strings.HasSuffix(value, ".") {
			return p.wrong("a sum is not an amount.")
		}
		if name == "OrgnlCtrlSum" {
			level.sum = value
		}
	case "GrpSts", "PmtInfSts":
		level.word = value
	case "DtldSts":
		level.status = value
	case "Cd", "Prtry":
		code := &level.code
		if inItem {
			code = &p.item.Code
		}
		if !every(value, func(c byte) bool { return alnum(c) || c == '-' || c == '_' || c == '.' }) || len(value) > 35 {
			value = "NARR" // free text, which may name a person
		}
		if *code == "" {
			*code = value
		}
	default:
		return p.itemLeaf(name, value, currency)
	}
	return nil
}

// itemLeaf takes a value of one payment.
func (p *painReader) itemLeaf(name, value, currency string) error {
	switch name {
	case "OrgnlInstrId":
		p.item.Trace = value
	case "OrgnlEndToEndId":
		p.item.EndToEnd = home(value)
	case "TxSts":
		p.item.word = value
	case "AccptncDtTm":
		at, ok := isoTime(value)
		if p.item.On = at; !ok {
			return p.wrong("a time is not a time.")
		}
	case "IntrBkSttlmDt":
		p.item.day = value
	case "InstdAmt":
		code, err := money.ParseCurrency(currency)
		if err != nil {
			return p.wrong("an amount has no known currency.")
		}
		if p.item.Amount, err = decimal(value, code); err != nil || p.item.Amount == 0 {
			return p.wrong("an amount is not an amount of its currency.")
		}
		p.item.Currency = code
	}
	return nil
}
