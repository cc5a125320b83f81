//go:build !linux

package cable_test

func runCrowd() bool { return false }
