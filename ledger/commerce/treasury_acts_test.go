package commerce

var treasuryActs map[string]lifeAct
