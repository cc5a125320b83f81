package keydb

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// codes are how servers say that they do not do something now, and what is told of
// it. A script passes such an answer on within its own.
var codes = map[string]string{
	"LOADING":    "it is loading its data",
	"MASTERDOWN": "its link to the primary is down",
	"READONLY":   "it is a read-only replica now",
	"OOM":        "its memory is full (maxmemory)",
	"MISCONF":    "it cannot write to its disk",
	"BUSY":       "it is busy with a script",
	"NOREPLICAS": "it has too few replicas to take writes (min-replicas-to-write)",
}

// code is where an answer has a code: at its start or, in a script's, after a '-'.
var code = regexp.MustCompile(`(?:^|-)([A-Z]{3,})\b`)

// codesOf returns the codes in an answer.
func codesOf(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range code.FindAllStringSubmatch(text, -1) {
		found[m[1]] = true
	}
	return found
}

// passing returns why a server's answer may be another one soon, and "" if it does
// not look so.
func passing(err error) string {
	if !answered(err) {
		return ""
	}
	text := err.Error()
	for name := range codesOf(text) {
		if why, ok := codes[name]; ok {
			return why
		}
	}
	switch {
	case strings.Contains(text, "max number of clients reached"):
		return "it has too many clients (maxclients)"
	case strings.Contains(text, "must be sent from a master"): // KeyDB
		return codes["LOADING"]
	}
	return ""
}

// answered reports whether err is what a server answered.
func answered(err error) bool {
	_, ok := errors.AsType[redis.Error](err)
	return ok
}

// denied is the part of an answer that says what a user may not do.
var denied = regexp.MustCompile(`no permissions to (?:run|access)(?: the '[^']*' command|[^.:']*)`)

// unusable returns what is wrong with a server that gave such an answer, and how to
// mend it, or "" when nothing about the answer tells.
func unusable(err error) string {
	if !answered(err) {
		return ""
	}
	text := err.Error()
	low, has := strings.ToLower(text), codesOf(text)
	switch {
	case has["WRONGPASS"], strings.Contains(low, "invalid password"):
		return "it refuses the user or the password: correct them in the URL, redis://user:password@host"
	case has["NOAUTH"]:
		return "it wants a password: put it into the URL, redis://:password@host"
	case has["NOPERM"], denied.MatchString(text):
		what := denied.FindString(text)
		if what == "" {
			what = "no permission for all that is needed"
		}
		return "its user has " + what + ": grant it with ACL SETUSER (the keys gp:* and those watched, all channels, and the command)"
	case strings.Contains(low, "db index is out of range"), strings.Contains(low, "select is not allowed"):
		return "it has no database of that number: correct the end of the URL"
	case has["CROSSSLOT"], has["MOVED"], has["CLUSTERDOWN"]:
		return clusterMode
	case unknown.MatchString(text):
		return "it does not know the command " + strings.ToUpper(unknown.FindStringSubmatch(text)[1]) +
			": it is too old or the command was renamed; want KeyDB 6.3, Valkey 7.2, Redis 6.2 or newer"
	case strings.Contains(low, "unknown redis command"):
		return "its scripts do not know a command: it is too old or the command was renamed; want KeyDB 6.3, Valkey 7.2, Redis 6.2 or newer"
	}
	return ""
}

// unknown is how a server says that it does not know a command.
var unknown = regexp.MustCompile("(?i)unknown command [`'\"]?([a-z.]+)")

const clusterMode = "it runs in cluster mode, where one script cannot write a site's keys: use a server with cluster-enabled no"

// reason returns in a few words why a call failed.
func reason(err error) string {
	if f, ok := errors.AsType[fault](err); ok {
		return string(f)
	}
	if why := passing(err); why != "" {
		return why
	}
	if why := unusable(err); why != "" {
		return why
	}
	var (
		timeout net.Error
		number  syscall.Errno
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
	)
	switch {
	case answered(err):
		return "it answered: " + firstLine(err.Error())
	case errors.Is(err, redis.ErrClosed):
		return "the store is closed"
	case errors.Is(err, redis.ErrPoolTimeout):
		return "all connections to it are in use"
	case errors.As(err, &cert):
		return cert.Error()
	case errors.As(err, &record):
		return "it does not speak TLS: use redis:// or its TLS port"
	case errors.As(err, &dns):
		return dns.Error()
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it did not answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it closed the connection"
	}
	return firstLine(err.Error())
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	const most = 200
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + "…"
	}
	return strings.TrimSpace(line)
}
