package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cost is what a process has used.
type cost struct {
	cpu      float64 // seconds, since it began
	children float64 // of all processes below it that live
	rss      int64   // bytes, its own

	// Of a server of ours, if its metrics are read.
	renders    map[string]int64 // by feature
	superseded int64            // frames that a newer one took the place of
}

// meter reads what a server has used; nil where nothing tells.
type meter func(ctx context.Context) (cost, error)

// newMeter returns the meter that cfg asks for.
func newMeter(cfg Config) meter {
	switch {
	case cfg.PID != 0:
		return func(ctx context.Context) (cost, error) {
			c, err := processCost(cfg.PID)
			if cfg.Metrics == "" || err != nil {
				return c, err
			}
			told, err := metricsCost(ctx, cfg.Metrics)
			c.renders, c.superseded = told.renders, told.superseded
			return c, err
		}
	case cfg.Metrics != "":
		return func(ctx context.Context) (cost, error) { return metricsCost(ctx, cfg.Metrics) }
	}
	return nil
}

// metricsCost reads what any process that Prometheus watches tells.
func metricsCost(ctx context.Context, address string) (cost, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return cost{}, err
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return cost{}, fmt.Errorf("read metrics: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return cost{}, fmt.Errorf("read metrics: %s answers %s", address, res.Status)
	}
	c := cost{renders: map[string]int64{}}
	found := 0
	for s := bufio.NewScanner(res.Body); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), " ")
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
		case name == "process_cpu_seconds_total":
			c.cpu = n
			found++
		case name == "process_resident_memory_bytes":
			c.rss = int64(n)
			found++
		case name == "presence_frames_superseded_total":
			c.superseded = int64(n)
		default:
			if rest, ok := strings.CutPrefix(name, `presence_render_seconds_count{feature="`); ok {
				c.renders[strings.TrimSuffix(rest, `"}`)] = int64(n)
			}
		}
	}
	if found != 2 {
		return cost{}, fmt.Errorf("read metrics: %s tells no process_cpu_seconds_total or process_resident_memory_bytes", address)
	}
	return c, nil
}

// ticks is how many of the kernel's units of CPU time are a second.
//
// Source: proc_pid_stat(5) and sysconf(_SC_CLK_TCK), which is 100 on all of Go's Linux ports.
const ticks = 100

// processCost reads what /proc tells of a process and of those below it.
func processCost(pid int) (cost, error) {
	own, _, rss, err := stat(pid)
	if err != nil {
		return cost{}, fmt.Errorf("read the cost of process %d: %w", pid, err)
	}
	c := cost{cpu: own, rss: rss}
	parents, used := map[int]int{}, map[int]float64{}
	paths, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range paths {
		id, _ := strconv.Atoi(filepath.Base(path))
		if cpu, parent, _, err := stat(id); err == nil { // else it has ended
			parents[id], used[id] = parent, cpu
		}
	}
	for id := range used {
		for up, steps := parents[id], 0; up > 1 && steps < 100; up, steps = parents[up], steps+1 {
			if up == pid {
				c.children += used[id]
				break
			}
		}
	}
	return c, nil
}

// stat reads a process's line.
func stat(pid int) (cpu float64, parent int, rss int64, err error) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, 0, err
	}
	// pid (name) state parent …; only the name may hold spaces.
	fields := strings.Fields(string(line[strings.LastIndexByte(string(line), ')')+1:]))
	if len(fields) < 22 {
		return 0, 0, 0, errors.New("its line in /proc is too short")
	}
	number := func(i int) int64 { // of proc_pid_stat(5), where the state is 3
		n, _ := strconv.ParseInt(fields[i-3], 10, 64)
		return n
	}
	return float64(number(14)+number(15)) / ticks, int(number(4)), number(24) * int64(os.Getpagesize()), nil
}
