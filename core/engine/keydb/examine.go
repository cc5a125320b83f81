package keydb

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Level says how good or bad a Finding is.
type Level int

// The levels of findings.
const (
	OK   Level = iota // as it should be
	Warn              // works, and may not always
	Bad               // does not work, or loses something
)

// String returns "ok", "warn" or "bad".
func (l Level) String() string { return [...]string{"ok", "warn", "bad"}[l] }

// Finding is one thing that Examine looked at.
type Finding struct {
	Level Level

	// Subject is what was looked at, in a word or two: "memory policy". Where there
	// are two servers, it ends with the one that it is about: "memory policy, read".
	Subject string

	// Sentence says how it is, Mend what to do about it. An OK has no Mend.
	Sentence, Mend string
}

// examiner collects findings about one server.
type examiner struct {
	cfg      Config
	server   *server
	name     string // of the server, if there are two
	writes   bool   // the server is to take writes
	reads    bool   // the server is to be read from
	unfit    bool   // its role keeps it from taking writes
	full     bool   // it takes none since its memory is full
	info     info
	text     string // that info was read from
	findings []Finding
}

// Examine looks at the servers of cfg and says, line by line, what is right, what is
// not, and how to mend it. It changes nothing but keys of its own, which it removes;
// of keys it reads at most a million, within ctx, and tells its progress in the log.
func Examine(ctx context.Context, cfg Config) []Finding {
	if cfg.Site == "" {
		cfg.Site = "doctor" // whose keys there are none of
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		var all []Finding
		for line := range strings.Lines(err.Error()) {
			all = append(all, Finding{Bad, "settings", strings.TrimSpace(line), "correct the setting and run this again"})
		}
		return all
	}
	write := examiner{cfg: cfg, writes: true, reads: true}
	if cfg.ReadURL == "" || cfg.ReadURL == cfg.URL {
		return write.examine(ctx, cfg.URL, nil)
	}
	write.name, write.reads = "write", false
	read := examiner{cfg: cfg, name: "read", reads: true}
	return append(write.examine(ctx, cfg.URL, nil), read.examine(ctx, cfg.ReadURL, &write)...)
}

// examine looks at the server at url, which is to copy another one that was looked at
// before, if any.
func (x *examiner) examine(ctx context.Context, url string, primary *examiner) []Finding {
	server, err := newServer(x.cfg, url, slog.New(slog.DiscardHandler))
	if err != nil {
		x.add(Bad, "settings", err.Error(), "correct the setting and run this again")
		return x.findings
	}
	defer server.close()
	x.server = server
	if !x.connection(ctx) {
		return x.findings
	}
	x.version()
	if x.role(); x.info["redis_mode"] == "sentinel" {
		return x.findings
	}
	x.links()
	if primary != nil && primary.info != nil && !primary.unfit {
		x.copying(ctx, primary.cfg.URL)
	}
	if x.reads {
		x.notifications(ctx)
	}
	if x.writes {
		x.scripts(ctx)
		x.persistence()
	}
	x.memory()
	x.clock(ctx)
	if x.reads {
		x.keys(ctx)
		x.sites(ctx)
	}
	if x.writes {
		x.members(ctx)
	}
	return x.findings
}

func (x *examiner) add(level Level, subject, sentence, mend string) {
	if x.name != "" {
		subject += ", " + x.name
	}
	x.findings = append(x.findings, Finding{level, subject, sentence, mend})
}

// failed adds what a call that was answered with an error means.
func (x *examiner) failed(subject string, err error) {
	why, mend := explain(err)
	x.add(Bad, subject, why, mend)
}

// client returns the client of the server.
func (x *examiner) client() *redis.Client { return x.server.client }

// connection reports whether the server answers.
func (x *examiner) connection(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, x.cfg.DialTimeout+x.cfg.Timeout)
	defer cancel()
	text, err := x.client().Info(ctx).Result()
	if err != nil {
		why, mend := explain(hint(err, x.server.secure()))
		switch {
		case !x.cfg.Hosted:
		case unusable(err) != "":
			mend = "another server listens there, or --secret is not the one that this one was started with"
		case !answered(err):
			mend = "it runs while presence does: start presence with the same settings and ask again"
		}
		x.add(Bad, "connection", x.server.where+": "+why, mend)
		return false
	}
	x.text, x.info = text, parseInfo(text)
	x.add(OK, "connection", x.server.where+" answers", "")
	return true
}

func (x *examiner) version() {
	kind, version := x.info.name()
	if !atLeast(x.info["redis_version"], 6, 2) {
		x.add(Bad, "version", kind+" "+version+" is too old", "use KeyDB 6.3, Valkey 7.2, Redis 6.2 or newer")
		return
	}
	x.add(OK, "version", kind+" "+version, "")
}

