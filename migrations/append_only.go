package migrations

import "slices"

// appendOnly are the tables whose rows are added and never change. Each refuses it by triggers, and the application has no right to.
var appendOnly = []string{
	"approval_versions", "audit_rows", "bank_accounts", "bank_entries", "bank_orders", "bank_payment_steps", "bank_report_items", "bank_reports",
	"bank_reversals", "entries", "evidence_balances", "evidence_changes", "evidence_parts", "evidence_receipts", "evidence_settings",
	"evidence_sources", "evidence_statements", "import_identities", "import_sources", "payees", "payout_decisions", "payout_overrides",
	"payout_policies", "payout_policy_texts", "payout_standings", "payout_steps", "period_closings", "receipts", "recon_rules", "recon_runs",
	"recon_steps", "rule_sets", "statements", "transaction_links", "transaction_references", "transactions", "vault_retention",
}

// AppendOnly returns the names of the tables that are only ever added to, in order. Partitions of theirs are not named.
func AppendOnly() []string { return slices.Clone(appendOnly) }
