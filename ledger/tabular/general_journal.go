package tabular

// The general journal is the table that accounting systems import: a line for every entry, with its debit or its credit.

// GeneralJournal returns the header of the general journal; the caller adds the book, the title and the parameters. There is
// one row for each entry, transactions in the order of their sequence and lines in the order of the transaction. Each row has
// either a debit or a credit, which is positive; the other one is empty. Debits and credits are equal for each transaction and
// each currency, and so are their totals in the manifest.
func GeneralJournal() Header {
	return Header{Report: "general_journal", Schema: 1, Columns: []Column{
		{Name: "date", Title: "Date", Kind: KindDate},
		{Name: "period", Title: "Period", Kind: KindText},
		{Name: "journal", Title: "Journal", Kind: KindText},
		{Name: "transaction_id", Title: "Transaction", Kind: KindText},
		{Name: "line", Title: "Line", Kind: KindNumber},
		{Name: "account_code", Title: "Account code", Kind: KindText},
		{Name: "account_address", Title: "Account", Kind: KindText},
		{Name: "account_name", Title: "Account name", Kind: KindText},
		{Name: "debit", Title: "Debit", Kind: KindAmount, Currency: "currency", Sum: true},
		{Name: "credit", Title: "Credit", Kind: KindAmount, Currency: "currency", Sum: true},
		{Name: "currency", Title: "Currency", Kind: KindText},
		{Name: "description", Title: "Description", Kind: KindText},
		{Name: "reference", Title: "Reference", Kind: KindText},
		{Name: "subject", Title: "Subject", Kind: KindText},
		{Name: "campaign", Title: "Campaign", Kind: KindText},
		{Name: "live_session", Title: "Live session", Kind: KindText},
		{Name: "channel", Title: "Channel", Kind: KindText},
	}}
}
