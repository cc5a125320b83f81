package hosted

import (
	"log/slog"
	"regexp"
	"strings"
)

// logLine is a line of the server's log: process, thread or role, time, level and
// text, such as
//
//	23215:23231:S 24 Nov 2026 01:51:58.987 # User requested shutdown...
//	5181:M 24 Nov 2026 02:00:39.279 # Server initialized
var logLine = regexp.MustCompile(`^\d+:(?:\d+:)?[XCSM] \d+ \w+ \d+ [\d:.]+ ([.*#-]) (.*)$`)

// saying is what a line of the server is worth.
type saying struct {
	level slog.Level
	text  string // without process, time and level
	folds bool   // its repeats are counted
}

// grave are parts of lines that tell of data in danger, of a server that cannot
// work, or of one that has come to its end, whatever level they have.
//
// Source: the calls of serverLog in KeyDB 6.3.4 and Redis 7.0.
var grave = []string{
	"Out Of Memory", "OOM ", "Cannot allocate memory", "No space left on device", "Disk quota exceeded", "Read-only file system", "Input/output error",
	"MISCONF",
	"writing to the AOF file", "writing append only file", "flush the parent diff", "fsync the parent diff", "fsync the AOF file", "Can't persist AOF",
	"Can't recover from AOF write error", "open the append-only file", "open the append log file", "AOF rewrite terminated by signal", "AOF rewrite terminated with error",
	"rewrite append only file in background: fork", "save in background: fork", "Failed enabling the AOF", "needs to enable the AOF but can't",
	"Background saving error", "Error trying to save the DB", "Write error saving DB", "Error moving temp", "rename the temporary AOF",
	"Bad file format reading the append", "Unrecoverable error reading the append", "Unexpected end of file reading the append", "preamble of the AOF file, AOF loading aborted",
	"Unknown command '", "Short read or OOM loading DB", "Wrong RDB checksum", "Terminating server after rdb file reading", "Fatal", "FATAL",
	"crashed by signal", "ASSERTION FAILED", "is not true", "Guru Meditation", "Software Failure", "Crashing on uncaught exception",
	"to prevent data corruption", "Failed listening on port",
}

// busy are beginnings of lines below level # that somebody should know of.
var busy = []string{"Asynchronous AOF fsync is taking too long"}

// hints are beginnings of lines that say how the machine could be set up better. They
// come with every start, and not everybody may change the machine.
var hints = []string{"WARNING overcommit_memory is set", "WARNING you have Transparent Huge Pages", "WARNING: The TCP backlog setting"}

// calm are beginnings of lines at level # that tell of nothing wrong, or of what this
// package tells of in better words: the start and the end, and the links.
var calm = []string{
	"oO0OoO0OoO0Oo", "KeyDB version=", "Redis version=", "Valkey version=", "Configuration loaded", "Server initialized",
	"User requested shutdown", "KeyDB is now ready to exit", "Redis is now ready to exit", "Valkey is now ready to exit",
	"There is a child rewriting the AOF. Killing it", "There is a child saving an .rdb. Killing it", "Writing initial AOF, can't exit",
	"SIGTERM received but errors trying to shut down",
	"Done loading RDB", "NOTICE: ", "Background save cancelled", "Background saving cancelled", "Background transfer terminated cancelled",
	"Error condition on socket for SYNC", "Unable to connect to MASTER", "Timeout connecting to the MASTER", "MASTER timeout: ",
	"Connection with master lost", "Connection with replica", "Disconnecting timedout replica", "I/O error reading bulk count from MASTER",
	"I/O error trying to sync with MASTER", "I/O error writing to MASTER", "Sending command to master in replication handshake",
	"Error reply to PING from master", "Unexpected reply to PSYNC from master", "Unable to send PSYNC to master", "MASTER aborted replication",
	"Master replication ID changed", "Setting secondary replication ID", "Putting replica online", "Failover request",
	"Read error sending DB to replica", "Write error sending DB to replica", "Diskless rdb transfer", "Timeout receiving bulk data from MASTER",
	"BGSAVE for replication: replication information not available", "Replication backlog is too small, resizing",
	"Warning: replica ", "Connections between active replicas and traditional",
}

// parseSaying returns what a line is worth. What is at level # and unknown is a
// warning.
func parseSaying(line string) saying {
	m := logLine.FindStringSubmatch(line)
	if m == nil {
		if strings.Contains(line, ":signal-handler (") || strings.HasPrefix(line, "epoll_ctl failed: No such file") {
			return saying{level: slog.LevelDebug, text: line} // the end that was asked for; a link that has ended
		}
		return saying{level: slog.LevelWarn, text: line} // a crash, or a fault in the settings: no two lines are alike
	}
	s := saying{level: slog.LevelWarn, text: m[2], folds: true}
	begins := func(beginnings []string) bool {
		for _, b := range beginnings {
			if strings.HasPrefix(s.text, b) {
				return true
			}
		}
		return false
	}
	switch {
	case strings.Contains(s.text, "'Command must be sent from a master'"):
		// For each of the peers' writes in the file that KeyDB loads: it does not
		// take them from there, but again from the peers.
		s.level = slog.LevelDebug
	case begins(busy):
	case m[1] != "#", begins(calm):
		s.level, s.folds = slog.LevelDebug, false
	case begins(hints):
		s.level = slog.LevelInfo
	default:
		for _, g := range grave {
			if strings.Contains(s.text, g) {
				s.level = slog.LevelError
			}
		}
	}
	return s
}
