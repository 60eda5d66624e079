package commerce

var donationActs map[string]lifeAct
