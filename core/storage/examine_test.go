package storage_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/settings"
	"github.com/global-presence/presence/core/storage"
)

// examine returns what Examine writes, and its error as text.
func examine(tb testing.TB, s settings.Store) (out, err string) {
	tb.Helper()
	var b strings.Builder
	if e := storage.Examine(tb.Context(), checked(tb, s), "", &b); e != nil {
		err = e.Error()
	}
	return b.String(), err
}

func TestExamine_memory(t *testing.T) {
	s := settings.Store{Region: "lhr", SyncTimeout: "30s"}
	if out, err := examine(t, s); !strings.Contains(out, "gone when it stops") || err != "" {
		t.Errorf("Examine wrote %q, %q", out, err)
	}
	s.Data = filepath.Join(t.TempDir(), "state")
	if out, err := examine(t, s); !strings.Contains(out, "and in "+s.Data) || strings.Contains(out, "gone") || err != "" {
		t.Errorf("Examine wrote %q, %q", out, err)
	}
}

func TestExamine_away(t *testing.T) {
	addr := freeAddr(t) // nobody is there
	for _, tt := range []struct {
		name  string
		store settings.Store
		mend  string
		err   string
	}{
		{"URL", settings.Store{KeyDB: "redis://" + addr}, "start the server", "the store is not fit for use: 1 line is bad"},
		{"Two", settings.Store{KeyDB: "redis://" + addr, KeyDBRead: "redis://" + freeAddr(t)}, "start the server", "the store is not fit for use: 2 lines are bad"},
		{"Hosted", settings.Store{KeyDB: settings.Hosted, Data: t.TempDir(), KeyDBListen: addr, KeyDBBin: keydbtest.Have(t, "redis-server")}, "start presence with the same settings", "the store is not fit for use: 1 line is bad"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.store.Region, tt.store.SyncTimeout = "lhr", "30s"
			out, err := examine(t, tt.store)
			if !strings.Contains(out, addr+": connection refused\n") || !strings.Contains(out, tt.mend) || err != tt.err {
				t.Errorf("Examine wrote\n%s%s\nwant %q and %q", out, err, tt.mend, tt.err)
			}
		})
	}
}
