package cable_test

import (
	"fmt"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/global-presence/presence/core/cable"
)

// BenchmarkServer_Crowd is what a delivery costs the server: sockets of another
// process follow a room, and an op is one message of about 200 bytes to all of them.
// Idle is the memory and the pings of sockets that only stay.
//
//	go test -run=- -bench=Server_Crowd -benchtime=5s ./core/cable
func BenchmarkServer_Crowd(b *testing.B) {
	for _, l := range loads {
		b.Run(fmt.Sprintf("sockets=%d", l.sockets), func(b *testing.B) {
			s := startServer(b, cable.Config{MaxSessions: l.sockets})
			before := resident(b)
			c := startCrowd(b, s, l.sockets)
			b.Run("idle", func(b *testing.B) { c.idle(b, before) })
			c.loads(b, l, func(message []byte) { s.Broadcast(cable.Stream{Room: "home"}, message) })
		})
	}
}

// BenchmarkServer_CrowdDeflate is what compressing costs and saves: messages of features,
// the same ones as BenchmarkCompress has, to sockets that take them compressed or not.
//
//	go test -run=- -bench=Server_CrowdDeflate -benchtime=300x ./core/cable
func BenchmarkServer_CrowdDeflate(b *testing.B) {
	for _, sockets := range []int{10, 1000} {
		for _, deflate := range []bool{false, true} {
			b.Run(fmt.Sprintf("sockets=%d/deflate=%v", sockets, deflate), func(b *testing.B) {
				s := startServer(b, cable.Config{MaxSessions: sockets, Compress: 1})
				u, err := url.Parse(s.url)
				if err != nil {
					b.Fatal(err)
				}
				before := resident(b)
				c := startCrowdOf(b, u.Host, sockets, deflate)
				if sockets >= 1000 {
					b.Run("idle", func(b *testing.B) { c.idle(b, before) })
				}
				for _, message := range featureMessages(b) {
					b.Run(fmt.Sprintf("bytes=%d", len(message)), func(b *testing.B) {
						next, size := time.Now(), c.page.bytes.Load()
						c.run(b, func([]byte) { s.Broadcast(cable.Stream{Room: "home"}, message) }, func(int64) {
							next = next.Add(time.Second / 20)
							time.Sleep(time.Until(next))
						})
						b.ReportMetric(float64(c.page.bytes.Load()-size)/float64(b.N*sockets), "wire-B/delivery")
					})
				}
			})
		}
	}
}

type load struct{ sockets, rate, inFlight int }

var loads = []load{{1000, 20, 64}, {5000, 20, 8}, {10000, 10, 8}}

// loads publishes at a fixed rate and then as fast as sockets read.
func (c *crowd) loads(b *testing.B, l load, publish func(message []byte)) {
	b.Run(fmt.Sprintf("rate=%d", l.rate), func(b *testing.B) {
		next := time.Now()
		c.run(b, publish, func(int64) {
			next = next.Add(time.Second / time.Duration(l.rate))
			time.Sleep(time.Until(next))
		})
	})
	b.Run(fmt.Sprintf("inflight=%d", l.inFlight), func(b *testing.B) {
		c.run(b, publish, func(lacking int64) {
			for most := int64(l.inFlight * l.sockets); lacking >= most; lacking = c.lacking() {
				time.Sleep(100 * time.Microsecond)
			}
		})
	})
}

// crowd is a process with many sockets that read. It shares a page of counters.
type crowd struct {
	sockets   int
	published int64 // to all of them
	page      *counters
}

// counters is what a crowd has seen.
type counters struct {
	ready     atomic.Int64 // sockets that are subscribed
	delivered atomic.Int64
	bytes     atomic.Int64      // of these, on the wire
	latency   [512]atomic.Int64 // deliveries by bucket
}

// bucket is eight an octave of microseconds.
func bucket(d time.Duration) int {
	return min(511, int(8*math.Log2(float64(max(1, d.Microseconds())))))
}

const crowdVariable = "CABLE_TEST_CROWD"

func startCrowd(b *testing.B, s *server, sockets int) *crowd {
	b.Helper()
	u, err := url.Parse(s.url)
	if err != nil {
		b.Fatal(err)
	}
	return startCrowdAt(b, u.Host, sockets)
}

// startCrowdAt starts a crowd whose server is at an address.
func startCrowdAt(b *testing.B, address string, sockets int) *crowd {
	b.Helper()
	return startCrowdOf(b, address, sockets, false)
}

