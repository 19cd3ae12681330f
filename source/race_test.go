//go:build race

package source_test

// The race detector multiplies memory, so figures of it say nothing then.
const raceDetector = true
