package main

import (
	"bytes"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/sinker-io/sinker/sink"
)

func TestFieldLog_EachFieldOnce(t *testing.T) {
	var b bytes.Buffer
	f := newFieldLog(plainLog(&b, slog.LevelInfo))
	for _, seen := range []map[string]int64{nil, {"b": 1, "a.c": 2}, {"b": 9, "a.c": 2}, {"b": 9, "a.c": 2, "d": 1, "": 4}, {"": 5}} {
		f.look(sink.Status{Tables: []sink.TableStatus{{Table: "s.t", Unknown: seen}, {Table: "s.u"}}})
	}
	const line = `level=WARN msg="records have fields that the table has no column for; their values are left out" table=s.t fields=`
	if got, want := b.String(), line+`"a.c, b"`+"\n"+line+`"d, and others, which are not named"`+"\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// What a record has beyond the table's columns is left out, but not in silence: the page, the metrics and the log name it.
func TestRun_TellsOfFieldsWithoutAColumn(t *testing.T) {
	s := tell(t, "", "")
	s.send(0, `{"id":1,"colour":"red","size":{"w":3}}`, `{"id":2,"colour":"blue"}`)
	r := s.run()
	s.until("orders-0 2, orders-1 0")
	for at, want := range map[string]string{
		"":        "colour (2), size (1)",
		"metrics": `sinker_unknown_fields_total{field="colour",table="shop.orders"} 2`,
	} {
		if body, err := get(s.ctx, "http://"+s.page+"/"+at); err != nil || !strings.Contains(body, want) {
			t.Errorf("/%s has no %s, %v:\n%s", at, want, err, body)
		}
	}
	r.ends(syscall.SIGTERM, exitDone)
	if want := `fields="colour, size"`; strings.Count(r.log.String(), want) != 1 {
		t.Errorf("the log does not say %s once:\n%s", want, r.log)
	}
}
