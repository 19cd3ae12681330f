package storage

import "time"

// Hasten makes the pauses between attempts short.
func (s *S3) Hasten() { s.pause = 100 * time.Microsecond }

// BytesOfPart is the size of part n, counted from 0.
var BytesOfPart = bytesOfPart

// Impatient bounds one attempt.
func (s *S3) Impatient(d time.Duration) { s.patience = d }
