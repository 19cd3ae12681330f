package sink

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/writer"
)

// stopTable gives up what the lane holds and waits for an operator, or for the world to change.
func (l *lane) stopTable(s *commit.Stop) {
	l.complete(s)
	news := l.stop() == nil || l.stop().Reason != s.Reason
	l.again("", nil)
	l.setStop(s)
	l.lookAgain(s)
	if told := l.s.cfg.Events.Stopped; told != nil && news {
		told(StopInfo{Table: l.name, Stop: s})
	}
}

// complete makes the commands in the advice ready to paste.
func (l *lane) complete(s *commit.Stop) { s.Complete(l.name, l.s.cfg.File) }

// lookAgain sets the time of the next look, but for what only a restart may end.
func (l *lane) lookAgain(s *commit.Stop) {
	if s.Reason != commit.CatalogLies {
		l.recheck = time.Now().Add(l.s.cfg.Recheck)
	}
}

// lookOnceMore repeats a look at what is stopped that came to nothing: the start that it was part of failed, or has to be made again.
func (l *lane) lookOnceMore() {
	stopped := l.stop() != nil
	for _, p := range l.parts {
		stopped = stopped || p.stop != nil
	}
	if stopped {
		l.recheck = time.Now()
	}
}

// stopPart stops one partition; the others go on.
func (l *lane) stopPart(id offsets.Partition, p *part, s *commit.Stop) {
	l.complete(s)
	news := p.stop == nil || p.stop.Reason != s.Reason || p.stop.Offset != s.Offset
	p.started, p.stop = false, s
	l.s.cfg.Source.Pause([]offsets.Partition{id})
	l.dropBacklog(func(q offsets.Partition) bool { return q == id })
	l.lookAgain(s)
	if told := l.s.cfg.Events.Stopped; told != nil && news {
		told(StopInfo{Table: l.name, Stop: s})
	}
}

func (l *lane) stopParts(s *commit.Stop, of func(offsets.Partition) bool) {
	for id, p := range l.parts {
		if of(id) {
			l.stopPart(id, p, s)
		}
	}
}

// cleared ends the stop of a partition that got past it.
func (l *lane) cleared(id offsets.Partition, p *part) {
	if p.stop == nil {
		return
	}
	p.stop = nil
	if told := l.s.cfg.Events.Resumed; told != nil {
		told(l.name, &id)
	}
}

func (l *lane) resumed() func() {
	return func() {
		if told := l.s.cfg.Events.Resumed; told != nil {
			told(l.name, nil)
		}
	}
}

func (l *lane) onBad(p offsets.Partition, rec *kgo.Record, err *decode.RecordError) error {
	if l.dead != nil {
		return l.dead.bury(l, p, rec, err)
	}
	if l.entry.SkipBad {
		return l.share.another()
	}
	return err
}

// badStop is the stop before a record that on_bad_record does not let pass.
func (l *lane) badStop(p offsets.Partition, bad *writer.BadRecord) *commit.Stop {
	var decided *commit.Stop
	if errors.As(bad.Err, &decided) {
		decided.Table = l.name
		return decided
	}
	s := &commit.Stop{Table: l.name, Partition: &p, Offset: bad.Offset, Err: bad.Err}
	if errors.Is(bad.Err, errTooMany) {
		s.Reason, s.Found = commit.TooManyBad, "something is wrong with more than single records: with the producer, the table, or the configuration"
		s.Do = "find what changed (the counters of bad records have their codes, the log their offsets) and mend it, or raise max_bad_share; " +
			"sinker looks at this record again every 30 s. " + l.passOver(p, bad.Offset) + " passes over this one alone, and the next bad one stops again"
		return s
	}
	s.Reason, s.Found = commit.BadRecord, "this record cannot become a row, and on_bad_record is stop"
	s.Do = "correct the table or the configuration, set on_bad_record: skip (counted), or pass over this one record with " + l.passOver(p, bad.Offset)
	return s
}

func (l *lane) passOver(p offsets.Partition, offset int64) string {
	return fmt.Sprintf("`sinker offsets accept --table %s --partition %s --skip %d --reason WHY`", l.name, p, offset)
}

// sinkEnded is the stop of a sink id that was ended on the table: another one has taken over, or will.
func (l *lane) sinkEnded(st commit.State) *commit.Stop {
	return &commit.Stop{Reason: commit.SinkEnded, Table: l.name,
		Found: fmt.Sprintf("sink %q has an upper bound in every partition of this table: an operator has ended it there (offsets end), so that another sink id can follow", st.Sink),
		Do:    "stop this sink; or, to go on filling the table, set another `sink:` in the configuration, which may begin where this one ended, and restart. `sinker offsets show --table TABLE` shows where that is"}
}

func (l *lane) onSkip(p offsets.Partition, rec *kgo.Record, why error) {
	code := "tombstone"
	var bad *decode.RecordError
	if errors.As(why, &bad) {
		code = bad.Code
	}
	if told := l.s.cfg.Events.Skipped; told != nil {
		told(SkippedInfo{Table: l.name, Partition: p, Offset: rec.Offset, Code: code, Err: why})
	}
}

// faultStop is the stop for a partition that cannot be read at all.
func (l *lane) faultStop(f source.Fault) *commit.Stop {
	p := f.Partition
	if f.Kind == source.FaultDenied {
		return &commit.Stop{Reason: commit.NotAllowed, Table: l.name, Partition: &p, Offset: f.At, Found: "the cluster lets sinker see this topic, and not read it", Err: f.Err,
			Do: "grant READ and DESCRIBE on the topic to sinker's user; sinker looks again every 30 s. `sinker check` names every right that is missing"}
	}
	return &commit.Stop{Reason: commit.CorruptLog, Table: l.name, Partition: &p, Offset: f.At, Found: "the record batch at this offset cannot be read", Err: f.Err,
		Do: fmt.Sprintf("restore the partition, or pass over the whole batch with `sinker offsets accept --table %s --partition %s --skip %d-LAST --reason WHY`; "+
			"LAST is its last offset, which the cause above tells, or else kafka-dump-log on the broker; sinker looks again every 30 s", l.name, p, f.At)}
}
