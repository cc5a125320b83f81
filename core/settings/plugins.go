package settings

import (
	"errors"
	"fmt"
	"os"
)

// Plugins are the settings of the plugin folder.
type Plugins struct {
	Dir  string `name:"plugins" env:"PRESENCE_PLUGINS" placeholder:"DIR" help:"Run the features in this folder: executables and .wasm files, which may come, change and go."`
	Lock string `name:"plugins-lock" env:"PRESENCE_PLUGINS_LOCK" placeholder:"FILE" help:"Run only what this file lists, as sha256sum prints it."`

	Carrier string `env:"PRESENCE_CARRIER" default:"process" placeholder:"NAME" help:"How the built-in features run: process, or wasm for the modules that make wasm builds (default ${default})."`
	Modules string `env:"PRESENCE_MODULES" default:"wasm" placeholder:"DIR" help:"Folder with the built-in features as modules, with --carrier wasm (default ${default})."`
}

// The carriers of the built-in features.
const (
	Process = "process"
	WASM    = "wasm"
)

// check notes what is wrong. A folder that is missing is not: it may come.
func (p *Plugins) check(f *faults) {
	if st, err := os.Stat(p.Dir); p.Dir != "" && err == nil && !st.IsDir() {
		f.bad("plugins", p.Dir, "a folder")
	}
	if p.Carrier != Process && p.Carrier != WASM {
		f.bad("carrier", p.Carrier, "process or wasm")
	}
	if p.Lock != "" && p.Dir == "" {
		f.bad("plugins-lock", p.Lock, "nothing without --plugins: there is nothing to run")
		return
	}
	checkLock(f, p.Lock)
}

// checkLock notes a lock that is not there: nothing would run.
func checkLock(f *faults, path string) {
	if path == "" {
		return
	}
	if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() {
		f.bad("plugins-lock", path, "a file that exists, as sha256sum prints it")
	}
}

// PluginsList are the settings of the list of a folder.
type PluginsList struct {
	Dir  string `arg:"" placeholder:"DIR" help:"The folder."`
	JSON bool   `name:"json" help:"Write JSON."`
	PluginsLock
}

// Check reports every wrong setting as a UsageError.
func (p *PluginsList) Check() error {
	var f faults
	if st, err := os.Stat(p.Dir); err != nil {
		f.errs = append(f.errs, err)
	} else if !st.IsDir() {
		f.errs = append(f.errs, fmt.Errorf("%s is no folder; want the folder of the plugins", p.Dir))
	}
	checkLock(&f, p.Lock)
	return f.err()
}

// PluginsCheck are the settings of the check of one file.
type PluginsCheck struct {
	File string `arg:"" placeholder:"FILE" help:"The file."`
	PluginsLock
}

// Check reports every wrong setting as a UsageError.
func (p *PluginsCheck) Check() error {
	var f faults
	if st, err := os.Stat(p.File); err != nil {
		f.errs = append(f.errs, err)
	} else if st.IsDir() {
		f.errs = append(f.errs, errors.New(p.File+" is a folder; want a file, or the command list"))
	}
	checkLock(&f, p.Lock)
	return f.err()
}

// PluginsLock is the lock of a command that runs nothing.
type PluginsLock struct {
	Lock string `name:"plugins-lock" env:"PRESENCE_PLUGINS_LOCK" placeholder:"FILE" help:"Hold it to this lock, as sha256sum prints it."`
}
