package data

import "strconv"

// Events is the stream of the speed measurements: web events of 316 bytes on average, twelve columns and two
// nested ones, one each 7 ms.
func Events(seed uint64) *Stream {
	return &Stream{
		Name: "events", seed: seed, make: event,
		Declared: []Declared{
			{"id", "long", true}, {"at", "timestamptz", false}, {"user", "string", false}, {"session", "string", false}, {"action", "string", false}, {"url", "string", false},
			{"agent", "string", false}, {"price", "double", false}, {"qty", "long", false}, {"member", "boolean", false}, {"coupon", "string", false},
			{"geo", "struct<lat: double, lon: double>", false},
		},
		PartitionBy: []string{"day(at)"},
		Measured: []Column{
			{"id", "int"}, {"at", "timestamp"}, {"user", "string"}, {"session", "string"}, {"action", "string"}, {"url", "string"}, {"agent", "string"}, {"price", "float"},
			{"qty", "int"}, {"member", "bool"}, {"coupon", "string"}, {"geo.lat", "float"}, {"geo.lon", "float"},
		},
	}
}

var (
	actions = []string{"view", "search", "add_to_cart", "remove_from_cart", "checkout", "pay", "refund", "login"}
	agents  = func() (out []string) {
		for _, system := range []string{"X11; Linux x86_64", "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15"} {
			for _, browser := range []string{"Chrome", "Firefox", "Edge"} {
				for v := 100; v < 106; v++ {
					out = append(out, "Mozilla/5.0 ("+system+") "+browser+"/"+strconv.Itoa(v)+".0")
				}
			}
		}
		return out
	}()
)

func event(g *gen) {
	r := &g.rng
	at := g.when(7, 2000)
	user := "user-" + padded(1+r.skewed(200_000), 6)
	session := hex16(r.next() >> 1)
	action, agent := pick(r, actions), pick(r, agents)
	item := r.n(20_000)
	url := "/shop/category-" + strconv.FormatInt(item%40, 10) + "/product-" + padded(item, 5) + "/details"
	cents, qty, member := r.between(1, 99)+r.skewed(60_000), r.between(1, 11), r.chance(50)
	lat, lon := r.between(-35_00000, 65_00000), r.between(-120_00000, 150_00000)

	g.noteInt("id", g.i)
	g.noteInt("at", at*1000)
	g.noteString("user", user)
	g.noteString("session", session)
	g.noteString("action", action)
	g.noteString("url", url)
	g.noteString("agent", agent)
	// The quotient of two exact numbers, rounded once, is what a right reader makes of the decimal digits.
	g.noteFloat("price", float64(cents)/1e2)
	g.noteInt("qty", qty)
	g.noteBool("member", member)
	g.noteFloat("geo.lat", float64(lat)/1e5)
	g.noteFloat("geo.lon", float64(lon)/1e5)

	g.key = []byte(user)
	b := strconv.AppendInt(append(g.value, `{"id":`...), g.i, 10)
	g.value = append(b, `,"at":"`...)
	g.appendTime(at)
	b = append(g.value, `","user":"`+user+`","session":"`+session+`","action":"`+action+`","url":"`+url+`","agent":"`+agent+`","price":`...)
	b = appendFixed(b, cents, 2)
	b = strconv.AppendInt(append(b, `,"qty":`...), qty, 10)
	b = strconv.AppendBool(append(b, `,"member":`...), member)
	if r.chance(25) {
		coupon := "SAVE" + padded(r.n(40), 2)
		g.noteString("coupon", coupon)
		b = append(b, `,"coupon":"`+coupon+`"`...)
	} else {
		b = append(b, `,"coupon":null`...)
	}
	b = appendFixed(append(b, `,"geo":{"lat":`...), lat, 5)
	b = appendFixed(append(b, `,"lon":`...), lon, 5)
	g.value = append(b, "}}"...)
}

func padded(v int64, width int) string {
	s := strconv.FormatInt(v, 10)
	for len(s) < width {
		s = "0" + s
	}
	return s
}

func hex16(v uint64) string {
	s := strconv.FormatUint(v, 16)
	for len(s) < 16 {
		s = "0" + s
	}
	return s
}
