// Command hostile is a guest that does what its input says, all of it bad.
package main

import (
	"bytes"
	crand "crypto/rand"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"time"
	"unsafe"
)

var (
	input  []byte
	output []byte
	kept   [][]byte
	calls  int
)

func main() {
	// A reactor's main never runs; if it did, the test would see it.
	fmt.Println("main runs")
}

//go:wasmexport presence_abi_version
func version() int32 { return 1 }

//go:wasmexport presence_buffer
func buffer(size int32) int32 {
	input = make([]byte, size)
	return int32(uintptr(unsafe.Pointer(unsafe.SliceData(input))))
}

//go:wasmexport presence_manifest
func manifest() int64 { return give([]byte("not a manifest")) }

//go:wasmexport presence_render
func render(_, _ int32) int64 { return handle(0, 0) }

//go:wasmexport presence_handle
func handle(_, _ int32) int64 {
	calls++
	command, argument, _ := bytes.Cut(input, []byte(" "))
	switch string(command) {
	case "echo":
		return give(bytes.Clone(argument))
	case "calls":
		return give(fmt.Appendf(nil, "%d", calls))
	case "loop":
		for { //nolint:staticcheck // that is the point
		}
	case "bomb":
		for {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = byte(i)
			}
			kept = append(kept, b)
		}
	case "leak": // a little at a time
		kept = append(kept, bytes.Repeat([]byte("x"), 23<<10))
		return give(nil)
	case "panic":
		panic("boom: " + string(argument))
	case "nil":
		var p *int
		*p = 1
	case "exit":
		os.Exit(3)
	case "recurse":
		return give(fmt.Append(nil, depth(0)))
	case "flood":
		for i := range 100_000 {
			fmt.Fprintln(os.Stderr, "line", i)
		}
		fmt.Fprint(os.Stdout, strings.Repeat("y", 1<<20))
		return give([]byte("flooded"))
	case "pointer":
		return pack(0xffff_0000, 16)
	case "huge":
		return give(make([]byte, 2<<20))
	case "negative": // a length of 2 GiB and more
		return pack(16, 0xffff_fff0)
	case "sleep":
		time.Sleep(time.Hour)
		return give([]byte("awake"))
	case "probe":
		return give([]byte(probe()))
	}
	return give([]byte("unknown command"))
}

func depth(n int) int {
	var pad [1 << 10]byte
	pad[n%len(pad)] = byte(n)
	return depth(n+1) + int(pad[0])
}

// probe tries to reach what is outside and says what it got, one line each.
func probe() string {
	var b strings.Builder
	try := func(what string, value any, err error) { fmt.Fprintf(&b, "%s: %v %v\n", what, value, err) }
	_, err := os.ReadFile("/etc/passwd")
	try("file", err == nil, err)
	_, err = os.ReadFile("go.mod")
	try("relative file", err == nil, err)
	_, err = os.ReadDir("/")
	try("folder", err == nil, err)
	err = os.WriteFile("/tmp/written-by-hostile", []byte("x"), 0o600)
	try("write", err == nil, err)
	try("environment", len(os.Environ()), nil)
	try("arguments", len(os.Args), nil)
	n, err := os.Stdin.Read(make([]byte, 1))
	try("stdin", n, err)
	_, err = net.Dial("tcp", "127.0.0.1:80")
	try("dial", err == nil, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil { // inside the guest alone: wasip1 has a simulated network
		l.Close()
	}
	try("time", time.Now().UTC().Format(time.RFC3339Nano), nil)
	random := make([]byte, 8)
	_, err = crand.Read(random)
	try("random", fmt.Sprintf("%x", random), err)
	return b.String()
}

func pack(at, size uint32) int64 { return int64(uint64(at)<<32 | uint64(size)) }

func give(answer []byte) int64 {
	output = answer
	runtime.Gosched()
	return pack(uint32(uintptr(unsafe.Pointer(unsafe.SliceData(output)))), uint32(len(output)))
}
