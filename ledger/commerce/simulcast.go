package commerce

// Simulcasts: sales at a brand's own checkout that a live session of ours brought about.

var simulcastTypes []EventType

var simulcastOwnTypes []EventType

var simulcastParts map[string]string
