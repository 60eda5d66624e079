package evidence

import (
	"encoding/xml"
	"strconv"
	"strings"

	"mizan/ledger/money"
)

// camtWriter writes elements one after the other.
type camtWriter struct{ strings.Builder }

// text writes an element with text, and none if there is no text.
func (w *camtWriter) text(name, value string) {
	if value == "" {
		return
	}
	w.WriteString("<" + name + ">")
	_ = xml.EscapeText(w, []byte(value)) // a Builder takes everything
	w.WriteString("</" + name + ">")
}

// in writes an element around what write writes.
func (w *camtWriter) in(name string, write func()) {
	w.WriteString("<" + name + ">")
	write()
	w.WriteString("</" + name + ">")
}

// amount writes an amount and its side.
func (w *camtWriter) amount(m money.Minor, c money.Currency) {
	w.WriteString(`<Amt Ccy="` + string(c) + `">` + magnitude(m, c) + "</Amt>")
	side := "CRDT"
	if m < 0 {
		side = "DBIT"
	}
	w.text("CdtDbtInd", side)
}

// renderCamt writes a camt.053.001.08.
func renderCamt(statements []Statement) []byte {
	w := &camtWriter{}
	w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>`)
	w.in("GrpHdr", func() {
		w.text("MsgId", statements[0].ID)
		w.text("CreDtTm", isoDate(statements[0].Until)+"T23:59:59Z")
	})
	for i := range statements {
		w.WriteString("\n")
		w.in("Stmt", func() { w.statement(&statements[i]) })
	}
	w.WriteString("\n</BkToCstmrStmt></Document>\n")
	return []byte(w.String())
}

// statement writes a statement.
func (w *camtWriter) statement(s *Statement) {
	w.text("Id", s.ID)
	number, page, paged := strings.Cut(s.Sequence, "/")
	if paged {
		w.in("StmtPgntn", func() { w.text("PgNb", page); w.text("LastPgInd", "false") })
	}
	w.text("ElctrncSeqNb", number)
	if !s.From.IsZero() && !s.Until.IsZero() {
		w.in("FrToDt", func() {
			w.text("FrDtTm", isoDate(s.From)+"T00:00:00")
			w.text("ToDtTm", isoDate(s.Until)+"T23:59:59")
		})
	}
	w.in("Acct", func() {
		w.in("Id", func() {
			if len(s.Account) > 4 && s.Account[0] >= 'A' && s.Account[0] <= 'Z' && isDigits(s.Account[2:4]) {
				w.text("IBAN", s.Account)
			} else {
				w.in("Othr", func() { w.text("Id", s.Account) })
			}
		})
		w.text("Ccy", string(s.Currency))
	})
	for _, b := range []struct {
		code   string
		amount money.Minor
		day    string
	}{{"OPBD", s.Opening, isoDate(s.From)}, {"CLBD", s.Closing, isoDate(s.Until)}} {
		w.in("Bal", func() {
			w.in("Tp", func() { w.in("CdOrPrtry", func() { w.text("Cd", b.code) }) })
			w.amount(b.amount, s.Currency)
			if !s.From.IsZero() && !s.Until.IsZero() {
				w.in("Dt", func() { w.text("Dt", b.day) })
			}
		})
	}
	for i := range s.Lines {
		w.WriteString("\n")
		w.in("Ntry", func() { w.entry(&s.Lines[i], s.Currency) })
	}
}

// entry writes an entry.
func (w *camtWriter) entry(l *Line, c money.Currency) {
	w.amount(l.Amount, c)
	if l.Reversal {
		w.text("RvslInd", "true")
	}
	w.in("Sts", func() { w.text("Cd", "BOOK") })
	w.in("BookgDt", func() { w.text("Dt", isoDate(l.Booked)) })
	w.in("ValDt", func() { w.text("Dt", isoDate(l.Value)) })
	w.text("AcctSvcrRef", l.ID)
	w.in("BkTxCd", func() { w.code(l.Code) })
	w.in("NtryDtls", func() {
		if len(l.Parts) == 0 {
			w.in("TxDtls", func() { w.payment(l) })
			return
		}
		w.in("Btch", func() {
			w.text("PmtInfId", l.Batch)
			w.text("NbOfTxs", strconv.Itoa(len(l.Parts)))
		})
		for _, p := range l.Parts {
			w.in("TxDtls", func() {
				w.in("Refs", func() { w.text("EndToEndId", p.EndToEnd) })
				w.amount(p.Amount, c)
				w.remittance(p.Text)
			})
		}
	})
	if len(l.Parts) > 0 {
		w.text("AddtlNtryInf", l.Text)
	}
}

// payment writes the only payment of an entry.
func (w *camtWriter) payment(l *Line) {
	w.in("Refs", func() {
		w.text("PmtInfId", l.Batch)
		w.text("EndToEndId", firstOf(l.EndToEnd, "NOTPROVIDED"))
		w.text("TxId", l.Trace)
		w.text("MndtId", l.Mandate)
	})
	w.remittance(l.Text)
}

// remittance writes a text in pieces of at most 140 letters, cut between words where that is possible.
func (w *camtWriter) remittance(s string) {
	if s == "" {
		return
	}
	w.in("RmtInf", func() {
		for _, piece := range pieces(s, maxReference) {
			w.text("Ustrd", piece)
		}
	})
}

// pieces cuts a text between words into pieces of at most so many letters; a longer word is cut too.
func pieces(s string, most int) []string {
	var list []string
	rest := []rune(s)
	for len(rest) > most {
		cut := most
		for cut > 0 && rest[cut] != ' ' {
			cut--
		}
		if cut == 0 {
			list, rest = append(list, string(rest[:most])), rest[most:]
			continue
		}
		list, rest = append(list, string(rest[:cut])), rest[cut+1:]
	}
	return append(list, string(rest))
}

// code writes the transaction code: of three parts by ISO, or the bank's own.
func (w *camtWriter) code(code string) {
	parts := strings.Split(code, "/")
	if len(parts) != 3 {
		w.in("Prtry", func() { w.text("Cd", code) })
		return
	}
	w.in("Domn", func() {
		w.text("Cd", parts[0])
		w.in("Fmly", func() { w.text("Cd", parts[1]); w.text("SubFmlyCd", parts[2]) })
	})
}
