package commerce

var giftActs map[string]lifeAct
