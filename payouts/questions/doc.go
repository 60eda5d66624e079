// Package questions lets payees ask about what they are told, an order, a payout or a statement, or one of its lines, and lets the staff
// answer.
//
// A question keeps what it is about and the amount as it was told then. What was written is sealed under the payee's key of the vault:
// it can name people, so whoever reads it of the staff leaves a row in the audit trail, and erasing the payee makes it unreadable. A
// question is open, then answered, and closed by its payee at any time. Each payee may ask a bounded number of them.
package questions
