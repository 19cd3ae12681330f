package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Lacking tells which rights on the topics and on the group the cluster says that we do not have, one error each, with what to
// grant. A cluster that does not say is not held to lack any: reading shows.
func (l *Look) Lacking(ctx context.Context, topics []Topic) []error {
	var out []error
	if len(topics) > 0 {
		req := kmsg.NewPtrMetadataRequest()
		req.IncludeTopicAuthorizedOperations = true
		for _, t := range topics {
			rt := kmsg.NewMetadataRequestTopic()
			rt.Topic = kmsg.StringPtr(t.Name)
			req.Topics = append(req.Topics, rt)
		}
		resp, err := req.RequestWith(ctx, l.g.cl)
		if err != nil {
			return append(out, fmt.Errorf("source: ask for rights on the topics: %w", err))
		}
		for _, t := range resp.Topics {
			if t.ErrorCode == 0 && t.Topic != nil && !mayRead(t.AuthorizedOperations) {
				out = append(out, fmt.Errorf("source: topic %s may be seen and not read: %w", *t.Topic, withAdvice(kerr.TopicAuthorizationFailed)))
			}
		}
	}
	may, err := l.mayJoin(ctx)
	if err != nil {
		return append(out, fmt.Errorf("source: ask for rights on the group %s: %w", l.g.cfg.Group, withAdvice(err)))
	}
	if !may {
		out = append(out, fmt.Errorf("source: group %s may not be joined: %w", l.g.cfg.Group, withAdvice(kerr.GroupAuthorizationFailed)))
	}
	return out
}

// coordinatorWithin is how long a group may have no coordinator. In a cluster that never had a group, the first question makes
// the brokers create the topic that they keep groups in, which takes them a moment.
const coordinatorWithin = 10 * time.Second

// mayJoin asks the group's coordinator, which is waited for.
func (l *Look) mayJoin(ctx context.Context) (bool, error) {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups, req.IncludeAuthorizedOperations = []string{l.g.cfg.Group}, true
	for until := time.Now().Add(coordinatorWithin); ; {
		resp, err := req.RequestWith(ctx, l.g.cl)
		may := true
		if err == nil {
			for _, g := range resp.Groups {
				may = may && mayRead(g.AuthorizedOperations)
				err = errors.Join(err, kerr.ErrorForCode(g.ErrorCode))
			}
		}
		switch {
		case errors.Is(err, kerr.GroupAuthorizationFailed): // perhaps already to learn who coordinates it
			return false, nil
		case errors.Is(err, kerr.CoordinatorNotAvailable), errors.Is(err, kerr.CoordinatorLoadInProgress), errors.Is(err, kerr.NotCoordinator):
			if time.Now().After(until) {
				return false, err
			}
		case err == nil, errors.Is(err, kerr.GroupIDNotFound):
			return may, nil
		default:
			return false, err
		}
		select {
		case <-ctx.Done():
			return false, err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// mayRead reads the set of rights as Kafka packs it: a bit for each operation, the lowest integer where it does not tell. An
// empty set is no answer either: whoever was answered at all has the right to describe.
func mayRead(operations int32) bool {
	const unknown = -1 << 31
	return operations == unknown || operations == 0 || operations&(1<<kmsg.ACLOperationRead) != 0
}
