//go:build !race

package payouts

import (
	"reflect"
	"strings"
	"testing"
)

// TestModelFindsWrongRules breaks the rules of the model one by one, as peers have broken them. An exploration that does not
// notice proves nothing about the right rules.
func TestModelFindsWrongRules(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rules mRules
		bound mLimits
		want  string
	}{
		"cancelled while it is being sent":                      {mRules{cancelSent: true}, mLimits{}, "I12"},
		"a cancelled one is sent again":                         {mRules{retryCancelled: true}, mLimits{}, ""},
		"paid again before the money is back":                   {mRules{retryTwice: true}, mLimits{returns: 1}, "paid again"},
		"a hold is not looked for at a second sending":          {mRules{holdIgnored: true}, mLimits{faults: 1, holds: 1}, "in spite of a hold"},
		"a disabled destination is not looked for":              {mRules{sendDisabled: true}, mLimits{offs: 1}, "disabled"},
		"a new key beside an outcome that is not known":         {mRules{keyBeside: true}, mLimits{faults: 1}, "I13"},
		"absent after one look":                                 {mRules{oneLook: true}, mLimits{faults: 1, holds: 1}, "I13"},
		"the second look counts from when its answer is read":   {mRules{lateLook: true}, mLimits{faults: 1, holds: 1}, "I13"},
		"what was not answered counts as refused":               {mRules{closeUnknown: true}, mLimits{faults: 1}, "I13"},
		"an old reading moves what was paid back":               {mRules{staleRead: true}, mLimits{faults: 1}, "I8"},
		"all is taken back although a part is back":             {mRules{secondBack: true}, mLimits{returns: 1, shorts: 1}, ""},
		"a lease is not looked at":                              {mRules{noLease: true}, mLimits{deaths: 1}, ""},
		"sent again without a look when the clock was set back": {mRules{blindAgain: true}, mLimits{faults: 1, days: 1, backs: 1}, "I6"},
		"a key is used after it was forgotten":                  {mRules{resendForgotten: true}, mLimits{faults: 1, days: 1}, "I6"},
		"the processor forgets keys at once":                    {mRules{ignoreReplay: true}, mLimits{faults: 1}, "I6"},
		"a payout that is over is followed":                     {mRules{returnedAgain: true}, mLimits{returns: 1}, ""},
		"sent without an approval":                              {mRules{unapproved: true}, mLimits{}, "approval"},
	}
	broken := mRules{}
	for name, test := range tests {
		merge(&broken, test.rules)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := explore(test.rules, 2_000_000, modelStart(false, test.bound), modelStart(true, test.bound))
			if x.wrong == "" || strings.Contains(x.wrong, "there are more") || !strings.Contains(x.wrong, test.want) {
				t.Errorf("the broken rule survives %d states: %s", len(x.from), x.wrong)
			}
			t.Log(x.wrong)
			if right := explore(mRules{}, 2_000_000, modelStart(false, test.bound), modelStart(true, test.bound)); right.wrong != "" {
				t.Errorf("the right rules are refused: %s", right.wrong)
			}
		})
	}
	for i := range reflect.TypeFor[mRules]().NumField() {
		if !reflect.ValueOf(broken).Field(i).Bool() {
			t.Errorf("nothing breaks the rule %s", reflect.TypeFor[mRules]().Field(i).Name)
		}
	}
}

// merge sets every rule that is broken in either.
func merge(all *mRules, r mRules) {
	to, from := reflect.ValueOf(all).Elem(), reflect.ValueOf(r)
	for i := range to.NumField() {
		f := reflect.NewAt(to.Field(i).Type(), to.Field(i).Addr().UnsafePointer()).Elem()
		f.SetBool(f.Bool() || from.Field(i).Bool())
	}
}
