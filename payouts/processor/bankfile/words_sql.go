package bankfile

import (
	"context"
	"encoding/json"
	"io"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/processor"
)

func (s *Service) Accounts(ctx context.Context, book ledger.Book) ([]Account, error) { panic("") }
func (s *Service) Acts(bookOf func(ctx context.Context, book guard.Book) (ledger.Book, error)) []guard.Act {
	return nil
}
func (s *Service) SetAccount(ctx context.Context, by guard.Actor, book ledger.Book, payload json.RawMessage, why string) (Account, error) {
	panic("")
}
func (s *Service) MakeFiles(ctx context.Context, book ledger.Book, by guard.Actor) ([]FileRecord, error) {
	panic("")
}
func (s *Service) Content(ctx context.Context, book ledger.Book, currency money.Currency, number int64, by guard.Actor, why string) (io.Reader, FileRecord, error) {
	panic("")
}
func (s *Service) Sent(ctx context.Context, book ledger.Book, currency money.Currency, number int64, by guard.Actor, why string) (FileRecord, error) {
	panic("")
}
func (s *Service) Void(ctx context.Context, book ledger.Book, currency money.Currency, number int64, by guard.Actor, why string) (FileRecord, error) {
	panic("")
}
func (s *Service) TakeReport(ctx context.Context, book ledger.Book, currency money.Currency, body io.Reader, by guard.Actor) (ReportRecord, error) {
	panic("")
}
func (s *Service) Settle(ctx context.Context, book ledger.Book) (int, error) { panic("") }
func (s *Service) Files(ctx context.Context, book ledger.Book, currency money.Currency, after int64, limit int) ([]FileRecord, error) {
	panic("")
}
func (s *Service) File(ctx context.Context, book ledger.Book, currency money.Currency, number int64) (FileRecord, error) {
	panic("")
}
func (s *Service) Payments(ctx context.Context, book ledger.Book, currency money.Currency, number int64, after, limit int) ([]Payment, error) {
	panic("")
}
func (s *Service) Steps(ctx context.Context, book ledger.Book, payment string) ([]PaymentStep, error) {
	panic("")
}
func (s *Service) Reports(ctx context.Context, book ledger.Book, after string, limit int) ([]ReportRecord, error) {
	panic("")
}
func (s *Service) ReportItems(ctx context.Context, book ledger.Book, digest string, after, limit int) ([]ReportItem, error) {
	panic("")
}
func (s *Service) Waiting(ctx context.Context, book ledger.Book) ([]Waiting, error) { panic("") }
func (s *Service) Driver(book ledger.Book) processor.Driver                      { panic("") }
