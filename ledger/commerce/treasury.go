package commerce

// Our own cash: between processor and bank, and what it is for.

var treasuryTypes []EventType

var treasuryOwnTypes []EventType

var treasuryParts map[string]string
