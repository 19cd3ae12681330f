package config

import (
	"fmt"
	"regexp"
	"strings"
)

func (r *reader) checkTables(c *Config) {
	for i := range c.Tables {
		t, p := &c.Tables[i], at("tables", i)
		r.checkTableName(p+".table", t.Table, t)
		if t.DeadLetters != "" && c.IsSet(p+".dead_letters") {
			r.checkTableName(p+".dead_letters", t.DeadLetters, t)
			if strings.Contains(t.DeadLetters, TopicPlaceholder) && !t.PerTopic() {
				r.say(p+".dead_letters", "has {topic}, and the table has not", "one table of dead letters for one table", "take {topic} away")
			}
			if t.OnBadRecord != "dead_letter" && r.valid(p+".on_bad_record") {
				r.say(p+".dead_letters", "stands without on_bad_record: dead_letter", "dead_letters only with it", "take it away")
			}
		}
		r.checkBranch(p+".branch", t.Branch)
		r.checkTopics(p+".topics", t)
		r.checkColumns(c, p, t)
		r.checkKafkaColumns(p+".kafka_columns", t)
		if t.OnBadRecord == "stop" && t.MaxBadShare != Off {
			r.say(p+".max_bad_share", "stands with on_bad_record: stop, which stops at the first", "max_bad_share only with dead_letter or skip", "take it away")
		}
		if t.Create != nil {
			r.checkCreate(p+".create", t)
		}
	}
	r.checkClaims(c)
}

var namePart = regexp.MustCompile(`^[\pL\pN_$-]+$`)
var placeholder = regexp.MustCompile(`\{[^}]*\}?`)

// checkTableName wants namespace.table; {topic} may stand anywhere in it.
func (r *reader) checkTableName(path, name string, t *Table) {
	if name == "" {
		return
	}
	for _, ph := range placeholder.FindAllString(name, -1) {
		if ph != TopicPlaceholder {
			r.say(path, fmt.Sprintf("%s is no placeholder", ph), "{topic}, or none", didYouMean(TopicPlaceholder))
			return
		}
	}
	bare := strings.ReplaceAll(name, TopicPlaceholder, "t")
	parts := strings.Split(bare, ".")
	if len(parts) < 2 {
		r.say(path, r.quoted(path, name)+" has no namespace", "namespace.table", didYouMean("default."+name))
		return
	}
	for _, part := range parts {
		if namePart.MatchString(part) {
			continue
		}
		what, guess := "holds a character that table names do not have", regexp.MustCompile(`[^\pL\pN_$.{}-]+`).ReplaceAllString(name, "_")
		if part == "" {
			what, guess = "has an empty part", strings.Trim(regexp.MustCompile(`\.{2,}`).ReplaceAllString(name, "."), ".")
			if !strings.Contains(guess, ".") {
				guess = ""
			}
		}
		r.say(path, r.quoted(path, name)+" "+what, "namespace.table of letters, digits, _ and -", didYouMean(guess))
		return
	}
}

func (r *reader) checkBranch(path, b string) {
	if b == "" || strings.ContainsAny(b, " \t\n") {
		r.say(path, r.quoted(path, b)+" is not a branch name", "a name without spaces", didYouMean("main"))
	}
	if strings.HasPrefix(b, "sinker_") {
		r.say(path, r.quoted(path, b)+" is a name that sinker keeps for its tags", "another name", "")
	}
}

func (r *reader) checkTopics(path string, t *Table) {
	seen := map[string]bool{}
	for i, topic := range t.Topics {
		if topic.Text == "" {
			continue
		}
		if seen[topic.Text] {
			r.say(at(path, i), fmt.Sprintf("%q is listed twice", topic.Text), "each topic once", "take one away")
		}
		seen[topic.Text] = true
	}
	if t.PerTopic() {
		for i, topic := range t.Topics {
			if topic.Name != "" && (strings.HasPrefix(topic.Name, ".") || strings.HasSuffix(topic.Name, ".") || strings.Contains(topic.Name, "..")) {
				r.say(at(path, i), fmt.Sprintf("%q gives a table name with an empty part", topic.Name), "a topic that {topic} can stand for", "give it an entry with a plain table name")
			}
		}
	}
}

func (r *reader) checkColumns(c *Config, path string, t *Table) {
	for name, col := range t.Columns {
		p := path + ".columns." + name
		if col.Unit == "" && col.Zone == "" && r.valid(p+".unit") && r.valid(p) && r.valid(p+".zone") {
			r.say(p, "says nothing", "unit, zone or both", "take it away")
		}
		r.checkColumnKnown(c, p, name, t)
	}
}

// checkColumnKnown looks for the column in create, where there is one. A table that exists may have more columns than that, so it
// is a warning; a table made by create would not take the option.
func (r *reader) checkColumnKnown(c *Config, p, name string, t *Table) {
	if t.Create == nil || len(t.Create.Columns) == 0 {
		return
	}
	var names []string
	for _, col := range t.Create.Columns {
		if col.Name == name || strings.HasPrefix(name, col.Name+".") {
			r.checkColumnFits(p, col, name, t.Columns[name])
			return
		}
		names = append(names, col.Name)
	}
	hint := didYouMean(nearest(name, names, nil))
	if hint == "" {
		hint = "it must be in the table already"
	}
	r.warn(c, p, "create has no such column", hint)
}

