package commit

import (
	"fmt"
	"strings"

	"github.com/sinker-io/sinker/offsets"
)

// Reason is why sinker refuses to go on by itself with a table or a partition. docs/operations.md has a section per reason.
type Reason string

const (
	CherryPick      Reason = "cherry-pick"    // a snapshot of ours was cherry-picked: its rows are there twice over, its offsets are not
	UnknownVersion  Reason = "version"        // the state was written by a newer sinker
	ReplacedTable   Reason = "replaced table" // the branch has no state of ours, but the table has traces of it
	LineageLost     Reason = "lineage lost"   // expired snapshots hide what is in the table
	Recreated       Reason = "recreated"      // the table was dropped and created again
	NewSink         Reason = "new sink"       // another sink id has read the same offsets into this table
	SinkEnded       Reason = "ended"          // an operator has ended this sink id on the table, so that another can follow
	RolledBack      Reason = "rolled back"    // policy.rollback: stop
	RejectedCommit  Reason = "rejected"       // the catalog refuses the request, whatever the base
	CatalogLies     Reason = "catalog lies"   // it said yes, and did not commit
	BadRecord       Reason = "bad record"     // on_bad_record: stop
	TooManyBad      Reason = "too many bad records"
	GapInLog        Reason = "gap"        // retention removed records that were not read
	LogTruncated    Reason = "truncation" // the log lost records that were read
	TopicRecreated  Reason = "topic recreated"
	OtherCluster    Reason = "cluster"            // the state belongs to another Kafka cluster
	CorruptLog      Reason = "corrupt log"        // a record batch that no client can read
	NotAllowed      Reason = "denied"             // the cluster does not let us read the topic
	Route           Reason = "route"              // two entries of tables claim one topic
	Incompatible    Reason = "incompatible table" // the table's schema or properties cannot take these rows
	StateUnreadable Reason = "state unreadable"   // a snapshot of ours whose offsets cannot be read
	FateChanged     Reason = "fate changed"       // a record that was no dead letter can no longer become a row

	DeadLettersRolledBack Reason = "dead letters rolled back" // the table of dead letters was moved back
)

// doRejected is what to do about a catalog that takes no request of ours; caps is what the request held beside its snapshot.
func doRejected(caps Capabilities) string {
	do := "see what the catalog says and mend it; sinker tries again by itself every 30 s"
	var without []string
	if caps.Properties {
		without = append(without, "table properties with `sinker.properties: \"false\"`")
	}
	if caps.Tags {
		without = append(without, "tags with `sinker.tags: \"false\"`")
	}
	if len(without) == 0 {
		return do
	}
	return do + ". A catalog that takes no such thing is used without " + strings.Join(without, ", without ") +
		" in catalog.properties; `sinker check --probe` shows whether it is that, and what is lost by it"
}

// Stop is an error that ends work on a table, or on one partition of it, until an operator or the world
// changes something. It is looked at again from time to time; nothing is lost by waiting.
type Stop struct {
	Reason    Reason
	Table     string
	Partition *offsets.Partition // nil: the whole table
	Offset    int64              // meaningful if Partition is set
	Found     string             // what was found and what it means
	Do        string             // what the operator can do: a command that resolves it, or a change to make
	Err       error              // the cause, if there is one
}

// advises are the commands that a Stop's advice may hold, each in backticks and without the configuration file.
var advises = []string{"offsets show", "offsets accept", "offsets set", "offsets adopt", "offsets end", "check"}

// Complete puts the table's name into the Stop, if it names none yet, and into its advice, and the configuration file, if it is known, into every command of the
// advice, so that they can be pasted into a shell. It may be called again.
func (s *Stop) Complete(table, file string) {
	if s.Table == "" {
		s.Table = table
	}
	s.Do = strings.ReplaceAll(s.Do, "TABLE", s.Table)
	if file == "" {
		return
	}
	for _, c := range advises {
		for _, next := range []string{"`", " --"} {
			s.Do = strings.ReplaceAll(s.Do, "`sinker "+c+next, "`sinker "+c+" -c "+Word(file)+next)
		}
	}
}

func (s *Stop) Error() string {
	where := s.Table
	if s.Partition != nil {
		where += fmt.Sprintf(" partition %s offset %d", s.Partition, s.Offset)
	}
	msg := fmt.Sprintf("STOP(%s) %s: %s", s.Reason, where, s.Found)
	if s.Err != nil {
		msg += ": " + s.Err.Error()
	}
	if s.Do != "" {
		msg += ". To go on: " + s.Do
	}
	return msg
}

func (s *Stop) Unwrap() error { return s.Err }
