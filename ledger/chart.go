package ledger

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"mizan/ledger/fault"
)

// The chart of accounts is data: chart.csv, one row a template. A row gives the path, the normal side, the owner the
// path is completed with, and the floor class that says whether the account may fall below zero (errata 2.2).

// Side is debit or credit.
type Side uint8

// The two sides of an entry. A positive signed amount is a debit.
const (
	Debit Side = iota + 1
	Credit
)

// String returns "debit" or "credit".
func (s Side) String() string {
	switch s {
	case Debit:
		return "debit"
	case Credit:
		return "credit"
	}
	return "unknown"
}

// Floor is a chart row's floor class: which postings must leave the account at zero or above on its normal side.
type Floor uint8

const (
	// FloorNone never refuses: revenue, expenses and equity.
	FloorNone Floor = iota
	// FloorMirror never refuses: the account mirrors an outside fact, and below zero is an alarm.
	FloorMirror
	// FloorPayee refuses decisions of ours only: a fact may leave a payee in debt.
	FloorPayee
	// FloorDecision always refuses: no event may take the account below zero.
	FloorDecision
)

var floorNames = map[string]Floor{"none": FloorNone, "mirror": FloorMirror, "payee": FloorPayee, "decision": FloorDecision}

// Alarms reports whether an account below zero is a sign that something is wrong: what mirrors the outside then differs from it, and a
// decision account cannot come there by a posting. A payee may owe, and what has no floor stands on either side.
func (f Floor) Alarms() bool { return f == FloorMirror || f == FloorDecision }

// String returns the class as the chart writes it.
func (f Floor) String() string {
	for name, v := range floorNames {
		if v == f {
			return name
		}
	}
	return "unknown"
}

// ChartRow is one template of the chart.
type ChartRow struct {
	// Code is the row's number, 1010 to 5910. It is stable.
	Code int
	// Path is the address without its owner.
	Path string
	// Normal is the side on which the account's balance is shown positive.
	Normal Side
	// Owner describes who completes the path: "seller", "jurisdiction:kind", "beneficiary[:campaign]"; "" for nobody.
	Owner string
	// OwnerRequired says that the bare path is not an account.
	OwnerRequired bool
	// Floor is the row's floor class.
	Floor Floor
	// Meaning is one line for people.
	Meaning string

	minOwners, maxOwners int
}

// Chart resolves addresses to rows. It is immutable and safe for concurrent use.
type Chart struct {
	rows   []ChartRow
	byPath map[string]*ChartRow
	byCode map[int]*ChartRow
}

var (
	// ErrAccountUnknown means that the chart has no such account.
	ErrAccountUnknown = fault.New(fault.Invalid, "account-unknown",
		"The chart of accounts has no such account. Check the address against the chart in the handbook; payees' accounts end in the payee's id.")
	// ErrAccountOwner means that the path exists and the owner part does not fit it.
	ErrAccountOwner = fault.New(fault.Invalid, "account-owner",
		"The address lacks its owner, or has one the chart does not provide for. The chart in the handbook says who completes each path.")
)

//go:embed chart.csv
var chartCSV string

var standardChart = mustParseChart(chartCSV)

// StandardChart returns the chart every book uses.
func StandardChart() *Chart { return standardChart }

func mustParseChart(text string) *Chart {
	c, err := parseChart(text)
	if err != nil {
		panic("ledger: embedded chart.csv: " + err.Error())
	}
	return c
}

func parseChart(text string) (*Chart, error) {
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, err
	}
	c := &Chart{byPath: map[string]*ChartRow{}, byCode: map[int]*ChartRow{}}
	for _, rec := range records[1:] {
		row, err := parseChartRow(rec)
		if err != nil {
			return nil, err
		}
		c.rows = append(c.rows, row)
	}
	sort.Slice(c.rows, func(i, j int) bool { return c.rows[i].Code < c.rows[j].Code })
	for i := range c.rows {
		row := &c.rows[i]
		if c.byPath[row.Path] != nil || c.byCode[row.Code] != nil {
			return nil, fmt.Errorf("row %d (%s) appears twice", row.Code, row.Path)
		}
		c.byPath[row.Path], c.byCode[row.Code] = row, row
	}
	return c, nil
}

func parseChartRow(rec []string) (ChartRow, error) {
	code, err := strconv.Atoi(rec[0])
	if err != nil {
		return ChartRow{}, err
	}
	row := ChartRow{Code: code, Path: rec[1], Owner: rec[3], Meaning: rec[6]}
	if _, err := ParseAddress(row.Path); err != nil {
		return ChartRow{}, fmt.Errorf("row %d: %w", code, err)
	}
	switch rec[2] {
	case "debit":
		row.Normal = Debit
	case "credit":
		row.Normal = Credit
	default:
		return ChartRow{}, fmt.Errorf("row %d: side %q", code, rec[2])
	}
	floor, ok := floorNames[rec[5]]
	if !ok {
		return ChartRow{}, fmt.Errorf("row %d: floor class %q", code, rec[5])
	}
	row.Floor = floor
	row.OwnerRequired = rec[4] == "yes"
	row.minOwners, row.maxOwners = ownerSegments(row.Owner, rec[4])
	return row, nil
}

// ownerSegments says how many segments complete a row's path. "a:b" is two, "a[:b]" one or two, "" none; where the
// owner is not required ("optional") the bare path is an account too. Errata W-21.
func ownerSegments(owner, required string) (least, most int) {
	if owner == "" {
		return 0, 0
	}
	most = 1 + strings.Count(owner, ":")
	least = most - strings.Count(owner, "[:")
	if required != "yes" {
		least = 0
	}
	return least, most
}

// Rows returns the chart in order of code. The caller must not change it.
func (c *Chart) Rows() []ChartRow { return c.rows }

// Row returns the row with the code, or nil.
func (c *Chart) Row(code int) *ChartRow { return c.byCode[code] }

// rowOf returns the row of an account that exists. While replicas of two versions run together, the newer one may have
// opened an account whose row the older does not know yet; its side then follows from its root.
func (c *Chart) rowOf(code int, address Address) *ChartRow {
	if row := c.byCode[code]; row != nil {
		return row
	}
	row := &ChartRow{Code: code, Path: string(address), Normal: Credit}
	if address.under("assets") || address.under("expenses") || address.under("revenue:contra") {
		row.Normal = Debit
	}
	return row
}

// Resolve returns the chart row that an address belongs to: the longest path it lies under. It returns
// ErrAccountUnknown, ErrAccountOwner, or ErrAddress if its owners are not written as segments.
func (c *Chart) Resolve(a Address) (*ChartRow, error) {
	path, owners := string(a), 0
	for {
		if row := c.byPath[path]; row != nil {
			if owners < row.minOwners || owners > row.maxOwners {
				return nil, ErrAccountOwner
			}
			if !ownersWritten(a[len(path):]) {
				return nil, ErrAddress
			}
			return row, nil
		}
		cut := strings.LastIndexByte(path, ':')
		if cut < 0 {
			return nil, ErrAccountUnknown
		}
		path, owners = path[:cut], owners+1
	}
}

// ownersWritten reports whether what follows a row's path is nothing, or segments that each follow a colon.
func ownersWritten(rest Address) bool {
	width := 1
	for i := range len(rest) {
		switch c := rest[i]; {
		case c == ':':
			if width == 0 {
				return false
			}
			width = 0
		case !isSegmentByte(c) || width == 64:
			return false
		default:
			width++
		}
	}
	return width > 0
}
