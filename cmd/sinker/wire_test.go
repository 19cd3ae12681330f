package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/sinker-io/sinker/config"
)

func TestWire_WhatIsSetForTheGroupReachesTheClient(t *testing.T) {
	cfg, err := config.Parse("sinker.yaml", []byte(`sink: orders
kafka: {brokers: ["127.0.0.1:9092"], group: g, refresh: 7s, session_timeout: 11s, instance_id: one}
catalog: {type: rest, uri: "http://127.0.0.1:8181"}
tables: [{topics: [orders], table: shop.orders, format: json}]
`), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := sourceConfig(cfg, slog.New(slog.DiscardHandler))
	if got.Group != "g" || got.Refresh != 7*time.Second || got.SessionTimeout != 11*time.Second || got.InstanceID != "one" {
		t.Errorf("the client got group %q, refresh %s, session %s, instance %q", got.Group, got.Refresh, got.SessionTimeout, got.InstanceID)
	}
}
