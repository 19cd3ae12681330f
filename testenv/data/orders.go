package data

import "strconv"

// Orders is the demo's stream: orders of a shop, one each 100 ms.
func Orders(seed uint64) *Stream {
	return &Stream{
		Name: "orders", seed: seed, make: order,
		Declared: []Declared{
			{"id", "long", true}, {"at", "timestamptz", true}, {"customer", "string", false}, {"product", "string", false}, {"quantity", "int", false},
			{"price", "decimal(12,2)", false}, {"paid", "boolean", false}, {"note", "string", false}, {"tags", "list<string>", false},
			{"address", "struct<street: string, zip: string, city: string, country: string>", false},
		},
		PartitionBy: []string{"day(at)"},
		Measured: []Column{
			{"id", "int"}, {"at", "timestamp"}, {"customer", "string"}, {"product", "string"}, {"quantity", "int"}, {"price", "decimal"}, {"paid", "bool"},
			{"note", "string"}, {"tags", "list"}, {"address.street", "string"}, {"address.zip", "string"}, {"address.city", "string"}, {"address.country", "string"},
		},
	}
}

type product struct {
	name  string
	cents int64
}

var (
	products = []product{
		{"teapot", 3490}, {"kettle", 4999}, {"cup, blue", 890}, {"cup, white", 790}, {"saucer", 450}, {"tea strainer", 620}, {"tea towel", 1190}, {"tray, oak", 5600},
		{"sencha 100 g", 1450}, {"assam 250 g", 1280}, {"earl grey 100 g", 990}, {"rooibos 200 g", 870}, {"honey 500 g", 1120}, {"sugar tongs", 1550}, {"cake stand", 7400}, {"egg timer", 1999},
	}
	firstNames = []string{"Ada", "Zoë", "Łukasz", "José", "Anaïs", "Søren", "Mehmet", "Nguyễn", "Γιώργος", "Наталья", "美咲", "Fatima", "Kwame", "Siobhán", "Björk", "Tom"}
	lastNames  = []string{"Lovelace", "Müller", "Wałęsa", "García", "O'Brien", "Jørgensen", "Yılmaz", "Trần", "Παπαδόπουλος", "Иванова", "佐藤", "Haddad", "Mensah", "Ní Bhriain", "Smith", "Dvořák"}
	towns      = []struct{ zip, city, country string }{
		{"10115", "Berlin", "DE"}, {"50667", "Köln", "DE"}, {"01067", "Dresden", "DE"}, {"75001", "Paris", "FR"}, {"69001", "Lyon", "FR"}, {"00-001", "Warszawa", "PL"}, {"8001", "Zürich", "CH"},
		{"1010", "Wien", "AT"}, {"28001", "Madrid", "ES"}, {"1050-001", "Lisboa", "PT"}, {"0150", "Oslo", "NO"}, {"EC1A 1BB", "London", "GB"}, {"100-0001", "東京", "JP"}, {"34000", "İstanbul", "TR"},
	}
	streets = []string{"Hauptstraße", "Rue de la Paix", "High Street", "ul. Długa", "Via Roma", "Calle Mayor", "Storgata", "Bahnhofstrasse"}
	tags    = []string{"new", "gift", "express", "returning", "sale", "b2b", "fragile", "größe L"}
	notes   = []string{"please ring twice", "leave at the door", "for “Mia” 🎂", "no \"plastic\", thanks\nand hello", "back\\slash", "c/o\tneighbour"}
)

func order(g *gen) {
	r := &g.rng
	at := g.when(100, 100)
	customer := r.skewed(50_000)
	name := firstNames[customer%16] + " " + lastNames[customer/16%16] + " " + strconv.FormatInt(customer, 10)
	item := pick(r, products)
	quantity := 1 + r.skewed(12)
	cents := item.cents * quantity * (100 - r.skewed(4)*5) / 100
	g.noteInt("id", g.i)
	g.noteInt("at", at*1000)
	g.noteString("customer", name)
	g.noteString("product", item.name)
	g.noteInt("quantity", quantity)
	g.noteCents("price", cents, 2)

	g.key = strconv.AppendInt(nil, customer, 10)
	b := append(g.value, `{"id":`...)
	b = strconv.AppendInt(b, g.i, 10)
	b = append(b, `,"at":"`...)
	g.value = b
	g.appendTime(at)
	b = append(g.value, `","customer":`...)
	b = appendString(b, name, plainText)
	b = append(b, `,"product":`...)
	b = appendString(b, item.name, plainText)
	b = append(b, `,"quantity":`...)
	b = strconv.AppendInt(b, quantity, 10)
	b = append(b, `,"price":`...)
	b = appendFixed(b, cents, 2)
	if paid := r.chance(70); r.chance(95) {
		g.noteBool("paid", paid)
		b = strconv.AppendBool(append(b, `,"paid":`...), paid)
	}
	if r.chance(20) {
		note := pick(r, notes)
		g.noteString("note", note)
		b = appendString(append(b, `,"note":`...), note, plainText)
	} else if r.chance(50) {
		b = append(b, `,"note":null`...)
	}
	b = append(b, `,"tags":[`...)
	n := r.n(4)
	for k := range n {
		if k > 0 {
			b = append(b, ',')
		}
		b = appendString(b, pick(r, tags), plainText)
	}
	g.noteInt("tags", n)
	b = append(b, `],"address":`...)
	if r.chance(90) {
		town, street := pick(r, towns), pick(r, streets)+" "+strconv.FormatInt(r.between(1, 199), 10)
		g.noteString("address.street", street)
		g.noteString("address.zip", town.zip)
		g.noteString("address.city", town.city)
		g.noteString("address.country", town.country)
		b = appendString(append(b, `{"street":`...), street, plainText)
		b = appendString(append(b, `,"zip":`...), town.zip, plainText)
		b = appendString(append(b, `,"city":`...), town.city, plainText)
		b = appendString(append(b, `,"country":`...), town.country, plainText)
		b = append(b, '}')
	} else {
		b = append(b, "null"...)
	}
	g.value = append(b, '}')
}
