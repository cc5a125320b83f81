package e2e_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// outcome is how a run of the program ended.
type outcome struct {
	code        int
	out, errOut string
}

// execute runs the program to its end.
func execute(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	var out, errOut strings.Builder
	cmd := command(program(t), args...)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	tieToTests(cmd)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// want reports another exit code, or a part of what should be said that is not.
func (o outcome) want(t *testing.T, code int, said string, parts ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d; it said\n%s%s", o.code, code, o.out, o.errOut)
	}
	for _, p := range parts {
		if !strings.Contains(said, p) {
			t.Errorf("%q is missing in\n%s", p, said)
		}
	}
}

// flags are the settings of the server and the variables that set them, too.
var flags = map[string]string{
	"--listen": "$PRESENCE_LISTEN", "--admin": "$PRESENCE_ADMIN", "--region": "$PRESENCE_REGION", "--engine": "$PRESENCE_ENGINE",
	"--data": "$PRESENCE_DATA", "--secret": "$PRESENCE_SECRET", "--origins": "$PRESENCE_ORIGINS",
	"--address-header": "$PRESENCE_ADDRESS_HEADER", "--stop-timeout": "$PRESENCE_STOP_TIMEOUT", "--log": "$PRESENCE_LOG",
	"--log-level": "$PRESENCE_LOG_LEVEL",
}

// TestStart_wrong: every wrong setting is told at once, by flag and variable.
func TestStart_wrong(t *testing.T) {
	t.Parallel()
	wrong := map[string]string{
		"listen": "nowhere", "admin": "1:2:3", "region": "London", "engine": "paper", "data": "/no/such/folder/file",
		"secret": "short", "origins": "shop.example", "address-header": "Not A Header", "stop-timeout": "1ms",
		"log": "xml", "log-level": "loud",
	}
	var args, env []string
	for name, value := range wrong {
		args = append(args, "--"+name+"="+value)
		env = append(env, "PRESENCE_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"="+value)
	}
	check := func(t *testing.T, o outcome) {
		t.Helper()
		o.want(t, 2, o.errOut)
		for name, value := range wrong {
			variable := "PRESENCE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
			told := 0
			for line := range strings.Lines(o.errOut) {
				if strings.Contains(line, "--"+name+" ("+variable+") is ") && strings.Contains(line, "want ") {
					told++
				}
			}
			if told != 1 {
				t.Errorf("--%s=%s is told %d times in\n%s", name, value, told, o.errOut)
			}
		}
		if strings.Contains(o.errOut, "short") {
			t.Error("it tells the secret")
		}
	}
	t.Run("flags", func(t *testing.T) { check(t, execute(t, nil, args...)) })
	t.Run("variables", func(t *testing.T) { check(t, execute(t, env)) })
	t.Run("unknown", func(t *testing.T) {
		o := execute(t, nil, "--nope")
		o.want(t, 2, o.errOut, "unknown flag --nope", "presence --help")
		o = execute(t, nil, "nope")
		o.want(t, 2, o.errOut, "nope", "presence --help")
	})
	t.Run("no duration", func(t *testing.T) {
		o := execute(t, nil, "--stop-timeout=soon")
		o.want(t, 2, o.errOut, "--stop-timeout")
	})
}

// TestStart_taken: addresses in use are told by flag, both at once.
func TestStart_taken(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	taken := ln.Addr().String()
	o := execute(t, nil, "--listen="+taken, "--admin="+taken)
	o.want(t, 1, o.errOut, "--listen is \""+taken, "--admin is \""+taken, "address already in use")
}

// TestStart_data: a file that is not this site's state is left as it is.
func TestStart_data(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	own := filepath.Join(dir, "own")
	args := []string{"--listen=127.0.0.1:0", "--admin=127.0.0.1:0"}

	s := startServer(t, "--data="+own)
	t.Run("in use", func(t *testing.T) {
		o := execute(t, nil, append(args, "--region=lhr", "--data="+own)...)
		o.want(t, 1, o.errOut, "--data: ", own, "another process uses it")
	})
	s.stop()
	t.Run("another site", func(t *testing.T) {
		o := execute(t, nil, append(args, "--region=ams", "--data="+own)...)
		o.want(t, 1, o.errOut, "--data: ", own, "lhr", "ams")
	})
	t.Run("damaged", func(t *testing.T) {
		for name, content := range map[string]string{
			"text":      "Dear diary, nothing happened today.\n",
			"zeros":     strings.Repeat("\x00", 64<<10),
			"cut short": func() string { b, _ := os.ReadFile(own); return string(b[:len(b)/3]) }(),
		} {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			o := execute(t, nil, append(args, "--region=lhr", "--data="+path)...)
			o.want(t, 1, o.errOut, "--data: ", path)
			if strings.Contains(o.errOut, "goroutine ") {
				t.Errorf("%s: it panicked:\n%s", name, o.errOut)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != content {
				t.Errorf("%s: the file was changed", name)
			}
		}
	})
	t.Run("a folder", func(t *testing.T) {
		o := execute(t, nil, append(args, "--region=lhr", "--data="+dir)...)
		o.want(t, 1, o.errOut, "--data: ", "not a regular file")
	})
}

// TestStart_commands: what the other commands say.
func TestStart_commands(t *testing.T) {
	t.Parallel()
	t.Run("feature by hand", func(t *testing.T) {
		o := execute(t, nil, "feature", "counter")
		o.want(t, 0, o.out, `This is the feature "counter".`, `run "presence"`)
	})
	t.Run("no such feature", func(t *testing.T) {
		o := execute(t, nil, "feature", "nope")
		o.want(t, 2, o.errOut, `"nope"`, "ticker, globe, lightbulb, board, counter, reactions, hello, regions, identity, tabs, viewers, cursors")
	})
	t.Run("version", func(t *testing.T) {
		o := execute(t, nil, "version")
		o.want(t, 0, o.out, "presence ")
		if len(strings.Fields(o.out)) != 2 {
			t.Errorf("version is %q, want a name and a version", o.out)
		}
	})
	t.Run("help", func(t *testing.T) {
		o := execute(t, nil, "--help")
		o.want(t, 0, o.out)
		// A flag's help may go on below it.
		help := strings.Join(strings.Fields(o.out), " ")
		for flag, variable := range flags {
			at := strings.Index(help, flag+"=")
			if at < 0 {
				t.Errorf("%s is missing in\n%s", flag, o.out)
				continue
			}
			own := help[at+len(flag):]
			if next := strings.Index(own, " --"); next >= 0 {
				own = own[:next]
			}
			if !strings.Contains(own, variable) {
				t.Errorf("help of %s does not name %s: %s", flag, variable, own)
			}
		}
	})
}
