package data

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Messy is a nested stream such as services really send, shaped like the public events of a code host: members in any order, missing, null or
// empty, numbers in every notation, whole ones and decimals as strings too, times in several, all of Unicode, several encoders' habits, and
// members that the table does not know. Every record is right all the same.
func Messy(seed uint64) *Stream {
	return &Stream{
		Name: "messy", seed: seed, make: messy,
		Declared: []Declared{
			{"id", "long", true}, {"type", "string", false}, {"public", "boolean", false}, {"created_at", "timestamptz", false}, {"day", "date", false},
			{"actor", "struct<id: long, login: string, name: string, site_admin: boolean>", false},
			{"repo", "struct<id: long, name: string, stars: int, language: string, topics: list<string>, size: double>", false},
			{"org", "struct<id: long, login: string>", false},
			{"payload", "struct<action: string, ref: string, size: int," +
				" commits: list<struct<sha: string, message: string, author: struct<name: string, email: string>, distinct: boolean>>," +
				" issue: struct<number: int, title: string, score: double, labels: list<struct<name: string, color: string>>, assignees: list<string>, closed_at: timestamptz>>", false},
			{"reactions", "map<string, int>", false}, {"attributes", "map<string, string>", false}, {"ratio", "float", false}, {"score", "double", false},
			{"amount", "decimal(18,6)", false}, {"balance", "decimal(38,10)", false}, {"trace", "uuid", false}, {"digest", "binary", false}, {"mark", "fixed[4]", false},
			{"matrix", "list<list<long>>", false}, {"context", "string", false},
		},
		PartitionBy: []string{"day(created_at)"},
		Measured: []Column{
			{"id", "int"}, {"type", "string"}, {"public", "bool"}, {"created_at", "timestamp"}, {"day", "date"},
			{"actor.id", "int"}, {"actor.login", "string"}, {"actor.name", "string"}, {"actor.site_admin", "bool"},
			{"repo.id", "int"}, {"repo.name", "string"}, {"repo.stars", "int"}, {"repo.language", "string"}, {"repo.topics", "list"}, {"repo.size", "float"},
			{"org.id", "int"}, {"org.login", "string"},
			{"payload.action", "string"}, {"payload.ref", "string"}, {"payload.size", "int"}, {"payload.commits", "list"}, {"payload.issue.number", "int"},
			{"payload.issue.title", "string"}, {"payload.issue.score", "float"}, {"payload.issue.labels", "list"}, {"payload.issue.assignees", "list"}, {"payload.issue.closed_at", "timestamp"},
			{"reactions", "map"}, {"attributes", "map"}, {"ratio", "float"}, {"score", "float"}, {"amount", "decimal"}, {"balance", "decimal"}, {"trace", "uuid"},
			{"digest", "binary"}, {"mark", "binary"}, {"matrix", "list"}, {"context", "string"},
		},
	}
}

var (
	eventTypes = []string{"PushEvent", "IssuesEvent", "WatchEvent", "PullRequestEvent", "ForkEvent", "CreateEvent", "IssueCommentEvent"}
	languages  = []string{"Go", "C++", "C#", "Objective-C", "日本語", "Brainf**k", "APL ⍳", ""}
	scraps     = []string{
		"fix", "größer", "naïve", "файл", "測試", "مرحبا", "שלום", "e\u0301", "👩‍👩‍👧‍👦", "🐟", "\U0001F1E9\U0001F1EA", "\u2028", "\ufeff", "a\tb", "line\nbreak", `"quoted"`, `C:\temp`, "</script>",
		"{not: json}", "null", "0", " ", "%s%n", "'; --", "ﬁ", "𝔘𝔫𝔦", "\u200b", "\x01\x1f", "ÿ", "zzz",
	}
	reactionNames = []string{"+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes", "🎉"}
)

// member writes a member of an object; so many times of a hundred it is absent, or null.
func (g *gen) member(name string, absent, null int64, write func()) func() bool {
	return func() bool {
		roll := g.rng.n(100)
		if roll < absent {
			return false
		}
		g.name(name)
		if roll < absent+null {
			g.null()
		} else {
			write()
		}
		return true
	}
}

func (g *gen) words(most int64) string {
	var b strings.Builder
	for k := range g.rng.n(most + 1) {
		if k > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(pick(&g.rng, scraps))
	}
	return b.String()
}

