package vault

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"mizan/ledger/guard"
)

var errStub = errors.New("not built")

func Fields() []Field { return []Field{{Name: "name", Class: Contact, Meaning: "x"}, {Name: "bank_account", Class: Bank, Meaning: "y"}} }
func (v *Vault) Read(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject string, names []string, why string) (map[string]string, Person, error) {
	return nil, Person{}, errStub
}
func (v *Vault) Write(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject string, fields map[string]string, why string) (Person, []string, error) {
	return Person{}, nil, errStub
}
func (v *Vault) Erase(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject, why string) (Person, error) {
	return Person{}, errStub
}
func (v *Vault) Hold(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject string, until time.Time, why string) (Person, error) {
	return Person{}, errStub
}
func (v *Vault) Close(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject string, at time.Time, why string) (Person, error) {
	return Person{}, errStub
}
func (v *Vault) Export(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject, why string) (json.RawMessage, error) {
	return nil, errStub
}
func (v *Vault) SetRetention(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, days int, why string) error {
	return errStub
}
func (v *Vault) Stage(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject string, fields map[string]string, why string) ([32]byte, error) {
	return [32]byte{}, errStub
}
