package hosted

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// minMemory is the least that a server may be given, in bytes; an empty KeyDB with
// its links takes a few MB of it.
const minMemory = 16 << 20

// parseMemory reads Config.MaxMemory. machine returns the bytes that there are, or
// false where nobody knows.
func parseMemory(s string, machine func() (int64, bool)) (int64, error) {
	bad := fmt.Errorf("memory limit %q: want bytes or a share, such as 256mb, 1gb or 50%%, and at least 16mb", s)
	if percent, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.Atoi(percent)
		if err != nil || n < 1 || n > 95 {
			return 0, fmt.Errorf("memory limit %q: want a share from 1%% to 95%%", s)
		}
		total, ok := machine()
		if !ok {
			return 0, fmt.Errorf("memory limit %q: this system does not say how much memory there is; give bytes, such as 256mb", s)
		}
		return max(total/100*int64(n), minMemory), nil
	}
	number, shift := strings.ToLower(s), 0
	for _, unit := range []struct {
		suffix string
		shift  int
	}{{"kb", 10}, {"mb", 20}, {"gb", 30}, {"b", 0}} {
		if rest, ok := strings.CutSuffix(number, unit.suffix); ok {
			number, shift = rest, unit.shift
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift || n<<shift < minMemory {
		return 0, bad
	}
	return n << shift, nil
}

// machineMemory returns the bytes that this process and its children may use: the
// least of what the machine has and what the container's control group allows.
func machineMemory() (int64, bool) {
	least := int64(math.MaxInt64)
	// Version 2 says "max" for no limit, version 1 a number near 2^63.
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
			least = min(least, n)
		}
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			var kb int64
			if n, _ := fmt.Sscanf(lines.Text(), "MemTotal: %d kB", &kb); n == 1 {
				least = min(least, kb<<10)
			}
		}
	}
	return least, least < 1<<60
}