// startCrowdOf is startCrowdAt for sockets that may take compressed messages.
func startCrowdOf(b *testing.B, address string, sockets int, deflate bool) *crowd {
	b.Helper()
	name := filepath.Join(b.TempDir(), "counters")
	if err := os.WriteFile(name, make([]byte, unsafe.Sizeof(counters{})), 0o600); err != nil {
		b.Fatal(err)
	}
	c := &crowd{sockets: sockets, page: mapCounters(b, name)}
	cmd := exec.Command(os.Args[0]) // not of b's context, which ends before the cleanup
	cmd.Env = append(os.Environ(), fmt.Sprint(crowdVariable, "=", address, " ", sockets, " ", deflate, " ", name))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // the crowd ends with it
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Errorf("crowd: %v", err)
		}
	})
	for deadline := time.Now().Add(time.Minute); c.page.ready.Load() < int64(sockets); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%d sockets are ready, want %d", c.page.ready.Load(), sockets)
		}
	}
	return c
}

func mapCounters(tb testing.TB, name string) *counters {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err == nil {
		defer f.Close()
		var m []byte
		if m, err = syscall.Mmap(int(f.Fd()), 0, int(unsafe.Sizeof(counters{})), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED); err == nil {
			return (*counters)(unsafe.Pointer(&m[0]))
		}
	}
	if tb == nil {
		panic(err)
	}
	tb.Fatal(err)
	return nil
}

// lacking is how many deliveries are still to come.
func (c *crowd) lacking() int64 { return c.published*int64(c.sockets) - c.page.delivered.Load() }

// idle lets sockets stay, and reports the memory of each and the cores that all cost.
func (c *crowd) idle(b *testing.B, before int) {
	for b.Loop() {
		runtime.GC() // as comes by itself every two minutes
		runtime.GC()
		start := spent(b)
		began := time.Now()
		time.Sleep(9 * time.Second) // three pings of each, one of which is answered
		cost := spent(b).cpu - start.cpu
		b.ReportMetric(cost.Seconds()/time.Since(began).Seconds(), "cores")
		b.ReportMetric(float64(resident(b)-before)/1024/float64(c.sockets), "KiB-RSS/socket")
	}
}

// run publishes, with pace before each message, and waits until all have all.
func (c *crowd) run(b *testing.B, publish func(message []byte), pace func(lacking int64)) {
	for i := range c.page.latency {
		c.page.latency[i].Store(0)
	}
	published, start := c.published, spent(b)
	for b.Loop() {
		pace(c.lacking())
		c.published++
		publish(crowdMessage(time.Now()))
	}
	for deadline := time.Now().Add(30 * time.Second); c.lacking() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d deliveries lack", c.lacking(), c.published*int64(c.sockets))
		}
	}
	end := spent(b)
	n := float64((c.published - published) * int64(c.sockets))
	b.ReportMetric(float64(end.cpu-start.cpu)/1000/n, "cpu-µs/delivery")
	b.ReportMetric(float64(end.writes-start.writes)/n, "syscalls/delivery")
	b.ReportMetric(float64(end.mallocs-start.mallocs)/n, "allocs/delivery")
	b.ReportMetric(c.quantile(0.5), "p50-ms")
	b.ReportMetric(c.quantile(0.99), "p99-ms")
	b.ReportMetric(n/b.Elapsed().Seconds(), "deliveries/s")
}

func (c *crowd) quantile(q float64) (ms float64) {
	all, n := int64(0), int64(0)
	for i := range c.page.latency {
		all += c.page.latency[i].Load()
	}
	for i := range c.page.latency {
		if n += c.page.latency[i].Load(); float64(n) >= q*float64(all) {
			return math.Exp2(float64(i+1)/8) / 1000
		}
	}
	return 0
}

const stampMark = `"t":"`

func crowdMessage(now time.Time) []byte {
	return fmt.Appendf(nil, `{"cableReady":true,"version":"5.0.6","operations":[{"operation":"morph",`+stampMark+`%019d","selector":"#x","html":"%s"}]}`,
		now.UnixNano(), strings.Repeat("x", 60))
}

// use is what this process has used.
type use struct {
	cpu     time.Duration
	writes  uint64
	mallocs uint64
}

func spent(b *testing.B) use {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return use{
		cpu:     time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		writes:  field(b, "/proc/self/io", "syscw:"),
		mallocs: m.Mallocs,
	}
}

// resident is this process's memory in bytes.
func resident(b *testing.B) int { return int(field(b, "/proc/self/status", "VmRSS:")) * 1024 }

func field(b *testing.B, file, name string) uint64 {
	b.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), name)
	n, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		b.Fatalf("%s of %s: %v", name, file, err)
	}
	return n
}
