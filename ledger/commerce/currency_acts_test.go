package commerce

var currencyActs map[string]lifeAct
