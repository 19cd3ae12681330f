package decode

import (
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/iceberg-go"
)

var ten = big.NewInt(10)

func tenTo(n int) *big.Int { return new(big.Int).Exp(ten, big.NewInt(int64(n)), nil) }

// rational is the number exactly, or, where its exponent is absurd, one that fares alike: far too large, or a tiny fraction.
func rational(s string) *big.Rat {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	e := new(big.Int)
	if exponent != "" {
		e.SetString(strings.TrimPrefix(exponent, "+"), 10)
	}
	r, _ := new(big.Rat).SetString(mantissa)
	most := int64(len(mantissa) + 100)
	if e.CmpAbs(big.NewInt(most)) > 0 {
		e.SetInt64(most * int64(e.Sign()))
	}
	scale := new(big.Rat).SetInt(tenTo(int(new(big.Int).Abs(e).Int64())))
	if e.Sign() < 0 {
		scale.Inv(scale)
	}
	return r.Mul(r, scale)
}

// floorOf is the largest integer not above r.
func floorOf(r *big.Rat) *big.Int {
	q, _ := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int))
	return q
}

func (o oracle) fromNumber(s string, typ iceberg.Type, path string) (string, error) {
	switch t := typ.(type) {
	case iceberg.Int32Type, iceberg.Int64Type:
		size := 64
		if _, ok := t.(iceberg.Int32Type); ok {
			size = 32
		}
		r := rational(s)
		if !r.IsInt() {
			return "", errOracle
		}
		v, err := strconv.ParseInt(r.Num().String(), 10, size)
		if err != nil {
			return "", errOracle
		}
		return strconv.FormatInt(v, 10), nil
	case iceberg.Float32Type, iceberg.Float64Type:
		size := 64
		if _, ok := t.(iceberg.Float32Type); ok {
			size = 32
		}
		v, err := strconv.ParseFloat(s, size)
		if err != nil {
			return "", errOracle
		}
		var b strings.Builder
		writeFloat(&b, v, size)
		return b.String(), nil
	case iceberg.DecimalType:
		r := rational(s)
		r.Mul(r, new(big.Rat).SetInt(tenTo(t.Scale())))
		if !r.IsInt() || r.Num().CmpAbs(tenTo(t.Precision())) >= 0 {
			return "", errOracle
		}
		return quoted(new(big.Rat).SetFrac(r.Num(), tenTo(t.Scale())).FloatString(t.Scale())), nil
	case iceberg.DateType, iceberg.TimestampType, iceberg.TimestampTzType, iceberg.TimestampNsType, iceberg.TimestampTzNsType:
		return o.instant(rational(s), typ, path)
	case iceberg.TimeType:
		micros := rational(s)
		micros.Mul(micros, new(big.Rat).SetFrac(big.NewInt(1e6), tenTo(o.power(path, "ms"))))
		v := floorOf(micros)
		if v.Sign() < 0 || v.Cmp(big.NewInt(86_400_000_000)) >= 0 {
			return "", errOracle
		}
		return quoted(time.UnixMicro(v.Int64()).UTC().Format("15:04:05.000000")), nil
	}
	return "", errOracle
}

func (o oracle) power(path, unless string) int {
	unit := o.options[path].Unit
	if unit == "" {
		unit = unless
	}
	return map[string]int{"s": 0, "ms": 3, "us": 6, "ns": 9}[unit]
}

func (o oracle) instant(r *big.Rat, typ iceberg.Type, path string) (string, error) {
	unit, declared := o.options[path].Unit, o.options[path].Unit != ""
	_, isDate := typ.(iceberg.DateType)
	seconds := r
	if unit == "days" || isDate && !declared {
		if !r.IsInt() {
			return "", errOracle
		}
		seconds.Mul(r, big.NewRat(86400, 1))
	} else {
		seconds.Quo(r, new(big.Rat).SetInt(tenTo(o.power(path, "ms"))))
	}
	limit := func(year int) *big.Rat {
		return new(big.Rat).SetInt64(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Unix())
	}
	first, last := 1, 10000
	if !declared {
		first, last = 1980, 2200
	}
	if seconds.Cmp(limit(first)) < 0 || seconds.Cmp(limit(last)) >= 0 {
		return "", errOracle
	}
	whole := floorOf(seconds)
	rest := new(big.Rat).Sub(seconds, new(big.Rat).SetInt(whole))
	nano := floorOf(rest.Mul(rest, big.NewRat(1e9, 1)))
	at := time.Unix(whole.Int64(), nano.Int64()).UTC()
	if isDate {
		return quoted(at.Format("2006-01-02")), nil
	}
	return moment(at, typ)
}
