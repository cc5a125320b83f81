package keydb_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

func TestOpen_settings(t *testing.T) {
	tests := []struct {
		name string
		cfg  keydb.Config
		want []string
	}{
		{"NoURL", keydb.Config{Site: "lhr"}, []string{`URL of the store: ""`, "redis://[user:password@]host[:port][/db]"}},
		{"OtherScheme", keydb.Config{Site: "lhr", URL: "http://:secret@host"}, []string{`"http://***@host"`, "rediss:// for TLS"}},
		{"BadPort", keydb.Config{Site: "lhr", URL: "redis://u:sec@ret@host:port/0"}, []string{`"redis://***@host:port/0"`}},
		{"BadDatabase", keydb.Config{Site: "lhr", URL: "redis://:secret@host/x"}, []string{`"redis://***@host/x"`}},
		{"BadEscape", keydb.Config{Site: "lhr", URL: "redis://:sec%ret@host"}, []string{`"redis://***@host"`}},
		{"PasswordWithSlash", keydb.Config{Site: "lhr", URL: "redis://:secr/et@host:6379"}, []string{`"redis://***@host:6379"`}},
		{"NoScheme", keydb.Config{Site: "lhr", URL: ":secret@db:6379"}, []string{`"***@db:6379"`}},
		{"UserAsScheme", keydb.Config{Site: "lhr", URL: "user:secret@host"}, []string{`"***@host"`}},
		{"OneSlash", keydb.Config{Site: "lhr", URL: "redis:/:secret@db"}, []string{`"***@db"`}},
		{"PasswordAsSetting", keydb.Config{Site: "lhr", URL: "redis://h:bad?password=secret"}, []string{`"redis://h:bad"`}},
		{"PasswordWithAtAsSetting", keydb.Config{Site: "lhr", URL: "redis://h:bad?password=x@secret"}, []string{`"redis://***"`}},
		{"PasswordWithAtAndSlash", keydb.Config{Site: "lhr", URL: "redis://u:p@secret/word@host"}, []string{`"redis://***@host"`}},
		{"PasswordWithQuestion", keydb.Config{Site: "lhr", URL: "redis://u:secret?more@host:bad?x=y"}, []string{`"redis://***"`}},
		{"BadReadURL", keydb.Config{Site: "lhr", URL: "redis://host", ReadURL: "host:6379"}, []string{"URL of the store to read from", `"host:6379"`}},
		{"All", keydb.Config{Site: "LHR", URL: "x", LogEntries: -1, Timeout: -1}, []string{"URL of the store", `site "LHR"`, "log of -1 entries", "timeout after -1ns"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := keydb.Open(t.Context(), tt.cfg)
			if err == nil {
				t.Fatal("Open = nil, want an error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Open = %v, want %q in it", err, want)
				}
			}
			for _, secret := range []string{"secret", "sec@", "secr", "sec%"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("Open = %v, which shows the password", err)
				}
			}
		})
	}
}

func TestOpen_unusableServers(t *testing.T) {
	alone := keydbtest.Start(t, keydbtest.Options{})
	locked := keydbtest.Start(t, keydbtest.Options{Password: "right"})
	replica := keydbtest.StartReplica(t, alone, keydbtest.Options{})
	writable := keydbtest.StartReplica(t, alone, keydbtest.Options{Args: []string{"--replica-read-only", "no"}})
	cluster := keydbtest.Start(t, keydbtest.Options{Args: []string{"--cluster-enabled", "yes"}})
	noStreams := keydbtest.Start(t, keydbtest.Options{Args: []string{"--rename-command", "XADD", ""}})
	noScripts := keydbtest.Start(t, keydbtest.Options{Args: []string{"--rename-command", "EVAL", "", "--rename-command", "EVALSHA", ""}})
	users := keydbtest.Start(t, keydbtest.Options{})
	users.Do("ACL", "SETUSER", "writer", "on", ">pw", "~gp:*", "&*", "+@all", "-xadd")
	users.Do("ACL", "SETUSER", "trimless", "on", ">pw", "~gp:*", "&*", "+@all", "-xtrim")
	users.Do("ACL", "SETUSER", "stranger", "on", ">pw", "~other:*", "&*", "+@all")
	users.Do("ACL", "SETUSER", "blind", "on", ">pw", "~*", "&*", "+@all", "-info")
	as := func(user string) string {
		return "redis://" + user + ":pw@" + users.Addr()
	}
	tests := []struct {
		name string
		cfg  keydb.Config
		want string
	}{
		{"NoPassword", keydb.Config{URL: "redis://" + locked.Addr()}, "it wants a password: put it into the URL"},
		{"WrongPassword", keydb.Config{URL: "redis://:wrong@" + locked.Addr()}, "it refuses the user or the password: correct them in the URL"},
		{"WrongPasswordToRead", keydb.Config{URL: alone.URL(), ReadURL: "redis://:wrong@" + locked.Addr()}, "it refuses the user or the password"},
		{"Replica", keydb.Config{URL: replica.URL()}, "it is a read-only replica of 127.0.0.1:" + strconv.Itoa(alone.Port) + ": give the primary's URL for writes"},
		{"WritableReplica", keydb.Config{URL: writable.URL()}, "it is a replica of 127.0.0.1:" + strconv.Itoa(alone.Port) + " that takes writes and passes them to nobody: give the primary's URL for writes"},
		{"Cluster", keydb.Config{URL: cluster.URL()}, "it runs in cluster mode, where one script cannot write a site's keys: use a server with cluster-enabled no"},
		{"NoStreams", keydb.Config{URL: noStreams.URL()}, "it does not know the command XADD: it is too old or the command was renamed"},
		{"NoScripts", keydb.Config{URL: noScripts.URL()}, "it does not know the command EVAL: it is too old or the command was renamed"},
		{"NoPermissionToRun", keydb.Config{URL: as("writer")}, "its user has no permissions to run the 'xadd' command"},
		{"NoPermissionToTrim", keydb.Config{URL: as("trimless")}, "its user has no permissions to run the 'xtrim' command"},
		{"NoPermissionToAccess", keydb.Config{URL: as("stranger")}, "its user has no permissions to access"},
		{"NoPermissionToAsk", keydb.Config{URL: as("blind")}, "its user has no permissions to run the 'info' command"},
		{"NoSuchDatabase", keydb.Config{URL: alone.URL() + "/99"}, "it has no database of that number: correct the end of the URL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.Site = home
			s, err := keydb.Open(t.Context(), tt.cfg)
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Open = %v, want %q in it", err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("Open = %v, want one line", err)
			}
		})
	}
}

