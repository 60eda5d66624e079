package commerce

var simulcastActs map[string]lifeAct
