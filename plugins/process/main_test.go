//go:build unix

package process_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
	"github.com/global-presence/presence/plugins/process"
)

// TestMain lets the test binary be what the tests need besides itself: a
// feature's process, or a host to be killed.
func TestMain(m *testing.M) {
	switch {
	case process.Started():
		serve(os.Args[1])
	case os.Getenv(hostVariable) == "by hand":
		process.Serve(echo{})
	case os.Getenv(hostVariable) != "":
		runHost(os.Getenv(hostVariable))
	default:
		goleak.VerifyTestMain(m)
	}
}

// slowStart is how long "echo, slowly" takes to start.
const slowStart = time.Second

// serve is main for each of the features that the tests start.
func serve(name string) {
	switch name {
	case "echo":
		process.Serve(echo{})
	case "echo-2":
		process.Serve(echo{manifest: func() plugins.Manifest {
			m := echo{}.Manifest()
			m.Title = "Echo, the second"
			return m
		}})
	case "echo, slowly":
		time.Sleep(slowStart)
		process.Serve(echo{})
	case "grief":
		process.ServeAnswerer(grief{wire.Answers{Feature: echo{}}})
	case "bomb":
		bomb()
	case "exit":
		os.Exit(3)
	case "exit-later": // after the handshake, when asked for its manifest
		process.Serve(echo{manifest: func() plugins.Manifest { os.Exit(4); panic("unreachable") }})
	case "chatty": // breaks the handshake
		fmt.Println("hello")
		process.Serve(echo{})
	case "silent": // never finishes its handshake
		select {}
	case "nameless":
		process.Serve(echo{manifest: func() plugins.Manifest { return plugins.Manifest{Title: "Nameless"} }})
	case "foreign":
		serveForeign(1)
	case "from the future":
		serveForeign(2)
	}
}
