// Package source reads topics as one ordered stream of events: records, assignments, revocations, faults.
//
// It is the only room that knows the Kafka client. A Group is a member of a consumer group (cooperative-sticky
// balancing, static membership if asked for) that reads what is committed. What it promises:
//
//   - Positions are set by the caller, through StartAt, and by nobody else. Neither the group's offsets nor a
//     reset rule ever moves one. A log that begins after the position, or ends before it, or changed its identity,
//     is a Fault.
//   - Records.Range is the truth about offsets: the ranges of a partition's runs tile it from StartAt on, control
//     records, aborted transactions and compacted offsets included.
//   - After StartAt, Pause or Revoked nothing read before it is delivered. There is one queue in front of Events,
//     and these three remove from it what is void before they return (Revoked: before it is queued).
//   - Bytes are taken from the budget before they are fetched and before they are decompressed.
//   - Membership does not depend on anybody reading Events: heartbeats go on however slow the reader is.
//
// The client's own fetching is not used, for it could keep none of these: it decompresses before anybody can bound
// it, hides where a batch ends, moves its cursors at data loss and buffers across a change of position. The client
// does membership, connections, authentication and the decoding of one record batch; the fetch requests are ours.
// They carry no fetch session and no rack: each names the partitions it wants.
package source
