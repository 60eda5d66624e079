package console

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// longWord is a word in Latin letters that is no code of a currency or the like, which are written in capitals.
	longWord = regexp.MustCompile(`[A-Za-z]*[a-z][A-Za-z]*`)
	// codedWord is what belongs to ids, addresses of accounts and mail, names of files and codes: letters joined by something, or with digits.
	codedWord = regexp.MustCompile(`\S*[A-Za-z0-9]+[_:/@.=-][A-Za-z0-9_:/@.=-]*[A-Za-z0-9]\S*|\S*[0-9]\S*`)
	// namesOfStreet are what people of the street are called, what they called things, and names that are the same in every language, those of
	// roles too.
	namesOfStreet = regexp.MustCompile(`\b(?:Souk UK|Souk Giving|Mizan|Stripe|Shopify|TikTok|Amazon|United Kingdom|Ada Lovelace|Omar Finance|Carla Admin|Carla Example|Lena Auditor|Ruth Reader|Fay Forms|Faris Forms|Rita Reader|Olga Approver|` +
		`Fatima|Farid|Nia New|Kanari|Vogel|Example Ltd|Our own terms|Winter kits, camp A|Shelter Now|Local partner C|support|finance|approver|admin|auditor|give|kw|refund RF|checked|checkout|main|sweep|count|tiktok|csv|uk)\b`)
	// writtenInStreet is what people of the street wrote, and what the jobs of the tests say.
	writtenInStreet = strings.NewReplacer("Please look.", "", "The bank was closed.", "", "A test.", "", "A court order.", "", "The order was entered twice.", "", "An adjustment", "",
		"For the tests.", "", "counted in uk", "", "stopped at <b>the third</b>", "")
)

// wordsShown are the words in Latin letters that a page shows or has read out, but for what is marked as running from left to right, ids,
// addresses and amounts, and for what is marked as English: documents, sentences of rules and effects, which are the same in every language
// because their hashes are signed.
func wordsShown(source string) (list []string, err error) {
	d := xml.NewDecoder(strings.NewReader(tonguesShape.ReplaceAllString(source, "")))
	d.Entity = xml.HTMLEntity
	below := 0 // how deep it is in what is not looked at
	look := func(text string) {
		for _, word := range longWord.FindAllString(codedWord.ReplaceAllString(namesOfStreet.ReplaceAllString(writtenInStreet.Replace(text), " "), " "), -1) {
			if len(word) > 2 && !slices.Contains(list, word) {
				list = append(list, word)
			}
		}
	}
	for {
		token, err := d.Token()
		switch token := token.(type) {
		case nil:
			if errors.Is(err, io.EOF) {
				return list, nil
			}
			return nil, err
		case xml.StartElement:
			if below > 0 || slices.Contains([]string{"code", "pre", "style"}, token.Name.Local) ||
				slices.ContainsFunc(token.Attr, func(a xml.Attr) bool {
					return a.Name.Local == "dir" && a.Value == "ltr" || a.Name.Local == "lang" && a.Value == "en"
				}) {
				below++
			}
			for _, a := range token.Attr {
				if below == 0 && slices.Contains([]string{"aria-label", "title", "alt", "placeholder", "data-label"}, a.Name.Local) {
					look(a.Value)
				}
			}
		case xml.EndElement:
			below = max(0, below-1)
		case xml.CharData:
			if below == 0 {
				look(string(token))
			}
		}
	}
}

// saysInArabic demands that somebody of the staff who reads Arabic finds no English word on a page.
func (s *street) saysInArabic(t *testing.T, b *browser, pages []named) {
	t.Helper()
	b.header.Set("Accept-Language", "ar")
	for _, p := range pages {
		shown := b.get(p.path, 200)
		words, err := wordsShown(shown.source)
		if err != nil {
			t.Fatal(err)
		}
		if len(words) > 0 {
			t.Errorf("%s (%s) says in Arabic: %q", p.name, p.path, words)
		}
		if shown.dir != "rtl" {
			t.Errorf("%s runs %s", p.name, shown.dir)
		}
	}
}
