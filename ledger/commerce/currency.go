package commerce

// Currencies: money of payees and of ours that changes its currency, and what is open meanwhile.

var currencyTypes []EventType

var currencyOwnTypes []EventType

var currencyParts map[string]string
