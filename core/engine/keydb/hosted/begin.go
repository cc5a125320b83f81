package hosted

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// firstLookup is how long the first server waits for names that cannot be looked up
// and, with an empty folder, for at least one peer: without its links it would not
// know that it has to sync.
const firstLookup = 15 * time.Second

// begin looks the peers up for the first time, until that says who they are. A
// server with an empty folder that knows of nobody would take writes without what
// the others have, so it waits for one; the first server of all does so in vain.
func (m *mesh) begin(ctx context.Context, bind []netip.AddrPort) (err error) {
	if len(m.listed) == 0 {
		return nil
	}
	if m.own, err = ownAddrs(bind); err != nil {
		return err
	}
	m.network = "ip6"
	if bind[0].Addr().Is4() {
		m.network = "ip4"
	}
	isEmpty := holdsNothing(m.dir)
	for start, waits := time.Now(), false; ; {
		err := m.look(ctx)
		lonely := isEmpty && len(m.peers()) == 0
		switch {
		case err == nil && !lonely:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case time.Since(start) >= firstLookup:
			m.tellAlone(ctx, lonely, err)
			return nil
		case !waits:
			waits = true
			m.tellWait(ctx, lonely, err)
		}
		if !sleep(ctx, min(m.cfg.LookupInterval, time.Second)) {
			return context.Cause(ctx)
		}
	}
}

// tellWait logs what the start of the server waits for.
func (m *mesh) tellWait(ctx context.Context, lonely bool, err error) {
	attrs := []slog.Attr{slog.Any("listed", m.cfg.Peers), slog.Duration("at_most", firstLookup)}
	if err != nil {
		attrs = append(attrs, slog.Any("err", err))
	}
	if lonely {
		m.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "waiting for a peer before the keydb server starts, since the data folder is empty: the first region of all finds none", attrs...)
		return
	}
	m.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "waiting for the peers' names to be known before the keydb server starts", attrs...)
}

// tellAlone logs that the server starts without all or some of its peers. That is
// nothing to worry about where the names stand for this server alone, as those of the
// first region of all do.
func (m *mesh) tellAlone(ctx context.Context, lonely bool, err error) {
	listed := slog.Any("listed", m.cfg.Peers)
	switch {
	case lonely && err == nil && m.named:
		m.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "starting as the first region: the peers' names stand for this server alone", listed)
	case lonely:
		m.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "starting with an empty data folder and without any peer: "+
			"right for the first region of all; in any other, events are taken without what the others have until they are found",
			listed, slog.Any("err", err))
	default:
		m.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "starting without knowing all peers", listed, slog.Any("err", err))
	}
}

// holdsNothing reports whether a data folder has no data yet.
func holdsNothing(dir string) bool {
	st, err := os.Stat(filepath.Join(dir, aofFile))
	return err != nil || st.Size() == 0
}
