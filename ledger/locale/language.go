// A language is what a reader reads, with the habits of writing numbers and dates that go with it.

package locale

import (
	"golang.org/x/text/language"
)

// Language is the code of one of the Languages: "en". Anything else, the zero value too, reads as English.
type Language string

// The languages that pages and statements are written in.
const (
	English    Language = "en"
	Arabic     Language = "ar"
	Chinese    Language = "zh"
	Indonesian Language = "id"
	Vietnamese Language = "vi"
	Thai       Language = "th"
	Malay      Language = "ms"
	Filipino   Language = "fil"
)

// Languages are all of them, English first.
var Languages = [...]Language{English, Arabic, Chinese, Indonesian, Vietnamese, Thai, Malay, Filipino}

// Parse returns the language of exactly this code, and whether there is one.
func Parse(code string) (Language, bool) {
	for _, l := range Languages {
		if string(l) == code {
			return l, true
		}
	}
	return English, false
}

// RightToLeft reports whether the language is written from right to left.
func (l Language) RightToLeft() bool { return l == Arabic }

// Direction is the value of HTML's dir attribute for the language: "rtl" or "ltr".
func (l Language) Direction() string {
	if l.RightToLeft() {
		return "rtl"
	}
	return "ltr"
}

// Name is the language's name in its own words, such as "Bahasa Indonesia".
func (l Language) Name() string { return l.form().name }

// matcher knows which of the languages a speaker of another one reads: Tagalog is Filipino, Javanese leads to Indonesian.
var matcher = language.NewMatcher(tags())

func tags() []language.Tag {
	list := make([]language.Tag, len(Languages))
	for i, l := range Languages {
		list[i] = language.MustParse(string(l))
	}
	return list
}

// maxAccepted bounds the bytes of an Accept-Language header that are read. Browsers send fewer than a hundred.
const maxAccepted = 512

// Preferred returns the language that suits an Accept-Language header best, and English for one that names none of ours or
// cannot be read.
func Preferred(acceptLanguage string) Language {
	if len(acceptLanguage) > maxAccepted {
		return English
	}
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(wanted) == 0 {
		return English
	}
	_, at, sure := matcher.Match(wanted...)
	if sure == language.No {
		return English
	}
	return Languages[at]
}
