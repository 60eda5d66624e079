package main

// Payday by bank files: beside the month, a few sellers in a market that the processor does not serve are paid by their bank. One
// file is sent and answered: one payment is rejected, and its money is back; the others arrive. The next file waits to be fetched.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"mizan/api/client"
	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/vault"
	"mizan/payouts"
	"mizan/payouts/processor/bankfile"
)

const (
	bankdayCode = "payday_bank"
	// bankdayFirst and bankdayLast are the days of the month on which the bank's book is looked after: from when the cooling-off of
	// its destinations is over.
	bankdayFirst, bankdayLast = 3, 11
	// bankdayAgain is the day on which everybody earns once more, for the next file.
	bankdayAgain = 8
)

// bankdaySellers are paid by the bank; the account of the last one is closed.
var bankdaySellers = []string{"sel_an", "sel_binh", "sel_chi", "sel_dung"}

// bankday is what became of it.
type bankday struct {
	files, paid, failed int
	sent                string
	next                *bankfile.FileRecord
}

// bankDay is one day of the bank's book.
func (t *paydayTeller) bankDay(ctx context.Context, day int) error {
	if day == 0 {
		return t.bankCast(ctx)
	}
	if day < bankdayFirst || day > bankdayLast {
		return nil
	}
	book, err := t.books.Book(ctx, bankdayCode)
	if err != nil {
		return err
	}
	if day == bankdayAgain {
		if err := t.bankEarnings(ctx, 2); err != nil {
			return err
		}
	}
	for _, a := range []storyAct{{At: t.clock.now()}, {Release: true}} {
		if err := t.do(ctx, book, a); err != nil {
			return err
		}
	}
	return t.firstFile(ctx, book)
}

// bankCast creates the book with its bank account, and everybody in it.
func (t *paydayTeller) bankCast(ctx context.Context) error {
	if _, err := t.remote.CreateBook(ctx, client.NewBook{Code: bankdayCode, Name: "Payday, by bank files", Currencies: []money.Currency{"VND"}, Market: "VN", TimeZone: "Asia/Ho_Chi_Minh"}); err != nil {
		return fmt.Errorf("create book %s: %w", bankdayCode, err)
	}
	book, err := t.books.Book(ctx, bankdayCode)
	if err != nil {
		return err
	}
	if err := t.leap(ctx, book, t.clock.now()); err != nil {
		return err
	}
	payload := json.RawMessage(`{"currency":"VND","paid_after":0,"debtor":{"format":"pain.001.001.09","name":"Example Viet Nam","account":"0011000123456","bank":"BFTVVNVX","country":"VN"}}`)
	if err := t.ask(ctx, book, storyAsk{Act: bankfile.ActAccount, Payload: payload, Reason: "The bank has opened the account.", Document: "BANK-VND"}); err != nil {
		return err
	}
	paidIn := client.NewTransaction{Reference: "paid-in", Event: "capital.paid_in", Entries: []client.Line{{Account: "assets:bank:operating:main", Direction: "debit", Amount: "100000000", Currency: "VND"},
		{Account: "equity:opening", Direction: "credit", Amount: "100000000", Currency: "VND"}}}
	if _, err := t.remote.Post(ctx, bankdayCode, paidIn); err != nil {
		return err
	}
	for i, seller := range bankdaySellers {
		if _, err := t.remote.RegisterPayee(ctx, bankdayCode, client.Payee{ID: seller, Kind: "seller", Country: "VN", Currency: "VND"}); err != nil {
			return err
		}
		if err := t.verify(ctx, book, seller); err != nil {
			return err
		}
		name := "Example Shop " + strings.TrimPrefix(seller, "sel_") // a bank takes no underscores
		_, _, err := t.vault.Write(ctx, storyClerk, vault.Owner{Book: int32(book.ID), Region: book.Region}, guard.Book{ID: int32(book.ID), Code: book.Code}, "payee:"+seller,
			map[string]string{"name": name, "bank_holder": name, "bank_account": fmt.Sprintf("00110009%05d", i+1), "bank_code": "BFTVVNVX"}, "The payee has given it.")
		if err != nil {
			return err
		}
		payload, err := json.Marshal(map[string]any{"payee": seller, "rail": payouts.RailBank, "currencies": []string{"VND"}, "mode": payouts.ModeManual, "holder_confirmed": true})
		if err != nil {
			return err
		}
		if err := t.ask(ctx, book, storyAsk{Act: payouts.ActDestination, Payload: payload, Reason: "The payee has shown that the account is its own.", Document: "DEST-" + seller}); err != nil {
			return err
		}
	}
	return t.bankEarnings(ctx, 1)
}

