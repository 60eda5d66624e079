package tabular

// Numbers of sheets. A spreadsheet knows numbers only as binary floating point, and the library takes them only so. This file is
// the one place that makes one, for a cell of a sheet and for nothing else: nothing is ever computed with it.
//
// A decimal of up to 15 significant digits survives this unchanged, which is what a spreadsheet keeps of any number. What has
// more is written as text, with all its digits, and does not take part in a sum.

import "strconv"

// largestExact is the first whole number of 16 digits.
const largestExact = 1_000_000_000_000_000

// exact reports whether so many units are a number in a sheet.
func exact(units int64) bool { return units > -largestExact && units < largestExact }

// sheetNumber returns the number that the library takes for a decimal of at most 15 digits.
func sheetNumber(decimal []byte) (any, error) { return strconv.ParseFloat(string(decimal), 64) }
