//go:build torture

package ledger_test

func init() { tamperings = 1500 }
