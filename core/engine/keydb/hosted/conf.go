package hosted

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// confFile is the name of the generated settings in the data folder.
const confFile = "keydb.conf"

// aofFile is the name of the file of all data there; it is the default.
const aofFile = "appendonly.aof"

// Bounds of the backlog, in bytes: see backlogSize.
const (
	minBacklog = 4 << 20
	maxBacklog = 64 << 20
)

// backlogSize returns how many bytes of the newest writes the server keeps for
// peers that lost their link. A peer that was away for less than they cover reads
// on; after a longer cut everything is copied again. 64 MiB are hours of an idle
// page's beats and about a minute of 3,000 events a second; an eighth of the
// memory is what a small machine can spare.
func backlogSize(maxMemory int64) int64 { return min(max(maxMemory/8, minBacklog), maxBacklog) }

// configuration returns the text of the server's settings.
func configuration(s settings, c Config, bind, peers []netip.AddrPort) string {
	var b strings.Builder
	line := func(words ...string) {
		for i, word := range words {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(quote(word))
		}
		b.WriteByte('\n')
	}
	comment := func(text string) { b.WriteString("\n# " + text + "\n") }
	number := func(n int64) string { return fmt.Sprint(n) }

	b.WriteString("# Written by presence at every start of the server. Changes are lost.\n")
	if s.bin.multiMaster() {
		comment("Every server takes writes and copies those of all others.")
		line("active-replica", "yes")
		line("multi-master", "yes")
		comment("One thread is plenty for batches, and a port cannot be shared by accident.")
		line("server-threads", "1")
		comment("Do not ask the internet for a message of the day.")
		line("enable-motd", "no")
	}

	comment("The first address is also the one that links to peers come from.")
	var hosts []string
	for _, a := range bind {
		hosts = append(hosts, a.Addr().String())
	}
	line(append([]string{"bind"}, hosts...)...)
	line("port", number(int64(s.listen.port)))
	if c.Password == "" {
		line("protected-mode", "yes")
	} else {
		line("protected-mode", "no")
		line("requirepass", c.Password)
		line("masterauth", c.Password)
	}
	line("timeout", "0")
	line("tcp-keepalive", "15")

	comment("A child of presence, which reads what it says.")
	line("daemonize", "no")
	line("pidfile", "")
	line("logfile", "")
	line("loglevel", c.LogLevel)
	line("always-show-logo", "no")
	comment("After a crash be back soon, rather than test the memory.")
	line("crash-memcheck-enabled", "no")

	comment("A write is in the file before it is acknowledged, on the disk within a second.")
	line("dir", s.dir)
	line("appendonly", "yes")
	line("appendfsync", "everysec")
	line("aof-use-rdb-preamble", "yes")
	line("aof-load-truncated", "yes")
	line("auto-aof-rewrite-percentage", "100")
	line("auto-aof-rewrite-min-size", "16mb")
	line("save", "")
	comment("A full copy for a peer that cannot be written is no reason to refuse writes.")
	line("stop-writes-on-bgsave-error", "no")

	comment("Refuse writes rather than forget what was acknowledged.")
	line("maxmemory", number(s.maxMemory))
	line("maxmemory-policy", "noeviction")

	comment("Wakes readers of streams (t), and of other programs' keys.")
	line("notify-keyspace-events", "Kt$gxe")
	comment("A batch takes milliseconds.")
	line("lua-time-limit", "1000")

	comment("What a peer may miss and still read on from where it was, for as long as it likes.")
	backlog := backlogSize(s.maxMemory)
	line("repl-backlog-size", number(backlog))
	line("repl-backlog-ttl", "0")
	comment("Links carry a beat a second. After five without, a link is made anew rather")
	b.WriteString("# than left to TCP, which may take minutes to try again after a cut.\n")
	line("repl-ping-replica-period", "1")
	line("repl-timeout", "5")
	line("repl-disable-tcp-nodelay", "no")
	line("replica-read-only", "no")
	line("replica-serve-stale-data", "yes")
	comment("A copy over a slow link must be able to end while people click.")
	buffer := max(4*backlog, s.maxMemory/4)
	line("client-output-buffer-limit", "replica", number(buffer), number(buffer/2), "60")

	if len(peers) > 0 {
		comment("Peers at this start; later ones are added by command.")
		peers = slices.SortedFunc(slices.Values(peers), netip.AddrPort.Compare)
		for _, p := range peers {
			line("replicaof", p.Addr().String(), fmt.Sprint(p.Port()))
		}
	}
	return b.String()
}

// quote writes a word as the servers' settings want it: bare where nothing in it
// needs quotes.
func quote(word string) string {
	bare := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:%$", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !bare(r) }) {
		return word
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(word) {
		switch c := word[i]; {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(rune(c)))
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// writeFile puts text into the file name of dir, readable by its owner alone:
// wholly or not at all, and on the disk.
func writeFile(dir, name, text string) error {
	f, err := os.CreateTemp(dir, "."+name+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // there only if something went wrong
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, name))
}
