package locale

import "mizan/ledger/money"

var forms = map[Language]*form{
	English: {name: "English", decimal: ".", group: ",", minus: "-", currency: "{c}{n}", currencyMinus: "-{c}{n}", percent: "{n}%",
		symbols: map[money.Currency]string{"USD": "US$", "GBP": "£", "EUR": "€"}, day: "{MMM} {d}, {y}", month: "{MMMM} {y}", moment: "{MMM} {d}, {y}, {h}:{mm}\u202f{a} {z}",
		months:      [12]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
		monthsAlone: [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
		am:          "AM", pm: "PM", offset: "GMT{0}", offsetSign: "+", offsetMinus: "-", gmt: "GMT", offsetSeparator: ":"},
}
