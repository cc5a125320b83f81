package process

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"slices"

	"github.com/hashicorp/go-hclog"
)

// hostLog lets go-plugin, which logs with hclog, log with slog.
//
// What go-plugin has to say is about the mechanics of a start or an end, which
// the supervisor reports itself in terms of the feature. So nothing of it ranks
// above Debug.
type hostLog struct {
	log  *slog.Logger
	name string
	args []any // what With has added, for ImpliedArgs
}

var _ hclog.Logger = (*hostLog)(nil)

func newHostLog(log *slog.Logger) *hostLog { return &hostLog{log: log} }

func (l *hostLog) record(level hclog.Level, msg string, args []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("go-plugin", append([]any{"text", msg, "severity", level.String()}, plain(args)...)...)
	}
}

// plain gives each key and value a form that slog takes: hclog allows a lone
// value at the end, and values still to be formatted.
func plain(args []any) []any {
	out := make([]any, 0, len(args)+1)
	for i := 0; i+1 < len(args); i += 2 {
		key, ok := args[i].(string)
		if !ok {
			key = "key"
		}
		value := args[i+1]
		if f, ok := value.(hclog.Format); ok && len(f) > 0 {
			value = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
		out = append(out, key, value)
	}
	if len(args)%2 == 1 {
		out = append(out, hclog.MissingKey, args[len(args)-1])
	}
	return out
}

func (l *hostLog) Log(level hclog.Level, msg string, args ...any) { l.record(level, msg, args) }
func (l *hostLog) Trace(msg string, args ...any)                  { l.record(hclog.Trace, msg, args) }

func (l *hostLog) Debug(msg string, args ...any) { l.record(hclog.Debug, msg, args) }

func (l *hostLog) Info(msg string, args ...any) { l.record(hclog.Info, msg, args) }

func (l *hostLog) Warn(msg string, args ...any) { l.record(hclog.Warn, msg, args) }

func (l *hostLog) Error(msg string, args ...any) { l.record(hclog.Error, msg, args) }

func (l *hostLog) enabled() bool { return l.log.Enabled(context.Background(), slog.LevelDebug) }

func (l *hostLog) IsTrace() bool { return false }
func (l *hostLog) IsDebug() bool { return l.enabled() }
func (l *hostLog) IsInfo() bool  { return l.enabled() }
func (l *hostLog) IsWarn() bool  { return l.enabled() }
func (l *hostLog) IsError() bool { return l.enabled() }

func (l *hostLog) ImpliedArgs() []any { return l.args }
func (l *hostLog) Name() string       { return l.name }

func (l *hostLog) With(args ...any) hclog.Logger {
	args = plain(args)
	return &hostLog{log: l.log.With(args...), name: l.name, args: slices.Concat(l.args, args)}
}

func (l *hostLog) Named(name string) hclog.Logger {
	if l.name != "" {
		name = l.name + "." + name
	}
	return l.ResetNamed(name)
}

func (l *hostLog) ResetNamed(name string) hclog.Logger {
	return &hostLog{log: l.log, name: name, args: l.args}
}

// SetLevel does nothing: slog's handler has the level.
func (l *hostLog) SetLevel(hclog.Level) {}

func (l *hostLog) GetLevel() hclog.Level {
	if l.enabled() {
		return hclog.Debug
	}
	return hclog.Off
}

func (l *hostLog) StandardLogger(o *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(o), "", 0)
}

func (l *hostLog) StandardWriter(*hclog.StandardLoggerOptions) io.Writer {
	return newLines(l.log, "go-plugin", newLineLimits().stderr)
}