func TestOpen_unreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	var log journal
	s := open(t, keydb.Config{URL: "redis://" + addr.String(), Logger: log.logger()})
	if n := log.count("\n"); n != 1 || log.count("connection refused") != 1 {
		t.Errorf("log = %s, want one line", &log)
	}
	if _, err := s.Health(t.Context()); !errors.Is(err, engine.ErrUnavailable) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("Health = %v, want ErrUnavailable with the reason", err)
	}
	runStore(t, s)
	keydbtest.Start(t, keydbtest.Options{Port: addr.Port})
	wait(t, "write to the server that came later", func() string { return tryWrite(t, s) })
}

// tryWrite writes and returns its error as text, "" if there is none.
func tryWrite(tb testing.TB, s *keydb.Store) string {
	_, err := s.Write(tb.Context(), siteWrite(set("a", "1")))
	if err == nil {
		return ""
	}
	if !errors.Is(err, engine.ErrUnavailable) {
		tb.Errorf("Write = %v, want ErrUnavailable", err)
	}
	return err.Error()
}

func TestOpen_comesLaterAndIsUnusable(t *testing.T) {
	primary := keydbtest.Start(t, keydbtest.Options{})
	server := keydbtest.Start(t, keydbtest.Options{})
	server.Kill()
	s := open(t, keydbConfig(server))
	runStore(t, s)
	server.Restart(true)
	server.Follow(primary)
	server.WaitLinks()
	wait(t, "word that it is a replica", func() string {
		_, err := s.Health(t.Context())
		if errors.Is(err, engine.ErrUnavailable) && strings.Contains(err.Error(), "it is a read-only replica of") {
			return ""
		}
		return "Health: " + errText(err)
	})
	if got := tryWrite(t, s); !strings.Contains(got, "replica") {
		t.Errorf("Write = %s, want word of the replica", got)
	}
	server.Do("REPLICAOF", "NO", "ONE")
	wait(t, "write to the promoted server", func() string { return tryWrite(t, s) })
}

func errText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

func TestOpen_memoryPolicy(t *testing.T) {
	var log journal
	server := keydbtest.Start(t, keydbtest.Options{Args: []string{"--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"}})
	open(t, keydb.Config{URL: server.URL(), Logger: log.logger()})
	if log.count("maxmemory-policy noeviction") != 1 || log.count("policy=allkeys-lru") != 1 {
		t.Errorf("log = %s, want a warning of the policy", &log)
	}
}

func TestOpen_databasesAreApart(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{Password: "pass/word"})
	three := open(t, keydb.Config{URL: server.URL() + "/3"})
	woken := runStore(t, three)
	waitWoken(t, woken, "")
	write(t, three, set("a", "1"))
	waitWoken(t, woken, home)
	if cells := load(t, open(t, keydbConfig(server)), room); len(cells) != 0 {
		t.Errorf("cells of database 0 = %+v", cells)
	}
}

func TestOpen_TLS(t *testing.T) {
	dir := t.TempDir()
	pool := certificate(t, dir)
	args := []string{
		"--tls-auth-clients", "no", "--tls-cert-file", filepath.Join(dir, "cert.pem"),
		"--tls-key-file", filepath.Join(dir, "key.pem"), "--tls-ca-cert-file", filepath.Join(dir, "cert.pem"),
	}
	server := keydbtest.Start(t, keydbtest.Options{TLS: pool, Password: "pw", Args: args})
	url := strings.Replace(server.URL(), "redis://", "rediss://", 1)
	s := open(t, keydb.Config{URL: url, RootCAs: pool})
	write(t, s, set("a", "1"))
	if got := value(t, s, "a"); got != "1" {
		t.Errorf("a = %q", got)
	}
	for name, url := range map[string]string{"certificate": url, "connection": server.URL()} {
		var log journal
		open(t, keydb.Config{URL: url, Logger: log.logger()}) // may be mended while it runs
		if !strings.Contains(log.String(), name) {
			t.Errorf("log = %s, want %q in it", &log, name)
		}
	}
	plain := keydbtest.Start(t, keydbtest.Options{})
	var log journal
	open(t, keydb.Config{URL: "rediss://" + plain.Addr(), RootCAs: pool, Logger: log.logger()})
	if log.count("TLS") != 1 {
		t.Errorf("log = %s, want word of TLS", &log)
	}
}

// certificate writes a certificate for the loopback and its key to dir.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(cert)
	return pool
}

func TestOpen_endsWithItsContext(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{})
	cause := errors.New("gone home")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := keydb.Open(ctx, keydb.Config{URL: server.URL(), Site: home}); !errors.Is(err, cause) {
		t.Errorf("Open = %v, want %v", err, cause)
	}
}
