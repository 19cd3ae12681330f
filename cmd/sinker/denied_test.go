package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/sinker-io/sinker/testenv/embedded"
)

// guarded is a world whose brokers know the user sinker with the rights, and a configuration that logs in with the password.
func guarded(t *testing.T, password string, rights ...kfake.ACL) *story {
	t.Helper()
	s := tell(t, "", "")
	w, err := embedded.Start(s.ctx, embedded.Options{
		Topics: []embedded.Topic{{Name: "orders", Partitions: 2}},
		Kafka:  []kfake.Opt{kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", "root"), kfake.User("PLAIN", "sinker", "right-one", rights...)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	text := strings.Replace(readFile(t, s.file), s.world.Brokers[0], w.Brokers[0], 1)
	text = strings.Replace(text, "kafka:\n", fmt.Sprintf("kafka:\n  sasl: {mechanism: PLAIN, username: sinker, password: %s}\n", password), 1)
	writeFile(t, s.file, text)
	s.world = w
	return s
}

func right(of kmsg.ACLResourceType, name string, op kmsg.ACLOperation) kfake.ACL {
	return kfake.ACL{Resource: of, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true}
}

var (
	topicRead     = right(kmsg.ACLResourceTypeTopic, "orders", kmsg.ACLOperationRead)
	topicDescribe = right(kmsg.ACLResourceTypeTopic, "orders", kmsg.ACLOperationDescribe)
	groupRead     = right(kmsg.ACLResourceTypeGroup, "sinker-orders", kmsg.ACLOperationRead)
	groupDescribe = right(kmsg.ACLResourceTypeGroup, "sinker-orders", kmsg.ACLOperationDescribe)
)

// What Kafka refuses is tried again, since a password or a right may come; but check says it before, and the page, the log
// and /readyz say what to do.
func TestDenied_NamedEverywhere(t *testing.T) {
	for _, c := range []struct {
		name, password string
		rights         []kfake.ACL
		check, ready   string // what is said
	}{
		{"wrong password", "wrong-one", []kfake.ACL{topicRead, topicDescribe, groupRead, groupDescribe}, "check kafka.sasl (PLAIN)", "check kafka.sasl (PLAIN)"},
		{"topic not seen", "right-one", []kfake.ACL{groupRead, groupDescribe}, "topic orders: TOPIC_AUTHORIZATION_FAILED", "grant READ and DESCRIBE on the topic"},
		{"topic not read", "right-one", []kfake.ACL{topicDescribe, groupRead, groupDescribe}, "topic orders may be seen and not read", "grant READ and DESCRIBE on the topic"},
		{"group not joined", "right-one", []kfake.ACL{topicRead, topicDescribe}, "group sinker-orders may not be joined", "grant READ and DESCRIBE on the group"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := guarded(t, c.password, c.rights...)
			if r := sinker(t, "check", "-c", s.file); r.status != exitFailed || !strings.Contains(r.out, c.check) || strings.Contains(r.all(), c.password) {
				t.Errorf("check: status %d, want %d and %q:\n%s", r.status, exitFailed, c.check, r.all())
			}
			r := s.run()
			for _, at := range []string{"readyz", ""} {
				s.untilSays(at, c.ready)
			}
			r.p.Process.Signal(syscall.SIGTERM)
			r.p.Wait()
			if log := r.log.String(); !strings.Contains(log, c.ready) || strings.Contains(log, c.password) {
				t.Errorf("the log has no %q:\n%s", c.ready, log)
			}
		})
	}
}

func TestDenied_AllRightsAreEnough(t *testing.T) {
	s := guarded(t, "right-one", topicRead, topicDescribe, groupRead, groupDescribe)
	if r := sinker(t, "check", "-c", s.file); r.status != exitDone {
		t.Errorf("check: status %d:\n%s", r.status, r.all())
	}
	r := s.run()
	s.until("orders-0 0, orders-1 0")
	r.ends(syscall.SIGTERM, exitDone)
}

// A right that comes while sinker runs is all that was missing.
func TestDenied_GrantedLater(t *testing.T) {
	s := guarded(t, "right-one", groupRead, groupDescribe)
	r := s.run()
	s.untilSays("readyz", "topic orders")
	root, err := s.world.Client(kgo.SASL(plain.Auth{User: "root", Pass: "root"}.AsMechanism()))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	req := kmsg.NewPtrCreateACLsRequest()
	for _, a := range []kfake.ACL{topicRead, topicDescribe} {
		c := kmsg.NewCreateACLsRequestCreation()
		c.ResourceType, c.ResourceName, c.ResourcePatternType = a.Resource, a.Name, a.Pattern
		c.Principal, c.Host, c.Operation, c.PermissionType = "User:sinker", "*", a.Operation, kmsg.ACLPermissionTypeAllow
		req.Creations = append(req.Creations, c)
	}
	if resp, err := req.RequestWith(s.ctx, root); err != nil || resp.Results[0].ErrorCode != 0 {
		t.Fatalf("grant: %v, %+v", err, resp)
	}
	s.until("orders-0 0, orders-1 0")
	s.untilPage(`"ready": true`)
	r.ends(syscall.SIGTERM, exitDone)
}

// untilSays asks an address of the status page until it has the words.
func (s *story) untilSays(at, words string) {
	s.t.Helper()
	body := ""
	for s.ctx.Err() == nil {
		var err error
		if body, err = get(s.ctx, "http://"+s.page+"/"+at); err == nil && strings.Contains(body, words) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("/%s never says %q, but:\n%s", at, words, body)
}
