// Package settings are the flags and variables of the program: their names, their
// sentences, and the checks of what somebody has written there. It reads no
// variable itself and starts nothing.
package settings
