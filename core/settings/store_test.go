package settings_test

import (
	"strings"
	"testing"

	"github.com/global-presence/presence/core/settings"
)

// An image that hosts a KeyDB does so by a variable, which hides the other one.
func TestDoctor_Check_hostedAndURL(t *testing.T) {
	for _, tt := range []struct {
		name, other string
		want        string // of the error; none for ""
	}{
		{"None", "", ""},
		{"Same", "hosted", ""},
		{"URL", "redis://:hunter2@db:6379/0", `--keydb (PRESENCE_KEYDB) is "hosted"; want one store, but KEYDB_URL names redis://***@db:6379/0: unset it`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("KEYDB_URL", tt.other)
			err := hostedIn(t.TempDir()).Check()
			if got := errorText(err); tt.want == "" && err != nil || !strings.HasPrefix(got, tt.want) || strings.Contains(got, "hunter2") {
				t.Errorf("Check = %v, want %q", err, tt.want)
			}
		})
	}
	t.Setenv("KEYDB_URL", "redis://db:6379/0")
	d := hostedIn("")
	d.KeyDB = "redis://another:6379/0"
	if err := d.Check(); err != nil {
		t.Errorf("Check of a URL beside another = %v, want nil: the flag wins", err)
	}
}

func hostedIn(dir string) *settings.Doctor {
	return &settings.Doctor{Store: settings.Store{
		Region: "lhr", KeyDB: settings.Hosted, Data: dir, KeyDBListen: "127.0.0.1:6379", SyncTimeout: "30s", PeerTimeout: "10m",
	}}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
