package source

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// refusedAgain is how often a refusal that lasts is logged.
const refusedAgain = time.Minute

// refusals are the topics that the cluster does not let us look up. The client asks again and again, and says so each time;
// it does not say when it was answered, so a refusal that is not repeated is forgotten.
type refusals struct {
	mu sync.Mutex
	at map[string]*refusal // by topic
}

type refusal struct {
	err          error
	last, logged time.Time
}

// note keeps a refusal, and tells whether it is to be logged.
func (r *refusals) note(topic string, err error, now time.Time) (tell bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = map[string]*refusal{}
	}
	f := r.at[topic]
	if f == nil || f.err.Error() != err.Error() {
		f = &refusal{}
		r.at[topic] = f
	}
	f.err, f.last = err, now
	if tell = now.Sub(f.logged) >= refusedAgain; tell {
		f.logged = now
	}
	return tell
}

func (r *refusals) forget(topics map[string][]int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for t := range topics {
		delete(r.at, t)
	}
}

// since is what we may not see, and were told so after the time; nil if nothing.
func (r *refusals) since(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var topics []string
	for topic, f := range r.at {
		if f.last.After(t) && errors.Is(f.err, kerr.TopicAuthorizationFailed) { // one that is not there yet is waited for
			topics = append(topics, topic)
		}
	}
	if len(topics) == 0 {
		return nil
	}
	slices.Sort(topics)
	return fmt.Errorf("topic %s: %w", strings.Join(topics, ", "), withAdvice(kerr.TopicAuthorizationFailed))
}

// withAdvice says what the operator can do where a right is missing, or what groups are kept in.
func withAdvice(err error) error {
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return fmt.Errorf("%w; grant READ and DESCRIBE on the topic to sinker's user", err)
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return fmt.Errorf("%w; grant READ and DESCRIBE on the group to sinker's user", err)
	case errors.Is(err, kerr.InconsistentGroupProtocol):
		return fmt.Errorf("%w; the group has members that are no sinker and share partitions another way than cooperative-sticky: end them, or give kafka.group a name of its own", err)
	case errors.Is(err, kerr.InvalidSessionTimeout):
		return fmt.Errorf("%w; set kafka.session_timeout within the brokers' group.min.session.timeout.ms and group.max.session.timeout.ms", err)
	case errors.Is(err, kerr.CoordinatorNotAvailable):
		return fmt.Errorf("%w; the brokers have no leader for their topic __consumer_offsets, or cannot make it: see that offsets.topic.replication.factor is not above the number of brokers", err)
	}
	return err
}

// Refused is which topics the cluster does not let us see for now, and what the operator can do; nil if none. Other topics are read on.
// It is asked for again all the time.
func (g *Group) Refused() error {
	return g.refused.since(time.Now().Add(-max(2*g.cfg.Refresh, 10*time.Second)))
}
