package source

import (
	"context"
	"errors"
	"fmt"

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
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups, req.IncludeAuthorizedOperations = []string{l.g.cfg.Group}, true
	resp, err := req.RequestWith(ctx, l.g.cl)
	denied := errors.Is(err, kerr.GroupAuthorizationFailed) // already to learn who coordinates it
	if err != nil && !denied {
		return append(out, fmt.Errorf("source: ask for rights on the group %s: %w", l.g.cfg.Group, err))
	}
	if err == nil {
		for _, g := range resp.Groups {
			denied = denied || g.ErrorCode == kerr.GroupAuthorizationFailed.Code || g.ErrorCode == 0 && !mayRead(g.AuthorizedOperations)
		}
	}
	if denied {
		out = append(out, fmt.Errorf("source: group %s may not be joined: %w", l.g.cfg.Group, withAdvice(kerr.GroupAuthorizationFailed)))
	}
	return out
}

// mayRead reads the set of rights as Kafka packs it: a bit for each operation, the lowest integer where it does not tell. An
// empty set is no answer either: whoever was answered at all has the right to describe.
func mayRead(operations int32) bool {
	const unknown = -1 << 31
	return operations == unknown || operations == 0 || operations&(1<<kmsg.ACLOperationRead) != 0
}
