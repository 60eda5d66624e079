package commerce

// Imported orders: sales of other marketplaces and shops that we only attribute.

var importTypes []EventType

var importOwnTypes []EventType

var importParts map[string]string
