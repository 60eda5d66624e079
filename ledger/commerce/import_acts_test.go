package commerce

var importActs map[string]lifeAct
