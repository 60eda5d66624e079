// Package locale writes amounts, counts, days and sentences the way readers of a language write them.
//
// Eight languages are those of the markets that Mizan serves first. How each writes numbers and dates is data of the Unicode
// CLDR (cldr.mjs makes table.go from it). What Mizan says in each stands in word files, which a Catalogue holds.
//
// Money is never rounded for looks: an amount shows every digit that the ledger keeps, and what it is an amount of. A sign
// that readers could take for another currency's, such as a bare dollar, is written with its country.
//
// Everything here is pure and safe for concurrent use.
package locale

//go:generate node cldr.mjs
//go:generate node intl.mjs
