package commerce

// Changes of orders: exchanges, lines cancelled, attributions moved, rates raised afterwards.

var exchangeTypes []EventType

var exchangeOwnTypes []EventType

var exchangeParts map[string]string
