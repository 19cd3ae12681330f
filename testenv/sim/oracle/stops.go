package oracle

// Earns says which STOPs each event may lead to. An event that is missing here earns none.
var Earns = map[string][]string{
	"cherry-pick":        {"cherry-pick", "rolled back"}, // between the two there is a moment
	"rollback":           {"rolled back"},
	"rollback-to-before": {"replaced table", "rolled back"}, // to before sinker's first snapshot
	"set-current":        {"rolled back", "replaced table"},
	"replace":            {"replaced table"},
	"recreate":           {"recreated"},
	"expire-all":         {"lineage lost"},                            // with the older metadata files, while the mirror could not bridge it
	"parents-forgotten":  {"replaced table"},                          // taken from a snapshot by an expiry, and out of the older metadata files by another
	"mirror-damaged":     {"rolled back", "lineage lost", "new sink"}, // the last: what another sink id claims cannot be read
	"mirror-removed":     {"rolled back", "lineage lost", "new sink"},
	"rejections":         {"rejected"},
	"poison":             {"bad record", "too many bad records"},
	"retention":          {"gap"},
	"truncation":         {"truncation"},
	"topic-recreated":    {"topic recreated"},
	"corrupt":            {"corrupt log"},
	"denied":             {"denied"},
	"new-sink":           {"new sink"},
	"other-cluster":      {"cluster"},
	"lie":                {"catalog lies"},
	"no-trace":           {"catalog lies"}, // of what was just committed: rolled back, expired, and out of every other place by hand
	"schema":             {"incompatible table"},
}

// stops is I6.
func (j *judge) stops() {
	for _, s := range j.w.Stops {
		earned := false
		for _, e := range j.w.Events {
			if e.Table != "" && e.Table != s.Table {
				continue
			}
			for _, reason := range Earns[e.Name] {
				earned = earned || reason == s.Reason
			}
		}
		if !earned {
			j.found1("I6", "table %s: sink %s stopped (%s), and nothing that was done earns it", s.Table, s.Sink, s.Reason)
		}
	}
}