func (x *examiner) role() {
	i := x.info
	unfit := func(sentence, mend string) {
		x.unfit = true
		x.add(Bad, "role", sentence, mend)
	}
	switch {
	case i["cluster_enabled"] == "1":
		unfit("it runs in cluster mode, where one script cannot write a site's keys", "use a server with cluster-enabled no")
	case i["redis_mode"] == "sentinel":
		unfit("it is a sentinel, which holds no data", "give the URL of a server that it watches")
	case i.replica() && x.writes:
		why, mend, _ := strings.Cut(reason(isReplica(i)), ": ")
		unfit(why, mend)
	case i.replica():
		x.add(OK, "role", "read replica of "+i["master_host"]+":"+i["master_port"], "")
	case i["role"] == "active-replica":
		// KeyDB does not tell whether multi-master is set; without it, it copies one.
		x.add(OK, "role", "active replica that copies "+count(len(linksOf(x.text)), "server"), "")
	default:
		x.add(OK, "role", "primary with "+count(int(i.number("connected_slaves")), "replica"), "")
	}
}

// copying tells whether the server copies the one at url.
func (x *examiner) copying(ctx context.Context, url string) {
	write, err := newServer(x.cfg, url, slog.New(slog.DiscardHandler))
	if err != nil {
		x.failed("copy", err)
		return
	}
	defer write.close()
	_, _, found, err := pair{write, x.server, x.cfg.Site}.compare(ctx, x.cfg.Timeout)
	switch {
	case err != nil:
		why, mend := explain(err)
		x.add(Warn, "copy", "whether it copies "+write.where+" could not be tried: "+why, mend)
	case found.relation == joined:
		x.add(OK, "copy", "it copies "+write.where+": "+found.why, "")
	case found.relation == apart:
		x.add(Bad, "copy", x.server.where+": "+found.why, found.mend)
	default:
		x.add(Warn, "copy", x.server.where+": "+found.why, found.mend)
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// maxLag is after how many seconds of silence a replica is told of; it reports once a
// second.
const maxLag = 5

// links tells of each link, in and out.
func (x *examiner) links() {
	mend := "look at both servers' logs; masterauth has to be the peer's password, and its port has to be reachable"
	if x.cfg.Hosted {
		mend = "see whether presence runs there, whether its KeyDB's port can be reached from here and this one's from there, and whether all have the same --secret"
	}
	for _, l := range linksOf(x.text) {
		switch {
		case l.syncing:
			x.add(Warn, "link", "it is copying the data of "+l.name(), "wait until it is done")
		case !l.up:
			x.add(Bad, "link", "the link to "+l.name()+" is down", mend)
		default:
			x.add(OK, "link", "from "+l.name()+": up, last heard "+l.silent+" s ago", "")
		}
	}
	for _, m := range replicaLine.FindAllStringSubmatch(x.text, -1) {
		fields := map[string]string{}
		for f := range strings.SplitSeq(strings.TrimSpace(m[1]+m[2]), ",") {
			name, value, _ := strings.Cut(f, "=")
			fields[name] = value
		}
		who := fields["ip"] + ":" + fields["port"]
		switch lag, _ := strconv.Atoi(fields["lag"]); {
		case fields["state"] != "online":
			x.add(Warn, "link", "to "+who+": "+fields["state"], "wait until it is online")
		case lag > maxLag:
			x.add(Warn, "link", fmt.Sprintf("to %s: online, and silent for %d s", who, lag), mend)
		default:
			x.add(OK, "link", fmt.Sprintf("to %s: online, heard %d s ago", who, lag), "")
		}
	}
}

func (x *examiner) notifications(ctx context.Context) {
	const needed = "Kt$gxe" // t for the logs, the rest for watched keys
	set, err := configOf(ctx, x.client(), notifySetting)
	switch {
	case err != nil:
		x.add(Warn, "notifications", "the setting cannot be read: "+reason(err), "see to it that the server has notify-keyspace-events "+needed)
	case missing(set, "Kt") != "":
		x.add(Warn, "notifications", fmt.Sprintf("notify-keyspace-events is %q, which says nothing of logs; a running presence adds what it needs", set),
			"to be sure, set notify-keyspace-events "+union(set, needed))
	case missing(set, needed) != "":
		x.add(OK, "notifications", fmt.Sprintf("notify-keyspace-events is %q; watched keys would add %q", set, missing(set, needed)), "")
	default:
		x.add(OK, "notifications", fmt.Sprintf("notify-keyspace-events is %q", set), "")
	}
}

func (x *examiner) scripts(ctx context.Context) {
	if x.unfit {
		return // and it was told why
	}
	err := x.server.tryWrite(ctx, x.cfg.Site)
	if err == nil {
		x.add(OK, "scripts and streams", "a script that writes to a stream ran", "")
		return
	}
	sentence, mend := explain(err)
	switch code := passingCode(err); {
	case code == "OOM":
		x.full = true
		mend = "see the line of its memory below"
	case code == "MISCONF" && (x.appendFailed() || x.snapshotFailed()):
		mend = "see the line of its disk below"
	}
	x.add(Bad, "scripts and streams", "no write is taken: "+sentence, mend)
}