func (g *gen) textOf(column, s string) {
	g.noteString(column, s)
	g.text(s)
}

// number writes an integer as a number, seldom as a string of one.
func (g *gen) number(column string, v int64) {
	g.noteInt(column, v)
	switch {
	case g.rng.chance(15):
		g.quotedInt(v)
	case v != 0 && v%1000 == 0 && g.rng.chance(50):
		g.raw(strconv.FormatInt(v/1000, 10) + "E3")
	case g.rng.chance(5):
		g.raw(strconv.FormatInt(v, 10) + ".0")
	default:
		g.int(v)
	}
}

// real writes a positive number with up to seven digits in one of many notations.
func (g *gen) real(column string, bits int) {
	r := &g.rng
	digits, exponent := strconv.FormatInt(r.between(1, 9_999_999), 10), r.between(-6, 2)
	var text string
	switch r.n(4) {
	case 0:
		text = digits + pick(r, []string{"e", "E"}) + strconv.FormatInt(exponent, 10)
	case 1:
		text = digits[:1] + "." + digits[1:] + "0e+" + strconv.FormatInt(r.n(3), 10)
	case 2:
		text = strconv.FormatInt(r.n(1000), 10) + "." + digits
	default:
		text = digits
	}
	v, err := strconv.ParseFloat(text, bits)
	if err != nil {
		panic("data: " + text + ": " + err.Error())
	}
	g.noteFloat(column, v)
	g.raw(text)
}

func (g *gen) decimal(column string, units *big.Int, scale int) {
	g.noteDecimal(column, units, scale)
	full := decimalText(units, scale)
	switch g.rng.n(4) {
	case 0:
		g.raw(`"` + full + `"`)
	case 1:
		g.raw(units.String() + "e-" + strconv.Itoa(scale))
	case 2:
		if !strings.Contains(full, ".") {
			full += ".0"
		}
		g.raw(full + "00")
	default:
		g.raw(full)
	}
}

// instant writes a time, given in microseconds, in one of the notations that are not ambiguous.
func (g *gen) instant(column string, us int64) {
	r := &g.rng
	form := r.n(6)
	if form < 2 { // these have no room for less
		us -= us % 1000
	}
	if form == 2 {
		us -= us % 1_000_000
	}
	g.noteInt(column, us)
	t := time.UnixMicro(us).UTC()
	switch form {
	case 0:
		g.int(us / 1000)
	case 1:
		g.raw(t.Format(`"2006-01-02T15:04:05.000Z"`))
	case 2:
		g.raw(t.Format(`"2006-01-02T15:04:05Z"`))
	case 3:
		g.raw(t.In(time.FixedZone("", 5*3600+30*60)).Format(`"2006-01-02T15:04:05.000000-07:00"`))
	case 4:
		g.raw(t.In(time.FixedZone("", -8*3600)).Format(`"2006-01-02 15:04:05.000000-0700"`))
	default:
		g.raw(t.Format(`"2006-01-02T15:04:05.000000000Z"`))
	}
}

func messy(g *gen) {
	r := &g.rng
	g.style = pick(r, styles)
	ms := g.when(1000, 1000)
	us := ms*1000 + r.n(1000)
	repo := r.skewed(5000)
	repoName := "org" + strconv.FormatInt(repo%700, 10) + "/" + pick(r, []string{"lake", "größe", "データ", "x"}) + "-" + strconv.FormatInt(repo, 10)
	g.key = []byte(repoName)
	g.object(r.chance(30),
		g.member("id", 0, 0, func() { g.number("id", g.i) }),
		g.member("type", 1, 1, func() { g.textOf("type", pick(r, eventTypes)) }),
		g.member("public", 5, 10, func() { v := r.chance(80); g.noteBool("public", v); g.boolean(v) }),
		g.member("created_at", 1, 1, func() { g.instant("created_at", us) }),
		g.member("day", 2, 3, func() { g.date("day", r.between(-25_000, 30_000)) }),
		g.member("actor", 1, 2, g.actor),
		g.member("repo", 1, 1, func() { g.repo(repo, repoName) }),
		g.member("org", 50, 10, func() {
			g.object(false, g.member("id", 5, 5, func() { g.number("org.id", r.n(1<<40)) }), g.member("login", 5, 5, func() { g.textOf("org.login", g.words(2)) }))
		}),
		g.member("payload", 3, 3, g.payload),
		g.member("reactions", 40, 5, func() { g.mapping("reactions", func() { g.int(r.between(-3, 2_000_000)) }) }),
		g.member("attributes", 40, 5, func() { g.mapping("attributes", func() { g.text(g.words(3)) }) }),
		g.member("ratio", 10, 10, func() { g.real("ratio", 32) }),
		g.member("score", 10, 10, func() { g.real("score", 64) }),
		g.member("amount", 10, 10, func() { g.decimal("amount", big.NewInt(r.between(-999_999_999_999, 999_999_999_999)), 6) }),
		g.member("balance", 10, 10, g.balance),
		g.member("trace", 10, 10, g.trace),
		g.member("digest", 20, 10, func() { g.bytes("digest", r.n(40)) }),
		g.member("mark", 20, 10, func() { g.bytes("mark", 4) }),
		g.member("matrix", 30, 10, g.matrix),
		g.member("context", 20, 10, g.context),
		g.member("_links", 50, 10, g.unknown),
		g.member("größe", 80, 10, g.unknown),
	)
}

