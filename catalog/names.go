package catalog

import "regexp"

// Every name that sinker writes into a table. Changing one orphans the state of every table there is.
const (
	// Snapshot summary.
	keySink    = "sinker.sink"
	keyVersion = "sinker.v"
	keyEpoch   = "sinker.epoch" // decimal
	keyHash    = "sinker.hash"
	keyBatches = "sinker.batches" // uuids, comma between
	keyRanges  = "sinker.ranges"
	keyGaps    = "sinker.gaps"
	keyAudit   = "sinker.audit"
	keyOthers  = "sinker.others"
	keyOffsets = "sinker.offsets." // + sink id

	// Table properties.
	keyMirror   = "sinker.mirror." // + sink id
	propCreated = "sinker.created" // "true" on tables that sinker created

	// References.
	tagPrefix  = "sinker_" // + sink id
	mainBranch = "main"

	// What others write.
	keySource  = "source-snapshot-id"
	keyWAP     = "published-wap-id"
	keyEngine  = "engine-name"
	engineName = "sinker"
)

// stateVersion is what sinker.v says in snapshots that this code writes.
const stateVersion = 1

var sinkID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// ValidSink tells whether s can be a sink id.
func ValidSink(s string) bool { return sinkID.MatchString(s) }
