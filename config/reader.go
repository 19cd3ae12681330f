package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// reader fills the fields of a Config from the nodes of a file, and writes down every fault.
type reader struct {
	file    string
	env     func(string) (string, bool)
	names   func() []string // of the environment's variables; nil: no suggestions
	faults  Faults
	at      map[string]position
	written map[string]string // what the file says where a value came from the environment
	anchors map[string]ast.Node
	visits  int
	merges  int
}

// maxVisits bounds aliases that hold aliases, maxMerges sections that merge sections, or themselves; no honest file comes near them.
const (
	maxVisits = 50_000
	maxMerges = 1_000
)

func (r *reader) fault(p position, path, what, want, hint string) {
	r.faults = append(r.faults, Fault{File: r.file, Line: p.line, Column: p.column, Path: path, What: what, Want: want, Hint: hint})
}

// at is the path of entry i of a list.
func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// fill sets v, of any type of this package's configuration, from node. rule is the Key path.
func (r *reader) fill(node ast.Node, v reflect.Value, path, rule string) {
	if r.visits++; r.visits > maxVisits {
		if r.visits == maxVisits+1 {
			r.fault(place(node), path, "aliases within aliases make this file too large", "a plain file", "")
		}
		return
	}
	p := place(node)
	node = r.plain(node, path)
	if node == nil {
		return
	}
	if _, ok := r.at[path]; !ok {
		r.at[path] = p
	}
	if _, ok := node.(*ast.NullNode); ok {
		r.fault(p, path, "has no value", r.wanted(v, rule), "give it one, or take the key away")
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if s, ok := v.Addr().Interface().(value); ok {
		r.scalar(node, path, rule, p, s.kind(), s.parse)
		return
	}
	if ps, ok := v.Addr().Interface().(*Properties); ok {
		ps.m = new(map[string]string)
		r.texts(node, reflect.ValueOf(ps.m).Elem(), path, rule)
		return
	}
	switch v.Kind() {
	case reflect.String:
		r.scalar(node, path, rule, p, "text", func(s string) *complaint { v.SetString(s); return r.allowed(s, rule) })
	case reflect.Bool:
		r.scalar(node, path, rule, p, "true or false", func(s string) *complaint { return parseBool(s, v) })
	case reflect.Int:
		r.scalar(node, path, rule, p, "whole number", func(s string) *complaint { return parseInt(s, v) })
	case reflect.Slice:
		r.list(node, v, path, rule)
	case reflect.Map:
		r.texts(node, v, path, rule)
	case reflect.Struct:
		r.section(node, v, path, rule)
	default:
		panic("config: no way to read a " + v.Type().String())
	}
}

// plain follows anchors, aliases and tags to what they stand for.
func (r *reader) plain(n ast.Node, path string) ast.Node {
	for range 100 {
		switch v := n.(type) {
		case *ast.AnchorNode:
			n = v.Value
		case *ast.AliasNode:
			name := v.Value.GetToken().Value
			to, ok := r.anchors[name]
			if !ok {
				r.fault(place(v), path, "alias *"+name+" stands for nothing", "&"+name+" on some value", didYouMean(nearest(name, sortedKeys(r.anchors), nil)))
				return nil
			}
			n = to
		case *ast.TagNode:
			n = v.Value
		default:
			return n
		}
	}
	r.fault(place(n), path, "an alias that stands for itself", "a value", "")
	return nil
}

// section reads the keys of a struct.
func (r *reader) section(node ast.Node, v reflect.Value, path, rule string) {
	fields := map[string]reflect.Value{}
	var known []string
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("yaml"); name != "" && name != "-" {
			fields[name] = v.Field(i)
			known = append(known, name)
		}
	}
	pairs, ok := r.pairs(node, path, "a section with keys such as "+strings.Join(known[:min(3, len(known))], ", "), known)
	if !ok {
		return
	}
	for _, kv := range pairs {
		f, ok := fields[kv.name]
		if !ok {
			r.fault(kv.at, join(path, kv.name), "unknown key", oneOf(known), r.suggestKey(kv.name, known, path, rule))
			continue
		}
		switch kv.value.(type) {
		case *ast.MappingNode, *ast.SequenceNode: // what lacks in a section is reported at its key
			r.at[join(path, kv.name)] = kv.at
		}
		r.fill(kv.value, f, join(path, kv.name), join(rule, kv.name))
	}
	for _, name := range known {
		k := keyByPath[join(rule, name)]
		if k != nil && k.Required && !has(pairs, name) {
			hint := ""
			if k.Example != "" {
				hint = "for example " + name + ": " + k.Example
			}
			where, label := r.where(path), "section "+path
			if path == "" {
				label = "file"
			} else if strings.HasSuffix(path, "]") {
				label = "entry " + path
			}
			r.fault(where, path, "the "+label+" has no key "+name, firstSentence(k.Doc), hint)
		}
	}
}

