//go:build !race

package writer

const raceDetector = false
