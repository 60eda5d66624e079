package console

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"mizan/ledger/locale"
)

// terms are the words of money that pages say in one way only, so that a reader knows the same thing again on the next page: what English
// says, and what each language has where English says it. Inflected languages have stems.
var terms = []struct {
	name, english string
	words         map[locale.Language]string
	// apart are keys whose English says the word in another sense.
	apart []string
}{
	{"payout", `\bpayouts?\b`, map[locale.Language]string{"ar": "صرف|دفع", "zh": "打款|提现", "id": "pencairan|cairkan", "vi": "chi trả|rút", "th": "โอน|ถอน|จ่ายครั้ง", "ms": "bayaran|bayar keluar", "fil": "payout"}, nil},
	{"balance", `\bbalances?\b`, map[locale.Language]string{"ar": "رصيد|أرصد", "zh": "余额", "id": "saldo", "vi": "số dư", "th": "ยอด", "ms": "baki", "fil": "balanse"}, nil},
	{"available", `\bavailable\b`, map[locale.Language]string{"ar": "متاح", "zh": "可用|可使用|可提", "id": "tersedia", "vi": "khả dụng", "th": "ถอนได้", "ms": "tersedia", "fil": "magagamit|magamit"}, []string{"portal.holding.pending.note"}},
	{"reserve", `\breserves?\b`, map[locale.Language]string{"ar": "احتياط", "zh": "准备金", "id": "cadangan", "vi": "dự phòng", "th": "สำรอง", "ms": "rizab", "fil": "reserba"}, nil},
	{"hold", `\bon hold\b|\b(a|the|this|no|every|each|place|placed|lift|its|by) holds?\b|^holds\b|\bheld( for|[.:]|$)`, map[locale.Language]string{"ar": "موقوف|إيقاف|محتجز|يُحتجز|احتجاز", "zh": "冻结|暂扣", "id": "tahan|penahanan", "vi": "giữ", "th": "ระงับ|พัก|กัน", "ms": "tahan|penahanan", "fil": "hold"}, []string{"statement.print.long"}},
	{"settle", `\borders? settles?\b|\bsettled$|\bmay settle\b`, map[locale.Language]string{"ar": "سو", "zh": "结算", "id": "selesai|penyelesaian", "vi": "quyết toán", "th": "ชำระบัญชี", "ms": "selesai|penyelesaian", "fil": "settle"}, nil},
	{"fee", `\bfees?\b`, map[locale.Language]string{"ar": "رسوم|رسم", "zh": "费", "id": "biaya", "vi": "phí", "th": "ค่าธรรมเนียม", "ms": "yuran", "fil": "bayarin"}, []string{"public.promise.fee"}},
	{"refund", `\brefund(s|ed)?\b`, map[locale.Language]string{"ar": "استرد|استُرد|رد|رُد|ردّ|أُعيد", "zh": "退", "id": "kembali|pengembalian", "vi": "hoàn", "th": "คืน", "ms": "bayaran balik|bayar balik", "fil": "refund|ibalik|ibinalik"}, nil},
	{"dispute", `\bdisput(e|es|ed)\b`, map[locale.Language]string{"ar": "نزاع|متنازع|ينازع", "zh": "争议", "id": "sengketa|menyengketa", "vi": "tranh chấp", "th": "ข้อพิพาท|โต้แย้ง", "ms": "tikai", "fil": "dispute|dinispute"}, nil},
	{"commission", `\bcommissions?\b`, map[locale.Language]string{"ar": "عمول", "zh": "佣金", "id": "komisi", "vi": "hoa hồng", "th": "คอมมิชชัน", "ms": "komisen", "fil": "komisyon"}, nil},
	{"support", `\bsupport\b`, map[locale.Language]string{"ar": "دعم", "zh": "客服", "id": "bantuan", "vi": "hỗ trợ", "th": "ฝ่ายช่วยเหลือ", "ms": "sokongan", "fil": "support"}, nil},
	{"processor", `\bprocessors?\b`, map[locale.Language]string{"ar": "معالج", "zh": "支付服务商", "id": "pemroses", "vi": "bên xử lý", "th": "ผู้ประมวลผล", "ms": "pemproses", "fil": "processor"}, nil},
	{"debt", `\b(debts?|owed)\b`, map[locale.Language]string{"ar": "دين|دَين|مستحق|ديون", "zh": "欠", "id": "utang", "vi": "nợ", "th": "หนี้|ค้าง", "ms": "hutang", "fil": "utang"}, nil},
}

// TestTermsAreOne: a language has the same words for the same money on every page. Messages of problems are free to say it in a sentence,
// and a trial balance has a name of its own.
func TestTermsAreOne(t *testing.T) {
	t.Parallel()
	for _, term := range terms {
		english := regexp.MustCompile("(?i)" + term.english)
		keys := slices.DeleteFunc(phrases().Keys(), func(key string) bool {
			return strings.HasPrefix(key, "problem.") || slices.Contains(term.apart, key) || !english.MatchString(strings.NewReplacer("Trial balance", "", "trial balance", "").Replace(phrases().Say(locale.English, key, "count", 5)))
		})
		if len(term.words) != len(locale.Languages)-1 || len(keys) < 2 {
			t.Errorf("%s is told in %d languages and occurs %d times", term.name, len(term.words), len(keys))
		}
		for l, words := range term.words {
			wanted := regexp.MustCompile("(?i)" + words)
			for _, key := range keys {
				if said := phrases().Say(l, key, "count", 5); !wanted.MatchString(said) {
					t.Errorf("%s: %s says %q where English says %q: none of %s", l, key, said, phrases().Say(locale.English, key, "count", 5), words)
				}
			}
		}
	}
}