func (g *gen) date(column string, days int64) {
	g.noteInt(column, days)
	if days > 3653 && g.rng.chance(20) { // since 1980 a bare number of days is clear
		g.int(days)
		return
	}
	g.raw(time.Unix(days*86400, 0).UTC().Format(`"2006-01-02"`))
}

func (g *gen) actor() {
	r := &g.rng
	g.object(r.chance(20),
		g.member("id", 1, 1, func() { g.number("actor.id", r.n(1<<53)*1024+r.n(1024)) }), // beyond what a double holds
		g.member("login", 1, 1, func() { g.textOf("actor.login", strings.ToLower(pick(r, firstNames))+strconv.FormatInt(r.n(9999), 10)) }),
		g.member("name", 20, 20, func() { g.textOf("actor.name", pick(r, firstNames)+" "+pick(r, lastNames)) }),
		g.member("site_admin", 20, 5, func() { v := r.chance(3); g.noteBool("actor.site_admin", v); g.boolean(v) }),
		g.member("gravatar_id", 20, 5, func() { g.raw(`""`) }),
	)
}

func (g *gen) repo(repo int64, name string) {
	r := &g.rng
	g.object(r.chance(20),
		g.member("id", 1, 1, func() { g.number("repo.id", repo*1000) }),
		g.member("name", 1, 1, func() { g.textOf("repo.name", name) }),
		g.member("stars", 5, 5, func() { g.number("repo.stars", r.skewed(1<<31)) }),
		g.member("language", 5, 20, func() { g.textOf("repo.language", pick(r, languages)) }),
		g.member("topics", 10, 10, func() { g.strings("repo.topics", 5) }),
		g.member("size", 10, 10, func() { g.real("repo.size", 64) }),
		g.member("url", 10, 10, func() { g.text("https://example.org/" + name) }),
	)
}

// strings writes a list of strings, some of them null.
func (g *gen) strings(column string, most int64) {
	n := g.rng.n(most + 1)
	g.noteInt(column, n)
	g.list(n, func(int64) {
		if g.rng.chance(5) {
			g.null()
		} else {
			g.text(g.words(1))
		}
	})
}

func (g *gen) mapping(column string, value func()) {
	n := g.rng.n(int64(len(reactionNames)) + 1)
	first := g.rng.n(int64(len(reactionNames)))
	g.noteInt(column, n)
	members := make([]func() bool, n)
	for k := range members { // no key twice
		members[k] = g.member(reactionNames[(first+int64(k))%int64(len(reactionNames))], 0, 10, value)
	}
	g.object(false, members...)
}

func (g *gen) payload() {
	r := &g.rng
	g.object(r.chance(20),
		g.member("action", 20, 5, func() { g.textOf("payload.action", pick(r, []string{"opened", "closed", "reopened", ""})) }),
		g.member("ref", 30, 10, func() { g.textOf("payload.ref", "refs/heads/"+g.words(1)) }),
		g.member("size", 30, 10, func() { g.number("payload.size", r.between(-1, 1<<31-1)) }),
		g.member("commits", 30, 10, g.commits),
		g.member("issue", 50, 10, g.issue),
		g.member("before", 50, 0, g.unknown),
	)
}

