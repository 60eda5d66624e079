package main

import (
	"fmt"
	"math/rand/v2"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The sale every benchmark posts: six lines, one hot clearing account and one hot commission account, the others spread
// over 10,000 sellers, 10,000 creators, 1,000 agencies and 1,000 partners (design section 9).

// Tests measure with fewer sellers and creators, a thousand at least, because opening their accounts takes longest.
var benchSellers, benchCreators = 10_000, 10_000

const benchAgencies, benchPartners = 1_000, 1_000

type benchLine struct {
	account string
	amount  int64 // minor units of USD, debit positive
}

type benchSale struct {
	reference, subject string
	lines              [6]benchLine
}

// saleMaker draws sales. Two makers with different prefixes never share a reference. With spread, the clearing and the
// commission account are spread over 1,000 owners too, to show what a hot account costs.
type saleMaker struct {
	prefix string
	n      int
	rng    *rand.Rand
	spread bool
}

func newSaleMaker(prefix string, seed uint64) *saleMaker {
	return &saleMaker{prefix: prefix, rng: rand.New(rand.NewPCG(seed, 1))}
}

func (m *saleMaker) next() benchSale {
	m.n++
	price := int64(500 + m.rng.IntN(20000))
	creator, agency, partner, fee := price/10, price/50, price/100, price*6/100
	clearing, commission := "assets:processor:pending:main", "revenue:service_fee:referral"
	if m.spread {
		clearing = fmt.Sprintf("assets:processor:pending:p%d", m.rng.IntN(1000))
		commission = fmt.Sprintf("revenue:service_fee:f%d", m.rng.IntN(1000))
	}
	return benchSale{
		reference: fmt.Sprintf("%s-%09d", m.prefix, m.n), subject: fmt.Sprintf("order:%s-%d", m.prefix, m.n),
		lines: [6]benchLine{
			{clearing, price},
			{fmt.Sprintf("liabilities:seller:pending:sel_%d", m.rng.IntN(benchSellers)), -(price - creator - agency - partner - fee)},
			{fmt.Sprintf("liabilities:creator:pending:cre_%d", m.rng.IntN(benchCreators)), -creator},
			{fmt.Sprintf("liabilities:agency:pending:mcn_%d", m.rng.IntN(benchAgencies)), -agency},
			{fmt.Sprintf("liabilities:partner:pending:par_%d", m.rng.IntN(benchPartners)), -partner},
			{commission, -fee},
		},
	}
}

func (m *saleMaker) batch(n int) []benchSale {
	sales := make([]benchSale, n)
	for i := range sales {
		sales[i] = m.next()
	}
	return sales
}

// submission is the sale as the ledger takes it in process.
func (s *benchSale) submission() ledger.Submission {
	lines := make([]ledger.Line, len(s.lines))
	for i, l := range s.lines {
		lines[i] = ledger.Line{Account: ledger.Address(l.account), Amount: money.Minor(l.amount), Currency: "USD"}
	}
	return ledger.Submission{Reference: s.reference, Drafts: []ledger.Draft{{Event: "order.captured", Subject: s.subject, Lines: lines}}}
}

// appendJSON writes the sale as the HTTP API takes it.
func (s *benchSale) appendJSON(dst []byte) []byte {
	dst = fmt.Appendf(dst, `{"reference":%q,"event":"order.captured","subject":%q,"entries":[`, s.reference, s.subject)
	for i, l := range s.lines {
		direction, amount := "debit", l.amount
		if amount < 0 {
			direction, amount = "credit", -amount
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = fmt.Appendf(dst, `{"account":%q,"direction":%q,"amount":"`, l.account, direction)
		dst = money.Minor(amount).AppendFormat(dst, "USD")
		dst = append(dst, `","currency":"USD"}`...)
	}
	return append(dst, `]}`...)
}

// everyAccount returns sales that touch each account once, so that measuring starts with all of them open.
func everyAccount(prefix string, spread bool) []benchSale {
	m := newSaleMaker(prefix, 99)
	sales := make([]benchSale, benchSellers)
	for i := range sales {
		s := m.next()
		s.lines[1].account = fmt.Sprintf("liabilities:seller:pending:sel_%d", i)
		s.lines[2].account = fmt.Sprintf("liabilities:creator:pending:cre_%d", i)
		s.lines[3].account = fmt.Sprintf("liabilities:agency:pending:mcn_%d", i%benchAgencies)
		s.lines[4].account = fmt.Sprintf("liabilities:partner:pending:par_%d", i%benchPartners)
		if spread {
			s.lines[0].account = fmt.Sprintf("assets:processor:pending:p%d", i%1000)
			s.lines[5].account = fmt.Sprintf("revenue:service_fee:f%d", i%1000)
		}
		sales[i] = s
	}
	return sales
}
