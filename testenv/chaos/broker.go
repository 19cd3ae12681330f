package chaos

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// largestFrame is more than any broker of the tests sends at once.
const largestFrame = 256 << 20

// NewBroker starts a wire in front of a Kafka broker, which must be the only one of its cluster. Brokers tell their clients
// where to connect to; here they are told the wire's own address instead, so that nothing goes around it. A piece is one
// request or one answer, whole.
func NewBroker(target string) (*Wire, error) {
	return newWire(target, func(w *Wire) speech { return &kafka{addr: w.Addr, asked: map[int32]question{}} })
}

// Requests matches pieces from Kafka clients that are requests with one of the keys.
func Requests(keys ...kmsg.Key) func(piece []byte) bool {
	return func(piece []byte) bool {
		for _, k := range keys {
			if len(piece) > 6 && int16(binary.BigEndian.Uint16(piece[4:])) == k.Int16() {
				return true
			}
		}
		return false
	}
}

// Mentions matches pieces that contain the text.
func Mentions(text string) func(piece []byte) bool {
	return func(piece []byte) bool { return bytes.Contains(piece, []byte(text)) }
}

type question struct{ key, version int16 }

// kafka is the conversation on one connection with a broker.
type kafka struct {
	addr  string
	mu    sync.Mutex
	asked map[int32]question // by correlation id: answers that name brokers
}

func frame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > largestFrame {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	piece := make([]byte, 4+n)
	copy(piece, head[:])
	_, err := io.ReadFull(r, piece[4:])
	return piece, err
}

func (k *kafka) request(r io.Reader) ([]byte, error) {
	piece, err := frame(r)
	if err != nil || len(piece) < 12 {
		return piece, err
	}
	q := question{int16(binary.BigEndian.Uint16(piece[4:])), int16(binary.BigEndian.Uint16(piece[6:]))}
	switch kmsg.Key(q.key) {
	case kmsg.Metadata, kmsg.FindCoordinator, kmsg.DescribeCluster:
		k.mu.Lock()
		k.asked[int32(binary.BigEndian.Uint32(piece[8:]))] = q
		k.mu.Unlock()
	default:
	}
	return piece, nil
}

func (k *kafka) answer(r io.Reader) ([]byte, error) {
	piece, err := frame(r)
	if err != nil || len(piece) < 8 {
		return piece, err
	}
	id := int32(binary.BigEndian.Uint32(piece[4:]))
	k.mu.Lock()
	q, named := k.asked[id]
	delete(k.asked, id)
	k.mu.Unlock()
	if !named {
		return piece, nil
	}
	return readdress(piece, q, k.addr)
}

// readdress replaces every broker's address in an answer.
func readdress(piece []byte, q question, addr string) ([]byte, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return nil, err
	}
	port := int32(n)
	resp := kmsg.ResponseForKey(q.key)
	resp.SetVersion(q.version)
	head := 8 // length, correlation id
	if resp.IsFlexible() {
		if len(piece) < 9 || piece[8] != 0 {
			return nil, fmt.Errorf("an answer to request %d has tags in its head", q.key)
		}
		head = 9
	}
	if err := resp.ReadFrom(piece[head:]); err != nil {
		return nil, fmt.Errorf("an answer to request %d: %w", q.key, err)
	}
	switch resp := resp.(type) {
	case *kmsg.MetadataResponse:
		for i := range resp.Brokers {
			resp.Brokers[i].Host, resp.Brokers[i].Port = host, port
		}
	case *kmsg.FindCoordinatorResponse:
		if resp.Host != "" {
			resp.Host, resp.Port = host, port
		}
		for i := range resp.Coordinators {
			if resp.Coordinators[i].Host != "" {
				resp.Coordinators[i].Host, resp.Coordinators[i].Port = host, port
			}
		}
	case *kmsg.DescribeClusterResponse:
		for i := range resp.Brokers {
			resp.Brokers[i].Host, resp.Brokers[i].Port = host, port
		}
	}
	out := resp.AppendTo(append([]byte(nil), piece[:head]...))
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out, nil
}
