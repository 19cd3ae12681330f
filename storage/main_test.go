package storage_test

import (
	"testing"

	"go.uber.org/goleak"
)

// No store, upload or file leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