func firstSentence(s string) string {
	s, _, _ = strings.Cut(s, ". ")
	s = strings.ReplaceAll(strings.TrimSuffix(s, "."), "`", "")
	return strings.ToLower(s[:1]) + s[1:]
}

type pair struct {
	name  string
	at    position
	value ast.Node
}

func has(ps []pair, name string) bool {
	for _, p := range ps {
		if p.name == name {
			return true
		}
	}
	return false
}

// pairs lists the keys of a mapping, merged ones (<<) behind its own, each once.
func (r *reader) pairs(node ast.Node, path, want string, known []string) ([]pair, bool) {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		hint := ""
		if _, ok := node.(*ast.SequenceNode); ok && known != nil {
			hint = "take the dash away"
		}
		r.fault(place(node), path, "is "+describe(node), want, hint)
		return nil, false
	}
	var out, merged []pair
	seen := map[string]position{}
	for _, kv := range values {
		if _, ok := kv.Key.(*ast.MergeKeyNode); ok {
			if r.merges++; r.merges > maxMerges {
				if r.merges == maxMerges+1 {
					r.fault(place(kv.Key), path, fmt.Sprintf("more than %d sections are merged in this file, or one of them merges itself", maxMerges), "fewer of <<", "")
				}
				continue
			}
			if m := r.plain(kv.Value, path); m != nil {
				more, _ := r.pairs(m, path, "a section to merge", nil)
				merged = append(merged, more...)
			}
			continue
		}
		p := pair{name: keyText(kv.Key), at: place(kv.Key), value: kv.Value}
		if first, twice := seen[p.name]; twice {
			r.fault(p.at, join(path, p.name), fmt.Sprintf("this key is here twice, first in line %d", first.line), "each key once", "keep one of the two")
			continue
		}
		seen[p.name] = p.at
		out = append(out, p)
	}
	for _, p := range merged {
		if !has(out, p.name) {
			out = append(out, p)
		}
	}
	return out, true
}

func keyText(k ast.Node) string {
	switch v := k.(type) {
	case *ast.StringNode:
		return v.Value
	case *ast.MappingKeyNode:
		return keyText(v.Value)
	}
	if t := k.GetToken(); t != nil {
		return t.Value
	}
	return k.String()
}

// texts reads a map of names.
func (r *reader) texts(node ast.Node, v reflect.Value, path, rule string) {
	pairs, ok := r.pairs(node, path, "names and values, {} for none", nil)
	if !ok {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, kv := range pairs {
		item := reflect.New(v.Type().Elem()).Elem()
		r.fill(kv.value, item, join(path, kv.name), rule+".*")
		r.at[join(path, kv.name)] = kv.at
		v.SetMapIndex(reflect.ValueOf(kv.name), item)
	}
}

// list reads a sequence.
func (r *reader) list(node ast.Node, v reflect.Value, path, rule string) {
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		hint := ""
		switch n := node.(type) {
		case *ast.StringNode:
			if !strings.Contains(n.Value, "${") {
				hint = didYouMean("[" + n.Value + "]")
			}
		case *ast.MappingNode, *ast.MappingValueNode:
			hint = "put a dash before each entry"
		}
		r.fault(place(node), path, "is "+describe(node), "a list", hint)
		return
	}
	items := make([]ast.Node, 0, len(seq.Values))
	items = append(items, seq.Values...)
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, n := range items {
		if t, ok := v.Index(i).Addr().Interface().(*Table); ok {
			*t = defaultTable()
		}
		key := rule
		if v.Type().Elem().Kind() == reflect.Struct && v.Type().Elem() != reflect.TypeFor[Topic]() {
			key = rule + "[]"
		}
		r.fill(n, v.Index(i), at(path, i), key)
	}
	if len(items) == 0 {
		if k := keyByPath[rule]; k != nil && k.Required {
			r.fault(place(node), path, "is an empty list", "at least one entry", "")
		}
	}
}

// describe names the kind of a node for people, without its value.
func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a section"
	}
	return "something else"
}
