package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/global-presence/presence/core/settings"
)

func TestServe_Check_plugins(t *testing.T) {
	dir := t.TempDir()
	file, missing := filepath.Join(dir, "file"), filepath.Join(dir, "missing")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, dir, lock string
		want            []string // beginnings of the lines
	}{
		{"None", "", "", nil},
		{"Folder", dir, "", nil},
		{"MissingFolder", missing, "", nil}, // a volume may come late
		{"FolderAndLock", dir, file, nil},
		{"File", file, "", []string{"--plugins (PRESENCE_PLUGINS) is \"" + file + "\"; want a folder"}},
		{"LockAlone", "", file, []string{"--plugins-lock (PRESENCE_PLUGINS_LOCK) is \"" + file + "\"; want nothing without --plugins"}},
		{"MissingLock", dir, missing, []string{"--plugins-lock (PRESENCE_PLUGINS_LOCK) is \"" + missing + "\"; want a file that exists"}},
		{"LockOfAFolder", dir, dir, []string{"--plugins-lock (PRESENCE_PLUGINS_LOCK) is \"" + dir + "\"; want a file that exists"}},
		{"Both", file, missing, []string{"--plugins (", "--plugins-lock ("}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := settings.Serve{
				Listen: ":8080", Admin: ":9090", StopTimeout: "10s", APIRate: 10_000,
				Store:   settings.Store{Region: "lhr", SyncTimeout: "30s", PeerTimeout: "10m"},
				Plugins: settings.Plugins{Dir: tt.dir, Lock: tt.lock, Carrier: settings.Process},
				Log:     settings.Log{Format: "text", Level: "info"},
			}
			text := errorText(s.Check())
			var got []string
			if text != "" {
				got = strings.Split(text, "\n")
			}
			ok := len(got) == len(tt.want)
			for i := range min(len(got), len(tt.want)) {
				ok = ok && strings.HasPrefix(got[i], tt.want[i])
			}
			if !ok {
				t.Errorf("Check = %q, want %q", got, tt.want)
			}
		})
	}
}