func (g *gen) commits() {
	r := &g.rng
	n := r.skewed(8)
	g.noteInt("payload.commits", n)
	g.list(n, func(int64) {
		if r.chance(2) {
			g.null()
			return
		}
		g.object(r.chance(20),
			g.member("sha", 1, 1, func() { g.text(hex16(r.next()) + hex16(r.next())) }),
			g.member("message", 5, 5, func() { g.text(g.words(8)) }),
			g.member("author", 5, 5, func() {
				g.object(false, g.member("name", 5, 5, func() { g.text(pick(r, lastNames)) }), g.member("email", 30, 20, func() { g.text("a@example.org") }))
			}),
			g.member("distinct", 10, 10, func() { g.boolean(r.chance(50)) }),
			g.member("url", 10, 10, func() { g.text("https://example.org/") }),
		)
	})
}

func (g *gen) issue() {
	r := &g.rng
	g.object(r.chance(20),
		g.member("number", 1, 1, func() { g.number("payload.issue.number", r.skewed(100_000)) }),
		g.member("title", 3, 3, func() { g.textOf("payload.issue.title", g.words(6)) }),
		g.member("score", 10, 10, func() { g.real("payload.issue.score", 64) }),
		g.member("labels", 10, 10, func() {
			n := r.n(4)
			g.noteInt("payload.issue.labels", n)
			g.list(n, func(int64) {
				g.object(false, g.member("name", 2, 2, func() { g.text(g.words(2)) }), g.member("color", 10, 10, func() { g.text(hex16(r.next())[:6]) }))
			})
		}),
		g.member("assignees", 10, 10, func() { g.strings("payload.issue.assignees", 3) }),
		g.member("closed_at", 20, 40, func() { g.instant("payload.issue.closed_at", firstDay*1000+r.n(1<<47)) }),
	)
}

// balance has up to thirty digits.
func (g *gen) balance() {
	v := new(big.Int).Mul(big.NewInt(g.rng.n(1<<62)), big.NewInt(1+g.rng.n(1<<36)))
	if g.rng.chance(30) {
		v.Neg(v)
	}
	g.decimal("balance", v, 10)
}

func (g *gen) trace() {
	h := hex16(g.rng.next()) + hex16(g.rng.next())
	id := h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	g.noteString("trace", id)
	if g.rng.chance(30) {
		id = strings.ToUpper(id)
	}
	g.raw(`"` + id + `"`)
}

func (g *gen) bytes(column string, n int64) {
	raw, err := hex.DecodeString((hex16(g.rng.next()) + hex16(g.rng.next()) + hex16(g.rng.next()) + hex16(g.rng.next()) + hex16(g.rng.next()))[:2*n])
	if err != nil {
		panic(err)
	}
	g.noteText(column, raw)
	g.raw(`"` + base64.StdEncoding.EncodeToString(raw) + `"`)
}

func (g *gen) matrix() {
	n := g.rng.n(4)
	g.noteInt("matrix", n)
	g.list(n, func(int64) {
		if g.rng.chance(5) {
			g.null()
			return
		}
		g.list(g.rng.n(4), func(int64) { g.int(int64(g.rng.next())) })
	})
}

// context is text, or any JSON: a string column keeps the text of what is not a string.
func (g *gen) context() {
	from := len(g.value)
	switch g.rng.n(4) {
	case 0:
		g.unknown()
	case 1:
		g.raw(fmt.Sprintf("%d.50e+01", g.rng.n(1000)))
	default:
		g.textOf("context", g.words(10))
		return
	}
	if g.facts != nil {
		g.noteText("context", g.value[from:])
	}
}

// unknown is something nested that no column is for.
func (g *gen) unknown() {
	r := &g.rng
	g.object(false,
		g.member("self", 10, 10, func() { g.text("https://example.org/" + g.words(1)) }),
		g.member("deep", 30, 10, func() {
			g.list(r.n(3), func(int64) {
				g.list(r.n(3), func(k int64) {
					g.object(false, g.member("k"+strconv.FormatInt(k, 10), 10, 10, func() { g.raw("-0.0e-0") }))
				})
			})
		}),
		g.member("flag", 30, 10, func() { g.boolean(r.chance(50)) }),
	)
}
