//go:build !linux

package e2e_test

import "os/exec"

// tieToTests does nothing: only Linux can.
func tieToTests(*exec.Cmd) {}