// bankEarnings gives everybody something, for the round of that number.
func (t *paydayTeller) bankEarnings(ctx context.Context, round int) error {
	var list []client.NewEvent
	for i, seller := range bankdaySellers {
		reference := fmt.Sprintf("bonus-%s-%d", seller, round)
		list = append(list, client.NewEvent{Type: "adjustment.posted", Reference: reference, Data: map[string]any{"adjustment": reference, "kind": "seller", "payee": seller,
			"direction": "credit", "currency": "VND", "amount": fmt.Sprint(1_250_000 + 310_500*i*round), "reason": "launch_bonus", "document": "LAUNCH-" + fmt.Sprint(round)}})
	}
	results, err := t.remote.PostEvents(ctx, bankdayCode, list)
	for i, r := range results {
		if r.Problem != nil {
			return fmt.Errorf("post %s: %w", list[i].Reference, r.Problem)
		}
	}
	return err
}

// firstFile does with the first file what is to be done next: it is fetched and sent on one day, and answered on the next.
func (t *paydayTeller) firstFile(ctx context.Context, book ledger.Book) error {
	files, err := t.bank.QueryFiles(ctx, book, bankfile.FileQuery{Currency: "VND"})
	if err != nil || len(files) == 0 {
		return err
	}
	switch f := files[len(files)-1]; f.State {
	case bankfile.FileMade, bankfile.FileFetched:
		if _, _, err := t.bank.Content(ctx, book, f.Currency, f.Number, storyClerk, "To be uploaded at the bank."); err != nil {
			return err
		}
		_, err := t.bank.Sent(ctx, book, f.Currency, f.Number, storyClerk, "Uploaded at the bank.")
		return err
	case bankfile.FileSent:
		return t.bankAnswers(ctx, book, f)
	}
	return nil
}

// bankAnswers has the bank reject the payment of the last seller, and pay all others.
func (t *paydayTeller) bankAnswers(ctx context.Context, book ledger.Book, f bankfile.FileRecord) error {
	lines, err := t.bank.Payments(ctx, book, f.Currency, f.Number, 0, bankfile.MaxPage)
	if err != nil {
		return err
	}
	var items []string
	for _, p := range lines {
		said := " ACSC"
		if p.Account == "payee:"+bankdaySellers[len(bankdaySellers)-1] {
			said = " RJCT AC04"
		}
		items = append(items, p.ID+said)
	}
	_, err = t.bank.TakeReport(ctx, book, f.Currency, strings.NewReader(bankSays("BANK-REPORT-1", f.MessageID, items...)), storyBoss)
	return err
}

// bankSays is a pain.002 about a file, as a bank would write it; each item is a payment, a status and perhaps a code.
func bankSays(id, message string, items ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>%s</MsgId><CreDtTm>2026-09-28T10:00:00Z</CreDtTm></GrpHdr>`+
		`<OrgnlGrpInfAndSts><OrgnlMsgId>%s</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>%[2]s</OrgnlPmtInfId>`, id, message)
	for _, item := range items {
		f := append(strings.Fields(item), "")
		fmt.Fprintf(&b, `<TxInfAndSts><OrgnlEndToEndId>%s</OrgnlEndToEndId><TxSts>%s</TxSts>`, strings.ReplaceAll(f[0], "_", "-"), f[1])
		if f[2] != "" {
			fmt.Fprintf(&b, `<StsRsnInf><Rsn><Cd>%s</Cd></Rsn></StsRsnInf>`, f[2])
		}
		b.WriteString(`</TxInfAndSts>`)
	}
	b.WriteString(`</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>`)
	return b.String()
}

// lookAtBankday reads what became of the bank's book; nothing where there is none.
func (g *story) lookAtBankday(ctx context.Context) (*bankday, error) {
	book, err := g.books.Book(ctx, bankdayCode)
	if err != nil {
		return nil, nil // a month that was told before there were bank files
	}
	files, err := g.bank.QueryFiles(ctx, book, bankfile.FileQuery{})
	if err != nil {
		return nil, err
	}
	d := &bankday{files: len(files)}
	for i, f := range files {
		d.paid += f.Counts[bankfile.PaymentSettled]
		d.failed += f.Counts[bankfile.PaymentFailed]
		switch f.State {
		case bankfile.FileMade:
			d.next = &files[i]
		case bankfile.FileClosed:
			d.sent = f.FileName(book) + " of " + f.Sum.Format(f.Currency) + " " + string(f.Currency)
		}
	}
	return d, nil
}

// write prints it.
func (d *bankday) write(out io.Writer) {
	fmt.Fprintf(out, "  by bank    book %s: %s was sent, %d payments arrived, %d rejected and back", bankdayCode, d.sent, d.paid, d.failed)
	if d.next != nil {
		fmt.Fprintf(out, "; file %d of %s %s waits to be fetched", d.next.Number, d.next.Sum.Format(d.next.Currency), d.next.Currency)
	}
	fmt.Fprintln(out)
}
