package commerce

// Donations: what donors gave, what it cost, who got it, and what was promised.

var donationTypes []EventType

var donationOwnTypes []EventType

var donationParts map[string]string