// checkColumnFits wants units and zones only where they mean something.
func (r *reader) checkColumnFits(p string, c CreateColumn, name string, how Column) {
	typ := strings.ToLower(strings.TrimSpace(c.Type))
	if c.Name != name || strings.ContainsAny(typ, "<") {
		return // nested: the table's schema decides
	}
	temporal := typ == "date" || typ == "time" || strings.HasPrefix(typ, "timestamp")
	if how.Unit != "" && !temporal {
		r.say(p+".unit", fmt.Sprintf("column %s is %s, which has no unit", name, c.Type), "a unit for date, time, timestamp or timestamptz", "")
	}
	if how.Zone != "" && !temporal {
		r.say(p+".zone", fmt.Sprintf("column %s is %s, which has no zone", name, c.Type), "a zone for timestamptz", "")
	}
}

func (r *reader) checkKafkaColumns(path string, t *Table) {
	seen := map[string]bool{}
	for i, k := range t.KafkaColumns {
		if seen[k] && k != "" {
			r.say(at(path, i), fmt.Sprintf("%q is listed twice", k), "each column once", "take one away")
		}
		seen[k] = true
	}
}

// checkClaims wants every topic, and every table, in one entry only.
func (r *reader) checkClaims(c *Config) {
	for i := range c.Tables {
		for j, topic := range c.Tables[i].Topics {
			if topic.Text == "" {
				continue
			}
			for k := range c.Tables {
				if k == i {
					continue
				}
				if other, ok := overlap(c.Tables[k], topic); ok && (k < i || topic.Name != "" && other.Pattern != nil) {
					path := at(at("tables", i)+".topics", j)
					line := r.where(at("tables", k) + ".topics").line
					what := fmt.Sprintf("topic %s belongs to another entry already, in line %d", topic.Text, line)
					if other.Pattern != nil && topic.Name != "" {
						what = fmt.Sprintf("topic %s is also matched by %s in line %d", topic.Text, other.Text, line)
					}
					r.say(path, what, "each topic in one entry", "")
				}
			}
		}
		r.checkTableTwice(c, i)
		r.checkLetters(c, i)
	}
}

// checkLetters wants a table of dead letters to be nobody's target, and to be named alike wherever it is shared: its state is of all
// entries that name it.
func (r *reader) checkLetters(c *Config, i int) {
	t, path := &c.Tables[i], at("tables", i)+".dead_letters"
	if t.OnBadRecord != "dead_letter" {
		return
	}
	if !c.IsSet(path) {
		path = at("tables", i) + ".table"
	}
	for name := range letterNames(*t) {
		for k := range c.Tables {
			if tableNames(c.Tables[k])[name] {
				if k == i && t.DeadLetters == t.Table {
					r.say(path, "is the table itself", "another table", "")
				} else {
					r.say(path, fmt.Sprintf("dead letters would go to %s, to which records go already, in line %d", name, r.where(at("tables", k)+".table").line), "a table of its own for dead letters", "")
				}
				return
			}
			if o := c.Tables[k]; k < i && o.OnBadRecord == "dead_letter" && o.DeadLetters != t.DeadLetters && letterNames(o)[name] {
				r.say(path, fmt.Sprintf("dead letters would go to %s, which line %d names in another way", name, r.where(at("tables", k)).line), "the same dead_letters in all entries that share a table", "")
				return
			}
		}
	}
}

// letterNames are the tables of dead letters of an entry as far as they are known before any topic is met.
func letterNames(t Table) map[string]bool {
	out := map[string]bool{t.DeadLetters: true}
	for _, topic := range t.Topics {
		if topic.Name != "" {
			out[t.LettersFor(topic.Name)] = true
		}
	}
	return out
}

// overlap finds the topic of t that certainly claims what topic claims; overlapping patterns show only when a topic
// is met.
func overlap(t Table, topic Topic) (Topic, bool) {
	for _, o := range t.Topics {
		if o.Text != "" && (o.Text == topic.Text || topic.Name != "" && o.Matches(topic.Name)) {
			return o, true
		}
	}
	return Topic{}, false
}

func (r *reader) checkTableTwice(c *Config, i int) {
	mine := tableNames(c.Tables[i])
	for k := range i {
		for name := range tableNames(c.Tables[k]) {
			if mine[name] && c.Tables[k].Branch == c.Tables[i].Branch {
				r.say(at("tables", i)+".table", fmt.Sprintf("table %s has an entry already, in line %d", name, r.where(at("tables", k)+".table").line), "each table in one entry", "put the topics of both into one entry")
			}
		}
	}
}

// tableNames are the tables of an entry as far as they are known before any topic is met.
func tableNames(t Table) map[string]bool {
	if t.Table == "" {
		return nil
	}
	if !t.PerTopic() {
		return map[string]bool{t.Table: true}
	}
	out := map[string]bool{t.Table: true}
	for _, topic := range t.Topics {
		if topic.Name != "" {
			out[t.NameFor(topic.Name)] = true
		}
	}
	return out
}
