package commerce

var exchangeActs map[string]lifeAct
