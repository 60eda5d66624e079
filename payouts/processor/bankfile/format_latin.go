// The Latin letters with marks of Unicode's Latin blocks, by the letter that is left when the marks are taken off. They are
// what names of the countries of SEPA, of Vietnam and of Turkey are written with.

package bankfile

// marked are the letters with marks.
var marked = map[rune]string{
	'A': "ÀÁÂÃÄÅĀĂĄǍǞǠǺȀȂȦḀẠẢẤẦẨẪẬẮẰẲẴẶ",
	'B': "ḂḄḆ",
	'C': "ÇĆĈĊČḈ",
	'D': "ĎḊḌḎḐḒ",
	'E': "ÈÉÊËĒĔĖĘĚȄȆȨḔḖḘḚḜẸẺẼẾỀỂỄỆ",
	'F': "Ḟ",
	'G': "ĜĞĠĢǦǴḠ",
	'H': "ĤȞḢḤḦḨḪ",
	'I': "ÌÍÎÏĨĪĬĮİǏȈȊḬḮỈỊ",
	'J': "Ĵ",
	'K': "ĶǨḰḲḴ",
	'L': "ĹĻĽḶḸḺḼ",
	'M': "ḾṀṂ",
	'N': "ÑŃŅŇǸṄṆṈṊ",
	'O': "ÒÓÔÕÖŌŎŐƠǑǪǬȌȎȪȬȮȰṌṎṐṒỌỎỐỒỔỖỘỚỜỞỠỢ",
	'P': "ṔṖ",
	'R': "ŔŖŘȐȒṘṚṜṞ",
	'S': "ŚŜŞŠȘṠṢṤṦṨ",
	'T': "ŢŤȚṪṬṮṰ",
	'U': "ÙÚÛÜŨŪŬŮŰŲƯǓǕǗǙǛȔȖṲṴṶṸṺỤỦỨỪỬỮỰ",
	'V': "ṼṾ",
	'W': "ŴẀẂẄẆẈ",
	'X': "ẊẌ",
	'Y': "ÝŶŸȲẎỲỴỶỸ",
	'Z': "ŹŻŽẐẒẔ",
	'a': "àáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ",
	'b': "ḃḅḇ",
	'c': "çćĉċčḉ",
	'd': "ďḋḍḏḑḓ",
	'e': "èéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ",
	'f': "ḟ",
	'g': "ĝğġģǧǵḡ",
	'h': "ĥȟḣḥḧḩḫẖ",
	'i': "ìíîïĩīĭįǐȉȋḭḯỉị",
	'j': "ĵǰ",
	'k': "ķǩḱḳḵ",
	'l': "ĺļľḷḹḻḽ",
	'm': "ḿṁṃ",
	'n': "ñńņňǹṅṇṉṋ",
	'o': "òóôõöōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợ",
	'p': "ṕṗ",
	'r': "ŕŗřȑȓṙṛṝṟ",
	's': "śŝşšșṡṣṥṧṩ",
	't': "ţťțṫṭṯṱẗ",
	'u': "ùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự",
	'v': "ṽṿ",
	'w': "ŵẁẃẅẇẉẘ",
	'x': "ẋẍ",
	'y': "ýÿŷȳẏẙỳỵỷỹ",
	'z': "źżžẑẓẕ",
}

// plain is marked the other way round.
var plain = func() map[rune]rune {
	letters := make(map[rune]rune, 700)
	for letter, with := range marked {
		for _, r := range with {
			letters[r] = letter
		}
	}
	return letters
}()
