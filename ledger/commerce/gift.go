package commerce

// Coins, gifts, tips and subscriptions: what viewers give to creators.

var giftTypes []EventType

var giftOwnTypes []EventType

var giftParts map[string]string
