package plugins_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/hashicorp/go-plugin" // registers its services
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/global-presence/presence/plugins/markup"
)

// block is a block of code in a text.
type block struct {
	language, code string
	line           int
}

// blocks returns the blocks of code of a text in Markdown.
func blocks(markdown string) []block {
	var (
		all  []block
		open *block
	)
	for i, line := range strings.Split(markdown, "\n") {
		language, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case !fence && open != nil:
			open.code += line + "\n"
		case fence && open != nil:
			all, open = append(all, *open), nil
		case fence:
			open = &block{language: language, line: i + 2}
		}
	}
	return all
}

// TestGuide: all code in README.md, the page for authors, is code. What is in Go is
// built, in a module of its own as authors have one; programs and parts of functions
// alike.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := authorsModule(t)
	packages := 0
	for _, b := range blocks(string(guide)) {
		where := fmt.Sprintf("README.md:%d", b.line)
		switch b.language {
		case "go":
			name := fmt.Sprintf("line%d", b.line)
			if isTest := strings.Contains(b.code, "testing.T"); isTest {
				continue // with the feature that it tests, below
			}
			write(t, filepath.Join(dir, name, "main.go"), program(b.code))
			packages++
		case "sh":
			cmd := exec.Command("sh", "-n")
			cmd.Stdin = strings.NewReader(b.code)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", where, err, out)
			}
		case "html":
			for line := range strings.Lines(strings.TrimSpace(b.code)) {
				line = strings.TrimSpace(line)
				id := regexp.MustCompile(`id="((\w+)-\w+)"`).FindStringSubmatch(line)
				if id == nil {
					t.Errorf("%s: no id in %s", where, line)
				} else if err := markup.Check(id[2], id[1], line); err != nil {
					t.Errorf("%s: %v:\n%s", where, err, line)
				}
			}
		case "":
		case "proto":
			checkController(t, b.code)
		default:
			t.Errorf("%s: nothing checks a block in %q", where, b.language)
		}
	}
	if packages < 5 {
		t.Errorf("%d blocks of Go were found, which is too few to be all", packages)
	}

	// The feature and its tests, as one program.
	for _, b := range blocks(string(guide)) {
		switch {
		case b.language != "go" || !strings.HasPrefix(b.code, "package"):
		case strings.Contains(b.code, "testing.T"):
			write(t, filepath.Join(dir, "shopping", fmt.Sprintf("line%d_test.go", b.line)), b.code)
		default:
			write(t, filepath.Join(dir, "shopping", "main.go"), b.code)
		}
	}
	run(t, dir, "go", "vet", "./...")
	run(t, filepath.Join(dir, "shopping"), "go", "test", "-run", "Shopping$", ".")
}

// checkController holds the guide's words about go-plugin's own service to what
// go-plugin has registered.
func checkController(t *testing.T, proto string) {
	t.Helper()
	said := regexp.MustCompile(`package (\w+);\s+service (\w+) \{ rpc (\w+)\((\w+)\) returns \((\w+)\); \}\s+message (\w+) \{\}`).FindStringSubmatch(proto)
	if said == nil {
		t.Fatalf("this is no service with one method:\n%s", proto)
	}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(said[1] + "." + said[2]))
	if err != nil {
		t.Fatal(err)
	}
	m := d.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(said[3]))
	if m == nil || m.Input().FullName() != protoreflect.FullName(said[1]+"."+said[4]) || m.Output().Name() != protoreflect.Name(said[5]) || said[4] != said[6] {
		t.Errorf("go-plugin has %v, the guide says\n%s", d, proto)
	}
}

// program makes a whole file of a block: itself, or the function that it is a part of.
func program(code string) string {
	if strings.HasPrefix(code, "package ") {
		return code
	}
	signature := "Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error)"
	if strings.HasPrefix(code, "// in Handle") {
		signature = "Handle(ctx context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error)"
	}
	end := ""
	if !strings.Contains(code, "\nreturn ") {
		end = "return nil, nil\n"
	}
	imports := ""
	for _, name := range []string{"strconv", "github.com/global-presence/presence/plugins/dom"} {
		if strings.Contains(code, filepath.Base(name)+".") {
			imports += "\t\"" + name + "\"\n"
		}
	}
	return "package main\n\nimport (\n\t\"context\"\n" + imports + "\n\t\"github.com/global-presence/presence/plugins\"\n)\n\nfunc " +
		signature + " {\n" + code + end + "}\n\nfunc main() {}\n"
}

// authorsModule makes a module that requires this one, where it stands.
func authorsModule(t *testing.T) (dir string) {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	const module = "module github.com/global-presence/presence"
	if !bytes.Contains(mod, []byte(module+"\n")) {
		t.Fatal("go.mod is of another module")
	}
	dir = t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), strings.Replace(string(mod), module, "module example.com/author", 1)+
		"\nrequire github.com/global-presence/presence v0.0.0\nreplace github.com/global-presence/presence => "+root+"\n")
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "go.sum"), string(sum))
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
