package money

import "testing"

func TestExact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate     string
		base     Minor
		currency Currency
		want     string
	}{
		{"0.09", 4497, "GBP", "4.0473"}, {"0.3", 315, "GBP", "0.945"}, {"0.05", 50, "VND", "2.5"}, {"0.06", 12345, "KWD", "0.7407"},
		{"1", 100, "USD", "1"}, {"0", 100, "USD", "0"}, {"0.1", -5, "USD", "-0.005"},
		{"999999999.999999999999", 1 << 62, "USD", "46116860184273879039953883.13981572612096"},
	} {
		if got := MustRate(c.rate).Exact(c.base, c.currency); got != c.want {
			t.Errorf("%s of %d %s is %s, want %s", c.rate, c.base, c.currency, got, c.want)
		}
	}
}

func TestProportion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ total, part, whole, unit, want Minor }{
		{300, 2499, 4998, 1, 150}, {5, 1, 2, 1, 2}, {7, 1, 2, 1, 4}, {1000, 1, 3, 100, 300}, {0, 0, 1, 1, 0}, {9, 9, 9, 1, 9},
	} {
		got, err := Proportion(c.total, c.part, c.whole, HalfEven, c.unit)
		if err != nil || got != c.want {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
	for _, c := range []struct{ total, part, whole, unit Minor }{{-1, 1, 2, 1}, {1, 3, 2, 1}, {1, -1, 2, 1}, {1, 1, 0, 1}, {1, 1, 2, 0}} {
		if _, err := Proportion(c.total, c.part, c.whole, HalfEven, c.unit); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
