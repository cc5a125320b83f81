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

// codes are how servers say that they do not do something now, what is told of it, and
// what somebody can do about it. A script passes such an answer on within its own.
var codes = map[string]struct{ why, mend string }{
	"LOADING":    {"it is loading its data", "wait until it is done"},
	"MASTERDOWN": {"its link to the primary is down", "see whether the primary runs and can be reached from it"},
	"READONLY":   {"it is a read-only replica now", "give the primary's URL for writes"},
	"OOM":        {"its memory is full (maxmemory)", "raise maxmemory"},
	"MISCONF":    {"it cannot write to its disk", "see whether its disk is full, and what its log says"},
	"BUSY":       {"it is busy with a script", "wait, or end the script with SCRIPT KILL"},
	"NOREPLICAS": {"it has too few replicas to take writes (min-replicas-to-write)", "start its replicas, or lower min-replicas-to-write"},
	"CLIENTS":    {"it has too many clients (maxclients)", "raise maxclients, or end clients that are not needed"},
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
func passing(err error) string { return codes[passingCode(err)].why }

// passingCode returns which of the codes a server answered with, "" for none.
func passingCode(err error) string {
	if !answered(err) {
		return ""
	}
	text := err.Error()
	for name := range codesOf(text) {
		if _, ok := codes[name]; ok {
			return name
		}
	}
	switch {
	case strings.Contains(text, "max number of clients reached"):
		return "CLIENTS"
	case strings.Contains(text, "must be sent from a master"): // KeyDB
		return "LOADING"
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

// stranger returns what is told of a server that answers in another language, and what
// to do about it, or "" if err does not look so. Source: the client library's
// internal/proto/reader.go.
func stranger(err error) string {
	const mend = ": correct the host and the port of the URL"
	const web = "an HTTP server answers there, and no KeyDB, Valkey or Redis"
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if said := string(record.RecordHeader[:]); said == "HTTP/" || strings.HasPrefix(said, "<") {
			return web + mend
		}
		return ""
	}
	m := foreign.FindStringSubmatch(err.Error())
	switch {
	case m == nil:
		return ""
	case strings.HasPrefix(m[1], "HTTP/"), strings.HasPrefix(m[1], "<"):
		return web + mend
	}
	return "what answers there is no KeyDB, Valkey or Redis, and said \"" + strings.ReplaceAll(firstLine(m[1]), ": ", ":") + "\"" + mend
}

// foreign is what the client library says of an answer that it cannot read, with the
// beginning of it.
var foreign = regexp.MustCompile(`^redis: (?:invalid reply:|can't parse(?: [a-zA-Z/ ]*reply[:=]?)?) ?"(.{0,40})`)

// What a server looks like that was not spoken to in the way it wants: one that speaks
// no TLS waits for more, one that does hangs up.
var (
	errNoTLS = errors.New("it did not answer in time: if it speaks no TLS, use redis://")
	errTLS   = errors.New("it closed the connection: if it speaks TLS, use rediss://")
)

// hint returns err, or what it looks like at the first word to a server.
func hint(err error, secure bool) error {
	switch {
	case err == nil || answered(err):
	case secure && timedOut(err):
		return errNoTLS
	case !secure && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return errTLS
	}
	return err
}

// explain returns in a few words why a call failed, and what to do about it.
func explain(err error) (why, mend string) {
	why = reason(err)
	_, isFault := errors.AsType[fault](err)
	switch {
	case passing(err) != "":
		return why, codes[passingCode(err)].mend
	case isFault, unusable(err) != "", stranger(err) != "", errors.Is(err, errNoTLS), errors.Is(err, errTLS):
		why, mend, _ = strings.Cut(why, ": ")
		return why, mend
	}
	var (
		dns    *net.DNSError
		cert   *tls.CertificateVerificationError
		record tls.RecordHeaderError
	)
	switch {
	case answered(err):
		return why, "look at the server's log"
	case errors.As(err, &dns):
		return why, "correct the host in the URL, or see whether the name server of this machine is right"
	case errors.As(err, &cert):
		return why, "use the name that the certificate is for, and have this machine trust who signed it (SSL_CERT_FILE)"
	case errors.As(err, &record):
		why, mend, _ = strings.Cut(why, ": ")
		return why, mend
	case errors.Is(err, syscall.ECONNREFUSED):
		return why, "start the server, or correct the host and the port of the URL"
	}
	return why, "see whether the server runs, whether the URL is right, and whether a firewall is in between"
}

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
	if why := stranger(err); why != "" {
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
