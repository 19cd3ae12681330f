//go:build race

package writer

// The race detector makes everything several times as slow: the largest tests do less then.
const raceDetector = true
