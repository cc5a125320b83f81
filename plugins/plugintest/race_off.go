//go:build !race

package plugintest

// race says that the test binary was built with the race detector, with which
// compiling a module takes twenty times as long.
const race = false
